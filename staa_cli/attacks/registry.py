"""From a recipe to an attack. A new attack is a file here, a schema in `recipes/attacks` and a line in `ATTACKS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staa_cli.attacks.base import Attack
from staa_cli.attacks.boundary import BoundaryAttack
from staa_cli.attacks.cw_l2 import CarliniWagnerL2
from staa_cli.attacks.cw_linf import CarliniWagnerLinf
from staa_cli.attacks.deepfool import DeepFool
from staa_cli.attacks.jsma import JSMA
from staa_cli.attacks.one_pixel import OnePixel
from staa_cli.attacks.pgd import PGD
from staa_cli.attacks.sigma_zero import SigmaZero
from staa_cli.attacks.spaces import build_budget
from staa_cli.attacks.sparse_pgd import SparsePGD
from staa_cli.attacks.sparsefool import SparseFool
from staa_cli.recipes.attacks import BaselineRecipe, PGDRecipe

Build = Callable[[BaselineRecipe], Attack]


def shared(recipe: BaselineRecipe) -> dict[str, Any]:
    """The arguments that every attack takes."""
    return {"budget": build_budget(recipe.budget), "targeted": recipe.target is not None}


def by_keys(attack: Callable[..., Attack]) -> Build:
    """An attack whose settings are called as the recipe's keys."""

    def build(recipe: BaselineRecipe) -> Attack:
        own = recipe.model_dump(exclude=set(BaselineRecipe.model_fields))
        return attack(**shared(recipe), **own)

    return build


def pgd_family(recipe: BaselineRecipe) -> Attack:
    """FGSM, BIM and PGD differ in the start and the number of steps only."""
    assert isinstance(recipe, PGDRecipe)
    positions = recipe.positions
    return PGD(
        **shared(recipe),
        steps=recipe.steps,
        step_size=recipe.step_size,
        random_start=recipe.attack == "pgd" and positions is None,
        percent=positions.percent if positions else None,
        select=positions.select if positions else "gradient",
        redraw=positions.redraw if positions else True,
        early_stop=recipe.early_stop,
    )


ATTACKS: dict[str, Build] = {
    "fgsm": pgd_family,
    "bim": pgd_family,
    "pgd": pgd_family,
    "sparsefool": by_keys(SparseFool),
    "one-pixel": by_keys(OnePixel),
    "deepfool": by_keys(DeepFool),
    "jsma": by_keys(JSMA),
    "cw-l2": by_keys(CarliniWagnerL2),
    "cw-linf": by_keys(CarliniWagnerLinf),
    "boundary": by_keys(BoundaryAttack),
    "sigma-zero": by_keys(SigmaZero),
    "sparse-pgd": by_keys(SparsePGD),
}
"""In the order of the papers' tables."""


def build_attack(recipe: BaselineRecipe) -> Attack:
    """The attack that a recipe describes."""
    return ATTACKS[recipe.attack](recipe)
