"""The pieces that several attacks need: gradients, choices, random numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from staa_cli.runtime.errors import UsageError


def require_gradients(output: Tensor) -> None:
    """Refuse a victim whose `output` has no graph, where a loss has other terms that have one.

    Raises:
        UsageError: the victim has no gradients.
    """
    if not output.requires_grad:
        raise UsageError("the threat model gives no gradients to steer by; an attack by queries needs none")


def differentiate(output: Tensor, inputs: Tensor, *, keep: bool = False) -> Tensor:
    """The gradient of a scalar to `inputs`.

    Args:
        keep: further gradients of the same graph will be asked for.

    Raises:
        UsageError: the victim has no gradients.
    """
    require_gradients(output)
    (gradient,) = torch.autograd.grad(output, inputs, retain_graph=keep)
    return gradient


def jacobian(outputs: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of every output to its own utterance, by one backward pass for each of the K.

    Args:
        outputs: `(A, K)` with their graph to `inputs`, `(A, T)`; no row depends on another one.

    Returns:
        `(A, K, T)`

    Raises:
        UsageError: the victim has no gradients.
    """
    last = outputs.shape[1] - 1
    return torch.stack([differentiate(outputs[:, k].sum(), inputs, keep=k < last) for k in range(last + 1)], dim=1)


def pick(values: Tensor, classes: Tensor) -> Tensor:
    """Of each utterance the entry of its own class. `(A, K, …)`, `(A,)` → `(A, …)`"""
    return values[torch.arange(len(values), device=values.device), classes]


def uniform(random: Sequence[torch.Generator], like: Tensor) -> Tensor:
    """`(B, T)` numbers in [0, 1), a row from each utterance's own stream."""
    return torch.stack([torch.rand(like.shape[1], generator=stream, device=like.device, dtype=like.dtype) for stream in random])


def normal(random: Sequence[torch.Generator], like: Tensor) -> Tensor:
    """Standard normal numbers, a row from each utterance's own stream; `like`: `(…, T)`."""
    return torch.stack([torch.randn(like.shape[1], generator=stream, device=like.device, dtype=like.dtype) for stream in random])
