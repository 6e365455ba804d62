"""JSMA, the saliency map attack: N. Papernot et al., "The limitations of deep learning in adversarial settings", EuroS&P 2016.

Each step moves the pair of samples with the largest saliency (equations 8–10, algorithm 3) by θ, in logits. Untargeted, the pair is the one
that lowers the reference class most while the others rise: NT-JSMA of R. Wiyatno, A. Xu, "Maximal Jacobian-based saliency map attack",
2018. All utterances of a batch go in lock-step: a step costs one forward and two backward passes, however many classes there are.

The usual code compares all n² pairs. Here only samples that at most one other beats in both derivatives are compared (`best_pair`): a few
dozen of 96,000.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from staa_cli.attacks.core.goal import GoalAttack, Problem
from staa_cli.attacks.core.tensors import differentiate, pick

PAIRS = 2**22
"""So many pairs are compared at once: the bound on memory."""


class JSMA(GoalAttack):
    """See the module. The defaults are the second paper's strongest setting, whose θ is in units of its features and here a share of ε."""

    title: ClassVar = "JSMA"

    theta: float = Field(1.0, ge=-1, le=1, description="θ: a step's size as a share of ε; below 0 it lowers samples; not 0")
    gamma: float = Field(1.0, gt=0, le=1, description="γ: share of samples that may change; a pair always may")

    @field_validator("theta")
    @classmethod
    def moves(cls, theta: float) -> float:
        if theta == 0:
            raise ValueError("0 moves nothing; expected a share of ε in [-1, 0) or (0, 1]")
        return theta

    @property
    def label(self) -> str:
        """With θ."""
        return self.title if self.theta == 1 else f"{self.title} θ {self.theta:g}"

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`. An utterance also stops where no pair would raise the one side and lower the other."""
        found = torch.zeros_like(problem.waveforms)
        queries = torch.zeros_like(problem.reference)
        limit = max(2, int(self.gamma * found.shape[1]))
        active = torch.arange(len(problem), device=found.device)
        delta = found
        while len(active) and found.shape[1] > 1:
            rise, fall, done = self.derivatives(problem, delta)
            room = delta < problem.upper if self.theta > 0 else delta > problem.lower
            pair, saliency = best_pair(rise.masked_fill(~room, -torch.inf), fall.masked_fill(~room, -torch.inf))
            # A step may change two samples more than the steps before.
            running = ~done & (saliency > 0) & ((delta != 0).sum(dim=1) + 2 <= limit)
            if not bool(running.all()):
                active, delta, problem, pair = active[running], delta[running], problem[running], pair[running]
            delta = problem.clamp(delta.scatter_add(1, pair, (self.theta * problem.epsilon).expand(-1, 2)))
            found[active] = delta
        return found, queries

    def derivatives(self, problem: Problem, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The forward derivatives, signed so that both shall be large, and whether the goal is reached.

        Args:
            delta: `(A, T)`.

        Returns:
            `(A, T)` how a move by θ favours the class to reach, or harms the one to leave; `(A, T)` how it does the opposite to the
            others; `(A,)`.
        """
        with torch.enable_grad():
            logits, leaf = problem.look(delta)
            own = differentiate(pick(logits, problem.reference).sum(), leaf, keep=True)
            others = differentiate(logits.sum(), leaf) - own
        sign = 1 if (self.theta > 0) == problem.targeted else -1
        return sign * own, -sign * others, problem.reached(logits.detach())


def best_pair(rise: Tensor, fall: Tensor) -> tuple[Tensor, Tensor]:
    """The pair i ≠ j with the largest saliency (rise_i + rise_j) · (fall_i + fall_j), where both sums are positive.

    The product grows with every one of the four numbers. So a sample that two others match or beat in both numbers need not be looked at:
    one of the two could stand in for it. By falling `rise`, the rest are those above the second largest `fall` so far.

    Args:
        rise, fall: `(A, T)`, T ≥ 2; −inf in both takes a sample out.

    Returns:
        `(A, 2)` indices; `(A,)` saliency, 0 where no pair has two positive sums.
    """
    rise, order = rise.sort(dim=1, descending=True, stable=True)
    fall = fall.gather(1, order)
    second = before(torch.minimum(fall, before(fall.cummax(dim=1).values)).cummax(dim=1).values)
    worthy = fall > second
    width = max(2, int(worthy.sum(dim=1).amax()))
    columns = worthy.to(rise.dtype).topk(width, dim=1).indices
    rise, fall, worthy, order = (tensor.gather(1, columns) for tensor in (rise, fall, worthy, order))
    rise, fall = rise.masked_fill(~worthy, -torch.inf), fall.masked_fill(~worthy, -torch.inf)
    best, pair = torch.zeros_like(rise[:, 0]), torch.zeros_like(order[:, :2])
    for rows in torch.arange(width, device=rise.device).split(max(1, PAIRS // (len(rise) * width))):
        up = rise[:, rows].unsqueeze(2) + rise.unsqueeze(1)
        down = fall[:, rows].unsqueeze(2) + fall.unsqueeze(1)
        other = rows.unsqueeze(1) != torch.arange(width, device=rise.device)
        saliency, place = torch.where((up > 0) & (down > 0) & other, up * down, 0.0).flatten(1).max(dim=1)
        better = saliency > best
        chosen = order.gather(1, torch.stack([rows[place // width], place % width], dim=1))
        best, pair = torch.where(better, saliency, best), torch.where(better.unsqueeze(1), chosen, pair)
    return pair, best


def before(values: Tensor) -> Tensor:
    """Each column takes its left neighbour's value, the first one −inf. `(A, T)` → `(A, T)`"""
    return torch.nn.functional.pad(values[:, :-1], (1, 0), value=-torch.inf)
