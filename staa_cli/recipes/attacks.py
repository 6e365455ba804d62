"""What a recipe of `staa baseline` may say: one small schema per attack, told apart by the key `attack`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from staa_cli.recipes.base import BudgetRecipe, Strict, Switch

AttackName = Literal["fgsm", "bim", "pgd"]
"""Every attack, in the order of the tables."""


class BaselineRecipe(Strict):
    """What all attacks share. The schema of an attack extends it and names in NAMES the values of `attack` that it is for."""

    step: Literal["baseline"]
    attack: AttackName
    budget: BudgetRecipe
    reference: Literal["prediction", "label"] = Field("prediction", description="the class to leave; of no meaning with 'target'")
    target: str | None = Field(None, description="a targeted attack: the label that every prediction shall become")
    seed: int = Field(0, ge=0)

    NAMES: ClassVar[tuple[str, ...]] = ()
    TITLE: ClassVar[str] = ""

    @classmethod
    def schema_for(cls, data: Mapping[str, Any]) -> type[Self]:
        """The schema of the attack that `data` names.

        Where there is none of that name, it is the nearest one's, which refuses the name and reports the other mistakes as well; and
        without a near one, it is what all attacks share.
        """
        schemas = {name: schema for schema in cls.__subclasses__() for name in schema.NAMES}
        if cls.NAMES or not schemas:
            return cls
        near = difflib.get_close_matches(str(data.get("attack")), schemas, n=1)
        return schemas[near[0]] if near else next(schema for schema in cls.__subclasses__() if not schema.NAMES)

    @model_validator(mode="after")
    def right_schema(self) -> Self:
        if self.NAMES and self.attack not in self.NAMES:
            raise ValueError(f"a recipe for {self.attack}, expected one for {' or '.join(self.NAMES)}")
        return self

    @model_serializer(mode="wrap")
    def in_order(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The attack's own keys before those that all share. Without a target the key is left out: such a recipe keeps its hash."""
        fields: dict[str, Any] = serialise(self)
        shared = {name: fields.pop(name) for name in ("reference", "target", "seed")}
        if shared["target"] is None:
            del shared["target"]
        return fields | shared

    @property
    def title(self) -> str:
        """The attacker's name in tables."""
        return self.method if self.target is None else f"{self.method} → {self.target}"

    @property
    def method(self) -> str:
        """The attack's name, with the setting that tells its variants apart."""
        return self.TITLE


class UnknownAttackRecipe(BaselineRecipe, extra="ignore"):
    """Where `attack` is missing or like no known one: nothing can be said about the other keys."""


class Positions(Strict):
    """Which samples one step may move."""

    percent: float = Field(gt=0, le=100, description="k as a share of the utterance")
    select: Literal["gradient", "random"] = Field("gradient", description="the largest absolute gradients, or a draw")
    redraw: Switch = Field(True, description="choose anew at every step (the paper); false keeps the first step's choice")


class PGDRecipe(BaselineRecipe):
    """FGSM, BIM or PGD: one family."""

    NAMES: ClassVar[tuple[str, ...]] = ("fgsm", "bim", "pgd")

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
