"""Targeted attacks pair by pair: from which class to which, from the results of single utterances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from staa_cli.metrics.intervals import wilson_percent
from staa_cli.reporting.attack_notes import IN_SAMPLE, PLACEBO
from staa_cli.reporting.attackers import attack_labels, ordered
from staa_cli.reporting.model import RUNS, Beside, Column, Number, Row, Table
from staa_cli.reporting.outcomes import RESULTS, read_lines
from staa_cli.reporting.pooling import Entry, pool, whole_mean
from staa_cli.reporting.runs import FinishedRun
from staa_cli.runtime.errors import UsageError

CAPTION = "Of the utterances that the threat model takes for the row's class, the share (%) that it takes for the column's after the attack"


@dataclass(frozen=True)
class Attempt:
    """What a targeted attack made of one utterance under the threat model.

    Attributes:
        clean: the prediction before.
        reached, placebo: whether the attack came to the target, and its placebo; None where an older result has none.
    """

    clean: str
    reached: bool
    placebo: bool | None


def has_target(run: FinishedRun) -> bool:
    return run.text("target") is not None


def build_pairs(runs: Sequence[FinishedRun], published: bool) -> list[Table]:
    """One table for each corpus and split: clean predictions in rows, targets in columns. No paper prints one.

    Raises:
        UsageError: no run has results of single utterances under its threat model.
    """
    read = [(run, attempts(run)) for run in runs]
    known = [(run, found) for run, found in read if found]
    absent = [f"{run.path} is left out: it has no {RESULTS} with utterances under its threat model" for run, found in read if not found]
    if runs and not known:
        raise UsageError("; ".join(absent))
    places = dict.fromkeys(place_of(run) for run, _ in known)
    return [pairs(place, [one for one in known if place_of(one[0]) == place], absent) for place in places]


def place_of(run: FinishedRun) -> str:
    return " ".join(filter(None, (run.corpus, run.text("split"))))


def attempts(run: FinishedRun) -> list[Attempt]:
    """What the run's folder holds of single utterances."""
    threat, target = run.threat, run.text("target")

    def read(content: dict[str, Any]) -> Attempt | None:
        if content["victim"] != threat:
            return None
        placebo = content.get("placebo")
        noise = None if placebo is None else placebo["adversarial"] == target
        return Attempt(str(content["clean"]), content["adversarial"] == target, noise)

    return read_lines(run, read)


def pairs(place: str, runs: Sequence[tuple[FinishedRun, Sequence[Attempt]]], notes: Sequence[str]) -> Table:
    """The pairs of one corpus and split."""
    targets = sorted({run.text("target") or "" for run, _ in runs})
    columns, rows, averaged = matrix([entry for run, found in runs for entry in entries(run, found)], targets)
    marked = [IN_SAMPLE] if any(run.number("in_sample") for run, _ in runs) else []
    title = "Targeted attacks pair by pair" + (f" on {place}" if place else "")
    columns = [*columns, Column(RUNS, "Run", shown=False)]
    return Table(title, columns, rows, [CAPTION, PLACEBO, *marked, *means(rows), *averaged, *notes], "pairs", SECTIONS)


def matrix(made: Sequence[Entry], classes: Sequence[str]) -> tuple[list[Column], list[Row], list[str]]:
    """A row for each class before, a column for each after: columns, rows, and notes on what was averaged."""
    numbers = [Column("utterances", "n", kind="count"), *(Column(f"to_{name}", name, "To", kind="decimal") for name in classes)]
    rows, averaged = pool(made, "attacker", numbers)
    rows = ordered(sorted(rows, key=lambda row: str(row["clean"])))
    labels = [
        Column("threat_model", "Threat model"),
        Column("attacker", "Attacker"),
        Column("budget", "Budget", shown=len({row["budget"] for row in rows}) > 1),
        Column("clean", "From"),
    ]
    return [*labels, *numbers], rows, averaged


SECTIONS = ("threat_model", "attacker", "budget")
"""What rows of one matrix agree in."""


def entries(run: FinishedRun, found: Sequence[Attempt]) -> list[Entry]:
    """An entry for each class that the threat model saw, of those utterances that it did not take for the target already."""
    target = run.text("target") or ""
    named = attack_labels(run)
    named["attacker"] = str(named["attacker"]).replace(f" → {target}", "")
    made = []
    for clean in sorted({one.clean for one in found} - {target}):
        members = [one for one in found if one.clean == clean]
        count, hits = len(members), sum(one.reached for one in members)
        rate, noise = 100 * hits / count, whole_mean([None if one.placebo is None else 100.0 * one.placebo for one in members])
        beside = Beside(noise, None if noise is None else rate - noise, *(wilson_percent(hits, count) or ()))
        values: dict[str, float | None] = {"utterances": count, f"to_{target}": rate}
        # A split of its own for each target: what their runs have in common stands in one row, and nothing is averaged over targets.
        made.append(Entry(run, {**named, "clean": clean}, target, values, run.settings, {f"to_{target}": beside}))
    return made


def means(rows: Iterable[Row]) -> list[str]:
    """The mean over the pairs of each matrix, whatever the number of their utterances."""
    matrices: dict[tuple[object, ...], list[Number]] = {}
    for row in rows:
        cells = [cell for key, cell in row.items() if key.startswith("to_") and isinstance(cell, Number)]
        matrices.setdefault(tuple(row[key] for key in SECTIONS), []).extend(cells)
    several = len({budget for _, _, budget in matrices}) > 1
    notes = []
    for (threat, attacker, budget), cells in matrices.items():
        noise = whole_mean([cell.beside.placebo if cell.beside else None for cell in cells])
        placebo = "" if noise is None else f", its placebo {noise:.2f} %"
        where = f"{attacker}, {budget}," if several and budget else attacker
        notes.append(f"{where} on {threat}: {fmean(cell.value for cell in cells):.2f} % on average over {len(cells)} pair(s){placebo}")
    return notes
