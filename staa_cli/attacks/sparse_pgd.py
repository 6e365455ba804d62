"""Sparse-PGD, sPGD: X. Zhong, Y. Huang, C. Liu, "Towards Efficient Training and Evaluation of Robust Models against l0 Bounded Adversarial
Perturbations", ICML 2024 (algorithm 1).

δ = p ⊙ m: magnitudes p, dense and within the bounds, and a mask m of k ones where a continuous m̃ is largest. Both climb: p by signs as
in PGD, m̃ along its gradient through the k samples, a step of length β√T. A mask that has stopped to change is drawn anew.

This is not the sparse PGD of the STAA-Net paper, which lets every step of PGD move other k samples: here no more than k ever differ from x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from staa_cli.attacks.base import differentiate, top_k_mask, uniform
from staa_cli.attacks.problem import GoalAttack, Problem

NEAR = 0.5
"""Within so many logits of the boundary the margin is climbed instead of the cross-entropy, as in the authors' code."""


@dataclass(frozen=True)
class SparsePGD(GoalAttack):
    """See the module. An utterance leaves the batch where it reaches its goal; where it never does, the δ that came nearest is returned.

    Attributes:
        steps: at most so many.
        percent: k as a share of the utterance; at least one sample.
        step_size: α as a share of ε.
        mask_step: β.
        projected: p moves only where the mask is 1 (its projected gradient); or everywhere (its unprojected one).
        patience: so many steps with the same k samples before the mask is drawn anew.
    """

    steps: int = 300
    percent: float = 1.0
    step_size: float = 0.25
    mask_step: float = 0.25
    projected: bool = False
    patience: int = 3

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`."""
        found, queries = torch.zeros_like(problem.waveforms), torch.zeros_like(problem.reference)
        active = torch.arange(len(problem), device=found.device)
        length = found.shape[1]
        k = max(1, round(self.percent / 100 * length))
        magnitudes = problem.clamp(problem.epsilon * (2 * uniform(problem.random, found) - 1))
        scores = normal(problem.random, found)
        mask = top_k_mask(scores, k)
        nearest = torch.full_like(problem.epsilon[:, 0], -torch.inf)
        unchanged = torch.zeros_like(problem.reference)
        for step in range(self.steps + 1):
            delta = magnitudes * mask
            beyond, margin, ascent = climb(problem, delta)
            better = beyond | (margin > nearest)
            found[active[better]] = delta[better]
            nearest = torch.where(better, margin, nearest)
            if bool(beyond.any()):
                running = ~beyond
                active, problem, nearest, unchanged = active[running], problem[running], nearest[running], unchanged[running]
                magnitudes, scores, mask, ascent = magnitudes[running], scores[running], mask[running], ascent[running]
            if not len(active) or step == self.steps:
                break
            sigmoid = scores.sigmoid()
            direction = ascent * magnitudes * sigmoid * (1 - sigmoid)
            direction /= torch.linalg.vector_norm(direction, dim=1, keepdim=True) + 1e-10
            scores = scores + self.mask_step * length**0.5 * direction
            move = self.step_size * problem.epsilon * ascent.sign()
            magnitudes = problem.clamp(magnitudes + (move * mask if self.projected else move))
            before, mask = mask, top_k_mask(scores, k)
            unchanged = torch.where((mask == before).all(dim=1), unchanged + 1, 0)
            stuck = unchanged >= self.patience
            if bool(stuck.any()):
                scores[stuck] = normal(problem[stuck].random, scores)
                mask[stuck] = top_k_mask(scores[stuck], k)
                unchanged = unchanged.masked_fill(stuck, 0)
        return found, queries


def climb(problem: Problem, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """δ `(A, T)` → whether the goal is reached and the margin, `(A,)`; the gradient of what is climbed, `(A, T)`."""
    with torch.enable_grad():
        logits, leaf = problem.look(delta)
        margin = problem.margin(logits)
        entropy = cross_entropy(logits, problem.reference, reduction="none")
        climbed = torch.where(margin.detach() > -NEAR, margin, -entropy if problem.targeted else entropy)
        return problem.reached(logits.detach()), margin.detach(), differentiate(climbed.sum(), leaf)


def normal(random: Sequence[torch.Generator], like: Tensor) -> Tensor:
    """Standard normal numbers, a row from each utterance's own stream; `like`: `(…, T)`."""
    return torch.stack([torch.randn(like.shape[1], generator=stream, device=like.device, dtype=like.dtype) for stream in random])
