"""Sparse-PGD, sPGD: X. Zhong, Y. Huang, C. Liu, "Towards Efficient Training and Evaluation of Robust Models against l0 Bounded Adversarial
Perturbations", ICML 2024 (algorithm 1).

δ = p ⊙ m: magnitudes p, dense and within the bounds, and a mask m of k ones where a continuous m̃ is largest. Both climb: p by signs as
in PGD, m̃ along its gradient through the k samples, a step of length β√T. A mask that has stopped to change is drawn anew.

This is not the sparse PGD of the STAA-Net paper, which lets every step of PGD move other k samples: here no more than k ever differ from x.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from staa_cli.attacks.core.goal import GoalAttack, Problem
from staa_cli.attacks.core.tensors import differentiate, normal, uniform
from staa_cli.audio.sparsity import share_of, top_k_mask
from staa_cli.runtime.schema import Switch

NEAR = 0.5
"""Within so many logits of the boundary the margin is climbed instead of the cross-entropy, as in the authors' code."""


class SparsePGD(GoalAttack):
    """See the module. An utterance leaves the batch where it reaches its goal; where it never does, the δ that came nearest is returned.

    The defaults are those of the authors' code; k is this suite's.
    """

    title: ClassVar = "sPGD"

    steps: int = Field(300, ge=1, description="at most so many")
    percent: float = Field(1.0, gt=0, le=100, description="k as a share of the utterance: no more samples differ; at least one")
    step_size: float = Field(0.25, gt=0, description="α as a share of ε")
    mask_step: float = Field(0.25, gt=0, description="β: how fast the choice of samples moves")
    projected: Switch = Field(False, description="p moves only where the mask is 1 (their projected gradient); false moves all of it")
    patience: int = Field(3, ge=1, description="steps with the same samples before they are drawn anew")

    @property
    def label(self) -> str:
        """With the share of samples that may differ."""
        return f"{self.title} {self.percent:g} %"

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`."""
        magnitudes = problem.clamp(problem.epsilon * (2 * uniform(problem.random, problem.waveforms) - 1))
        scores = normal(problem.random, problem.waveforms)
        found, queries = torch.zeros_like(problem.waveforms), torch.zeros_like(problem.reference)
        active = torch.arange(len(problem), device=found.device)
        length = found.shape[1]
        k = share_of(found, self.percent)
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
