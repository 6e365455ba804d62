"""How time and memory grow with the length of a recording: `staa attack --segment 3`, a process of its own each.

Run by hand, from the repository's root; the recordings are the demo's utterances, one after the other:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.long_audio --data runs/demo/data --generator runs/demo/staa-net

A line of JSON for each recording; `results/long_audio.jsonl` is what the results page is made from.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import soundfile
import soxr

SEGMENT = 3


def record(data: Path, path: Path, minutes: float, rate: int, channels: int) -> None:
    """Write a recording of the corpus's utterances."""
    left = int(60 * minutes * rate)
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16") as file:
        for utterance in cycle(sorted((data / "audio").rglob("*.wav"))):
            samples, own = soundfile.read(utterance, dtype="float32")
            samples = (soxr.resample(samples, own, rate) if own != rate else samples)[:left]
            file.write(np.stack([samples] * channels, axis=1))
            left -= len(samples)
            if not left:
                return


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Seconds, and the most memory that was taken at once, in MB."""
    began = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return perf_counter() - began, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--minutes", default="1,10,60", help="lengths, with commas between them")
    chosen = parser.parse_args()
    lengths = [float(part) for part in chosen.minutes.split(",")]
    segments, kept = ["--segment", str(SEGMENT)], ["--keep-rate", "--format", "flac"]
    cases = [("in segments", minutes, "a.wav", 16_000, 1, segments) for minutes in lengths]
    cases += [("48 kHz stereo FLAC kept", minutes, "a.flac", 48_000, 2, [*segments, *kept]) for minutes in lengths if minutes == 10]
    cases += [("in one piece", minutes, "a.wav", 16_000, 1, []) for minutes in lengths if minutes <= 10]
    for what, minutes, name, rate, channels, options in cases:
        with TemporaryDirectory() as folder:
            record(chosen.data, Path(folder) / name, minutes, rate, channels)
            out = str(Path(folder) / "out")
            command = [sys.executable, "-m", "staa_cli", "attack", str(chosen.generator), str(Path(folder) / name), *options]
            seconds, megabytes = measure([*command, "--device", "cpu", "-q", "-o", out])
        row = {"recording": f"{minutes:g} min, {what}", "seconds": round(seconds, 1), "seconds_per_minute": round(seconds / minutes, 2)}
        print(json.dumps({**row, "megabytes": round(megabytes)}), flush=True)


if __name__ == "__main__":
    main()
