"""SparseFool: A. Modas, S.-M. Moosavi-Dezfooli, P. Frossard, CVPR 2019; equations 9–12 of the STAA-Net paper.

DeepFool finds a point near the boundary, the boundary there is taken for a plane, and a linear solver reaches that plane by moving as few
samples as possible, each as far as its bounds allow. The usual solver moves one sample per pass over the utterance; its result has a
closed form, `solve_plane`. Constants are those of the reference code, doubled because [−1, 1] is twice as wide as [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from staa_cli.attacks.base import differentiate
from staa_cli.attacks.deepfool import cross_boundary, pick
from staa_cli.attacks.problem import GoalAttack, Problem

BEYOND = 2e-3
"""How far beyond the plane the last sample aims, as a distance in ℓ2."""
SMALLEST = 2e-4
"""The least that a sample is moved, within its bounds."""
SLACK = 1e-5
"""Relative error of a cumulative sum over an utterance that `solve_plane` allows for, in float32."""


@dataclass(frozen=True)
class SparseFool(GoalAttack):
    """See the module.

    Attributes:
        steps: at most so many planes.
        lam: λ, how far beyond DeepFool's point the plane is put; larger reaches the goal in fewer steps and moves more samples.
        overshoot: ε of the paper's algorithm, the share by which every δ is enlarged.
        deepfool_steps: at most so many in every call of DeepFool.
    """

    steps: int = 20
    lam: float = 3.0
    overshoot: float = 0.02
    deepfool_steps: int = 50

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`."""
        found = torch.zeros_like(problem.waveforms)
        queries = torch.zeros_like(problem.reference)
        active = torch.arange(len(problem), device=found.device)
        delta = found
        for _ in range(self.steps):
            delta = self.step(problem, delta)
            found[active] = delta
            running = ~problem.reached(problem.logits(delta))
            if not bool(running.all()):
                active, delta, problem = active[running], delta[running], problem[running]
                if not len(active):
                    break
        return found, queries

    def step(self, problem: Problem, delta: Tensor) -> Tensor:
        """From one δ to the next, both `(A, T)`; every plane is reached from x."""
        # The boundary may lie outside the ε-ball: DeepFool looks for it in the whole range.
        lower, upper = -1 - problem.waveforms, 1 - problem.waveforms
        lower, upper = torch.minimum(lower, problem.lower), torch.maximum(upper, problem.upper)
        point, beyond = cross_boundary(problem, delta, lower, upper, self.deepfool_steps, 0.02)
        point = self.lam * point
        with torch.enable_grad():
            leaf = point.detach().requires_grad_()
            logits = problem.victim(problem.waveforms + leaf)
            predicted = logits.detach().argmax(dim=1)
            lost = problem.clean if problem.targeted else problem.reference
            gained = problem.reference if problem.targeted else torch.where(predicted == lost, beyond, predicted)
            normal = differentiate(pick(logits, gained).sum() - pick(logits, lost).sum(), leaf)
        length = torch.linalg.vector_norm(normal, dim=1, keepdim=True)
        normal = torch.where(length > 0, normal / length, 0.0)
        return problem.clamp((1 + self.overshoot) * solve_plane(normal, point, problem.lower, problem.upper))


def solve_plane(normal: Tensor, point: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Reach the plane {δ : w·(δ − p) = 0} from δ = 0, moving as few samples as possible.

    The samples are taken by falling |w|. One after the other moves along sign(w) by what is still missing, within its bounds, until the
    plane is passed. So all but the last one taken end at a bound, and a cumulative sum of |w| × room tells which one is the last. The sum
    rounds differently from the dot product that decides one sample at a time; so the search starts where the sum is surely still
    short, and goes on by dot products, in lock-step: once or twice.

    Args:
        normal: `(A, T)` w.
        point: `(A, T)` p.
        lower, upper: `(A, T)` the bounds of δ, lower ≤ 0 ≤ upper.

    Returns:
        `(A, T)` δ, that of the one-sample-at-a-time solver to the last bit; everything at its bound where the plane is out of reach, or
        behind.
    """
    order = normal.abs().argsort(dim=1, descending=True, stable=True)
    room = torch.where(normal > 0, upper, torch.where(normal < 0, lower, torch.zeros_like(normal)))
    gains = (normal * room).gather(1, order)
    start = distance(normal, torch.zeros_like(point), point)
    reach = start.unsqueeze(1) + gains.cumsum(dim=1)
    slack = SLACK * (start.abs().unsqueeze(1) + 1)
    count = normal.shape[1]
    # How many samples surely go to their bound without passing the plane; all of them where it cannot be passed.
    full = torch.where(start < 0, (reach < -slack).sum(dim=1), count)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(count, device=order.device).expand_as(order))
    delta = torch.where(rank < full.unsqueeze(1), room, torch.zeros_like(room))
    missing = distance(normal, delta, point)
    going = (start < 0) & (full < count) & (normal != 0).any(dim=1)
    while bool(going.any()):
        index = order.gather(1, full.clamp(max=count - 1).unsqueeze(1))
        weight, low, high = (tensor.gather(1, index).squeeze(1) for tensor in (normal, lower, upper))
        going &= weight != 0
        move = ((missing - BEYOND).abs() / weight.abs()).clamp(min=SMALLEST) * weight.sign()
        move = move.clamp(low, high)
        current = delta.gather(1, index).squeeze(1)
        delta = delta.scatter(1, index, torch.where(going, move, current).unsqueeze(1))
        missing = torch.where(going, distance(normal, delta, point), missing)
        full = full + going
        going &= (missing < 0) & (full < count)
    return delta


def distance(normal: Tensor, delta: Tensor, point: Tensor) -> Tensor:
    """w·(δ − p), all `(A, T)` → `(A,)`: negative before the plane."""
    return (normal * (delta - point)).sum(dim=1)
