"""What a generator's folder holds. No torch here: dry runs need it too."""

from __future__ import annotations

from pathlib import Path

from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.recipes import load_recipe
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import model_file, read_metrics
from staa_cli.runtime.run import RECIPE

THREAT = "threat"
"""The threat model lies in the folder of that name."""


def read_recipe(folder: Path) -> tuple[Path, TrainGeneratorRecipe]:
    """The weights in a generator's folder, and the recipe that they were trained with.

    Raises:
        UsageError: the folder is no generator's.
    """
    weights = model_file(folder, "generator")
    if not (folder / RECIPE).is_file() or not (folder / THREAT).is_dir():
        raise UsageError(f"{folder} is no generator, expected a folder made by 'staa train-generator'")
    try:
        return weights, load_recipe(str(folder / RECIPE), TrainGeneratorRecipe)
    except UsageError as error:
        raise UsageError(f"{folder} was trained by another version of staa, or its recipe was changed; train it again ({error})") from None


def trained_on(folder: Path) -> tuple[str, list[str], list[str]]:
    """What a generator was trained on: the hash of the manifest, the splits, and the names of the threat models.

    Raises:
        UsageError: its `metrics.json` is missing or damaged.
    """
    metrics = read_metrics(folder)
    inputs, recipe = metrics.get("inputs"), metrics.get("recipe")
    if not isinstance(inputs, dict) or not isinstance(recipe, dict):
        raise UsageError(f"{folder} does not say what it was trained on, expected 'inputs' and 'recipe' in its metrics.json; copy it again")
    threats = metrics["summary"].get("threat_models", [metrics["summary"].get("threat_model")])
    return str(inputs.get("sha256")), str(recipe.get("train_on")).split("+"), [str(name) for name in threats]
