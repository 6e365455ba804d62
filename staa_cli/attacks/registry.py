"""From a recipe to an attack. A new attack is a file of its own, a schema and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staa_cli.attacks.base import Attack
from staa_cli.attacks.pgd import PGD
from staa_cli.audio.budget import Budget
from staa_cli.recipes.attacks import BaselineRecipe, PGDRecipe

SHARED = ("step", "attack", "budget", "reference", "target", "seed")
"""The keys of a recipe that every attack has; the others are the settings of its own, by their own names."""


def pgd_family(recipe: BaselineRecipe) -> Attack:
    """FGSM, BIM and PGD differ in the start and the number of steps only."""
    assert isinstance(recipe, PGDRecipe)
    positions = recipe.positions
    return PGD(
        Budget(**recipe.budget.model_dump()),
        steps=recipe.steps,
        step_size=recipe.step_size,
        random_start=recipe.attack == "pgd" and positions is None,
        percent=positions.percent if positions else None,
        select=positions.select if positions else "gradient",
        redraw=positions.redraw if positions else True,
        early_stop=recipe.early_stop,
        targeted=recipe.target is not None,
    )


def settings(recipe: BaselineRecipe) -> dict[str, Any]:
    """The arguments of an attack whose settings are called as the recipe's keys."""
    own = {name: value for name, value in recipe.model_dump().items() if name not in SHARED}
    return {"budget": Budget(**recipe.budget.model_dump()), "targeted": recipe.target is not None, **own}


ATTACKS: dict[str, Callable[[BaselineRecipe], Attack]] = {
    "fgsm": pgd_family,
    "bim": pgd_family,
    "pgd": pgd_family,
}


def build_attack(recipe: BaselineRecipe) -> Attack:
    """The attack that a recipe describes."""
    return ATTACKS[recipe.attack](recipe)
