"""What an attack with a generator is called."""

from __future__ import annotations

from typing import Any

import pytest

from staa_cli.evaluation.request import settle
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.recipes.load import load_recipe


@pytest.mark.parametrize(
    ("recipe", "override", "asked", "name"),
    [
        ("staa-net", "guide=none", {}, "STAA-Net 5 %"),
        ("staa-net", "guide=prediction", {"sparsity": 6.25}, "STAA-Net conditional 6.25 %"),
        ("guided", "guide=gradient", {"refine": 1}, "STAA-Net guided 5 % + 1 look"),
        ("targeted", "target=any", {"target": "anger"}, "STAA-Net guided 5 % → anger"),
        ("paper", "guide=none", {}, "STAA-Net (paper)"),
    ],
)
def test_forms_that_are_told_different_things_have_different_names(recipe: str, override: str, asked: dict[str, Any], name: str) -> None:
    request = settle(load_recipe(recipe, TrainGeneratorRecipe, [override]), **asked)
    assert request.attacker(["emo18"]) == name
    assert request.attacker(["emo18", "cnn-lstm"]) == f"{name} of emo18 and cnn-lstm"
