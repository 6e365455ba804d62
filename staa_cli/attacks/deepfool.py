"""DeepFool: S.-M. Moosavi-Dezfooli, A. Fawzi, P. Frossard, CVPR 2016 (algorithm 2, ℓ2).

Each step goes to the nearest boundary of the victim's linearisation, in logits. All utterances of a batch go in lock-step: a step costs
one forward pass and one backward pass per class, however many utterances there are. Targeted, the boundary is the one between the
target and the class predicted at the moment, and a step costs two backward passes less than classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from staa_cli.attacks.base import differentiate
from staa_cli.attacks.problem import GoalAttack, Problem


@dataclass(frozen=True)
class Boundary:
    """The nearest boundary of the linearised victim.

    Attributes:
        normal: `(A, T)` w, the gradient of the logit gained less that of the logit lost.
        gap: `(A,)` f, the logit lost less the one gained.
        gained: `(A,)` the class beyond.
    """

    normal: Tensor
    gap: Tensor
    gained: Tensor


@dataclass(frozen=True)
class DeepFool(GoalAttack):
    """See the module.

    Attributes:
        steps: at most so many.
        overshoot: every step goes this share further than the linearised boundary.
    """

    steps: int = 20
    overshoot: float = 0.02

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
    active = torch.arange(len(problem), device=start.device)
    delta = start
    for _ in range(steps):
        with torch.enable_grad():
            leaf = delta.detach().requires_grad_()
            logits = problem.logits(leaf)
            done = problem.reached(logits.detach())
            # Gradients are taken for all, and used for those that go on: their rows do not depend on one another.
            stop = bool(done.all())
            boundary = None if stop else nearest_boundary(problem, logits, leaf)
        if bool(done.any()):
            classes[active[done]] = logits.detach().argmax(dim=1)[done]
            running = ~done
            active, delta, problem = active[running], delta[running], problem[running]
            lower, upper = lower[running], upper[running]
            if boundary is not None:
                boundary = Boundary(boundary.normal[running], boundary.gap[running], boundary.gained[running])
        if boundary is None:
            break
        energy = boundary.normal.square().sum(dim=1)
        # A flat victim has no boundary to go to: 0 / 0 must not move anything.
        scale = torch.where(energy > 0, (1 + overshoot) * boundary.gap.abs() / energy, 0.0)
        delta = (delta + scale.unsqueeze(1) * boundary.normal).clamp(lower, upper)
        found[active], classes[active] = delta, boundary.gained
    return found, classes


def nearest_boundary(problem: Problem, logits: Tensor, leaf: Tensor) -> Boundary:
    """The nearest boundary in ℓ2.

    Args:
        logits: `(A, K)` with its graph to `leaf`, `(A, T)`.
    """
    values = logits.detach()
    if problem.targeted:
        lost = values.scatter(1, problem.reference.unsqueeze(1), -torch.inf).argmax(dim=1)
        normal = differentiate(pick(logits, problem.reference).sum() - pick(logits, lost).sum(), leaf)
        return Boundary(normal, pick(values, lost) - pick(values, problem.reference), problem.reference)
    away = differentiate(pick(logits, problem.reference).sum(), leaf, keep=True)
    nearest, best = Boundary(away, pick(values, problem.reference), problem.reference), torch.full_like(values[:, 0], torch.inf)
    last = logits.shape[1] - 1
    for k in range(logits.shape[1]):
        normal = differentiate(logits[:, k].sum(), leaf, keep=k < last) - away
        gap = pick(values, problem.reference) - values[:, k]
        distance = gap.abs() / torch.linalg.vector_norm(normal, dim=1)
        nearer = (distance < best) & (problem.reference != k)
        best = torch.where(nearer, distance, best)
        nearest = Boundary(
            torch.where(nearer.unsqueeze(1), normal, nearest.normal),
            torch.where(nearer, gap, nearest.gap),
            torch.where(nearer, k, nearest.gained),
        )
    # Without any finite distance the victim is flat.
    flat = best == torch.inf
    return Boundary(nearest.normal.masked_fill(flat.unsqueeze(1), 0.0), nearest.gap, nearest.gained)


def pick(logits: Tensor, classes: Tensor) -> Tensor:
    """Each utterance's logit of its own class. `(A, K)`, `(A,)` → `(A,)`"""
    return logits.gather(1, classes.unsqueeze(1)).squeeze(1)
