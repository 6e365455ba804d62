"""One pixel, and P pixels."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from staa_cli.recipes.attacks.base import BaselineRecipe


class OnePixelRecipe(BaselineRecipe):
    """20 generations as in the STAA-Net paper: 6,300 queries."""

    NAMES: ClassVar = ("one-pixel",)
    TITLE: ClassVar = "One-Pixel"
    FOLLOWS_GRADIENTS: ClassVar = False

    steps: int = Field(20, ge=1, description="generations after the first")
    pixels: int = Field(1, ge=1, description="P: samples that may change")
    population: int = Field(300, ge=4, description="candidates of a generation")
    forward_batch: int = Field(64, ge=1, description="candidates in one forward pass: memory and speed, not the result")

    @property
    def method(self) -> str:
        """With the number of samples."""
        return self.TITLE if self.pixels == 1 else f"{self.pixels} pixels"
