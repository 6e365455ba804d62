"""σ-zero."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from staa_cli.recipes.attacks.base import BaselineRecipe


class SigmaZeroRecipe(BaselineRecipe):
    """The defaults are the paper's, as shares of the room that a sample has."""

    NAMES: ClassVar = ("sigma-zero",)
    TITLE: ClassVar = "σ-zero"

    steps: int = Field(1000, ge=1)
    step_size: float = Field(1.0, gt=0, description="η₀ as a share of ε")
    sigma: float = Field(1e-3, gt=0, description="σ as a share of ε²: how sharply samples are counted")
    threshold: float = Field(0.3, ge=0, le=1, description="τ₀ as a share of ε: less is no move")
    threshold_step: float = Field(0.01, ge=0, description="by how much τ moves, as a share of the step size")
    confidence: float = Field(0.05, ge=0, description="how far beyond the boundary, in logits, so that 16 bits do not undo it; paper: 0")
    patience: int | None = Field(None, ge=1, description="stop after so many steps without a sparser perturbation; null never does")
