"""σ-zero: A. E. Cinà, F. Villani, M. Pintor, L. Schönherr, B. Biggio, M. Pelillo, ICLR 2025 (algorithm 1).

Adam descends on a hinge loss plus a smooth count of the samples moved, Σ u² / (u² + σ), by gradients scaled to a largest entry of 1. After
each step samples moved by less than a threshold τ go back; τ grows while the goal is reached and falls while it is not, so that δ gets
sparser along the boundary. The smallest δ seen that reaches the goal is kept.

The paper's constants are for [0, 1], where no perturbation is larger than 1. Here u = δ / ε is what moves, so σ, τ and the step size are
shares of the room that a sample has, at every budget; with ε = 2, the whole range, this is the paper's attack on (x + 1) / 2.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.adam import Adam
from staa_cli.attacks.core.goal import GoalAttack, Problem
from staa_cli.attacks.core.tensors import differentiate


class SigmaZero(GoalAttack):
    """See the module. An utterance whose goal is never reached is returned as it is.

    A step is a pass forwards, and one backwards unless all utterances are beyond their boundary. The defaults are the paper's, as shares of
    the room that a sample has, but for `confidence`: with the paper's 0, δ may end on the boundary itself, where writing 16 bits undoes it.
    """

    title: ClassVar = "σ-zero"

    steps: int = Field(1000, ge=1, description="at most so many")
    step_size: float = Field(1.0, gt=0, description="η₀ as a share of ε; it falls to a tenth along a cosine")
    sigma: float = Field(1e-3, gt=0, description="σ as a share of ε²; the smaller, the nearer is the smooth count to the true one")
    threshold: float = Field(0.3, ge=0, le=1, description="τ₀ as a share of ε: less is no move")
    threshold_step: float = Field(0.01, ge=0, description="t: a step moves τ by t · η")
    confidence: float = Field(0.05, ge=0, description="how far beyond the boundary, in logits, so that 16 bits do not undo it; paper: 0")
    patience: int | None = Field(None, ge=1, description="leave after so many steps without a sparser δ since the first; null never does")

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`."""
        found, queries = torch.zeros_like(problem.waveforms), torch.zeros_like(problem.reference)
        active = torch.arange(len(problem), device=found.device)
        share = torch.zeros_like(found)
        adam = Adam(share)
        threshold = torch.full_like(problem.epsilon, self.threshold)
        fewest = torch.full_like(problem.reference, found.shape[1] + 1)
        waited = torch.zeros_like(problem.reference)
        eta = self.step_size
        for step in range(self.steps):
            delta = problem.clamp(share * problem.epsilon)
            beyond, gradient = self.descent(problem, share, delta)
            count = (share != 0).sum(dim=1)
            better = beyond & (count < fewest)
            found[active[better]] = delta[better]
            fewest = torch.where(better, count, fewest)
            waited = torch.where(better | (fewest > found.shape[1]), 0, waited + 1)

            gradient /= gradient.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
            share = adam.step(share, gradient, eta).clamp(problem.lower / problem.epsilon, problem.upper / problem.epsilon)
            eta = self.step_size * (0.1 + 0.45 * (1 + math.cos(math.pi * step / self.steps)))
            change = self.threshold_step * eta
            threshold = (threshold + torch.where(beyond, change, -change).unsqueeze(1)).clamp(0, 1)
            share.masked_fill_(share.abs() < threshold, 0)

            # One sample is the least that can reach a goal.
            done = (fewest == 1) | (waited >= (self.patience or math.inf))
            if bool(done.any()):
                running = ~done
                active, problem, fewest, waited = active[running], problem[running], fewest[running], waited[running]
                share, threshold = share[running], threshold[running]
                adam.keep(running)
                if not len(active):
                    break
        return found, queries

    def descent(self, problem: Problem, share: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
        """Whether the goal is reached, `(A,)`; the gradient of hinge and smooth count to u, `(A, T)`."""
        with torch.enable_grad():
            leaf = delta.requires_grad_()
            logits = problem.logits(leaf)
            surplus = problem.margin(logits) - self.confidence
            beyond = problem.reached(logits.detach()) & (surplus.detach() >= 0)
            hinge = surplus.clamp(max=0)
            # Beyond the boundary the hinge is flat, and a pass backwards would only tell so.
            ascent = torch.zeros_like(share) if bool(beyond.all()) else differentiate(hinge.sum(), leaf)
        delta.requires_grad_(False)
        power = share.square()
        smooth = 2 * self.sigma * share / (power + self.sigma).square() / share.shape[1]
        return beyond, smooth - problem.epsilon * ascent
