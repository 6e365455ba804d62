"""Success against what it costs: how many samples move, or how long it takes. Needs the extra `figures` to be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from staa_cli.reporting.area import area_percent, worst
from staa_cli.reporting.attacks import budget_text, ordered, row_name
from staa_cli.reporting.measures import beside
from staa_cli.reporting.model import Number
from staa_cli.reporting.names import DECIBELS, PERCENT, REFINED, VICTIMS, apart, in_order, victim_name
from staa_cli.reporting.pairs import place_of, threat_of
from staa_cli.reporting.runs import Entry, FinishedRun, mean, repetitions
from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Of Okabe and Ito, which the colour-blind tell apart; the markers differ as well."""
MARKERS = "osD^vPX*"
EDGE = 1.3
"""How far an axis goes beyond its points, as a factor."""


@dataclass(frozen=True)
class Axis:
    """What success is drawn against.

    Attributes:
        place: where summaries have it.
        varies: the settings that a sweep along it varies.
        said: how attackers' names say them.
    """

    heading: str
    place: tuple[str, ...]
    varies: tuple[str, ...]
    said: re.Pattern[str]


AXES = {
    "sparsity": Axis("samples changed (%)", ("sparsity_percent", "all"), ("sparsity", "percent", "positions.percent"), PERCENT),
    "snr": Axis("peak SNR (dB)", ("snr_peak_db", "all"), ("snr", "budget.peak_snr_db", "budget.linf"), DECIBELS),
    "seconds": Axis("seconds per utterance", ("seconds_per_utterance",), ("refine", "steps"), REFINED),
}


@dataclass(frozen=True)
class Line:
    """An attacker over the values of a sweep.

    Attributes:
        place: the corpus and split.
        threat: the threat model's name among the victims.
        points: the cost, and the success rate on each victim, in the order of the cost.
    """

    place: str
    threat: str
    attacker: str
    points: list[tuple[Number, dict[str, Number]]]

    @property
    def panel(self) -> str:
        """What the panels of one row of the picture have in common."""
        return f"{self.place}\nthreat model {victim_name(self.threat)}".strip()


def trace(runs: Sequence[FinishedRun], axis: Axis) -> list[Line]:
    """A line for each attacker, its budget and settings apart from what the sweep varies; runs that differ in their seed are one point.

    A point without a cost above 0, which a logarithmic axis has no place for, is left out.
    """
    made = [entry(run, axis) for run in runs]
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


def entry(run: FinishedRun, axis: Axis) -> Entry:
    """What a run adds to its line."""
    labels = {
        "place": place_of(run),
        "threat": threat_of(run),
        "attacker": apart(row_name(run, "attacks"), axis.said)[0],
        "budget": None if any("budget" in key for key in axis.varies) else budget_text(run, 0),
    }
    victims = run.mapping("victims")
    values = {"": run.number(*axis.place)} | {name: run.number("victims", name, "asr_percent") for name in victims}
    settings = {key: value for key, value in run.settings.items() if key not in axis.varies}
    return Entry(run, labels, "", values, settings, {name: beside(run, name) for name in victims})


def point_of(entries: Sequence[Entry]) -> tuple[Number, dict[str, Number]] | None:
    names = dict.fromkeys(name for one in entries for name in one.values)
    cells = {name: mean([(one.values.get(name), one.beside.get(name)) for one in entries]) for name in names}
    cost = cells.pop("")
    rates = {name: cell for name, cell in cells.items() if isinstance(cell, Number)}
    return (cost, rates) if isinstance(cost, Number) and cost.value > 0 and rates else None


def draw_curve(runs: Sequence[FinishedRun], axis: str = "sparsity") -> Figure:
    """A panel for each victim, in a row for each threat model and corpus; all on the same scales.

    Raises:
        UsageError: there is nothing to draw.
    """
    from matplotlib.figure import Figure

    chosen = AXES[axis]
    lines = trace(runs, chosen)
    if not lines:
        raise UsageError(f"the runs hold no success rate with {chosen.heading} above 0, so there is nothing to draw")
    rows = list(dict.fromkeys(line.panel for line in lines))
    victims = in_models_order(name for line in lines for _, rates in line.points for name in rates)
    looks = {name: (COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]) for at, name in enumerate(attackers(lines))}
    width, columns = legend_columns([f"{name} (area 00)" for name in looks], len(victims))
    height = 2.7 * len(rows) + 0.7 + 0.2 * ceil((len(looks) + 2) / columns)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(len(rows), len(victims), squeeze=False, sharex=True, sharey=True)
    for row, across in zip(rows, panels, strict=True):
        members = [line for line in lines if line.panel == row]
        for victim, axes in zip(victims, across, strict=True):
            threat = " (threat model)" if victim == members[0].threat else ""
            axes.set_title(victim_name(victim) + threat, fontsize=10)
            axes.grid(color="0.9", linewidth=0.6)
            fear = worst([numbers_of(line, victim) for line in members])
            axes.step(*zip(*fear, strict=True), where="post", color="0.82", linewidth=5, solid_capstyle="butt", zorder=0)
            for line in members:
                draw_line(axes, line, victim, *looks[line.attacker])
        across[0].set_ylabel(f"{row}\nASR (%)" if len(rows) > 1 else "ASR (%)")
    for axes in panels[-1]:
        axes.set_xlabel(chosen.heading)
    scale(panels[0][0], [cost.value for line in lines for cost, _ in line.points])
    if len(rows) == 1:
        figure.suptitle(rows[0].replace("\n", ", "), fontsize=11)
    areas = {line.attacker: area_percent(numbers_of(line, line.threat)) for line in lines} if len(rows) == 1 else {}
    figure.legend(*legend(looks, areas), loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
    return figure


def in_models_order(victims: Iterable[str]) -> list[str]:
    """Each victim once, by its model: several folders of one stand together."""
    names = list(dict.fromkeys(victims))
    models = in_order((name.partition(":")[0] for name in names), VICTIMS)
    return sorted(names, key=lambda name: models.index(name.partition(":")[0]))


def attackers(lines: Sequence[Line]) -> list[str]:
    """The attackers' names in the order of tables."""
    names = dict.fromkeys(line.attacker for line in lines)
    return [str(row["attacker"]) for row in ordered({"threat_model": "", "attacker": name, "budget": ""} for name in names)]


def draw_line(axes: Axes, line: Line, victim: str, colour: str, marker: str) -> None:
    """An attacker on one victim, with its placebo in the same colour, hollow and dashed."""
    points = [(cost, rates[victim]) for cost, rates in line.points if victim in rates]
    noise = [(cost.value, rate.beside.placebo) for cost, rate in points if rate.beside and rate.beside.placebo is not None]
    axes.plot(
        [cost for cost, _ in noise],
        [rate for _, rate in noise],
        color=colour,
        linestyle="--",
        linewidth=0.9,
        marker=marker,
        markersize=4,
        markerfacecolor="white",
        markeredgewidth=0.9,
    )
    axes.errorbar(
        [cost.value for cost, _ in points],
        [rate.value for _, rate in points],
        xerr=[cost.std or 0 for cost, _ in points] if any(cost.std for cost, _ in points) else None,
        yerr=[rate.std or 0 for _, rate in points] if any(rate.std for _, rate in points) else None,
        color=colour,
        linewidth=1.6,
        marker=marker,
        markersize=5,
        elinewidth=1,
        capsize=2.5,
    )


def scale(axes: Axes, costs: Sequence[float]) -> None:
    """The scales that all panels share: percent from 0 to 100, and costs by their logarithm with numbers that people read."""
    from matplotlib.ticker import NullLocator

    low, high = min(costs) / EDGE, max(costs) * EDGE
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in ((1, 2, 5) if high < 200 * low else (1,))]
    within = [tick for tick in ticks if low <= tick <= high] or [costs[0]]
    axes.set(xscale="log", xlim=(low, high), ylim=(-3, 103))
    axes.set_xticks(within, [f"{tick:g}" for tick in within])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(0, 101, 20))


def legend_columns(names: Iterable[str], panels: int) -> tuple[float, int]:
    """The picture's width in inches, and how many of the names go beside one another below it."""
    width = max(4.0, 0.8 + 3 * panels)
    longest = max(len("placebo (its attacker's colour)"), *map(len, names))
    return width, max(1, floor(width / (0.065 * longest + 0.6)))


def numbers_of(line: Line, victim: str) -> list[tuple[float, float]]:
    """Its costs and success rates on a victim."""
    return [(cost.value, rates[victim].value) for cost, rates in line.points if victim in rates]


def legend(looks: dict[str, tuple[str, str]], areas: dict[str, float | None]) -> tuple[list[Artist], list[str]]:
    """Handles and names, with the area under each curve on its threat model."""
    from matplotlib.lines import Line2D

    shown: list[Artist] = [Line2D([], [], color=colour, marker=marker, markersize=5, linewidth=1.6) for colour, marker in looks.values()]
    shown.append(Line2D([], [], color="0.4", linestyle="--", linewidth=0.9, marker="o", markersize=4, markerfacecolor="white"))
    shown.append(Line2D([], [], color="0.82", linewidth=5))
    names = [name if areas.get(name) is None else f"{name} (area {areas[name]:.0f})" for name in looks]
    return shown, [*names, "placebo (its attacker's colour)", "worst of all attackers"]
