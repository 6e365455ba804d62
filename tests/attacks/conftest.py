"""Victims whose answer is known, and the detour by which libraries for images attack waveforms."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from staa_cli.victims.base import Victim, z_score
from staa_cli.victims.checkpoint import build_victim

LENGTH = 600


class Linear(nn.Module):
    """Logits w·x + b on the raw waveform: gradients and distances are known. `weights`: `(K, T)`."""

    def __init__(self, weights: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weights = weights
        self.bias = torch.zeros(len(weights), dtype=weights.dtype) if bias is None else bias
        self.labels = [chr(ord("a") + k) for k in range(len(weights))]

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms @ self.weights.T + self.bias


def linear(classes: int = 4, samples: int = LENGTH, seed: int = 0) -> Linear:
    """In float64. Utterances of noise lie some 0.1 from the nearest boundary."""
    weights = torch.randn(classes, samples, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Linear(weights / samples**0.5)


def tanh_victim(classes: int = 4, samples: int = LENGTH, seed: int = 0) -> nn.Module:
    """A small network without pooling, smooth everywhere, in float64."""
    random = torch.Generator().manual_seed(seed)
    network = nn.Sequential(nn.Linear(samples, 24), nn.Tanh(), nn.Linear(24, classes)).double()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=random, dtype=torch.float64) / parameter.shape[-1] ** 0.5
    return Victim(network, [chr(ord("a") + k) for k in range(classes)], normalise=z_score).eval().requires_grad_(False)


def noise(count: int, samples: int = LENGTH, seed: int = 1, scale: float = 0.2) -> Tensor:
    """`(count, samples)` in float64, within [-0.99, 0.99]."""
    random = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(count, samples, generator=random, dtype=torch.float64)).clamp(-0.99, 0.99)


class Unit(nn.Module):
    """A victim for libraries that live in [0, 1]: x ↦ f(2x − 1), for images of shape (B, 1, 1, T) too."""

    def __init__(self, victim: nn.Module) -> None:
        super().__init__()
        self.victim = deepcopy(victim)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.victim(2 * images.flatten(1) - 1)
        return logits


@pytest.fixture(scope="session")
def zhao19() -> Victim:
    """A real victim, untrained."""
    return build_victim("zhao19", ["a", "b", "c"]).eval().requires_grad_(False)
