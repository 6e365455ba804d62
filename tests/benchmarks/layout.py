"""What the memory layout of Emo18 and Zhao19 is worth: steps of training and of an attack, against the same networks built plainly.

Run by hand, from the repository's root; rounds alternate, so that a slow moment of the machine meets both:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.layout
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from staa_cli.runtime.device import resolve_device, synchronize
from staa_cli.victims.emo18 import emo18
from staa_cli.victims.zhao19 import zhao19
from tests.victims.plain import PlainConvolutionalLSTM

BATCH, SAMPLES, CLASSES = 8, 48_000, 7


def step(network: nn.Module, waveforms: torch.Tensor, targets: torch.Tensor) -> float:
    """Seconds of a forward and a backward pass, to whatever asks for a gradient."""
    synchronize(waveforms.device)
    start = time.perf_counter()
    cross_entropy(network(waveforms), targets).backward()
    synchronize(waveforms.device)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = resolve_device(options.device)
    print(f"{BATCH} utterances of {SAMPLES} samples, {device}, {torch.get_num_threads()} threads")
    for build in (emo18, zhao19):
        ours = build(CLASSES).to(device)
        networks = [ours, PlainConvolutionalLSTM(ours)]
        for training in (True, False):
            waveforms = 0.1 * torch.randn(BATCH, SAMPLES, device=device)
            waveforms.requires_grad_(not training)
            targets = torch.arange(BATCH, device=device) % CLASSES
            for network in networks:
                network.train(training).requires_grad_(training)
            times = [[step(network, waveforms, targets) for network in networks] for _ in range(options.rounds + 2)][2:]
            here, plain = (median(column) for column in zip(*times, strict=True))
            what = "training" if training else "attack"
            print(f"{build.__name__}, {what}: {here:.3f} s, plain {plain:.3f} s, {plain / here:.2f} times as fast")


if __name__ == "__main__":
    main()
