"""The convolutions-then-LSTM shape that Emo18 and Zhao19 share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.nn.utils import fuse_conv_bn_eval

from staa_cli.victims.first_block import FirstBlock
from staa_cli.victims.layout import quick_layout


class TimeConvolution(nn.Conv1d):
    """Conv1d on signals as images of height 1, `(B, C, 1, T)`, padded by (kernel − 1) // 2.

    Images may lie in memory in the quicker layout: the networks below run 1.4 to 1.7 times as fast (`tests/benchmarks/layout.py`).
    """

    def forward(self, signal: Tensor) -> Tensor:
        return conv2d(quick_layout(signal), self.weight.unsqueeze(2), self.bias, padding=(0, self.margin))

    @property
    def margin(self) -> int:
        """Zeros on both sides."""
        (kernel,) = self.kernel_size
        return (kernel - 1) // 2


class ConvolutionalLSTM(nn.Module):
    """Blocks of [Conv1d, BatchNorm, activation, MaxPool], a 2-layer LSTM, a linear layer per frame, the mean of its logits over time.

    The activations of both networks never fall, so that pooling before them gives the same numbers with a fraction of the work.

    Args:
        classes: K.
        channels, kernels, pools: one entry per block.
        activation: the class of the activation, a function that never falls.

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
            layers += [TimeConvolution(previous, width, kernel), nn.BatchNorm2d(width), nn.MaxPool2d((1, pool)), activation()]
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

    def fuse(self) -> None:
        """Take each BatchNorm, in evaluation mode a fixed scale and offset, into the convolution before it, and make the first convolution
        and its pool one step. No training after that.
        """
        for place, (layer, next_) in enumerate(pairwise(self.features)):
            if isinstance(layer, TimeConvolution) and isinstance(next_, nn.BatchNorm2d):
                self.features[place], self.features[place + 1] = fuse_conv_bn_eval(layer, next_), nn.Identity()
        first, pool = self.features[0], self.features[2]
        assert isinstance(first, TimeConvolution)
        assert isinstance(pool, nn.MaxPool2d)
        assert isinstance(pool.kernel_size, tuple)
        self.features[0], self.features[2] = FirstBlock(first, first.margin, pool.kernel_size[1]), nn.Identity()

    def forward(self, waveforms: Tensor) -> Tensor:
        frames = self.features(waveforms[:, None, None]).squeeze(2).transpose(1, 2)
        hidden, _ = self.lstm(frames)
        logits: Tensor = self.classifier(hidden).mean(dim=1)
        return logits
