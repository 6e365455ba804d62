"""SparseFool."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from staa_cli.recipes.attacks.base import BaselineRecipe


class SparseFoolRecipe(BaselineRecipe):
    """The defaults are those of the SparseFool paper, with 20 steps as in the STAA-Net paper."""

    NAMES: ClassVar = ("sparsefool",)
    TITLE: ClassVar = "SparseFool"

    steps: int = Field(20, ge=1)
    lam: float = Field(3.0, ge=1, description="λ: how far beyond the boundary the plane is put")
    overshoot: float = Field(0.02, ge=0, description="the share by which every perturbation is enlarged")
    deepfool_steps: int = Field(50, ge=1, description="at most so many to find the boundary")
    variant: Literal["paper", "torchattacks"] = Field("paper", description="torchattacks: as in the code that the STAA-Net paper used")
