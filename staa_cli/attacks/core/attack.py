"""What an attack is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from staa_cli.audio.budget import Budget
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.schema import Strict

Needs = Literal["gradients", "scores", "predictions", "nothing"]


@dataclass(frozen=True)
class Outcome:
    """What an attack made of a batch.

    Attributes:
        adversarial: `(B, T)` x_adv.
        queries: `(B,)` how often a query attack asked the victim about each utterance; None for a white-box attack.
    """

    adversarial: Tensor
    queries: Tensor | None = None


class Attack(Strict, ABC):
    """One attack with its settings, validated: a mistake is a `pydantic.ValidationError`. Its `repr` shows them.

    An attack is one module of `staa_cli.attacks`, or of another package that registers it under the entry points `staa.attacks`: a class
    that states its settings as fields, fills in the class variables and says in `perturb` what it does.

    Class variables:
        title: its name in tables.
        needs: what it must see of a victim: its gradients, or only its scores, or only its predictions.
    """

    budget: Budget

    title: ClassVar[str]
    needs: ClassVar[Needs] = "gradients"

    @property
    def label(self) -> str:
        """The title, with the setting that tells variants apart."""
        return self.title

    @abstractmethod
    def perturb(
        self, victim: nn.Module, waveforms: Tensor, reference: Tensor, random: Sequence[torch.Generator], *, targeted: bool, grain: Tensor
    ) -> Outcome:
        """Attack a batch.

        Args:
            victim: `(B, T)` → logits `(B, K)`; frozen, in evaluation mode.
            waveforms: `(B, T)` x in [-1, 1].
            reference: `(B,)` the class to leave; or to reach, where `targeted`.
            random: B random streams, one per utterance, so that its batch does not matter to its random numbers.
            grain: `(B, 1)` the steps in which the result will be written, 0 for a file that holds any number; an attack that stops at its
                goal reaches it in those steps, where a smaller δ would be lost.

        Returns:
            x_adv within the ε-ball and [-1, 1].

        Raises:
            UsageError: the attack needs gradients, and the victim has none.
        """

    def run(
        self,
        victim: nn.Module,
        waveforms: Tensor,
        classes: Tensor | None = None,
        seeds: Sequence[int] | None = None,
        *,
        targeted: bool = False,
        grain: Tensor | None = None,
    ) -> Outcome:
        """Attack a batch.

        Args:
            victim: any module that maps waveforms `(B, T)` to logits `(B, K)`, in evaluation mode. It is left as it was.
            waveforms: `(B, T)` x in [-1, 1].
            classes: `(B,)` the class to leave, by default the one that the victim predicts; or to reach, where `targeted`.
            seeds: B of them, one per utterance; by default 0, 1, 2, …
            grain: `(B, 1)`, see `perturb`; by default the result is not rounded.

        Raises:
            UsageError: no classes to reach; or the attack needs gradients, and the victim has none.
        """
        if classes is None and targeted:
            raise UsageError("a targeted attack got no classes, expected the one to reach of every utterance")
        waveforms = waveforms.detach()
        if classes is None:
            with torch.no_grad():
                classes = victim(waveforms).argmax(dim=1)
        seeds = range(len(waveforms)) if seeds is None else seeds
        random = [torch.Generator(device=waveforms.device).manual_seed(seed) for seed in seeds]
        grain = waveforms.new_zeros(len(waveforms), 1) if grain is None else grain
        return self.perturb(victim, waveforms, classes, random, targeted=targeted, grain=grain)

    def __call__(
        self,
        victim: nn.Module,
        waveforms: Tensor,
        classes: Tensor | None = None,
        seeds: Sequence[int] | None = None,
        *,
        targeted: bool = False,
    ) -> Tensor:
        """As `run`. Returns: `(B, T)` x_adv."""
        return self.run(victim, waveforms, classes, seeds, targeted=targeted).adversarial
