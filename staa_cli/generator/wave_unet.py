"""The generator's network: a Wave-U-Net with one encoder and two decoders (figure 2 of the STAA-Net paper)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, cat, nn
from torch.nn.functional import interpolate

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


class Told(nn.Module):
    """What the network is told beside the speech, as a bias of every channel.

    Shape:
        features `(B, C, T)`, context `(B, N)` → `(B, C, T)`; with N = 0 the features alone.
    """

    def __init__(self, context: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(context, channels)) if context else None

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        return features if self.weight is None else features + (context @ self.weight).unsqueeze(-1)


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


class Learned(nn.Module):
    """Up-sampling by a transposed convolution, as in the released code. `(B, inputs, T)` → `(B, outputs, STRIDE · T)`"""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # Padding and output padding keep frame j of the input centred on sample STRIDE · j of the output.
        self.upsample = nn.ConvTranspose1d(inputs, outputs, KERNEL, stride=STRIDE, padding=KERNEL // 2, output_padding=STRIDE - 1)
        self.activate = nn.Sequential(normalisation(outputs), nn.LeakyReLU(SLOPE))

    def forward(self, features: Tensor) -> Tensor:
        upsampled: Tensor = self.activate(self.upsample(features))
        return upsampled


class Interpolated(nn.Module):
    """Up-sampling by linear interpolation (the paper's text), frame j on sample STRIDE · j, and a convolution. Shapes as in `Learned`.

    It cannot make frequencies that its input does not have: against a dull voice such a generator has nothing to attack with.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = convolution(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        # The last frame is held for the STRIDE − 1 samples behind it.
        held = cat((features, features[..., -1:]), dim=-1)
        length = STRIDE * features.shape[-1] + 1
        convolved: Tensor = self.convolution(interpolate(held, size=length, mode="linear", align_corners=True)[..., :-1])
        return convolved


UPSAMPLING = {"transposed": Learned, "linear": Interpolated}


class Up(nn.Module):
    """One decoder level: upsample to the skip's length, narrow, tell, concatenate, convolve."""

    def __init__(self, inputs: int, outputs: int, extra: bool, context: int, upsampling: str) -> None:
        super().__init__()
        self.upsample = UPSAMPLING[upsampling](inputs, inputs if extra else outputs)
        self.narrow = convolution(inputs, outputs) if extra else nn.Identity()
        self.told = Told(context, outputs)
        self.merge = convolution(2 * outputs, outputs)

    def forward(self, features: Tensor, skip: Tensor, context: Tensor) -> Tensor:
        features = self.told(self.narrow(self.upsample(features)[..., : skip.shape[-1]]), context)
        merged: Tensor = self.merge(cat((features, skip), dim=1))
        return merged


class Decoder(nn.Module):
    """A bottleneck convolution, one `Up` per level and a 1×1 output convolution, whose weights follow what the network is told."""

    def __init__(self, channels: Sequence[int], extra: bool, context: int, upsampling: str, silent: bool) -> None:
        super().__init__()
        self.bottleneck = convolution(channels[-1], channels[-1])
        levels = pairwise(reversed(channels))
        self.levels = nn.ModuleList(Up(inputs, outputs, extra, context, upsampling) for inputs, outputs in levels)
        self.output = nn.Conv1d(channels[0], 1, 1)
        # With a bias alone, the class that all others are pushed into stays unfooled for many epochs.
        self.told = nn.Linear(context, channels[0], bias=False) if context else None
        if silent:
            for layer in filter(None, (self.output, self.told)):
                for parameter in layer.parameters():
                    nn.init.zeros_(parameter)

    def forward(self, features: Tensor, skips: Sequence[Tensor], context: Tensor) -> Tensor:
        features = self.bottleneck(features)
        for level, skip in zip(self.levels, reversed(skips), strict=True):
            features = level(features, skip, context)
        outputs: Tensor = self.output(features)[:, 0]
        return outputs if self.told is None else outputs + torch.einsum("bct,bc->bt", features, self.told(context))


class WaveUNet(nn.Module):
    """Wave-U-Net with as many decoders as outputs are wanted, sample-aligned with its input at any length.

    Args:
        size: a key of `SIZES`.
        decoders: 2 for magnitudes and positions, 1 without the factorisation.
        inputs: channels of its input.
        context: how many numbers it is told beside the input: they reach the bottleneck, every decoder level and the output.
        upsampling: a key of `UPSAMPLING`.
        silent: begin with outputs of 0.

    Shape:
        inputs `(B, inputs, T)`, context `(B, context)` → a list of `decoders` tensors `(B, T)`; T ≥ 1.
    """

    def __init__(
        self, size: str, decoders: int = 2, inputs: int = 1, context: int = 0, upsampling: str = "transposed", silent: bool = False
    ) -> None:
        super().__init__()
        channels, extra = SIZES[size]
        self.stem = convolution(inputs, channels[0])
        self.encoder = nn.ModuleList(Down(narrow, wide, extra) for narrow, wide in pairwise(channels))
        self.told = Told(context, channels[-1])
        self.decoders = nn.ModuleList(Decoder(channels, extra, context, upsampling, silent) for _ in range(decoders))

    def forward(self, inputs: Tensor, context: Tensor) -> list[Tensor]:
        features = self.stem(inputs)
        skips = []
        for level in self.encoder:
            skip, features = level(features)
            skips.append(skip)
        features = self.told(features, context)
        return [decoder(features, skips, context) for decoder in self.decoders]
