"""What an attack is, and the pieces that several attacks need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from staa_cli.runtime.errors import UsageError
from staa_cli.victims.base import Victim


@dataclass(frozen=True)
class Outcome:
    """What an attack made of a batch.

    Attributes:
        adversarial: `(B, T)` x_adv.
        queries: `(B,)` how often a query attack asked the victim about each utterance; None for a white-box attack.
    """

    adversarial: Tensor
    queries: Tensor | None = None


class Attack(Protocol):
    """One iterative attack with its settings. Its `repr` shows them and serves as a test's name."""

    def __call__(self, victim: Victim, waveforms: Tensor, reference: Tensor, seeds: Sequence[int]) -> Tensor:
        """Attack a batch.

        Args:
            victim: frozen, in evaluation mode.
            waveforms: `(B, T)` x in [-1, 1].
            reference: `(B,)` the class to leave; or to reach, where the attack is targeted.
            seeds: B seeds, one per utterance, so that its batch does not matter to its random numbers.

        Returns:
            `(B, T)` x_adv, within the ε-ball and [-1, 1].
        """
        ...

    def run(self, victim: Victim, waveforms: Tensor, reference: Tensor, seeds: Sequence[int], grain: Tensor | None = None) -> Outcome:
        """The same, with the number of queries.

        Args:
            grain: `(B, 1)` the steps in which the result will be written, 0 for a file that holds any number; an attack that stops at its
                goal reaches it in those steps, where a smaller δ would be lost.
        """
        ...


def reached(logits: Tensor, reference: Tensor, targeted: bool) -> Tensor:
    """Whether the prediction has left `reference`, or is it where `targeted`. `(B, K)`, `(B,)` → `(B,)`."""
    return (logits.argmax(dim=1) == reference) == targeted


def margin(logits: Tensor, reference: Tensor, targeted: bool) -> Tensor:
    """max_{i≠y} f_i − f_y for the class y to leave, its negative for the one to reach: positive beyond the boundary.

    Args:
        logits: `(B, K)`.
        reference: `(B,)` the class y.

    Returns:
        `(B,)`; with a single class infinite.
    """
    index = reference.unsqueeze(1)
    others = logits.scatter(1, index, -torch.inf).amax(dim=1) - logits.gather(1, index).squeeze(1)
    return -others if targeted else others


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


def streams(seeds: Sequence[int], device: torch.device) -> list[torch.Generator]:
    """One random stream per utterance."""
    return [torch.Generator(device=device).manual_seed(seed) for seed in seeds]


def uniform(random: Sequence[torch.Generator], like: Tensor) -> Tensor:
    """`(B, T)` numbers in [0, 1), a row from each utterance's own stream."""
    return torch.stack([torch.rand(like.shape[1], generator=stream, device=like.device, dtype=like.dtype) for stream in random])


def top_k_mask(scores: Tensor, k: int) -> Tensor:
    """1 at the k largest scores of each row, 0 elsewhere. `(B, T)` → `(B, T)`; exactly k ones also among equals."""
    return torch.zeros_like(scores).scatter_(1, scores.topk(k, dim=1).indices, 1.0)
