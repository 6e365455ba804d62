"""The attacks that stop at their goal: what they look for, within which bounds, and the frame that they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from staa_cli.attacks.core.attack import Attack, Outcome
from staa_cli.audio.budget import as_written, bounds, project
from staa_cli.metrics.margin import margin, reached


@dataclass(frozen=True)
class Problem:
    """Utterances whose goal is not reached yet; A of them, in lock-step.

    Attributes:
        victim: under attack.
        waveforms: `(A, T)` x.
        reference: `(A,)` the class to leave; or to reach, where `targeted`.
        clean: `(A,)` the prediction for x.
        lower, upper: `(A, T)` the bounds of δ: the ε-ball ∩ the range of x_adv.
        epsilon: `(A, 1)`, above 0.
        random: A random streams.
        grain: `(A, 1)` the steps of the files to be written, 0 where there are none.
        rows: `(A,)` where they stand in the batch that was given.
    """

    victim: nn.Module
    waveforms: Tensor
    reference: Tensor
    targeted: bool
    clean: Tensor
    lower: Tensor
    upper: Tensor
    epsilon: Tensor
    random: Sequence[torch.Generator]
    grain: Tensor
    rows: Tensor

    def __len__(self) -> int:
        return len(self.waveforms)

    def __getitem__(self, chosen: Tensor) -> Self:
        """The utterances that an `(A,)` mask or a list of indices chooses. An index may stand in the list more than once."""
        rows = chosen.nonzero().squeeze(1) if chosen.dtype == torch.bool else chosen
        names = ("waveforms", "reference", "clean", "lower", "upper", "epsilon", "grain", "rows")
        return replace(self, random=[self.random[row] for row in rows.tolist()], **{name: getattr(self, name)[rows] for name in names})

    def adversarial(self, perturbation: Tensor) -> Tensor:
        """δ → x_adv as a file will hold it, both `(A, T)`; gradients pass as if it held any number."""
        return as_written(self.waveforms, perturbation, self.grain)

    def logits(self, perturbation: Tensor) -> Tensor:
        """δ `(A, T)` → `(A, K)`"""
        logits: Tensor = self.victim(self.adversarial(perturbation))
        return logits

    def clamp(self, perturbation: Tensor) -> Tensor:
        """δ within its bounds, both `(A, T)`."""
        return perturbation.clamp(self.lower, self.upper)

    def reached(self, logits: Tensor) -> Tensor:
        """`(A, K)` → `(A,)`: whether the prediction is as wished."""
        return reached(logits, self.reference, self.targeted)

    def margin(self, logits: Tensor) -> Tensor:
        """`(A, K)` → `(A,)`: how far beyond the boundary, in logits; negative before it."""
        return margin(logits, self.reference, self.targeted)

    def look(self, perturbation: Tensor) -> tuple[Tensor, Tensor]:
        """δ `(A, T)` → logits `(A, K)` with their graph to the leaf behind them, δ again."""
        leaf = perturbation.detach().requires_grad_()
        return self.logits(leaf), leaf


class GoalAttack(Attack):
    """A template for attacks with a goal. An attack fills in `solve`.

    An utterance whose prediction is as wished from the start is returned as it is, and so is one without an alternative: a single
    class, or ε = 0. Whatever `solve` finds is projected to the bounds. Queries are counted where no gradients are needed.
    """

    @abstractmethod
    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """Attack utterances whose goal is not reached.

        Returns:
            `(A, T)` δ, and `(A,)` the number of queries (zeros where none are counted).
        """

    @torch.no_grad()
    def perturb(
        self, victim: nn.Module, waveforms: Tensor, reference: Tensor, random: Sequence[torch.Generator], *, targeted: bool, grain: Tensor
    ) -> Outcome:
        """See `Attack.perturb`. The query that looks at the clean utterance counts too."""
        epsilon = self.budget.epsilon(waveforms)
        logits = victim(waveforms)
        queries = torch.ones_like(reference)
        perturbation = torch.zeros_like(waveforms)
        open_ = ~reached(logits, reference, targeted) & (epsilon[:, 0] > 0)
        if logits.shape[1] > 1 and bool(open_.any()):
            lowest, highest = bounds(waveforms)
            problem = Problem(
                victim,
                waveforms,
                reference,
                targeted,
                logits.argmax(dim=1),
                torch.maximum(lowest - waveforms, -epsilon),
                torch.minimum(highest - waveforms, epsilon),
                epsilon,
                random,
                grain,
                torch.arange(len(waveforms), device=waveforms.device),
            )[open_]
            found, asked = self.solve(problem)
            perturbation = project(perturbation.index_copy(0, problem.rows, found), waveforms, epsilon)
            queries = queries.index_add(0, problem.rows, asked)
        return Outcome(as_written(waveforms, perturbation, grain), None if self.needs == "gradients" else queries)
