"""Curves and maps as numbers for the template, which draws them as SVG and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from staa_cli.reporting.attackers import budget_text, ordered, row_name
from staa_cli.reporting.curve import EDGE
from staa_cli.reporting.measures import GAINS, LABELS, gain, measured_on
from staa_cli.reporting.model import RUNS, Row
from staa_cli.reporting.names import victim_name
from staa_cli.reporting.pairs import place_of
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


def in_table_order(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Threat models and attackers as in tables."""
    named = {str(run.path): run for run in runs}
    rows: list[Row] = [
        {"threat_model": victim_name(run.threat), "attacker": row_name(run, "attacks"), "budget": None, RUNS: path}
        for path, run in named.items()
    ]
    return [named[str(row[RUNS])] for row in ordered(rows)]


def heat_map(runs: Sequence[FinishedRun], measure: str = "asr") -> dict[str, Any] | None:
    """Threat models' attackers in rows, victims in columns: the measure, its placebo's and the gain over it; what pictures they make."""
    victims = in_models_order(name for run in runs for name in run.mapping("victims"))
    places = {place_of(run) for run in runs}
    threats = {run.threat for run in runs}
    budgets = {budget_text(run, 0) for run in runs}
    rows = []
    for run in runs:
        words = [place_of(run) if len(places) > 1 else "", victim_name(run.threat) if len(threats) > 1 else ""]
        words += [budget_text(run, 0) or "" if len(budgets) > 1 else ""]
        cells = [cell_of(run, name, measure) for name in victims]
        rows.append({"name": row_name(run, "attacks"), "where": ", ".join(filter(None, words)), "cells": cells})
    pictures = {"value": LABELS[measure]} | ({"gain": GAINS[measure]} if measure in GAINS else {})
    return {"victims": [victim_name(name) for name in victims], "rows": rows, "pictures": pictures} if rows and victims else None


def cell_of(run: FinishedRun, victim: str, measure: str) -> dict[str, Any] | None:
    value, noted = measured_on(run, victim, measure)
    if value is None:
        return None
    return {"value": value, "placebo": noted.placebo, "gain": gain(measure, noted), "threat": victim == run.threat}
