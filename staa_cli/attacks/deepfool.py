"""DeepFool: S.-M. Moosavi-Dezfooli, A. Fawzi, P. Frossard, CVPR 2016 (algorithm 2, ℓ2).

Each step goes to the nearest boundary of the victim's linearisation, in logits. All utterances of a batch go in lock-step: a step costs
one forward pass and one backward pass per other class, however many utterances there are. Targeted, the boundary is the one between the
target and the class predicted at the moment, and a step costs one backward pass.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.goal import GoalAttack, Problem
from staa_cli.attacks.core.tensors import differentiate, jacobian, pick

SHORTEST = 2e-4
"""The least ℓ2 length of a step, as in the code of its authors and doubled as the range is: at a boundary, steps get ever smaller."""


class DeepFool(GoalAttack):
    """See the module. The defaults are the paper's."""

    title: ClassVar = "DeepFool"

    steps: int = Field(50, ge=1, description="at most so many")
    overshoot: float = Field(0.02, ge=0, description="how far every step goes beyond the linearised boundary, as a share of the way")

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`. δ stays within its bounds at every step."""
        start = torch.zeros_like(problem.waveforms)
        found, _ = cross_boundary(problem, start, problem.lower, problem.upper, self.steps, self.overshoot)
        return found, torch.zeros_like(problem.reference)


def cross_boundary(problem: Problem, start: Tensor, lower: Tensor, upper: Tensor, steps: int, overshoot: float) -> tuple[Tensor, Tensor]:
    """Walk until the goal is reached.

    Args:
        start, lower, upper: `(A, T)` δ to begin with, and its bounds.

    Returns:
        `(A, T)` δ where the goal was reached, or after the last step; `(A,)` the class reached, or headed for last.
    """
    found, classes = start.clone(), problem.reference.clone()
    active, delta = torch.arange(len(problem), device=start.device), start
    for _ in range(steps):
        with torch.enable_grad():
            logits, leaf = problem.look(delta)
            running = ~problem.reached(logits)
            classes[active[~running]] = logits.argmax(dim=1)[~running]
            if not bool(running.any()):
                break
            if not bool(running.all()):
                active, problem = active[running], problem[running]
                lower, upper, delta = lower[running], upper[running], delta[running]
                # Another look costs less than a backward pass for each class of those that are there.
                logits, leaf = problem.look(delta)
            step, gained = to_boundary(problem, logits, leaf)
        delta = (delta + (1 + overshoot) * step).clamp(lower, upper)
        found[active], classes[active] = delta, gained
    return found, classes


def to_boundary(problem: Problem, logits: Tensor, leaf: Tensor) -> tuple[Tensor, Tensor]:
    """The shortest way to a boundary of the linearised victim.

    Args:
        logits: `(A, K)` with its graph to `leaf`, `(A, T)`.

    Returns:
        `(A, T)` the way, 0 where the victim is flat, and `(A,)` the class beyond.
    """
    values = logits.detach()
    if problem.targeted:
        gained = problem.reference
        lost = values.scatter(1, gained.unsqueeze(1), -torch.inf).argmax(dim=1)
        normal = differentiate((pick(logits, gained) - pick(logits, lost)).sum(), leaf)
    else:
        lost = problem.reference
        others = other_classes(lost, values.shape[1])
        leads = logits.gather(1, others) - pick(logits, lost).unsqueeze(1)
        normals = jacobian(leads, leaf)
        # 0 / 0: a class that the victim cannot tell from the one to leave.
        distances = (-leads.detach() / torch.linalg.vector_norm(normals, dim=2)).nan_to_num(nan=torch.inf)
        nearest = distances.argmin(dim=1)
        gained, normal = pick(others, nearest), pick(normals, nearest)
    steepness = torch.linalg.vector_norm(normal, dim=1, keepdim=True)
    gap = (pick(values, lost) - pick(values, gained)).unsqueeze(1)
    # Nothing in range is further away than its diagonal.
    length = (gap / steepness).clamp(SHORTEST, 2 * leaf.shape[1] ** 0.5)
    return torch.where(steepness > 0, length * (normal / steepness), 0.0), gained


def other_classes(lost: Tensor, count: int) -> Tensor:
    """All classes of `count` but the one to leave, `(A,)` → `(A, K − 1)`."""
    classes = torch.arange(count - 1, device=lost.device)
    return classes + (classes >= lost.unsqueeze(1))
