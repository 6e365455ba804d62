"""C&W ℓ∞: N. Carlini, D. Wagner, "Towards evaluating the robustness of neural networks", S&P 2017, section VI.C.

Minimises Σ max(|δ_i| − τ, 0) + c · max(κ − margin, 0), the margin in logits. Whenever the goal is reached, τ shrinks to a share of the
largest |δ_i|; else c grows. Each descent goes on from where the last one ended. Every utterance has its own τ and c; all go in lock-step,
and one whose τ is as small or whose c as large as allowed leaves the batch.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.descent import Descent, outwards
from staa_cli.attacks.core.goal import GoalAttack, Problem

SMALLEST = 1 / 256
"""τ ends there, as a share of ε."""


class CWLinf(GoalAttack):
    """See the module. The defaults are those of Carlini and Wagner, for δ on [-1, 1]."""

    title: ClassVar = "C&W ℓ∞"

    steps: int = Field(1000, ge=1, description="steps of a descent")
    rate: float = Field(0.01, gt=0, description="Adam's learning rate, in the new variable")
    initial: float = Field(2e-5, gt=0, description="c at first, twice that of code for [0, 1]")
    largest: float = Field(40.0, gt=0, description="c at most, twice that of code for [0, 1]")
    growth: float = Field(2.0, gt=1, description="c times this where a descent fails")
    shrink: float = Field(0.9, gt=0, lt=1, description="τ becomes this share of the largest |δ_i| where a descent succeeds")
    confidence: float = Field(0.0, ge=0, description="κ: how far beyond the boundary, in logits")

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`. Where the goal is never reached, δ is 0."""
        found = torch.zeros_like(problem.waveforms)
        least = problem.epsilon[:, 0].clone()
        tau, constant = least.clone(), torch.full_like(least, self.initial)
        free = outwards(found, problem.lower, problem.upper)
        active = torch.arange(len(problem), device=found.device)
        while len(active):
            part = problem[active]
            peak, delta, free[active] = self.descend(part, free[active], tau[active], constant[active])
            hit = peak <= least[active]
            found[active] = torch.where(hit.unsqueeze(1), delta, found[active])
            least[active] = torch.where(hit, peak, least[active])
            tau[active] = torch.where(hit, self.shrink * torch.minimum(tau[active], peak), tau[active])
            constant[active] = torch.where(hit, constant[active], self.growth * constant[active])
            going = (tau[active] > SMALLEST * problem.epsilon[active, 0]) & (constant[active] < self.largest)
            active = active[going]
        return found, torch.zeros_like(problem.reference)

    def descend(self, problem: Problem, free: Tensor, tau: Tensor, constant: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """With one τ and one c each, `(A,)`; from `free`, `(A, T)`.

        Returns:
            `(A,)` the least max|δ_i| that reached the goal, infinite where none did; `(A, T)` its δ; `(A, T)` where it ended.
        """
        descent = Descent(problem, free, self.rate, self.confidence)

        def loss_of(delta: Tensor, margin: Tensor, rows: Tensor) -> Tensor:
            beyond = (delta.abs() - tau[rows].unsqueeze(1)).clamp(min=0).sum(dim=1)
            return beyond + constant[rows] * (self.confidence - margin).clamp(min=0)

        for _ in range(self.steps):
            delta, logits, loss = descent.look(loss_of)
            descent.keep(delta, logits, delta.abs().amax(dim=1))
            running = loss >= 1e-4 * constant[descent.rows]
            if not bool(running.any()):
                break
            descent.move(running)
        return descent.least, descent.found, descent.ends
