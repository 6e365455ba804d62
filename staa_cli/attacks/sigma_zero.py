"""σ-zero: A. E. Cinà, F. Villani, M. Pintor, L. Schönherr, B. Biggio, M. Pelillo, ICLR 2025 (algorithm 1).

Adam descends on a hinge loss plus a smooth count of the samples moved, Σ u² / (u² + σ), by gradients scaled to a largest entry of 1. After
each step samples moved by less than a threshold τ go back; τ grows while the goal is reached and falls while it is not, so that δ gets
sparser along the boundary. The smallest δ seen that reaches the goal is kept.

The paper's constants are for [0, 1], where no perturbation is larger than 1. Here u = δ / ε is what moves, so σ, τ and the step size are
shares of the room that a sample has, at every budget; with ε = 2, the whole range, this is the paper's attack on (x + 1) / 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from staa_cli.attacks.adam import Adam
from staa_cli.attacks.base import differentiate
from staa_cli.attacks.problem import GoalAttack, Problem


@dataclass(frozen=True)
class SigmaZero(GoalAttack):
    """See the module. An utterance whose goal is never reached is returned as it is.

    Attributes:
        steps: at most so many, each a pass forwards, and one backwards unless all utterances are beyond their boundary.
        step_size: η₀, as a share of ε; it falls to a tenth along a cosine.
        sigma: σ, as a share of ε²; the smaller, the nearer is the smooth count to the true one.
        threshold: τ₀, as a share of ε.
        threshold_step: t: τ moves by t·η a step.
        confidence: how far beyond the boundary δ must lie, in logits. The paper's 0 lets δ end on the boundary itself, where writing 16
            bits can undo it.
        patience: an utterance leaves the batch after so many steps without a sparser δ since its first; None never gives up.
    """

    steps: int = 1000
    step_size: float = 1.0
    sigma: float = 1e-3
    threshold: float = 0.3
    threshold_step: float = 0.01
    confidence: float = 0.0
    patience: int | None = None

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
