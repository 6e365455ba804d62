"""Boundary."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from staa_cli.recipes.attacks.base import BaselineRecipe


class BoundaryRecipe(BaselineRecipe):
    """The defaults are the second paper's."""

    NAMES: ClassVar = ("boundary",)
    TITLE: ClassVar = "Boundary"
    FOLLOWS_GRADIENTS: ClassVar = False

    steps: int = Field(100, ge=1, description="steps towards x")
    samples: int = Field(10, ge=1, description="candidates of a trial")
    trials: int = Field(3, ge=1, description="failures in a row that end half a step; the next one is smaller")
    orthogonal: float = Field(0.01, gt=0, description="first step along the boundary, as a share of ‖δ‖₂; adapts")
    inward: float = Field(0.01, gt=0, lt=1, description="first step towards x, as a share of ‖δ‖₂; adapts")
    adapt: float = Field(0.5, gt=0, lt=1, description="steps times or over this where under 20 % or over 50 % of candidates succeed")
    starts: int = Field(100, ge=1, description="candidates for a starting point")
    forward_batch: int = Field(64, ge=1, description="candidates in one forward pass: memory and speed, not the result")
