"""What every schema is made of: of recipes, of attacks, of budgets. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


def to_switch(value: Any) -> Any:
    """YAML 1.1 users write on/off and yes/no; our loader hands those over as text."""
    words = {"on": True, "yes": True, "off": False, "no": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(to_switch)]
Split = Literal["train", "val", "test"]


class Strict(BaseModel):
    """No unknown keys, no silent conversions, no NaN.

    Class variables:
        rival_keys: dotted keys that exclude each other. Of the layers of a recipe (what it extends, itself, the command line) the last
            one that gives any of them decides.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    rival_keys: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def schema_for(cls, data: Mapping[str, Any]) -> type[Self]:
        """The schema that checks `data`: this one, or the one of its variants that `data` names."""
        return cls

    @classmethod
    def idle_keys(cls) -> frozenset[str]:
        """The keys of all its variants that are of no use to this one: what a preset says of them is for its others."""
        return frozenset()


class OneOf(Strict):
    """A mapping in which exactly one key is set."""

    @model_validator(mode="after")
    def exactly_one(self) -> Self:
        names = list(type(self).model_fields)
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise ValueError("expected exactly one of " + ", ".join(f"'{name}'" for name in names))
        return self
