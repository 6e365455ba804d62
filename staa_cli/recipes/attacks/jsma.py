"""JSMA."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from staa_cli.recipes.attacks.base import BaselineRecipe


class JSMARecipe(BaselineRecipe):
    """The defaults are the strongest setting of the second paper, whose θ is in units of its features and here a share of ε."""

    NAMES: ClassVar = ("jsma",)
    TITLE: ClassVar = "JSMA"

    theta: float = Field(1.0, ge=-1, le=1, description="θ: a step's size as a share of ε; below 0 it lowers samples; not 0")
    gamma: float = Field(1.0, gt=0, le=1, description="γ: share of samples that may change")

    @field_validator("theta")
    @classmethod
    def moves(cls, theta: float) -> float:
        if theta == 0:
            raise ValueError("0 moves nothing; expected a share of ε in [-1, 0) or (0, 1]")
        return theta

    @property
    def method(self) -> str:
        """With θ."""
        return self.TITLE if self.theta == 1 else f"{self.TITLE} θ {self.theta:g}"
