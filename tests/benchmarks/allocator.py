"""What keeping freed memory is worth on the CPU: training steps of Emo18 with the C library's defaults, and as `staa` sets them.

Run by hand, from the repository's root; both run in processes of their own, in turns:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.allocator
"""

from __future__ import annotations

import resource
import subprocess
import sys
from statistics import median
from time import perf_counter

ROUNDS, STEPS, BATCH, SAMPLES, CLASSES = 3, 8, 8, 48_000, 7


def measure(setting: str) -> None:
    """Print the seconds of a step and the most memory taken, in GiB."""
    import torch

    from staa_cli.runtime.device import resolve_device
    from staa_cli.victims.checkpoint import build_victim

    if setting == "staa":
        resolve_device("cpu")
    victim = build_victim("emo18", [str(label) for label in range(CLASSES)]).train()
    optimizer = torch.optim.Adam(victim.parameters())
    waveforms, targets = torch.randn(BATCH, SAMPLES), torch.arange(BATCH) % CLASSES
    times = []
    for _ in range(STEPS + 1):
        start = perf_counter()
        loss = torch.nn.functional.cross_entropy(victim(waveforms), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        times.append(perf_counter() - start)
    print(median(times[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def main() -> None:
    results: dict[str, list[list[float]]] = {"default": [], "staa": []}
    for _ in range(ROUNDS):
        for setting, found in results.items():
            command = [sys.executable, "-m", "tests.benchmarks.allocator", setting]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found.append([float(word) for word in printed.split()])
    for setting, found in results.items():
        seconds, gibibytes = (median(column) for column in zip(*found, strict=True))
        print(f"{setting}: {seconds:.3f} s a step, {gibibytes:.2f} GiB")
    print(f"ratio {median(row[0] for row in results['default']) / median(row[0] for row in results['staa']):.2f}")


if __name__ == "__main__":
    measure(sys.argv[1]) if sys.argv[1:] else main()
