"""Small victims whose boundaries are known or quickly walked, and the wrappers that let libraries attack them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """Logits w·x + b on the raw waveform."""

    def __init__(self, weights: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weights, self.bias = weights, torch.zeros_like(weights[:, 0]) if bias is None else bias
        self.labels = [str(number) for number in range(len(weights))]

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms @ self.weights.T + self.bias

    def distances(self, waveforms: Tensor, norm: float) -> Tensor:
        """`(B,)` how far the nearest boundary is: |f_y − f_k| / ‖w_y − w_k‖ in the dual norm, the least over k."""
        logits = self(waveforms)
        own = logits.argmax(dim=1)
        normals = self.weights[own].unsqueeze(1) - self.weights
        gaps = logits.gather(1, own.unsqueeze(1)) - logits
        dual = {2.0: 2.0, float("inf"): 1.0}[norm]
        distances = gaps / torch.linalg.vector_norm(normals, ord=dual, dim=2)
        return distances.scatter(1, own.unsqueeze(1), torch.inf).amin(dim=1)


class Small(nn.Module):
    """Two layers with curved boundaries, in float64."""

    def __init__(self, samples: int, classes: int = 4, seed: int = 0) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.first = torch.randn(samples, 24, generator=random, dtype=torch.float64) / samples**0.5
        self.second = torch.randn(24, classes, generator=random, dtype=torch.float64)
        self.labels = [str(number) for number in range(classes)]

    def forward(self, waveforms: Tensor) -> Tensor:
        return (4 * waveforms @ self.first).tanh() @ self.second


class Unit(nn.Module):
    """A victim of [−1, 1] for code that works in [0, 1]."""

    def __init__(self, victim: nn.Module, softmax: bool = False) -> None:
        super().__init__()
        self.victim, self.softmax = victim, softmax

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.victim(2 * images - 1)
        return logits.softmax(dim=1) if self.softmax else logits


def noise(utterances: int, samples: int, seed: int = 1, scale: float = 0.3) -> Tensor:
    """`(B, T)` in float64, within ±0.9."""
    random = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(utterances, samples, generator=random, dtype=torch.float64)).clamp(-0.9, 0.9)


def art_classifier(victim: nn.Module, samples: int, classes: int) -> Any:
    """A victim of [0, 1] for the Adversarial Robustness Toolbox, which works in float32."""
    estimators = pytest.importorskip("art.estimators.classification", reason="pip install 'staa[reference]'")
    return estimators.PyTorchClassifier(
        victim, loss=nn.CrossEntropyLoss(), input_shape=(samples,), nb_classes=classes, clip_values=(0.0, 1.0), device_type="cpu"
    )
