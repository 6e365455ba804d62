"""What a folder of many files costs `staa attack`, beside what reading and writing, or computing, cost alone.

    python -m tests.benchmarks.folders --generator runs/demo/staa-net --data runs/demo/data --files 100 1000 10000 --jobs 1 2

Prints a JSON line for each number of files and of worker processes, for `results/folders.jsonl`. `busiest` is the processor time of the
process that worked most, start-up included: with cores enough, the run lasts as long. `--code DIR` measures another version of staa;
`--passes` what the generator and the victim take alone, and their share of the work.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np
import soundfile

RATE = 16_000


def make(folder: Path, data: Path, count: int, seconds: float) -> None:
    """WAVs cut from the recordings of a prepared corpus, a thousand in a folder."""
    audio = np.concatenate([soundfile.read(path, dtype="int16")[0] for path in sorted(data.rglob("*.wav"))[:400]])
    random, length = np.random.default_rng(0), int(seconds * RATE)
    for number in range(count):
        path = folder / f"{number // 1_000:03}/{number:06}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = random.integers(0, len(audio) - length)
        soundfile.write(path, audio[start : start + length], RATE, "PCM_16")


def read_and_write(folder: Path, out: Path) -> float:
    """Seconds that soundfile takes to read all files, write them and read them back: what an attack does with files."""
    start = perf_counter()
    for path in sorted(folder.rglob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32")
        copy = out / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(copy, samples, rate, "PCM_16")
        soundfile.read(copy, dtype="float32")
    return perf_counter() - start


def attack(generator: Path, folder: Path, out: Path, jobs: int, code: Path | None) -> dict[str, float]:
    """Seconds on the wall and of the busiest process, and the peak of the largest one's memory in MB."""
    line = [sys.executable, "-m", "staa_cli", "attack", generator, folder, "-o", out, "-q", "--device", "cpu"]
    line += ["--jobs", jobs] if jobs > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"PYTHONPATH": str(code)} if code else {})}
    start = perf_counter()
    process = subprocess.Popen([*map(str, line)], env=environment, cwd=code, stdout=subprocess.DEVNULL)
    cpu, memory = dict[str, float](), dict[str, float]()
    while process.poll() is None:
        for one in family(process.pid):
            with suppress(OSError, IndexError):  # it may end while it is looked at
                fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
                cpu[one] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                status = Path(f"/proc/{one}/status").read_text()
                memory[one] = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        sleep(0.05)
    if process.returncode:
        raise SystemExit(f"'staa attack' ended with {process.returncode}")
    return {"wall": perf_counter() - start, "busiest": max(cpu.values()), "memory_mb": max(memory.values())}


def family(process: int) -> set[str]:
    """A process and those below it, at any depth."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[path.parent.name] = path.read_text().rpartition(")")[2].split()[1]
    found, size = {str(process)}, 0
    while len(found) > size:
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found


def passes(generator: Path, folder: Path, out: Path) -> dict[str, float]:
    """Processor seconds of the generator's and the victim's passes in this process, and those of all the work."""
    import torch

    from staa_cli.app import app
    from staa_cli.evaluation import loop
    from staa_cli.generator.staa_net import STAANet
    from staa_cli.victims.checkpoint import LoadedVictim

    torch.set_num_threads(1)
    spent: Counter[str] = Counter()

    def time(owner: Any, name: str, what: str) -> None:
        real = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            start = process_time()
            try:
                return real(*arguments, **options)
            finally:
                spent[what] += process_time() - start

        setattr(owner, name, timed)

    time(STAANet, "rank", "generator")
    time(LoadedVictim, "__call__", "victim")
    time(loop, "attack_all", "work")
    with redirect_stdout(StringIO()):
        app(["attack", str(generator), str(folder), "-o", str(out), "-q", "--device", "cpu"], standalone_mode=False)
    return dict(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of a folder by the number of its files.")
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1])
    parser.add_argument("--passes", action="store_true", help="the passes alone; one number of files only")
    parser.add_argument("--label", default="", help="what to add to the name of each row")
    parser.add_argument("--code", type=Path, help="a checkout of another version")
    options = parser.parse_args()
    generator, code = options.generator.resolve(), options.code.resolve() if options.code else None
    for count in options.files:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "in"
            make(folder, options.data, count, options.seconds)
            disk = read_and_write(folder, Path(place) / "copies")
            if options.passes:
                spent = passes(generator, folder, Path(place) / "out")
                share = 1 - (spent["generator"] + spent["victim"]) / spent["work"]
                found = {"files": count, "seconds": options.seconds, "soundfile": disk, **spent, "other_percent": 100 * share}
                print(json.dumps({key: round(value, 2) for key, value in found.items()}), flush=True)
                continue
            for jobs in options.jobs:
                taken = attack(generator, folder, Path(place) / f"out-{jobs}", jobs, code)
                what = f"{count:,} files of {options.seconds:g} s" + (f", {jobs} workers" if jobs > 1 else "") + options.label
                found = {"files": count, "jobs": jobs, **taken, "busiest_ms": 1000 * taken["busiest"] / count, "soundfile": disk}
                print(json.dumps({"what": what, **{key: round(value, 2) for key, value in found.items()}}), flush=True)


if __name__ == "__main__":
    main()
