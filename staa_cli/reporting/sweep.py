"""Attackers over what a sweep varies: how many samples move, how quietly, or how long it takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log
from statistics import fmean

from staa_cli.reporting.attackers import budget_text, ordered, row_name
from staa_cli.reporting.measures import OF_LABELS, measured_on_all
from staa_cli.reporting.model import Number
from staa_cli.reporting.names import DECIBELS, PERCENT, REFINED, VICTIMS, apart, in_order, victim_name
from staa_cli.reporting.pairs import place_of
from staa_cli.reporting.pooling import Entry, mean, repetitions
from staa_cli.reporting.runs import FinishedRun

Clean = dict[tuple[str, str], float]
"""Panel and victim → what the victim has without an attack."""


@dataclass(frozen=True)
class Axis:
    """What an attack costs.

    Attributes:
        place: where summaries have it.
        varies: the settings that a sweep along it varies.
        said: how attackers' names say them.
        decibels: whether it is a logarithm already, and less of it costs more.
        older: where summaries of older versions have it, or what is next to it.
    """

    heading: str
    place: tuple[str, ...]
    varies: tuple[str, ...]
    said: re.Pattern[str]
    decibels: bool = False
    older: tuple[str, ...] = ()

    def cost_of(self, run: FinishedRun) -> float | None:
        """What a run's attack costs on it."""
        cost = run.number(*self.place)
        return run.number(*self.older) if cost is None and self.older else cost

    def place_of(self, cost: float) -> float:
        """Where a cost stands on the axis."""
        return cost if self.decibels else log(cost)


AXES = {
    "sparsity": Axis("samples changed (%)", ("sparsity_percent", "all"), ("sparsity", "percent", "positions.percent"), PERCENT),
    "snr": Axis("peak SNR (dB)", ("snr_peak_db", "all"), ("snr", "budget.peak_snr_db", "budget.linf"), DECIBELS, True),
    "seconds": Axis("mean seconds per utterance", ("seconds_mean",), ("refine", "steps"), REFINED, older=("seconds_per_utterance",)),
}


@dataclass(frozen=True)
class Line:
    """An attacker over the values of a sweep.

    Attributes:
        place: the corpus and split.
        threat: the threat model's name among the victims.
        points: the cost, and the measure on each victim, in the order of the cost.
    """

    place: str
    threat: str
    attacker: str
    points: list[tuple[Number, dict[str, Number]]]

    @property
    def panel(self) -> str:
        """What the panels of one row of the picture have in common."""
        return panel_of(self.place, self.threat)


def panel_of(place: str, threat: str) -> str:
    return f"{place}\nthreat model {victim_name(threat)}".strip()


def trace(runs: Sequence[FinishedRun], axis: Axis, measure: str = "asr") -> list[Line]:
    """A line for each attacker, its budget and settings apart from what the sweep varies; runs that differ in their seed are one point.

    A point without a cost above 0, which a logarithmic axis has no place for, is left out.

    Args:
        measure: of `measures.HEADINGS`.
    """
    made = [entry(run, axis, measure) for run in runs]
    several = len({one.labels["budget"] for one in made}) > 1 and not any("budget" in key for key in axis.varies)
    lines = []
    for same, variant in repetitions(made):
        labels = same[0].labels
        words = [labels["attacker"], labels["budget"] if several else None, f"({variant})" if variant else None]
        whole = [replace(one, labels={"attacker": row_name(one.run, "attacks")}, settings=one.run.settings) for one in same]
        found = [point for repeated, _ in repetitions(whole) if (point := point_of(repeated)) is not None]
        name = " ".join(filter(None, words))
        if found:
            lines.append(Line(labels["place"] or "", labels["threat"] or "", name, sorted(found, key=lambda point: point[0].value)))
    return lines


def entry(run: FinishedRun, axis: Axis, measure: str) -> Entry:
    """What a run adds to its line."""
    labels = {
        "place": place_of(run),
        "threat": run.threat,
        "attacker": apart(row_name(run, "attacks"), axis.said)[0],
        "budget": None if any("budget" in key for key in axis.varies) else budget_text(run, 0),
    }
    values, beside = measured_on_all(run, measure)
    settings = {key: value for key, value in run.settings.items() if key not in axis.varies}
    return Entry(run, labels, "", {"": axis.cost_of(run), **values}, settings, beside)


def point_of(entries: Sequence[Entry]) -> tuple[Number, dict[str, Number]] | None:
    names = dict.fromkeys(name for one in entries for name in one.values)
    cells = {name: mean([(one.values.get(name), one.beside.get(name)) for one in entries]) for name in names}
    cost = cells.pop("")
    rates = {name: cell for name, cell in cells.items() if isinstance(cell, Number)}
    return (cost, rates) if isinstance(cost, Number) and cost.value > 0 and rates else None


def clean_scores(runs: Sequence[FinishedRun], measure: str) -> Clean:
    """What victims have without an attack, on average over the runs of a panel; nothing for what there is not without one."""
    found: dict[tuple[str, str], list[float]] = {}
    for run in runs if measure in OF_LABELS else ():
        for victim in run.mapping("victims"):
            if (value := run.number("victims", victim, f"{measure}_percent", "clean")) is not None:
                found.setdefault((panel_of(place_of(run), run.threat), victim), []).append(value)
    return {key: fmean(values) for key, values in found.items()}


def in_models_order(victims: Iterable[str]) -> list[str]:
    """Each victim once, by its model: several folders of one stand together."""
    names = list(dict.fromkeys(victims))
    models = in_order((name.partition(":")[0] for name in names), VICTIMS)
    return sorted(names, key=lambda name: models.index(name.partition(":")[0]))


def attackers(lines: Sequence[Line]) -> list[str]:
    """The attackers' names in the order of tables."""
    names = dict.fromkeys(line.attacker for line in lines)
    return [str(row["attacker"]) for row in ordered({"threat_model": "", "attacker": name, "budget": ""} for name in names)]


def numbers_of(line: Line, victim: str) -> list[tuple[float, float]]:
    """Its costs and the measure on a victim."""
    return [(cost.value, rates[victim].value) for cost, rates in line.points if victim in rates]
