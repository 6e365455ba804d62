"""What a recipe of `staa baseline` may say: one small schema per attack, told apart by the key `attack`.

Importing a schema here is all that makes it known.
"""

from staa_cli.recipes.attacks.base import BaselineRecipe
from staa_cli.recipes.attacks.boundary import BoundaryRecipe
from staa_cli.recipes.attacks.cw import CarliniWagnerL2Recipe, CarliniWagnerLinfRecipe
from staa_cli.recipes.attacks.deepfool import DeepFoolRecipe
from staa_cli.recipes.attacks.jsma import JSMARecipe
from staa_cli.recipes.attacks.one_pixel import OnePixelRecipe
from staa_cli.recipes.attacks.pgd import PGDRecipe
from staa_cli.recipes.attacks.sigma_zero import SigmaZeroRecipe
from staa_cli.recipes.attacks.sparse_pgd import SparsePGDRecipe
from staa_cli.recipes.attacks.sparsefool import SparseFoolRecipe

__all__ = [
    "BaselineRecipe",
    "BoundaryRecipe",
    "CarliniWagnerL2Recipe",
    "CarliniWagnerLinfRecipe",
    "DeepFoolRecipe",
    "JSMARecipe",
    "OnePixelRecipe",
    "PGDRecipe",
    "SigmaZeroRecipe",
    "SparseFoolRecipe",
    "SparsePGDRecipe",
]
