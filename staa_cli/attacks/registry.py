"""From a recipe to an attack. A new attack is a file of its own and a line here."""

from __future__ import annotations

from collections.abc import Callable

from staa_cli.attacks.base import Attack
from staa_cli.attacks.pgd import PGD
from staa_cli.audio.budget import Budget
from staa_cli.recipes.schema import BaselineRecipe


def pgd_family(recipe: BaselineRecipe) -> Attack:
    """FGSM, BIM and PGD differ in the start and the number of steps only."""
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
    )


ATTACKS: dict[str, Callable[[BaselineRecipe], Attack]] = {"fgsm": pgd_family, "bim": pgd_family, "pgd": pgd_family}
