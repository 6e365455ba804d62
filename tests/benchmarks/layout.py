"""What the layout of Emo18 and Zhao19 is worth: steps of training, and of attacks on frozen networks, against the same built plainly.

Run by hand, from the repository's root; rounds alternate, so that a slow moment of the machine meets all:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.layout
"""

from __future__ import annotations

import argparse
import time
from copy import deepcopy
from statistics import median

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from staa_cli.runtime.device import resolve_device, synchronize
from staa_cli.victims.emo18 import emo18
from staa_cli.victims.recurrent import ConvolutionalLSTM
from staa_cli.victims.zhao19 import zhao19
from tests.victims.plain import PlainConvolutionalLSTM

BATCH, SAMPLES, CLASSES = 8, 48_000, 7


def training(network: ConvolutionalLSTM) -> dict[str, nn.Module]:
    """The networks to compare, the plain one last."""
    return {"laid out": network.train(), "plain": PlainConvolutionalLSTM(network).train()}


def attack(network: ConvolutionalLSTM) -> dict[str, nn.Module]:
    """Frozen. The fused one has its BatchNorms inside the convolutions, and its first block in one step."""
    network.eval().requires_grad_(False)
    fused = deepcopy(network)
    fused.fuse()
    return {"fused": fused, "laid out": network, "plain": PlainConvolutionalLSTM(network).eval().requires_grad_(False)}


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
        for what in (training, attack):
            networks = what(build(CLASSES).to(device))
            waveforms = 0.1 * torch.randn(BATCH, SAMPLES, device=device)
            waveforms.requires_grad_(what is attack)
            targets = torch.arange(BATCH, device=device) % CLASSES
            times = [[step(network, waveforms, targets) for network in networks.values()] for _ in range(options.rounds + 2)][2:]
            *ours, plain = (median(column) for column in zip(*times, strict=True))
            for name, here in zip(networks, ours, strict=False):
                print(f"{build.__name__}, {what.__name__}, {name}: {here:.3f} s, plain {plain:.3f} s, {plain / here:.2f} times as fast")


if __name__ == "__main__":
    main()
