"""FGSM, BIM and PGD."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from staa_cli.recipes.attacks.base import BaselineRecipe
from staa_cli.recipes.base import Strict, Switch


class Positions(Strict):
    """Which samples one step may move."""

    percent: float = Field(gt=0, le=100, description="k as a share of the utterance")
    select: Literal["gradient", "random"] = Field("gradient", description="the largest absolute gradients, or a draw")
    redraw: Switch = Field(True, description="choose anew at every step (the paper); false keeps the first step's choice")


class PGDRecipe(BaselineRecipe):
    """One family."""

    NAMES: ClassVar = ("fgsm", "bim", "pgd")

    steps: int = Field(20, ge=1)
    step_size: float = Field(0.1, gt=0, description="α as a share of ε")
    positions: Positions | None = Field(None, description="null moves every sample")
    early_stop: Switch = Field(False, description="an utterance that is fooled leaves the batch")

    SINGLE_STEP: ClassVar[str] = "fgsm is the single step of size ε: expected 'steps: 1' and 'step_size: 1'"

    @model_validator(mode="after")
    def single_step(self) -> Self:
        if self.attack == "fgsm" and (self.steps, self.step_size) != (1, 1):
            raise ValueError(self.SINGLE_STEP)
        return self

    @property
    def method(self) -> str:
        """With the share of samples that a step moves."""
        if self.positions is None:
            return self.attack.upper()
        return f"{self.attack.upper()} {self.positions.percent:g} %" + "/step" * self.positions.redraw
