"""The two kinds of attackers behind one interface: a trained generator, and an attack on a threat model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from staa_cli.attacks.core.attack import Attack, Outcome
from staa_cli.audio.sparsity import place, share_of, steepest
from staa_cli.evaluation.request import AttackRecipe
from staa_cli.generator.checkpoint import LoadedGenerator
from staa_cli.generator.guide import look, slope, view
from staa_cli.generator.staa_net import Request
from staa_cli.metrics.margin import margin
from staa_cli.runtime.errors import UsageError, unknown
from staa_cli.victims.checkpoint import LoadedVictim


class Attacker(Protocol):
    """Anything that turns utterances into adversarial ones.

    Attributes:
        threat: the threat model.
        one_by_one: whether it works on utterances one after the other, so that their batch can change nothing.
        asks_prediction: whether the threat model's clean predictions are used: their pass is part of the attack's time.
        forward_batch: rows that it shows the threat model at once, where these are more than it is given utterances; else 1. May be
            lowered to save memory, which changes results by rounding only.
    """

    threat: LoadedVictim
    one_by_one: bool
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
    """One forward pass; and of the threat model what the generator is told of it.

    A generator for all targets that has none to reach tries every other class, and keeps the one that gets furthest on the threat model.

    Utterances pass one by one: in a batch the last bits of the convolutions depend on the batch's size, and the last of the k samples
    may be another. One by one, neither batch size nor order nor an interruption can change a byte, and the CPU is no slower for it.

    Raises:
        UsageError: the threat model does not know the target, or gives no gradients where they are followed.
    """

    one_by_one = True

    def __init__(self, generator: LoadedGenerator, recipe: AttackRecipe) -> None:
        self.generator, self.recipe, self.threat, self.forward_batch = generator, recipe, generator.threat, 1
        trained, known = recipe.generator, generator.threat.labels
        self.target = None if recipe.target is None else index_of(recipe.target, known)
        self.many = trained.target is not None and self.target is None
        self.asks_prediction = trained.guide == "prediction" or self.many or bool(recipe.refine and self.target is None)
        if trained.guide == "gradient" or recipe.refine:
            generator.threat.reference.require_gradients("'staa attack' with a guided or refined generator")

    @torch.no_grad()
    def perturb(self, waveforms: Tensor, clean: Tensor, labels: Sequence[str | None], seeds: Sequence[int], grain: Tensor) -> Outcome:
        ones = zip(waveforms.split(1), clean.split(1), grain.split(1), strict=True)
        return Outcome(torch.cat([self.perturb_one(*one) for one in ones]))

    def perturb_one(self, waveform: Tensor, clean: Tensor, grain: Tensor) -> Tensor:
        """`(1, T)` x, `(1,)` the threat model's prediction, `(1, 1)` the file's steps → `(1, T)` x_adv."""
        network, classes = self.generator.network, len(self.threat.labels)
        targets = None if self.target is None else clean.new_tensor([self.target])
        if self.many:
            every = torch.arange(classes, device=clean.device)
            targets = every[every != clean]
        rows = waveform.expand(1 if targets is None else len(targets), -1)
        asked = self.ask(rows, clean.expand(len(rows)), targets)
        if self.recipe.sparsity is None:
            free: Tensor = network(rows, asked).adversarial
            return free[self.best(free, clean)]
        tried = self.answer(rows, asked, grain)
        best = self.best(tried, clean)
        return self.refine(waveform, clean, asked[best], tried[best], grain) if self.recipe.refine else tried[best]

    def answer(self, rows: Tensor, asked: Request, grain: Tensor) -> Tensor:
        """`(B, T)` x → x_adv, with as many samples moved as the recipe asks for."""
        assert self.recipe.sparsity is not None
        magnitudes, logits = self.generator.network.rank(rows, asked)
        return place(rows, magnitudes, logits, share_of(rows, self.recipe.sparsity), grain.expand(len(rows), 1))

    def refine(self, waveform: Tensor, clean: Tensor, asked: Request, found: Tensor, grain: Tensor) -> Tensor:
        """Up to as many times as the recipe asks for, up to success: look where the last answer led, and answer to all looks so far.

        A guided generator answers itself, as long as its answers lead further. Where one does not, the other answer has its turn: that of
        momentum Frank-Wolfe (see `FrankWolfe`), ε towards the sum of the looks on its k largest samples. A generator that is not guided
        leaves it all to that. Of its own looks a guided one has had the first; the others are taken here, too: where its answers lead
        they find more than where the gradients do.

        Args:
            waveform: `(1, T)` x.
            asked: of it, `(1, …)`.
            found: `(1, T)` x_adv, the generator's first answer.

        Returns:
            `(1, T)` the x_adv that came nearest to success.
        """
        recipe, epsilon = self.recipe, self.recipe.budget.epsilon(waveform)
        assert recipe.sparsity is not None
        k = share_of(waveform, recipe.sparsity)
        total = torch.zeros_like(waveform) if asked.gradient is None else asked.gradient
        wish, targeted = (clean, False) if asked.targets is None else (asked.targets, True)
        # A search over all targets succeeds wherever the clean class is left.
        away, nearest, kept = self.target is None, -torch.inf, found
        answers_itself = guided = asked.gradient is not None
        looks = recipe.refine + (recipe.generator.looks - 1 if guided else 0)
        for step in range(looks + 1):
            leaf, logits = view(self.threat.victim, found)
            come = float(margin(logits.detach(), clean if away else wish, targeted=not away))
            if come > nearest:
                nearest, kept = come, found
            else:
                answers_itself = guided and not answers_itself
            if come > 0 or step == looks:
                break
            total = total + slope(leaf, logits, wish, targeted=targeted)
            if answers_itself:
                found = self.answer(waveform, replace(asked, gradient=total), grain)
            else:
                found = steepest(waveform, total, epsilon, k, grain)
        return kept

    def best(self, found: Tensor, clean: Tensor) -> slice:
        """Of several x_adv `(B, T)` the place of the one that is furthest from the `(1,)` clean class on the threat model."""
        best = int(margin(self.threat(found), clean.expand(len(found)), targeted=False).argmax()) if len(found) > 1 else 0
        return slice(best, best + 1)

    def ask(self, rows: Tensor, clean: Tensor, targets: Tensor | None) -> Request:
        """`(B, T)` x, `(B,)` predictions and targets."""
        recipe, ones = self.recipe, rows.new_ones(len(rows))
        gradient = None
        if recipe.generator.guide == "gradient":
            looks = 1 if recipe.refine else recipe.generator.looks
            clean, gradient = look(self.threat.victim, rows, recipe.budget.epsilon(rows), recipe.sparsity or 100.0, targets, looks=looks)
        return Request(
            percent=None if recipe.sparsity is None else recipe.sparsity * ones,
            snr=None if recipe.snr is None else recipe.snr * ones,
            predictions=clean,
            targets=targets,
            gradient=gradient,
        )


def index_of(target: str, known: list[str]) -> int:
    """
    Raises:
        UsageError: the threat model does not know the target.
    """
    if target not in known:
        raise unknown("target", target, known)
    return known.index(target)


class BaselineAttacker:
    """An attack with its threat model.

    Args:
        reference: leave the threat model's own clean `prediction`, or the true `label`.
        target: or else, the label that every prediction shall become.

    Raises:
        UsageError: the threat model does not know the target.
    """

    one_by_one = False

    def __init__(self, attack: Attack, threat: LoadedVictim, reference: str = "prediction", target: str | None = None) -> None:
        self.attack, self.threat, self.reference, self.target = attack, threat, reference, target
        self.asks_prediction = target is None and reference == "prediction"
        self.index = None if target is None else index_of(target, threat.labels)

    @property
    def forward_batch(self) -> int:
        return getattr(self.attack, "forward_batch", 1)

    @forward_batch.setter
    def forward_batch(self, rows: int) -> None:
        self.attack = self.attack.model_copy(update={"forward_batch": rows})

    def perturb(self, waveforms: Tensor, clean: Tensor, labels: Sequence[str | None], seeds: Sequence[int], grain: Tensor) -> Outcome:
        known, reference = self.threat.labels, clean
        if self.index is not None:
            reference = torch.full_like(clean, self.index)
        elif self.reference == "label":
            if any(label not in known for label in labels):
                raise UsageError(
                    f"'reference: label' needs inputs whose labels the threat model knows ({', '.join(known)}); use 'reference: prediction'"
                )
            reference = clean.new_tensor([known.index(str(label)) for label in labels])
        # An attack switches gradients on for itself; no victim's weight ever needs one.
        return self.attack.run(self.threat.victim, waveforms, reference, seeds, targeted=self.target is not None, grain=grain)
