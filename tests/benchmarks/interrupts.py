"""Ctrl-C at random moments of a training, from the start of its process on: how it ends. It is to end with 130.

staa prepare demo -o /tmp/demo && python tests/benchmarks/interrupts.py /tmp/demo zhao19 --tries 60
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

PATIENCE = 40.0
"""Seconds after which a process counts as one that did not hear."""
# Our own parent may have had Ctrl-C ignored, as shells do for jobs in the background.
LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from staa_cli.app import main; main()"


def interrupt(wait: float, *arguments: object) -> tuple[str, float]:
    """Run the command line and interrupt it after so many seconds. Returns: how it ended, and how long that took."""
    command = [sys.executable, "-X", "faulthandler", "-c", LISTENING, *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    time.sleep(wait)
    process.send_signal(signal.SIGINT)
    sent = time.perf_counter()
    try:
        _, said = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return "did not hear", PATIENCE
    last = said.strip().splitlines()[-1] if process.returncode != 130 and said.strip() else ""
    return f"exit {process.returncode} {last}".strip(), time.perf_counter() - sent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("recipe", nargs="?", default="zhao19")
    parser.add_argument("--tries", type=int, default=40)
    parser.add_argument("--first", type=float, default=1.0, help="seconds after the start, when the command line is up")
    parser.add_argument("--last", type=float, default=12.0)
    given = parser.parse_args()
    endings: Counter[str] = Counter()
    times = []
    for number in range(given.tries):
        wait = random.Random(number).uniform(given.first, given.last)
        with tempfile.TemporaryDirectory() as folder:
            ending, seconds = interrupt(
                wait, "train-victim", given.recipe, "--data", given.data, "-o", Path(folder, "victim"), "--device", "cpu"
            )
        endings[ending] += 1
        times.append(seconds)
        print(f"{number}: after {wait:.2f} s, {ending}, {seconds:.2f} s later", flush=True)
    for ending, count in endings.most_common():
        print(f"{count:4} × {ending}")
    print(f"slowest {max(times):.2f} s")


if __name__ == "__main__":
    main()
