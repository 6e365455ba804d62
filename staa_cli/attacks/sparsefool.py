"""SparseFool: A. Modas, S.-M. Moosavi-Dezfooli, P. Frossard, CVPR 2019, with the ε-ball as bounds (section 4.2 of the STAA-Net paper).

DeepFool finds a point beyond the boundary, the boundary there is taken for a plane, and a linear solver reaches that plane by moving as few
samples as possible, each as far as its bounds allow. The usual solver moves one sample per pass over the utterance; its result has a
closed form, `solve_plane`.

torchattacks, which the STAA-Net paper used, differs from the SparseFool paper in where a plane is reached from and where its normal is
taken; that variant can be asked for. Constants are those of both codes, doubled because [−1, 1] is twice as wide as [0, 1].
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.goal import GoalAttack, Problem
from staa_cli.attacks.core.tensors import differentiate, pick
from staa_cli.attacks.deepfool import cross_boundary
from staa_cli.audio.budget import bounds

BEYOND = 2e-3
"""How far beyond the plane the last sample aims, as a distance in ℓ2."""
SMALLEST = 2e-4
"""The least that a sample is moved, within its bounds."""
ROUNDING = 32
"""Relative error of a sum over an utterance that `solve_plane` allows for, in units of the last place."""


class SparseFool(GoalAttack):
    """See the module. The defaults are the paper's, with the 20 steps of the STAA-Net paper.

    Variants: in `paper`, a plane is reached from the last δ, and its normal is the gradient at DeepFool's point. In `torchattacks`, it is
    reached from x anew, with the gradient λ times as far away.
    """

    title: ClassVar = "SparseFool"

    steps: int = Field(20, ge=1, description="at most so many planes")
    lam: float = Field(3.0, ge=1, description="λ: how far beyond DeepFool's point the plane is put; larger: fewer steps, more samples")
    overshoot: float = Field(0.02, ge=0, description="ε of the paper's algorithm: the share by which every perturbation is enlarged")
    deepfool_steps: int = Field(50, ge=1, description="at most so many in every call of DeepFool")
    variant: Literal["paper", "torchattacks"] = Field("paper", description="torchattacks: as in the code that the STAA-Net paper used")

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`."""
        found = torch.zeros_like(problem.waveforms)
        queries = torch.zeros_like(problem.reference)
        active = torch.arange(len(problem), device=found.device)
        delta, predicted = found, problem.clean
        for _ in range(self.steps):
            delta = self.advance(problem, delta, predicted)
            found[active] = delta
            logits = problem.logits(delta)
            running = ~problem.reached(logits)
            active, delta, predicted, problem = active[running], delta[running], logits[running].argmax(dim=1), problem[running]
            if not len(active):
                break
        return found, queries

    def advance(self, problem: Problem, delta: Tensor, predicted: Tensor) -> Tensor:
        """From one δ to the next, both `(A, T)`. `predicted`: `(A,)` the class at the first."""
        # The boundary may lie outside the ε-ball: DeepFool looks for it in the whole range.
        lower, upper = (bound - problem.waveforms for bound in bounds(problem.waveforms))
        near, beyond = cross_boundary(problem, delta, lower, upper, self.deepfool_steps, 0.02)
        anew = self.variant == "torchattacks"
        origin = torch.zeros_like(delta) if anew else delta
        far = origin + self.lam * (near - origin)
        normal = self.normal(problem, far if anew else near, predicted, beyond)
        move = solve_plane(normal, far - origin, problem.lower - origin, problem.upper - origin)
        return problem.clamp(origin + (1 + self.overshoot) * move)

    def normal(self, problem: Problem, point: Tensor, lost: Tensor, beyond: Tensor) -> Tensor:
        """The direction in which the class gained gains most on the one lost, at δ = `point`, which may lie out of range.

        Args:
            point: `(A, T)`.
            lost, beyond: `(A,)` the class to leave, and the one to gain where that is still predicted.

        Returns:
            `(A, T)` of length 1; 0 where the victim is flat.
        """
        with torch.enable_grad():
            leaf = point.detach().requires_grad_()
            logits = problem.victim(problem.waveforms + leaf)
            predicted = logits.argmax(dim=1)
            gained = problem.reference if problem.targeted else torch.where(predicted == lost, beyond, predicted)
            gradient = differentiate((pick(logits, gained) - pick(logits, lost)).sum(), leaf)
        length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        return torch.where(length > 0, gradient / length, 0.0)


def solve_plane(normal: Tensor, point: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Reach the plane {δ : w·(δ − p) = 0} from δ = 0, moving as few samples as possible.

    The samples are taken by falling |w|. One after the other moves along sign(w) by what is still missing, within its bounds, until the
    plane is passed. So all but the last one taken end at a bound, and a cumulative sum of |w| × room tells which one is the last. The sum
    rounds differently from the dot product that decides one sample at a time; so the search starts where the sum is surely still
    short, and goes on by dot products, in lock-step: mostly once or twice.

    Args:
        normal: `(A, T)` w.
        point: `(A, T)` p.
        lower, upper: `(A, T)` the bounds of δ, lower ≤ 0 ≤ upper.

    Returns:
        `(A, T)` δ, that of the one-sample-at-a-time solver to the last bit. Where the plane is out of reach, or x lies beyond it without
        being adversarial, every sample is at its bound.
    """
    count = normal.shape[1]
    order = normal.abs().argsort(dim=1, descending=True, stable=True)
    room = torch.where(normal > 0, upper, torch.where(normal < 0, lower, 0.0))
    gains = (normal * room).gather(1, order).cumsum(dim=1, dtype=torch.float64)
    missing = distance(normal, torch.zeros_like(point), point)
    behind = missing >= 0
    sizes = (normal * point).abs().sum(dim=1) + gains[:, -1]
    slack = ROUNDING * torch.finfo(normal.dtype).eps * sizes
    # How many samples surely go to their bound without passing the plane.
    full = (missing.unsqueeze(1) + gains < -slack.unsqueeze(1)).sum(dim=1).masked_fill(behind, count)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(count, device=order.device).expand_as(order))
    delta = torch.where(rank < full.unsqueeze(1), room, 0.0)
    missing = distance(normal, delta, point)
    while bool((going := (full < count) & (missing < 0) & ~behind).any()):
        index = order.gather(1, full.clamp(max=count - 1).unsqueeze(1))
        weight, low, high, current = (tensor.gather(1, index).squeeze(1) for tensor in (normal, lower, upper, delta))
        move = ((missing - BEYOND).abs() / weight.abs()).clamp(min=SMALLEST) * weight.sign()
        # A sample that the victim does not listen to (w = 0), and all after it, stay.
        move = torch.where(weight != 0, move.clamp(low, high), current)
        delta = delta.scatter(1, index, torch.where(going, move, current).unsqueeze(1))
        missing = torch.where(weight != 0, distance(normal, delta, point), 0.0)
        full = full + going
    return delta


def distance(normal: Tensor, delta: Tensor, point: Tensor) -> Tensor:
    """w·(δ − p), all `(A, T)` → `(A,)`: negative before the plane."""
    return (normal * (delta - point)).sum(dim=1)
