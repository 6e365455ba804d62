"""What the recipes of all attacks share."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from staa_cli.recipes.base import BudgetRecipe, Strict
from staa_cli.runtime.errors import unknown


class BaselineBudget(BudgetRecipe):
    """Also: ε on the log-Mel spectrogram."""

    db: float | None = Field(None, ge=0, le=80, description="with 'space: logmel'")


class BaselineRecipe(Strict):
    """`staa baseline`. The schema of an attack extends it, adds the attack's settings and fills in the class variables.

    Class variables:
        NAMES: the values of `attack` that the schema is for.
        TITLE: the attacker's name in tables.
        FOLLOWS_GRADIENTS: false for an attack by queries, whose threat model may be a black box.
    """

    step: Literal["baseline"]
    attack: str
    budget: BaselineBudget
    space: Literal["waveform", "logmel"] = Field("waveform", description="logmel: the features of a victim that has such, not the audio")
    reference: Literal["prediction", "label"] = Field("prediction", description="the class to leave; of no meaning with 'target'")
    target: str | None = Field(None, min_length=1, description="a targeted attack: the label that every prediction shall become")
    seed: int = Field(0, ge=0)

    NAMES: ClassVar[tuple[str, ...]] = ()
    TITLE: ClassVar[str] = ""
    FOLLOWS_GRADIENTS: ClassVar[bool] = True

    @classmethod
    def schema_for(cls, data: Mapping[str, Any]) -> type[BaselineRecipe]:
        """The schema of the attack that `data` names.

        Where there is none of that name, it is the nearest one's, which refuses the name and reports the other mistakes as well; and
        without a near one, what all attacks share.
        """
        if cls.NAMES:
            return cls
        near = difflib.get_close_matches(str(data.get("attack")), schemas(), n=1)
        return schemas()[near[0]] if near else UnknownAttackRecipe

    @field_validator("attack")
    @classmethod
    def right_schema(cls, attack: str) -> str:
        if attack not in schemas():
            raise ValueError(str(unknown("attack", attack, schemas())))
        if attack not in cls.NAMES:
            raise ValueError(f"a recipe for '{attack}', expected one for {' or '.join(map(repr, cls.NAMES))}")
        return attack

    @model_validator(mode="after")
    def budget_of_the_space(self) -> Self:
        if (self.space == "logmel") != (self.budget.db is not None):
            raise ValueError("'space: logmel' goes with a budget in dB, and only it: 'budget: {db: 2}'")
        return self

    @property
    def title(self) -> str:
        """The attacker's name in tables."""
        name = f"{self.method} on log-Mel" if self.space == "logmel" else self.method
        return name if self.target is None else f"{name} → {self.target}"

    @property
    def method(self) -> str:
        """The attack's name, with the setting that tells its variants apart."""
        return self.TITLE


class UnknownAttackRecipe(BaselineRecipe, extra="ignore"):
    """Where `attack` is missing or like no known one: nothing can be said about the other keys."""


def schemas() -> dict[str, type[BaselineRecipe]]:
    """The schema of every attack by its name."""
    return {name: schema for schema in BaselineRecipe.__subclasses__() for name in schema.NAMES}
