"""The generator's network: a Wave-U-Net with one encoder and two decoders (figure 2 of the STAA-Net paper)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, cat, nn
from torch.nn.functional import interpolate

KERNEL = 5
STRIDE = 4

# Channels per level, and whether each level has the extra convolutions of the released code.
# `large` is the released size: 50.7 M parameters.
SIZES: dict[str, tuple[tuple[int, ...], bool]] = {
    "small": ((8, 16, 32, 64, 128), False),
    "base": ((16, 32, 64, 128, 256, 512), False),
    "large": ((32, 64, 128, 256, 512, 1024), True),
}


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Same-padded convolution, GroupNorm, LeakyReLU. `(B, inputs, T)` → `(B, outputs, ⌈T / stride⌉)`."""
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, KERNEL, stride=stride, padding=KERNEL // 2),
        nn.GroupNorm(max(1, outputs // 4), outputs),
        nn.LeakyReLU(0.2),
    )


class Down(nn.Module):
    """One encoder level: features kept for the skip connection, and their decimation."""

    def __init__(self, inputs: int, outputs: int, extra: bool) -> None:
        super().__init__()
        self.refine = convolution(inputs, inputs) if extra else nn.Identity()
        self.widen = convolution(inputs, outputs) if extra else nn.Identity()
        self.decimate = convolution(outputs if extra else inputs, outputs, stride=STRIDE)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        skip = self.refine(features)
        return skip, self.decimate(self.widen(skip))


class Up(nn.Module):
    """One decoder level: narrow, interpolate linearly to the skip's length, concatenate, convolve."""

    def __init__(self, inputs: int, outputs: int, extra: bool) -> None:
        super().__init__()
        self.refine = convolution(inputs, inputs) if extra else nn.Identity()
        self.narrow = convolution(inputs, outputs)
        self.merge = convolution(2 * outputs, outputs)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        features = self.narrow(self.refine(features))
        features = interpolate(features, size=skip.shape[-1], mode="linear", align_corners=False)
        merged: Tensor = self.merge(cat((features, skip), dim=1))
        return merged


class Decoder(nn.Module):
    """A bottleneck convolution, one `Up` per level and a 1×1 output convolution."""

    def __init__(self, channels: Sequence[int], extra: bool) -> None:
        super().__init__()
        self.bottleneck = convolution(channels[-1], channels[-1])
        self.levels = nn.ModuleList(Up(inputs, outputs, extra) for inputs, outputs in pairwise(reversed(channels)))
        self.output = nn.Conv1d(channels[0], 1, 1)

    def forward(self, features: Tensor, skips: Sequence[Tensor]) -> Tensor:
        features = self.bottleneck(features)
        for level, skip in zip(self.levels, reversed(skips), strict=True):
            features = level(features, skip)
        output: Tensor = self.output(features).squeeze(1)
        return output


class WaveUNet(nn.Module):
    """Wave-U-Net with as many decoders as outputs are wanted, sample-aligned with its input at any length.

    Args:
        size: a key of `SIZES`.
        decoders: 2 for magnitudes and positions, 1 without the factorisation.
        classes: where positive, one embedding of a class is added at the bottleneck.

    Shape:
        waveforms `(B, T)`, classes `(B,)` or None → a list of `decoders` tensors `(B, T)`; T ≥ 1.
    """

    def __init__(self, size: str, decoders: int = 2, classes: int = 0) -> None:
        super().__init__()
        channels, extra = SIZES[size]
        self.stem = convolution(1, channels[0])
        self.encoder = nn.ModuleList(Down(inputs, outputs, extra) for inputs, outputs in pairwise(channels))
        self.decoders = nn.ModuleList(Decoder(channels, extra) for _ in range(decoders))
        self.embedding = nn.Embedding(classes, channels[-1]) if classes else None

    def forward(self, waveforms: Tensor, classes: Tensor | None = None) -> list[Tensor]:
        features = self.stem(waveforms.unsqueeze(1))
        skips = []
        for level in self.encoder:
            skip, features = level(features)
            skips.append(skip)
        if self.embedding is not None:
            features = features + self.embedding(classes).unsqueeze(-1)
        return [decoder(features, skips) for decoder in self.decoders]
