"""Sparse-PGD."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from staa_cli.recipes.attacks.base import BaselineRecipe
from staa_cli.recipes.base import Switch


class SparsePGDRecipe(BaselineRecipe):
    """The defaults are those of the authors' code; k is this suite's."""

    NAMES: ClassVar = ("sparse-pgd",)
    TITLE: ClassVar = "sPGD"

    steps: int = Field(300, ge=1)
    percent: float = Field(1.0, gt=0, le=100, description="k as a share of the utterance: no more samples differ")
    step_size: float = Field(0.25, gt=0, description="α as a share of ε")
    mask_step: float = Field(0.25, gt=0, description="β: how fast the choice of samples moves")
    projected: Switch = Field(False, description="let only the chosen samples' magnitudes move; false moves all")
    patience: int = Field(3, ge=1, description="steps with the same samples before they are drawn anew")

    @property
    def method(self) -> str:
        """With the share of samples that may differ."""
        return f"{self.TITLE} {self.percent:g} %"
