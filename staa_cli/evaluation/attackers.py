"""The two kinds of attackers behind one interface: a trained generator, and an attack on a threat model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from staa_cli.attacks.core.attack import Attack, Outcome
from staa_cli.generator.checkpoint import LoadedGenerator
from staa_cli.runtime.errors import UsageError, unknown
from staa_cli.victims.checkpoint import LoadedVictim


class Attacker(Protocol):
    """Anything that turns utterances into adversarial ones.

    Attributes:
        threat: the threat model.
        asks_prediction: whether the threat model's clean predictions are used: their pass is part of the attack's time.
        forward_batch: rows that it shows the threat model at once, where these are more than it is given utterances; else 1. May be
            lowered to save memory, which changes results by rounding only.
    """

    threat: LoadedVictim
    asks_prediction: bool
    forward_batch: int

    def perturb(self, waveforms: Tensor, clean: Tensor, labels: Sequence[str | None], seeds: Sequence[int], grain: Tensor) -> Outcome:
        """`(B, T)` x, `(B,)` the threat model's predictions for it, B labels where known, B seeds → `(B, T)` x_adv, with the queries
        where the attacker counts them.

        Args:
            grain: see `Attack.perturb`.
        """
        ...


class GeneratorAttacker:
    """One forward pass; plus one of the threat model where the generator is conditioned on its prediction.

    Utterances pass one by one: in a batch the last bits of the convolutions depend on the batch's size, and a position at the threshold
    may flip. One by one, neither batch size nor order nor an interruption can change a byte, and the CPU is no slower for it.
    """

    def __init__(self, generator: LoadedGenerator) -> None:
        self.generator, self.threat, self.forward_batch = generator, generator.threat, 1
        self.asks_prediction = generator.recipe.condition == "prediction"

    @torch.no_grad()
    def perturb(self, waveforms: Tensor, clean: Tensor, labels: Sequence[str | None], seeds: Sequence[int], grain: Tensor) -> Outcome:
        network = self.generator.network
        return Outcome(
            torch.cat(
                [network(waveform[None], prediction[None]).adversarial for waveform, prediction in zip(waveforms, clean, strict=True)]
            )
        )


class BaselineAttacker:
    """An attack with its threat model.

    Args:
        reference: leave the threat model's own clean `prediction`, or the true `label`.
        target: or else, the label that every prediction shall become.

    Raises:
        UsageError: the threat model does not know the target.
    """

    def __init__(self, attack: Attack, threat: LoadedVictim, reference: str = "prediction", target: str | None = None) -> None:
        self.attack, self.threat, self.reference, self.target = attack, threat, reference, target
        self.asks_prediction = target is None and reference == "prediction"
        if target is not None and target not in threat.labels:
            raise unknown("target", target, threat.labels)

    @property
    def forward_batch(self) -> int:
        return getattr(self.attack, "forward_batch", 1)

    @forward_batch.setter
    def forward_batch(self, rows: int) -> None:
        self.attack = self.attack.model_copy(update={"forward_batch": rows})

    def perturb(self, waveforms: Tensor, clean: Tensor, labels: Sequence[str | None], seeds: Sequence[int], grain: Tensor) -> Outcome:
        known, reference = self.threat.labels, clean
        if self.target is not None:
            reference = torch.full_like(clean, known.index(self.target))
        elif self.reference == "label":
            if any(label not in known for label in labels):
                raise UsageError(
                    f"'reference: label' needs inputs whose labels the threat model knows ({', '.join(known)}); use 'reference: prediction'"
                )
            reference = clean.new_tensor([known.index(str(label)) for label in labels])
        # An attack switches gradients on for itself; no victim's weight ever needs one.
        return self.attack.run(self.threat.victim, waveforms, reference, seeds, targeted=self.target is not None, grain=grain)
