"""The two kinds of attackers behind one interface: a trained generator, and an iterative attack on a threat model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from staa_cli.attacks.base import Attack, Outcome
from staa_cli.generator.checkpoint import LoadedGenerator
from staa_cli.runtime.errors import UsageError, unknown
from staa_cli.victims.checkpoint import LoadedVictim


class Attacker(Protocol):
    """Anything that turns utterances into adversarial ones.

    Attributes:
        threat: the threat model.
        forward_batch: rows that it shows the threat model at once, where these are more than it is given utterances; else 1. May be
            lowered to save memory, which changes results by rounding only.
    """

    threat: LoadedVictim
    forward_batch: int

    def perturb(self, waveforms: Tensor, labels: Sequence[str | None], seeds: Sequence[int], grain: Tensor | None = None) -> Outcome:
        """`(B, T)` x, B labels where known, B seeds → `(B, T)` x_adv, with the queries where the attacker counts them.

        Args:
            grain: see `Attack.run`.
        """
        ...


class GeneratorAttacker:
    """One forward pass; plus one of the threat model where the generator is conditioned on its prediction.

    Utterances pass one by one: in a batch the last bits of the convolutions depend on the batch's size, and a position at the threshold
    may flip. One by one, neither batch size nor order nor an interruption can change a byte, and the CPU is no slower for it.
    """

    def __init__(self, generator: LoadedGenerator) -> None:
        self.generator, self.threat, self.forward_batch = generator, generator.threat, 1

    def perturb(self, waveforms: Tensor, labels: Sequence[str | None], seeds: Sequence[int], grain: Tensor | None = None) -> Outcome:
        return Outcome(torch.cat([self.perturb_one(waveform.unsqueeze(0)) for waveform in waveforms]))

    def perturb_one(self, waveform: Tensor) -> Tensor:
        """`(1, T)` → `(1, T)`"""
        conditioned = self.generator.recipe.condition == "prediction"
        prediction = self.threat.victim(waveform).argmax(dim=1) if conditioned else None
        adversarial: Tensor = self.generator.network(waveform, prediction).adversarial
        return adversarial


class BaselineAttacker:
    """An iterative attack with its threat model.

    Args:
        reference: leave the threat model's own clean `prediction`, or the true `label`.
        target: or else, the label that every prediction shall become.

    Raises:
        UsageError: the threat model does not know the target.
    """

    def __init__(self, attack: Attack, threat: LoadedVictim, reference: str, target: str | None = None) -> None:
        self.attack, self.threat, self.reference, self.target = attack, threat, reference, target
        if target is not None and target not in threat.labels:
            raise unknown("target", target, threat.labels)

    @property
    def forward_batch(self) -> int:
        return getattr(self.attack, "forward_batch", 1)

    @forward_batch.setter
    def forward_batch(self, rows: int) -> None:
        self.attack = replace(self.attack, forward_batch=rows)  # type: ignore[type-var]

    def perturb(self, waveforms: Tensor, labels: Sequence[str | None], seeds: Sequence[int], grain: Tensor | None = None) -> Outcome:
        if self.target is not None:
            reference = torch.full((len(waveforms),), self.threat.labels.index(self.target), device=waveforms.device)
        elif self.reference == "prediction":
            reference = self.threat.victim(waveforms).argmax(dim=1)
        else:
            known = self.threat.labels
            if any(label not in known for label in labels):
                raise UsageError(
                    f"'reference: label' needs inputs whose labels the threat model knows ({', '.join(known)}); use 'reference: prediction'"
                )
            reference = waveforms.new_tensor([known.index(str(label)) for label in labels]).long()
        return self.attack.run(self.threat.victim, waveforms, reference, seeds, grain)
