"""The pooling of runs that fall on the same row."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from staa_cli.reporting.model import RUNS, SEPARATOR, Beside, Cell, Column, Number, Row
from staa_cli.reporting.runs import THREAT, FinishedRun, Settings


@dataclass(frozen=True)
class Entry:
    """What one run adds to a row.

    Attributes:
        labels: the text cells that name the row.
        part: the split that the values belong to, "" for all or none.
        values: numbers by column.
        settings: what must agree for runs to be averaged, beside their inputs.
        beside: what stands beside some of the values.
    """

    run: FinishedRun
    labels: dict[str, str | None]
    part: str
    values: dict[str, float | None]
    settings: Settings = field(default_factory=dict)
    beside: Mapping[str, Beside] = field(default_factory=dict)


def pool(entries: Sequence[Entry], name: str, columns: Iterable[Column]) -> tuple[list[Row], list[str]]:
    """One row for each set of labels; several entries on one row become mean ± standard deviation.

    Runs that differ in more than their seed are no repetitions: they get rows of their own, told apart in the column `name` by the
    settings that differ within one split (val and test may well come from differently trained generators), and by their inputs.

    Args:
        columns: what notes call the numbers.

    Returns:
        The rows, in the order of the entries, and notes on what was averaged.
    """
    titles = {column.key: column.title for column in columns}
    rows: list[Row] = []
    averaged: dict[str, list[str]] = defaultdict(list)
    telling = [key for key in entries[0].labels if key == name or len({entry.labels[key] for entry in entries}) > 1] if entries else []
    for same, variant in repetitions(entries):
        row: Row = dict(same[0].labels)
        if variant:
            row[name] = f"{row[name]} ({variant})"
        how: dict[str, list[str]] = defaultdict(list)
        by_part = grouped(same, lambda entry: entry.part)
        for part in by_part:
            keys = dict.fromkeys(key for entry in part for key in entry.values)
            cells: Row = {key: mean([(entry.values.get(key), entry.beside.get(key)) for entry in part]) for key in keys}
            row |= cells
            how[describe(part, cells, titles)].append(part[0].part)
        for description, found in how.items():
            where = " ".join(str(row[key]) for key in telling if row[key])
            averaged[description].append(where if len(found) == len(by_part) else f"{where} ({', '.join(filter(None, found))})")
        rows.append({**row, RUNS: SEPARATOR.join(dict.fromkeys(str(entry.run.path) for entry in same))})
    alike = len(averaged) == 1
    return rows, [
        f"{'Every number' if alike else ', '.join(where)}: {description}" for description, where in averaged.items() if description
    ]


def repetitions(entries: Sequence[Entry]) -> Iterator[tuple[list[Entry], str]]:
    """Entries of equal labels that agree in settings and inputs, with those in which others on the same row differ."""
    for group in grouped(entries, lambda entry: tuple(entry.labels.items())):
        parts = grouped(group, lambda entry: entry.part)
        varying = list(dict.fromkeys(key for part in parts for key in differing(part)))
        inputs = told_apart([entry.run for entry in group]) if any(len({entry.run.inputs for entry in part}) > 1 for part in parts) else {}
        variants: dict[str, list[Entry]] = defaultdict(list)
        for entry in group:
            words = [f"{key} {value}" for key in varying if (value := entry.settings.get(key)) is not None]
            variants[", ".join([*words, *([inputs[entry.run.inputs]] if inputs else [])])].append(entry)
        for variant, same in variants.items():
            yield same, variant


def told_apart(runs: Sequence[FinishedRun]) -> dict[str, str]:
    """What the runs' inputs are called: by their number, or by the first run on them where that is no difference."""
    first = {run.inputs: run for run in reversed(runs)}
    counts, names = (Counter(values) for values in zip(*((run.count, run.path.name) for run in first.values()), strict=True))
    return {
        inputs: f"{run.count:g} input{'s' * (run.count != 1)}"
        if run.count is not None and counts[run.count] == 1
        else f"inputs of {run.path.name if names[run.path.name] == 1 else run.path}"
        for inputs, run in first.items()
    }


def grouped(entries: Sequence[Entry], key: Callable[[Entry], Hashable]) -> list[list[Entry]]:
    """Entries with equal keys together, in the order of their first."""
    groups: dict[Hashable, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[key(entry)].append(entry)
    return list(groups.values())


def differing(entries: Sequence[Entry]) -> list[str]:
    """The settings in which entries differ.

    A key that a recipe does not know, an older version's, is no difference, unless a seed comes twice: the same again is no repetition.
    The threat model is none either, as each seed may have one of its own, unless a seed comes twice among runs that else agree, also in
    what the entries leave out of their settings.
    """
    keys = dict.fromkeys(key for entry in entries for key in entry.settings)
    twice = repeats(entries)

    def differs(key: str) -> bool:
        return len({entry.settings.get(key) for entry in entries if twice or knows(entry.settings, key)}) > 1

    others = [key for key in keys if key != THREAT and differs(key)]
    alike = grouped(entries, lambda entry: frozenset(item for item in entry.run.settings.items() if item[0] != THREAT))
    return [key for key in keys if key in others or (key == THREAT and differs(key) and any(map(repeats, alike)))]


def repeats(entries: Sequence[Entry]) -> bool:
    """Whether a seed comes twice."""
    return len({json.dumps(entry.run.seed) for entry in entries}) < len(entries)


def knows(settings: Settings, key: str) -> bool:
    """Whether a recipe has the key, or an empty one above it: `positions: null` says something of `positions.percent`."""
    parts = key.split(".")
    return any(".".join(parts[:count]) in settings for count in range(1, len(parts) + 1))


def mean(found: Sequence[tuple[float | None, Beside | None]]) -> Cell:
    """The mean of what is there, with its standard deviation where that is more than one value; and of what stands beside it."""
    present = [(value, beside) for value, beside in found if value is not None]
    values, besides = [value for value, _ in present], [beside for _, beside in present if beside is not None]
    if len(present) < 2:
        return Number(values[0], beside=besides[0] if besides else None) if present else None
    # A mean has no interval here: the inputs of its runs are the same, their successes no independent trials.
    beside = Beside(*(whole_mean([getattr(one, name) for one in besides]) for name in ("placebo", "lift"))) if besides else None
    return Number(fmean(values), stdev(values), len(values), beside=beside)


def whole_mean(values: Sequence[float | None]) -> float | None:
    """The mean, where no value is missing: a rate and its placebo are to be of the same runs."""
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def describe(part: Sequence[Entry], cells: Row, titles: Mapping[str, str]) -> str:
    """How the entries of one row and split were averaged, nothing for a single one."""
    if len(part) == 1:
        return ""
    seeds = [json.dumps(entry.run.seed) for entry in part]
    fewer = [f"{titles[key]} over {cell.runs}" for key, cell in cells.items() if isinstance(cell, Number) and cell.runs < len(part)]
    how = f"mean ± standard deviation (n − 1) over {len(part)} runs (seeds {', '.join(seeds)})"
    return f"{how}; {', '.join(fewer)}" if fewer else how
