"""Finished runs, as their `metrics.json` tell of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staa_cli.reporting.names import corpus_name
from staa_cli.runtime.differences import leaves
from staa_cli.runtime.errors import UsageError

LoadedRun = tuple[Path, dict[str, Any]]
"""The folder of a run and its `metrics.json`."""
Settings = dict[str, str | None]
"""A recipe as `key.sub: value`."""
THREAT = "threat model"
"""What a setting is called that is no key of a recipe."""
LARGEST = 1e100
"""What is larger, or no finite number, measures nothing."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, as its `metrics.json` tells of it."""

    path: Path
    metrics: dict[str, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.metrics.get("summary"), dict):
            raise UsageError(f"{self.path}/metrics.json holds no summary: it is no finished staa run")

    @property
    def command(self) -> str:
        return str(self.metrics.get("command"))

    def damaged(self, what: str) -> UsageError:
        """The error for an entry without which there is no table."""
        return UsageError(f"{self.path}/metrics.json is damaged: {what}; run the command that made it again")

    def get(self, *keys: str) -> Any:
        """The entry of the summary below `keys`, None where there is none."""
        value: Any = self.metrics["summary"]
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def mapping(self, *keys: str) -> dict[str, Any]:
        value = self.get(*keys)
        return value if isinstance(value, dict) else {}

    def text(self, *keys: str) -> str | None:
        value = self.get(*keys)
        return value if isinstance(value, str) and value else None

    def number(self, *keys: str) -> float | None:
        return as_number(self.get(*keys))

    def words(self, *keys: str) -> list[str]:
        """A list of names."""
        value = self.get(*keys)
        return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []

    @property
    def corpus(self) -> str:
        """What the corpus is called in tables, or the part of it; "" for audio that belongs to none."""
        return corpus_name(self.text("corpus") or "")

    @property
    def threat(self) -> str:
        """The threat model's name among the victims: that of its model, or of its folder among several of the model."""
        model = self.text("threat_model") or "unknown"
        return next((name for name in self.mapping("victims") if name.partition(":")[0] == model), model)

    @property
    def inputs(self) -> str:
        """What the run says of its inputs, hashes and counts: it is equal where they are."""
        return json.dumps(self.metrics.get("inputs"), sort_keys=True)

    @property
    def count(self) -> float | None:
        """How many inputs there were."""
        inputs = self.metrics.get("inputs")
        return as_number(inputs.get("count")) if isinstance(inputs, dict) else None

    @property
    def checkpoints(self) -> list[Any]:
        """The hashes of its victims, in their order."""
        checkpoints = self.metrics.get("checkpoints")
        found = checkpoints.get("victims") if isinstance(checkpoints, dict) else None
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []

    @property
    def recipe(self) -> dict[str, Any]:
        recipe = self.metrics.get("recipe")
        return recipe if isinstance(recipe, dict) else {}

    @property
    def seed(self) -> Any:
        """An attack with a generator has the generator's."""
        generator = self.recipe.get("generator")
        own = self.metrics.get("seed", self.recipe.get("seed"))
        return generator.get("seed") if own is None and isinstance(generator, dict) else own

    @property
    def settings(self) -> Settings:
        """The recipe, with all its defaults as the run kept them, without seeds; and the threat model's weights, by their hash."""
        recipe = {key: value for key, value in flatten(self.recipe) if key.split(".")[-1] != "seed"}
        return recipe | {THREAT: self.checkpoints[0][:7]} if self.checkpoints else recipe


def as_number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST else None


def flatten(mapping: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The leaves of nested mappings, by dotted path, as text."""
    for name, value in leaves(mapping):
        yield name, value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
