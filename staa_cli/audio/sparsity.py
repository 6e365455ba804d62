"""Sparse changes: how many samples are a share of an utterance, and which."""

from __future__ import annotations

import torch
from torch import Tensor

from staa_cli.audio.budget import as_written


def share_of(waveforms: Tensor, percent: float) -> int:
    """k: how many of T samples a share of them is; at least one. `waveforms`: `(B, T)`."""
    return max(1, round(percent / 100 * waveforms.shape[1]))


def count(percent: Tensor, length: int) -> Tensor:
    """The same where every utterance has a share of its own, `(B,)` → `(B,)`."""
    return (percent / 100 * length).round().long().clamp(1, length)


def top_k_mask(scores: Tensor, k: int) -> Tensor:
    """1 at the k largest scores of each row, 0 elsewhere. `(B, T)` → `(B, T)`; exactly k ones also among equals."""
    return torch.zeros_like(scores).scatter_(1, scores.topk(k, dim=1).indices, 1.0)


def place(waveforms: Tensor, magnitudes: Tensor, scores: Tensor, k: int, grain: Tensor) -> Tensor:
    """x_adv with exactly k samples that differ from x in the file to be written, where ε allows so many.

    A sample whose magnitude is lost in the file's steps, or at the end of its range, gives its place to the next in rank.

    Args:
        waveforms, magnitudes, scores: `(B, T)` x, v and the ranking.
        k: 1 to T.
        grain: `(B, 1)` the steps of the files, 0 where there are none.
    """
    dense = as_written(waveforms, magnitudes, grain)
    chosen = scores.where(dense != waveforms, -torch.inf).topk(k, dim=1, sorted=False).indices
    return waveforms.scatter(1, chosen, dense.gather(1, chosen))


def in_units(gradient: Tensor) -> Tensor:
    """A gradient of a mean size of 1, so that those of different places add up. `(B, T)` → `(B, T)`"""
    return gradient / gradient.abs().mean(dim=1, keepdim=True).clamp(min=1e-30)


def steepest(waveforms: Tensor, gradient: Tensor, epsilon: Tensor, k: int, grain: Tensor) -> Tensor:
    """Of all x_adv with k samples within ε the one along which a gradient promises most: ε towards its sign where it is largest.

    Args:
        epsilon: `(B, 1)`; the others are those of `place`.
    """
    return place(waveforms, epsilon * gradient.sign(), gradient.abs(), k, grain)
