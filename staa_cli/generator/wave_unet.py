"""The generator's network: a Wave-U-Net with one encoder and two decoders (figure 2 of the STAA-Net paper)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, cat, nn

KERNEL = 5
STRIDE = 4
SLOPE = 0.2

# Channels per level, and whether each level has the extra convolutions of the released code.
# `large` is the released size: 50.7 M parameters.
SIZES: dict[str, tuple[tuple[int, ...], bool]] = {
    "small": ((8, 16, 32, 64, 128), False),
    "base": ((16, 32, 64, 128, 256, 512), False),
    "large": ((32, 64, 128, 256, 512, 1024), True),
}


def normalisation(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // 4), channels)


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Same-padded convolution, GroupNorm, LeakyReLU. `(B, inputs, T)` → `(B, outputs, ⌈T / stride⌉)`."""
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, KERNEL, stride=stride, padding=KERNEL // 2),
        normalisation(outputs),
        nn.LeakyReLU(SLOPE),
    )


def add_class(features: Tensor, embedding: nn.Embedding | None, classes: Tensor | None) -> Tensor:
    """Add each row's class embedding at every time step. `(B, C, T)`, `(B,)` → `(B, C, T)`; the features alone without an embedding."""
    return features if embedding is None else features + embedding(classes).unsqueeze(-1)


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
    """One decoder level: upsample to the skip's length, narrow, add the class, concatenate, convolve.

    Upsampling is learned (a transposed convolution), as in the released code. The paper's text names linear interpolation, which cannot
    make frequencies that its input does not have: against a dull voice such a generator has nothing to attack with.
    """

    def __init__(self, inputs: int, outputs: int, extra: bool, classes: int) -> None:
        super().__init__()
        width = inputs if extra else outputs
        # Padding and output padding keep frame j of the input centred on sample STRIDE · j of the output.
        self.upsample = nn.ConvTranspose1d(inputs, width, KERNEL, stride=STRIDE, padding=KERNEL // 2, output_padding=STRIDE - 1)
        self.activate = nn.Sequential(normalisation(width), nn.LeakyReLU(SLOPE))
        self.narrow = convolution(inputs, outputs) if extra else nn.Identity()
        self.embedding = nn.Embedding(classes, outputs) if classes else None
        self.merge = convolution(2 * outputs, outputs)

    def forward(self, features: Tensor, skip: Tensor, classes: Tensor | None) -> Tensor:
        features = self.activate(self.upsample(features)[..., : skip.shape[-1]])
        features = add_class(self.narrow(features), self.embedding, classes)
        merged: Tensor = self.merge(cat((features, skip), dim=1))
        return merged


class Decoder(nn.Module):
    """A bottleneck convolution, one `Up` per level and a 1×1 output convolution, one for each class."""

    def __init__(self, channels: Sequence[int], extra: bool, classes: int) -> None:
        super().__init__()
        self.bottleneck = convolution(channels[-1], channels[-1])
        self.levels = nn.ModuleList(Up(inputs, outputs, extra, classes) for inputs, outputs in pairwise(reversed(channels)))
        self.output = nn.Conv1d(channels[0], max(1, classes), 1)

    def forward(self, features: Tensor, skips: Sequence[Tensor], classes: Tensor | None) -> Tensor:
        features = self.bottleneck(features)
        for level, skip in zip(self.levels, reversed(skips), strict=True):
            features = level(features, skip, classes)
        outputs: Tensor = self.output(features)
        return outputs[:, 0] if classes is None else outputs[torch.arange(len(outputs), device=outputs.device), classes]


class WaveUNet(nn.Module):
    """Wave-U-Net with as many decoders as outputs are wanted, sample-aligned with its input at any length.

    Args:
        size: a key of `SIZES`.
        decoders: 2 for magnitudes and positions, 1 without the factorisation.
        classes: where positive, embeddings of a class are added at the bottleneck and at every decoder level, and each class has an output
            layer of its own: with the embeddings alone, the class that all others are pushed into stays unfooled for many epochs.

    Shape:
        waveforms `(B, T)`, classes `(B,)` or None → a list of `decoders` tensors `(B, T)`; T ≥ 1.
    """

    def __init__(self, size: str, decoders: int = 2, classes: int = 0) -> None:
        super().__init__()
        channels, extra = SIZES[size]
        self.stem = convolution(1, channels[0])
        self.encoder = nn.ModuleList(Down(inputs, outputs, extra) for inputs, outputs in pairwise(channels))
        self.decoders = nn.ModuleList(Decoder(channels, extra, classes) for _ in range(decoders))
        self.embedding = nn.Embedding(classes, channels[-1]) if classes else None

    def forward(self, waveforms: Tensor, classes: Tensor | None = None) -> list[Tensor]:
        classes = classes if self.embedding is not None else None
        features = self.stem(waveforms.unsqueeze(1))
        skips = []
        for level in self.encoder:
            skip, features = level(features)
            skips.append(skip)
        features = add_class(features, self.embedding, classes)
        return [decoder(features, skips, classes) for decoder in self.decoders]
