"""What an attack is, and the pieces that several attacks need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from staa_cli.victims.base import Victim


class Attack(Protocol):
    """One iterative attack with its settings. Its `repr` shows them and serves as a test's name."""

    def __call__(self, victim: Victim, waveforms: Tensor, reference: Tensor, seeds: Sequence[int]) -> Tensor:
        """Attack a batch.

        Args:
            victim: frozen, in evaluation mode.
            waveforms: `(B, T)` x in [-1, 1].
            reference: `(B,)` the class to leave.
            seeds: B seeds, one per utterance, so that its batch does not matter to its random numbers.

        Returns:
            `(B, T)` x_adv, within the ε-ball and [-1, 1].
        """
        ...


def streams(seeds: Sequence[int], device: torch.device) -> list[torch.Generator]:
    """One random stream per utterance."""
    return [torch.Generator(device=device).manual_seed(seed) for seed in seeds]


def uniform(random: Sequence[torch.Generator], like: Tensor) -> Tensor:
    """`(B, T)` numbers in [0, 1), a row from each utterance's own stream."""
    return torch.stack([torch.rand(like.shape[1], generator=stream, device=like.device, dtype=like.dtype) for stream in random])


def top_k_mask(scores: Tensor, k: int) -> Tensor:
    """1 at the k largest scores of each row, 0 elsewhere. `(B, T)` → `(B, T)`; exactly k ones also among equals."""
    return torch.zeros_like(scores).scatter_(1, scores.topk(k, dim=1).indices, 1.0)
