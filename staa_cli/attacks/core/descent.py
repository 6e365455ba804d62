"""What the attacks of Carlini and Wagner share: N. Carlini, D. Wagner, "Towards evaluating the robustness of neural networks", S&P 2017.

A change of variables keeps δ within its bounds (section V.B), and Adam descends in the new variable. The bounds are the ε-ball ∩ [−1, 1];
with ε = 2 they are the paper's: the whole range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from staa_cli.attacks.core.adam import Adam
from staa_cli.attacks.core.goal import Problem
from staa_cli.attacks.core.tensors import differentiate, require_gradients

EDGE = 1 - 1e-6
"""A sample at its bound starts this near to it: at the bound itself it could never move again."""

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""δ `(A, T)`, the margin `(A,)` and `(A,)` which of the first utterances these are → `(A,)`."""


def outwards(delta: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """δ within its bounds → a number without bounds, all `(A, T)`."""
    return (EDGE * (2 * (delta - lower) / (upper - lower) - 1)).atanh()


def inwards(free: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The way back, all `(A, T)`."""
    return lower + (upper - lower) * (free.tanh() + 1) / 2


@dataclass
class Descent:
    """Adam on utterances that may leave one by one.

    Attributes:
        problem: A utterances; those that left are missing.
        free: `(A, T)` where δ stands, in the new variable.
        rate: learning rate.
        confidence: κ, how far beyond the boundary the goal lies, in logits.
        rows: `(A,)` which of the first utterances these are.
        ends: where everyone stood at last, `(all, T)`.
        least, found: the least size that reached the goal, `(all,)`, infinite where none did; and its δ, `(all, T)`, else 0.
    """

    problem: Problem
    free: Tensor
    rate: float
    confidence: float
    rows: Tensor = field(init=False)
    ends: Tensor = field(init=False)
    least: Tensor = field(init=False)
    found: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.rows = torch.arange(len(self.free), device=self.free.device)
        self.ends, self.found = self.free.clone(), torch.zeros_like(self.free)
        self.least = torch.full_like(self.free[:, 0], torch.inf)
        self.adam, self.gradient = Adam(self.free), torch.zeros_like(self.free)

    def look(self, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Where everyone stands.

        Returns:
            `(A, T)` δ; `(A, K)` logits; `(A,)` the loss.

        Raises:
            UsageError: the victim has no gradients.
        """
        with torch.enable_grad():
            free = self.free.detach().requires_grad_()
            delta = inwards(free, self.problem.lower, self.problem.upper)
            logits = self.problem.logits(delta)
            require_gradients(logits)
            values = loss(delta, self.problem.margin(logits), self.rows)
            self.gradient = differentiate(values.sum(), free)
        return delta.detach(), logits.detach(), values.detach()

    def keep(self, delta: Tensor, logits: Tensor, size: Tensor) -> None:
        """Remember where the goal was reached by less than before: `(A, T)`, `(A, K)`, and `(A,)` how much δ counts."""
        least = self.least[self.rows]
        better = self.problem.reached(logits) & (self.problem.margin(logits) >= self.confidence) & (size < least)
        self.least[self.rows] = torch.where(better, size, least)
        self.found[self.rows] = torch.where(better.unsqueeze(1), delta, self.found[self.rows])

    def move(self, running: Tensor) -> None:
        """One step for those who go on, an `(A,)` mask; the others leave."""
        if not bool(running.all()):
            self.ends[self.rows] = self.free
            self.problem, self.rows, self.free = self.problem[running], self.rows[running], self.free[running]
            self.gradient = self.gradient[running]
            self.adam.keep(running)
        self.free = self.adam.step(self.free, self.gradient, self.rate)
        self.ends[self.rows] = self.free
