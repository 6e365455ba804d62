"""Momentum Frank-Wolfe on k samples: J. Chen, D. Zhou, J. Yi, Q. Gu, "A Frank-Wolfe Framework for Efficient and Effective Adversarial
Attacks", AAAI 2020 (algorithm 1, step size 1).

Every step goes to the very corner of the budget that the accumulated gradient points to: ε towards its sign, on the k samples where it is
largest. The samples are chosen anew each time, and never more than k differ from x. The paper has ℓ∞ and ℓ2 balls; k samples are ours.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.goal import GoalAttack, Problem
from staa_cli.attacks.core.tensors import differentiate
from staa_cli.audio.sparsity import in_units, share_of, steepest
from staa_cli.runtime.schema import Switch


class FrankWolfe(GoalAttack):
    """See the module. Climbed is the margin, in logits. Where the goal is never reached, the δ that came nearest is returned."""

    title: ClassVar = "Frank-Wolfe"

    steps: int = Field(20, ge=1, description="at most so many gradients")
    percent: float = Field(1.0, gt=0, le=100, description="k as a share of the utterance: no more samples differ; at least one")
    momentum: float = Field(1.0, ge=0, description="how much of the accumulated gradient a step keeps")
    stop: Switch = Field(True, description="an utterance is left alone where its goal is reached; false: it goes on, for transfer")

    @property
    def label(self) -> str:
        """With the share of samples that may differ."""
        return f"{self.title} {self.percent:g} %"

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`."""
        delta = torch.zeros_like(problem.waveforms)
        found, total, queries = delta.clone(), delta, torch.zeros_like(problem.reference)
        active = torch.arange(len(problem), device=delta.device)
        k = share_of(delta, self.percent)
        nearest = torch.full_like(problem.epsilon[:, 0], -torch.inf)
        for step in range(self.steps + 1):
            with torch.enable_grad():
                logits, leaf = problem.look(delta)
                margin = problem.margin(logits)
                climbed = margin.sum()
            # For transfer the last step counts: the nearest is what is peculiar to this model.
            better = margin.detach() > nearest if self.stop else torch.ones_like(margin, dtype=torch.bool)
            found[active[better]] = delta[better]
            nearest = margin.detach().maximum(nearest)
            running = ~problem.reached(logits.detach()) if self.stop else better
            if step == self.steps or not bool(running.any()):
                break
            ascent = differentiate(climbed, leaf)[running]
            active, problem, nearest, total = active[running], problem[running], nearest[running], total[running]
            total = self.momentum * total + in_units(ascent)
            delta = steepest(problem.waveforms, total, problem.epsilon, k, problem.grain) - problem.waveforms
        return found, queries
