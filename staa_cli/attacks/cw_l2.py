"""C&W ℓ2: N. Carlini, D. Wagner, "Towards evaluating the robustness of neural networks", S&P 2017, section VI.A.

Minimises ‖δ‖₂² + c · max(κ − margin, 0), the margin in logits; c is searched for every utterance by itself. All utterances of a batch go in
lock-step; one whose loss stands still leaves the descent.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.descent import Descent, outwards
from staa_cli.attacks.core.goal import GoalAttack, Problem

PATIENCE = 50
"""After every so many steps it is asked whether the loss has fallen since."""


class CWL2(GoalAttack):
    """See the module. The defaults are those of Carlini and Wagner, for δ on [-1, 1]."""

    title: ClassVar = "C&W ℓ2"

    steps: int = Field(1000, ge=1, description="steps of a descent")
    searches: int = Field(9, ge=1, description="descents, each with another c")
    rate: float = Field(0.01, gt=0, description="Adam's learning rate, in the new variable")
    initial: float = Field(0.01, gt=0, description="c of the first descent, four times that of code for [0, 1]")
    confidence: float = Field(0.0, ge=0, description="κ: how far beyond the boundary, in logits")

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`. Where the goal is never reached, δ is 0."""
        found = torch.zeros_like(problem.waveforms)
        best = torch.full_like(found[:, 0], torch.inf)
        lower, upper = torch.zeros_like(best), torch.full_like(best, torch.inf)
        constant = torch.full_like(best, self.initial)
        for _ in range(self.searches):
            energy, delta = self.descend(problem, constant)
            found = torch.where((energy < best).unsqueeze(1), delta, found)
            best = torch.minimum(best, energy)
            hit = energy < torch.inf
            lower, upper = torch.where(hit, lower, constant), torch.where(hit, constant, upper)
            constant = torch.where(upper < torch.inf, (lower + upper) / 2, 10 * constant)
        return found, torch.zeros_like(problem.reference)

    def descend(self, problem: Problem, constant: Tensor) -> tuple[Tensor, Tensor]:
        """From x with one c each, `(A,)`.

        Returns:
            `(A,)` the least energy ‖δ‖₂² that reached the goal, infinite where none did; `(A, T)` its δ.
        """
        lowest, previous = (torch.full_like(constant, torch.inf) for _ in range(2))
        start = outwards(torch.zeros_like(problem.waveforms), problem.lower, problem.upper)
        descent = Descent(problem, start, self.rate, self.confidence)

        def loss_of(delta: Tensor, margin: Tensor, rows: Tensor) -> Tensor:
            return delta.square().sum(dim=1) + constant[rows] * (self.confidence - margin).clamp(min=0)

        for step in range(self.steps):
            rows = descent.rows
            delta, logits, loss = descent.look(loss_of)
            descent.keep(delta, logits, delta.square().sum(dim=1))
            lowest[rows] = torch.minimum(lowest[rows], loss)
            running = torch.ones_like(loss, dtype=torch.bool)
            if step % PATIENCE == 0:
                running = lowest[rows] <= 0.9999 * previous[rows]
                previous[rows] = lowest[rows]
            if not bool(running.any()):
                break
            descent.move(running)
        return descent.least, descent.found
