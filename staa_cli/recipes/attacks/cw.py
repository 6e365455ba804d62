"""C&W ℓ2 and ℓ∞."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from staa_cli.recipes.attacks.base import BaselineRecipe
from staa_cli.recipes.base import Strict


class Descents(Strict):
    """What both share."""

    steps: int = Field(1000, ge=1, description="steps of a descent")
    rate: float = Field(0.01, gt=0, description="Adam's learning rate")
    confidence: float = Field(0.0, ge=0, description="κ: how far beyond the boundary, in logits")


class CarliniWagnerL2Recipe(Descents, BaselineRecipe):
    """The defaults are those of Carlini and Wagner, for δ on [-1, 1]."""

    NAMES: ClassVar = ("cw-l2",)
    TITLE: ClassVar = "C&W ℓ2"

    searches: int = Field(9, ge=1, description="descents, each with another c")
    initial: float = Field(0.01, gt=0, description="c of the first descent")


class CarliniWagnerLinfRecipe(Descents, BaselineRecipe):
    """The defaults are those of Carlini and Wagner, for δ on [-1, 1]."""

    NAMES: ClassVar = ("cw-linf",)
    TITLE: ClassVar = "C&W ℓ∞"

    initial: float = Field(2e-5, gt=0, description="c at first")
    largest: float = Field(40.0, gt=0, description="c at most")
    growth: float = Field(2.0, gt=1, description="c times this where a descent fails")
    shrink: float = Field(0.9, gt=0, lt=1, description="τ times this where a descent succeeds")
