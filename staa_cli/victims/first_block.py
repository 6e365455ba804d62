"""The first convolution of a frozen network and the pool after it, as one step.

Convolution and pool see one channel of 16,000 samples a second, and write 64. Of those 64 × T features the pool lets one in `pool`
through. Backwards on the CPU, each that went through adds its kernel to the gradient, at the place where it stood: a sum of rows of a
table, in place of a convolution over mostly zeros. Only the places are kept, not the features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, embedding_bag, fold, max_pool2d, pad

from staa_cli.victims.layout import quick_layout

AT_ONCE = 2**24
"""Features that exist at the same time, unless a single utterance has more: 64 MB of them. More at once are not faster."""


class FirstBlock(nn.Module):
    """A convolution of one channel, then a max pool without overlap; gradients for the signal only.

    Args:
        convolution: with a bias; its own padding does not count.
        padding: zeros on both sides of the signal.
        pool: at most 256.

    Shape:
        `(B, 1, 1, T)` → `(B, O, 1, P)`, P = (T + 2 padding − k + 1) // pool
    """

    weight: Tensor
    bias: Tensor
    kernels: Tensor

    def __init__(self, convolution: nn.Conv1d, padding: int, pool: int) -> None:
        super().__init__()
        assert convolution.bias is not None
        self.padding, self.pool = padding, pool
        weight = convolution.weight.detach()
        self.register_buffer("weight", weight.unsqueeze(2))
        self.register_buffer("bias", convolution.bias.detach())
        # The kernel of each channel at each place within a window of the pool.
        self.register_buffer("kernels", torch.cat([pad(weight[:, 0], (place, pool - 1 - place)) for place in range(pool)]))

    def forward(self, signal: Tensor) -> Tensor:
        if signal.device.type == "cpu":
            pooled: Tensor = Sparse.apply(signal, self.weight, self.bias, self.kernels, self.padding, self.pool)  # type: ignore[no-untyped-call]
            return pooled
        return max_pool2d(conv2d(signal, self.weight, self.bias, padding=(0, self.padding)), (1, self.pool))


class Sparse(torch.autograd.Function):
    """See the module. `kernels`: `(pool · O, k + pool − 1)`, first the place, then the channel."""

    @staticmethod
    def forward(ctx: Any, signal: Tensor, weight: Tensor, bias: Tensor, kernels: Tensor, padding: int, pool: int) -> Tensor:
        pieces = []
        for piece in signal.split(max(1, AT_ONCE // (len(weight) * signal.shape[3]))):
            features = conv2d(quick_layout(piece), weight, bias, padding=(0, padding))
            pooled, index = max_pool2d(features, (1, pool), return_indices=True)
            windows = torch.arange(0, pool * index.shape[3], pool)
            pieces.append((pooled, (index - windows).to(torch.uint8)))
        pooled, places = (torch.cat(parts) for parts in zip(*pieces, strict=True))
        ctx.save_for_backward(places, kernels)
        ctx.padding, ctx.pool, ctx.length = padding, pool, signal.shape[3]
        return pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        places, kernels = ctx.saved_tensors
        batch, channels, _, windows = places.shape
        # (B, O, 1, P) → (B · P, O); nothing is moved, with the channels last in memory.
        places, gradient = (tensor.squeeze(2).transpose(1, 2).reshape(-1, channels) for tensor in (places, gradient))
        rows = places.to(torch.int32) * channels + torch.arange(channels, dtype=torch.int32)
        pieces = embedding_bag(rows, kernels, mode="sum", per_sample_weights=gradient.contiguous())
        padded = ctx.length + 2 * ctx.padding
        columns = pieces.view(batch, windows, -1).transpose(1, 2)
        signal = fold(columns, (1, padded), (1, kernels.shape[1]), stride=(1, ctx.pool))
        return signal[..., ctx.padding : ctx.padding + ctx.length], None, None, None, None, None
