"""What makes an attacker where it is to work. It travels to other processes, as neither models nor recipes do. No torch until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from staa_cli.evaluation.request import AttackRecipe

if TYPE_CHECKING:
    from staa_cli.audio.budget import Budget
    from staa_cli.evaluation.attackers import Attacker
    from staa_cli.evaluation.jury import Jury
    from staa_cli.evaluation.pipeline import Bench


class Builder(Protocol):
    """Makes an attacker that is steered by a jury's threat model."""

    def __call__(self, jury: Jury) -> Attacker: ...


@dataclass(frozen=True)
class OfGenerator:
    """A trained generator's."""

    folder: Path
    recipe: AttackRecipe

    def __call__(self, jury: Jury) -> Attacker:
        from staa_cli.evaluation.attackers import GeneratorAttacker
        from staa_cli.generator.checkpoint import load_generator

        return GeneratorAttacker(load_generator(self.folder, jury.device, jury.threat), self.recipe)


@dataclass(frozen=True)
class OfAttack:
    """That of a resolved recipe of `staa baseline`, whose schema is made when it is asked for."""

    recipe: Mapping[str, Any]

    def __call__(self, jury: Jury) -> Attacker:
        from staa_cli.evaluation.attackers import BaselineAttacker
        from staa_cli.evaluation.recipe import schema_of

        recipe = schema_of(self.recipe["attack"]).model_validate(self.recipe)
        return BaselineAttacker(recipe, jury.threat, recipe.reference, recipe.target)


@dataclass(frozen=True)
class Benches:
    """Makes the bench that a process works on.

    Args:
        space: what is attacked: `waveform` or `logmel`.
        target: of a targeted attack.
        perception: whether what is written is listened to.
    """

    jury: Jury
    build: Builder
    space: str
    budget: Budget
    target: str | None
    perception: bool = False

    def __call__(self, folder: Path) -> Bench:
        from staa_cli.evaluation.pipeline import Bench
        from staa_cli.evaluation.spaces import build_space

        attacker, first = self.build(self.jury), next(iter(self.jury.victims))
        space = build_space(self.space, first, self.jury.threat)
        victims = {name: space.view(name, victim) for name, victim in self.jury.victims.items()}
        attacker.threat = victims[first]
        return Bench(attacker, victims, space, self.budget, folder, self.jury.device, self.target, self.perception)
