"""Curves and maps as numbers for the template, which draws them as SVG and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from staa_cli.reporting.attackers import attack_labels, ordered
from staa_cli.reporting.curve import EDGE
from staa_cli.reporting.measures import GAINS, LABELS, gain, measured_on_all
from staa_cli.reporting.model import Beside, Cell, Column, Number
from staa_cli.reporting.names import victim_name
from staa_cli.reporting.pairs import place_of
from staa_cli.reporting.pooling import Entry, pool
from staa_cli.reporting.runs import FinishedRun
from staa_cli.reporting.sweep import AXES, Line, attackers, clean_scores, in_models_order, trace

WIDTH, HEIGHT = 300, 190
"""Of a panel's inside, in the units of its SVG."""
STEP = 25
"""Of the lines of equal height, in percent."""
LOOKS = 7
"""How many colours there are; a further attacker has one of them again, and another marker."""


@dataclass(frozen=True)
class Scale:
    """Costs on a logarithmic axis of `WIDTH` units, from `low` to `high`, and percent on one of `HEIGHT` units, from `bottom` to 100."""

    low: float
    high: float
    bottom: int

    def place(self, cost: float) -> float:
        return WIDTH * log10(cost / self.low) / log10(self.high / self.low)

    def height(self, percent: float) -> float:
        """From the top."""
        return HEIGHT * (100 - percent) / (100 - self.bottom)

    @property
    def levels(self) -> list[tuple[float, str]]:
        return [(self.height(value), f"{value}") for value in range(self.bottom, 101, STEP)]

    @property
    def ticks(self) -> list[tuple[float, str]]:
        powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        digits = (1, 2, 5) if self.high < 200 * self.low else (1,)
        values = [digit * 10.0**power for power in powers for digit in digits]
        return [(self.place(value), f"{value:g}") for value in values if self.low <= value <= self.high]


def curves(runs: Sequence[FinishedRun], axis: str = "sparsity", measure: str = "asr") -> dict[str, Any] | None:
    """A measure against a cost: rows of panels as in `draw_curve`, and the legend; None where nothing can be drawn."""
    lines, clean = trace(runs, AXES[axis], measure), clean_scores(runs, measure)
    if not lines:
        return None
    names = attackers(lines)
    costs = [cost.value for line in lines for cost, _ in line.points]
    lowest = min(rate.value for line in lines for _, rates in line.points for rate in rates.values())
    scale = Scale(min(costs) / EDGE, max(costs) * EDGE, min(0, STEP * floor(lowest / STEP)))
    victims = in_models_order(name for line in lines for _, rates in line.points for name in rates)
    rows = [
        {
            "title": row.replace("\n", ", "),
            "panels": [
                panel([line for line in lines if line.panel == row], victim, names, scale, clean.get((row, victim))) for victim in victims
            ],
        }
        for row in dict.fromkeys(line.panel for line in lines)
    ]
    legend = [{"name": name, "look": at % LOOKS, "marker": at % 4, "number": at} for at, name in enumerate(names)]
    said = {"heading": AXES[axis].heading, "measure": LABELS[measure], "width": WIDTH, "height": HEIGHT}
    return {"rows": rows, "legend": legend, "ticks": scale.ticks, "levels": scale.levels, **said}


def panel(lines: Sequence[Line], victim: str, names: Sequence[str], scale: Scale, clean: float | None) -> dict[str, Any]:
    threat = any(line.threat == victim for line in lines)
    found = [(line, [(cost.value, rates[victim]) for cost, rates in line.points if victim in rates]) for line in lines]
    return {
        "title": victim_name(victim),
        "threat": threat,
        "clean": None if clean is None else round(scale.height(clean), 1),
        "lines": [
            {
                "name": line.attacker,
                "number": names.index(line.attacker),
                "look": names.index(line.attacker) % LOOKS,
                "marker": names.index(line.attacker) % 4,
                "points": [point(scale, cost, rate.value) for cost, rate in points],
                "placebo": [
                    point(scale, cost, rate.beside.placebo) for cost, rate in points if rate.beside and rate.beside.placebo is not None
                ],
            }
            for line, points in found
            if points
        ],
    }


def point(scale: Scale, cost: float, rate: float) -> dict[str, float]:
    return {"x": round(scale.place(cost), 1), "y": round(scale.height(rate), 1), "cost": cost, "rate": rate}


def heat_map(runs: Sequence[FinishedRun], measure: str = "asr") -> dict[str, Any] | None:
    """Threat models' attackers in rows, victims in columns: the measure, its placebo's and the gain over it; what pictures they make.

    None where no run has the measure. The rows are those of tables: runs that differ in their seed are one, with their means.
    """
    victims = in_models_order(name for run in runs for name in run.mapping("victims"))
    rows, _ = pool([entry(run, measure) for run in runs], "attacker", [Column(name, name) for name in victims])
    several = [key for key in ("place", "threat_model", "budget") if len({row[key] for row in rows}) > 1]
    made = [
        {
            "name": row["attacker"],
            "where": ", ".join(str(row[key]) for key in several if row[key]),
            "cells": [cell_of(row.get(name), name == row["threat"], measure) for name in victims],
        }
        for row in ordered(rows)
    ]
    pictures = {"value": LABELS[measure]} | ({"gain": GAINS[measure]} if measure in GAINS else {})
    there = any(isinstance(row.get(name), Number) for row in rows for name in victims)
    return {"victims": [victim_name(name) for name in victims], "rows": made, "pictures": pictures} if there else None


def entry(run: FinishedRun, measure: str) -> Entry:
    values, beside = measured_on_all(run, measure)
    labels = {"place": place_of(run), "threat": run.threat, **attack_labels(run)}
    return Entry(run, labels, "", values, run.settings, beside)


def cell_of(cell: Cell, threat: bool, measure: str) -> dict[str, Any] | None:
    if not isinstance(cell, Number):
        return None
    noted = cell.beside or Beside()
    return {"value": cell.value, "placebo": noted.placebo, "gain": gain(measure, noted), "threat": threat}
