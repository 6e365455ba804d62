"""From which emotion to which an attack leads, from the results of single utterances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from staa_cli.metrics.intervals import wilson_percent
from staa_cli.reporting.attack_notes import IN_SAMPLE, PLACEBO
from staa_cli.reporting.attackers import attack_labels
from staa_cli.reporting.model import RUNS, Beside, Column, Table
from staa_cli.reporting.outcomes import RESULTS, Judgement, by_victim, outcomes
from staa_cli.reporting.pairs import SECTIONS, matrix, place_of
from staa_cli.reporting.pooling import Entry
from staa_cli.reporting.runs import FinishedRun
from staa_cli.runtime.errors import UsageError

CAPTION = (
    "Of the utterances that the threat model takes for the row's emotion, the share (%) that it takes for the column's under attack; where "
    "both are one, nothing changed"
)
Flips = dict[str, Any]
"""`classes`, and `rows`: of each class `name`, `count` of utterances, and `cells` with `count`, `placebo` and `share` in percent."""


def flips(found: Sequence[Judgement]) -> Flips | None:
    """From which class to which: utterances by the clean prediction and the one under attack, each with the placebo's count."""
    classes = sorted({word for one in found for word in (one.clean, one.adversarial)})
    rows = []
    for before in classes:
        members = [one for one in found if one.clean == before]
        cells = []
        for after in classes:
            hits, noise = (sum(getattr(one, name) == after for one in members) for name in ("adversarial", "placebo"))
            known = all(one.placebo is not None for one in members)
            cells.append({"count": hits, "placebo": noise if known else None, "share": 100 * hits / len(members) if members else 0.0})
        rows.append({"name": before, "count": len(members), "cells": cells})
    return {"classes": classes, "rows": rows} if found else None


def build_emotions(runs: Sequence[FinishedRun], published: bool) -> list[Table]:
    """One table for each corpus and split: clean predictions in rows, those under attack in columns. No paper prints one.

    Raises:
        UsageError: no run has results of single utterances under its threat model.
    """
    read = [(run, flips(by_victim(outcomes(run)).get(run.threat, []))) for run in runs]
    known = [(run, found) for run, found in read if found is not None]
    absent = [f"{run.path} is left out: it has no {RESULTS} with utterances under its threat model" for run, found in read if found is None]
    if runs and not known:
        raise UsageError("; ".join(absent))
    places = dict.fromkeys(place_of(run) for run, _ in known)
    return [emotions(place, [one for one in known if place_of(one[0]) == place], absent) for place in places]


def emotions(place: str, runs: Sequence[tuple[FinishedRun, Flips]], notes: Sequence[str]) -> Table:
    """The emotions of one corpus and split."""
    classes = sorted({name for _, found in runs for name in found["classes"]})
    columns, rows, averaged = matrix([entry for run, found in runs for entry in entries(run, found)], classes)
    marked = [IN_SAMPLE] if any(run.number("in_sample") for run, _ in runs) else []
    title = "From which emotion to which" + (f" on {place}" if place else "")
    columns = [*columns, Column(RUNS, "Run", shown=False)]
    return Table(title, columns, rows, [CAPTION, PLACEBO, *marked, *averaged, *notes], "emotions", SECTIONS)


def entries(run: FinishedRun, found: Flips) -> list[Entry]:
    """An entry for each class that the threat model saw."""
    made = []
    for row in found["rows"]:
        total: int = row["count"]
        if not total:
            continue
        values, beside = {"utterances": float(total)}, {}
        for name, cell in zip(found["classes"], row["cells"], strict=True):
            noise = None if cell["placebo"] is None else 100 * cell["placebo"] / total
            values[f"to_{name}"] = cell["share"]
            lift = None if noise is None else cell["share"] - noise
            beside[f"to_{name}"] = Beside(noise, lift, *(wilson_percent(cell["count"], total) or ()))
        made.append(Entry(run, {**attack_labels(run), "clean": row["name"]}, "", dict(values), run.settings, beside))
    return made
