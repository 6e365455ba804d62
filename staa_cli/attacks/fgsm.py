"""FGSM: one step of size ε along the gradient's sign (I. Goodfellow, J. Shlens, C. Szegedy, ICLR 2015)."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from staa_cli.attacks.pgd import PGD


class FGSM(PGD):
    """The single step of PGD that is as long as ε."""

    title: ClassVar = "FGSM"
    random_start: ClassVar[bool] = False

    steps: int = Field(1, description="no other number")
    step_size: float = Field(1.0, description="α as a share of ε; no other")

    @model_validator(mode="after")
    def single_step(self) -> Self:
        if (self.steps, self.step_size) != (1, 1):
            raise ValueError("fgsm is the single step of size ε: expected 'steps: 1' and 'step_size: 1'")
        return self
