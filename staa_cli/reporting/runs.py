"""Finished runs, and the pooling of those that fall on the same row."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pydantic import ValidationError

from staa_cli.recipes.base import essence
from staa_cli.recipes.schema import RECIPES
from staa_cli.reporting.model import Cell, Number, Row
from staa_cli.runtime.errors import UsageError

LoadedRun = tuple[Path, dict[str, Any]]
"""The folder of a run and its `metrics.json`."""


@dataclass(frozen=True)
class Run:
    """One finished run."""

    path: Path
    metrics: dict[str, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.metrics.get("summary"), dict):
            raise UsageError(f"{self.path}/metrics.json holds no summary: it is no finished staa run")

    @property
    def command(self) -> str:
        return str(self.metrics.get("command"))

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
        return None if value is None or value == "" else str(value)

    def number(self, *keys: str) -> float | None:
        value = self.get(*keys)
        return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None

    @property
    def inputs(self) -> Any:
        """What the run says of its inputs: hashes, counts."""
        return self.metrics.get("inputs")

    @property
    def seed(self) -> Any:
        recipe = self.metrics.get("recipe") or {}
        return self.metrics.get("seed", recipe.get("seed"))

    @property
    def settings(self) -> dict[str, str]:
        """The recipe as `key.sub: value`, without defaults and without seeds: runs that agree here are repetitions of each other.

        Without defaults, a run agrees with one from before a key came in.
        """
        recipe = self.metrics.get("recipe") or {}
        try:
            said = essence(RECIPES[recipe["step"]].schema_for(recipe).model_validate(recipe))
        except (KeyError, ValidationError):
            said = recipe
        return {key: value for key, value in flatten(said) if key.split(".")[-1] != "seed"}


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested mappings, by dotted path, as text; None is left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    elif value is not None:
        yield prefix, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Record:
    """What one run adds to a row.

    Attributes:
        labels: the text cells that name the row.
        part: the split that the values belong to, "" for all or none.
        values: numbers by column.
        settings: what must agree besides for runs to be averaged.
        inputs: what is known of the audio; a difference is noted.
    """

    run: Run
    labels: dict[str, str | None]
    part: str
    values: dict[str, float | None]
    settings: dict[str, str] = field(default_factory=dict)
    inputs: str = ""


def pool(records: Sequence[Record], name: str) -> tuple[list[Row], list[str]]:
    """One row for each set of labels; several records on one row become mean ± standard deviation.

    Runs that differ in more than their seed are no repetitions: they get rows of their own, told apart in the column `name` by the
    settings that differ within one split (val and test may well come from differently trained generators).

    Returns:
        The rows, in the order of the records, and notes on what was averaged.
    """
    rows: list[Row] = []
    averaged: dict[str, list[str]] = defaultdict(list)
    telling = [key for key in records[0].labels if key == name or len({record.labels[key] for record in records}) > 1] if records else []
    for same, variant in repetitions(records):
        row: Row = dict(same[0].labels)
        if variant:
            row[name] = f"{row[name]} ({variant})"
        how: dict[str, list[str]] = defaultdict(list)
        by_part = grouped(same, lambda record: record.part)
        for part in by_part:
            keys = dict.fromkeys(key for record in part for key in record.values)
            cells: Row = {key: mean([record.values.get(key) for record in part]) for key in keys}
            row |= cells
            how[describe(part, cells)].append(part[0].part)
        for description, found in how.items():
            where = " ".join(str(row[key]) for key in telling if row[key])
            averaged[description].append(where if len(found) == len(by_part) else f"{where} ({', '.join(filter(None, found))})")
        rows.append(row)
    alike = len(averaged) == 1
    return rows, [
        f"{'Every number' if alike else ', '.join(where)}: {description}" for description, where in averaged.items() if description
    ]


def repetitions(records: Sequence[Record]) -> Iterator[tuple[list[Record], str]]:
    """Records of equal labels that agree in their settings, with those settings in which others on the same row differ."""
    for group in grouped(records, lambda record: tuple(record.labels.items())):
        varying = list(dict.fromkeys(key for part in grouped(group, lambda record: record.part) for key in differing(part)))
        variants: dict[str, list[Record]] = defaultdict(list)
        for record in group:
            variants[", ".join(f"{key} {record.settings[key]}" for key in varying if key in record.settings)].append(record)
        for variant, same in variants.items():
            yield same, variant


def grouped(records: Sequence[Record], key: Callable[[Record], Hashable]) -> list[list[Record]]:
    """Records with equal keys together, in the order of their first."""
    groups: dict[Hashable, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return list(groups.values())


def differing(records: Sequence[Record]) -> list[str]:
    """The settings in which records differ."""
    keys = dict.fromkeys(key for record in records for key in record.settings)
    return [key for key in keys if len({record.settings.get(key) for record in records}) > 1]


def mean(values: Sequence[float | None]) -> Cell:
    """The mean of what is there, with its standard deviation where that is more than one value."""
    present = [value for value in values if value is not None]
    if len(present) < 2:
        return Number(present[0]) if present else None
    return Number(fmean(present), stdev(present), len(present))


def describe(part: Sequence[Record], cells: Row) -> str:
    """How the records of one row and split were averaged, nothing for a single one."""
    if len(part) == 1:
        return ""
    seeds = [json.dumps(record.run.seed) for record in part]
    detail = f"seeds {', '.join(seeds)}" + ("; their inputs differ" if len({record.inputs for record in part}) > 1 else "")
    fewer = [f"{key} over {cell.runs}" for key, cell in cells.items() if isinstance(cell, Number) and cell.runs < len(part)]
    return f"mean ± standard deviation (n − 1) over {len(part)} runs ({detail})" + (f"; {', '.join(fewer)}" if fewer else "")
