"""BatchNorm over a batch that several processes share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SharedBatchNorm(_BatchNorm):
    """BatchNorm whose statistics in training are those of all processes' parts together; parameters and buffers are as usual.

    Attributes:
        shared: off while every process holds the whole of a batch, which then has the statistics already.

    Shape:
        `(B, C, ...)` → the same; B may differ between processes.
    """

    shared = True

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2 dimensions, found {input.dim()}")

    def forward(self, input: Tensor) -> Tensor:
        if not (self.training and self.shared):
            usual: Tensor = super().forward(input)
            return usual
        from torch.distributed.nn.functional import all_reduce

        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [1, -1, *[1] * (input.dim() - 2)]
        count = torch.full((1,), input.numel() / input.shape[1], device=input.device)
        total, number = all_reduce(torch.cat([input.float().sum(axes), count])).split([input.shape[1], 1])
        mean = total / number
        centred = input.float() - mean.view(shape)
        # A second message, as the mean of squares less the square of the mean would lose digits.
        squares = all_reduce(centred.square().sum(axes))
        variance = squares / number
        self.update(mean.detach(), (squares / (number - 1)).detach())
        scaled: Tensor = (centred * (variance + self.eps).rsqrt().view(shape)).to(input.dtype)
        if self.affine:
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled

    @torch.no_grad()
    def update(self, mean: Tensor, variance: Tensor) -> None:
        """Take a batch's mean and unbiased variance into the running ones."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def share_batch_norm(module: nn.Module) -> list[SharedBatchNorm]:
    """Turn every BatchNorm inside `module` into a shared one with the same parameters and buffers, and return them."""
    layers = []
    for child in module.modules():
        if isinstance(child, _BatchNorm):
            # The class alone differs: names, parameters, buffers and hooks stay where optimisers and checkpoints look for them.
            child.__class__ = SharedBatchNorm
            layers.append(child)
    return layers  # type: ignore[return-value]
