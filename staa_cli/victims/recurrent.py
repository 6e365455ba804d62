"""The convolutions-then-LSTM shape that Emo18 and Zhao19 share."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn


class ConvolutionalLSTM(nn.Module):
    """Blocks of [Conv1d, BatchNorm, activation, MaxPool], a 2-layer LSTM, a linear layer per frame, the mean of its logits over time.

    Args:
        classes: K.
        channels, kernels, pools: one entry per block; the padding is (kernel − 1) // 2.
        activation: the class of the activation.

    Shape:
        `(B, T)` → `(B, K)`; T ≥ `min_samples`.
    """

    def __init__(
        self,
        classes: int,
        channels: Sequence[int],
        kernels: Sequence[int],
        pools: Sequence[int],
        activation: type[nn.Module],
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 1
        for width, kernel, pool in zip(channels, kernels, pools, strict=True):
            layers += [
                nn.Conv1d(previous, width, kernel, padding=(kernel - 1) // 2),
                nn.BatchNorm1d(width),
                activation(),
                nn.MaxPool1d(pool),
            ]
            previous = width
        self.features = nn.Sequential(*layers)
        self.lstm = nn.LSTM(previous, 256, num_layers=2, batch_first=True)
        self.classifier = nn.Linear(256, classes)
        # Even kernels lose one sample each; twice the product of the pools always leaves a frame.
        self.min_samples = 2 * prod(pools)

    def train(self, mode: bool = True) -> ConvolutionalLSTM:
        """As usual, but the LSTM stays in training mode: it has no dropout, and cuDNN refuses its backward pass in evaluation mode."""
        super().train(mode)
        self.lstm.train(True)
        return self

    def forward(self, waveforms: Tensor) -> Tensor:
        frames = self.features(waveforms.unsqueeze(1)).transpose(1, 2)
        hidden, _ = self.lstm(frames)
        logits: Tensor = self.classifier(hidden).mean(dim=1)
        return logits
