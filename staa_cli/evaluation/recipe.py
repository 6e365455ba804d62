"""The recipe of `staa baseline`: an attack with its settings, and how it is run. It is the attack that it describes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

from pydantic import Field, create_model, field_validator, model_validator

from staa_cli.attacks.core.attack import Attack
from staa_cli.attacks.core.registry import attack_names, find_attack
from staa_cli.audio.budget import Budget
from staa_cli.evaluation.match import SHARES, fill, share_key
from staa_cli.runtime.errors import StaaError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

DB = 40.0
"""The log-Mel space: dB / 40 + 1, so that the victim's 80 dB below the loudest bin are [-1, 1]."""


class SpaceBudget(Budget):
    """Also: ε on the log-Mel spectrogram."""

    db: float | None = Field(None, ge=0, le=80, description="ε on the spectrogram, with 'space: logmel'")

    def epsilon(self, waveforms: Tensor) -> Tensor:
        """Also of rows of the log-Mel space."""
        return super().epsilon(waveforms) if self.db is None else waveforms.new_full((len(waveforms), 1), self.db / DB)


class BaselineRecipe(Attack):
    """What the recipes of all attacks share. Each attack's own schema has its settings besides: see `schema_for`.

    `match` becomes the share of samples before anything else is looked at, and is no part of a resolved recipe: the number is.
    """

    rival_keys: ClassVar = ("match", *SHARES)

    step: Literal["baseline"] = Field(description="the command that the recipe is for")
    attack: str = Field(description="the attack's name")
    budget: SpaceBudget = Field(description="ε: how far a sample may move; exactly one of the keys")
    space: Literal["waveform", "logmel"] = Field("waveform", description="logmel: the features of a victim that has such, not the audio")
    reference: Literal["prediction", "label"] = Field("prediction", description="the class to leave; of no meaning with 'target'")
    target: str | None = Field(None, min_length=1, description="a targeted attack: the label that every prediction shall become")
    seed: int = Field(0, ge=0, description="of all random numbers")
    match: str | None = Field(
        None,
        min_length=1,
        exclude=True,
        description="in place of 'percent': the folder of a finished attack; k is the mean share of samples that it changed on disk",
    )

    @classmethod
    def schema_for(cls, data: Mapping[str, Any]) -> type[BaselineRecipe]:
        """The schema of the attack that `data` names.

        Where there is none of that name, it is the nearest one's, which refuses the name and reports the other mistakes as well; and
        without a near one, what all attacks share.
        """
        if cls is not BaselineRecipe:
            return cls
        near = difflib.get_close_matches(str(data.get("attack")), attack_names(), n=1)
        return schema_of(near[0]) if near else UnknownAttack

    @classmethod
    def idle_keys(cls) -> frozenset[str]:
        """See `Strict`."""
        return frozenset() if share_key(cls) else frozenset({"match"})

    @model_validator(mode="before")
    @classmethod
    def share_of_a_run(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("match"), str) or issubclass(cls, UnknownAttack):
            return data
        place = share_key(cls)
        if place is None:
            raise ValueError(f"match: the attack '{data.get('attack')}' has no share of samples to set")
        try:
            return fill(data, place)
        except UsageError as error:
            raise ValueError(f"match: {error}") from None

    @field_validator("attack")
    @classmethod
    def known(cls, attack: str) -> str:
        try:
            own = schema_of(attack)
        except StaaError as error:
            raise ValueError(str(error)) from None
        if cls is not own:
            raise ValueError(f"a recipe for '{attack}', expected one for '{cls.__name__}'")
        return attack

    @model_validator(mode="after")
    def budget_of_the_space(self) -> Self:
        if (self.space == "logmel") != (self.budget.db is not None):
            raise ValueError("'space: logmel' goes with a budget in dB, and only it: 'budget: {db: 2}'")
        return self

    @property
    def attacker(self) -> str:
        """The attacker's name in tables."""
        name = f"{self.label} on log-Mel" if self.space == "logmel" else self.label
        return name if self.target is None else f"{name} → {self.target}"


class UnknownAttack(BaselineRecipe, extra="ignore"):
    """Where `attack` is missing or like no known one: nothing can be said about the other keys."""


@cache
def schema_of(name: str) -> type[BaselineRecipe]:
    """The schema of one attack's recipes.

    Raises:
        UsageError: there is no such attack, or what it defines is called as a key of all recipes.
    """
    own = find_attack(name)
    hidden = sorted(key for key in BaselineRecipe.model_fields if key != "budget" and hasattr(own, key))
    if hidden:
        raise UsageError(f"the attack '{name}' defines {', '.join(hidden)}, which in its recipe would stand for something else")
    bases: Any = (BaselineRecipe, own)  # a BaselineRecipe that fills in what an Attack leaves open
    schema: Any = create_model(name, __base__=bases)
    return cast("type[BaselineRecipe]", schema)
