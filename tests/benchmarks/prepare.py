"""How fast `staa prepare` is, and how much memory it takes. Run by hand, on an idle machine:

    python tests/benchmarks/prepare.py path/to/corpora

Speed: the wall time of the whole command over RAVDESS against the plain loop that everybody writes (read, resample, write, in one
process, also with its start), alternated. Once over 16 kHz FLACs as given, once over 48 kHz WAVs as the corpus is published (made from
them here). Memory: the largest sum over all processes of the command (proportional set size), for 100 and for 10,000 files.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr

PLAIN_LOOP = """
import sys
from pathlib import Path
import soundfile, torch
from torchaudio.functional import resample
source, out = map(Path, sys.argv[1:])
for path in sorted(source.rglob("*.*")):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = torch.from_numpy(samples).mean(dim=1)
    if rate != 16000:
        samples = resample(samples, rate, 16000)
    target = (out / path.relative_to(source)).with_suffix(".wav")
    target.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(target, samples.numpy(), 16000, "PCM_16")
"""
ROUNDS = 5


def staa(source: Path, out: Path, recipe: str = "ravdess/corpus", *settings: str) -> list[str]:
    options = [word for setting in ("seconds=null", *settings) for word in ("--set", setting)]
    return [sys.executable, "-m", "staa_cli", "prepare", recipe, "--source", str(source), "-o", str(out), "-q", *options]


def wall(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare(name: str, source: Path, work: Path) -> None:
    """Alternate the two and print the medians and the ratio."""
    times: dict[str, list[float]] = {"plain": [], "staa": []}
    for number in range(ROUNDS):
        times["plain"].append(wall([sys.executable, "-c", PLAIN_LOOP, str(source), str(work / f"plain-{name}-{number}")]))
        times["staa"].append(wall(staa(source, work / f"staa-{name}-{number}")))
    plain, ours = statistics.median(times["plain"]), statistics.median(times["staa"])
    ratios = [a / b for a, b in zip(times["plain"], times["staa"], strict=True)]
    print(f"{name}: plain loop {plain:.2f} s, staa prepare {ours:.2f} s, ratio {plain / ours:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def at_48_khz(source: Path, target: Path) -> Path:
    for path in sorted(source.rglob("*.flac")):
        samples, rate = soundfile.read(path, dtype="float32")
        out = (target / path.relative_to(source)).with_suffix(".wav")
        out.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(out, np.clip(soxr.resample(samples, rate, 48_000), -1, 1), 48_000, "PCM_16")
    return target


def family(root: int) -> set[int]:
    """A process and all its descendants."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found = {root}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def peak_mib(command: list[str]) -> float:
    process, peak = subprocess.Popen(command, stdout=subprocess.DEVNULL), 0
    while process.poll() is None:
        total = 0
        for member in family(process.pid):
            try:
                lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        peak = max(peak, total)
        time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return peak / 1024


def memory(work: Path) -> None:
    random = np.random.default_rng(0)
    for count in (100, 10_000):
        source = work / f"many-{count}"
        for number in range(count):
            path = source / ("calm", "angry")[number % 2] / f"s{number // 2 % 10}_{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.1 * random.standard_normal(48_000), 48_000, "PCM_16")
        command = [*staa(source, work / f"out-{count}", "folders/corpus"), "--jobs", "2"]
        print(f"{count} files: peak {peak_mib(command):.0f} MiB")


def main() -> None:
    corpora = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        compare("16 kHz FLAC", corpora / "ravdess", work)
        compare("48 kHz WAV", at_48_khz(corpora / "ravdess", work / "48k"), work)
        memory(work)


if __name__ == "__main__":
    main()
