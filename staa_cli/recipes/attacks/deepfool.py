"""DeepFool."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from staa_cli.recipes.attacks.base import BaselineRecipe


class DeepFoolRecipe(BaselineRecipe):
    """The defaults are the paper's."""

    NAMES: ClassVar = ("deepfool",)
    TITLE: ClassVar = "DeepFool"

    steps: int = Field(50, ge=1)
    overshoot: float = Field(0.02, ge=0, description="how far beyond the linearised boundary, as a share of the way")
