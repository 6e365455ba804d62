"""Success, or what it leaves of a victim, against what it costs. Needs the extra `figures` to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from staa_cli.reporting.area import area_percent, worst
from staa_cli.reporting.measures import LABELS, OF_LABELS
from staa_cli.reporting.names import victim_name
from staa_cli.reporting.runs import FinishedRun
from staa_cli.reporting.sweep import AXES, Axis, Line, attackers, clean_scores, in_models_order, numbers_of, trace
from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Of Okabe and Ito, which the colour-blind tell apart; the markers differ as well."""
MARKERS = "osD^vPX*"
PLACEBO = "placebo (its attacker's colour)"
EDGE = 1.3
"""How far an axis goes beyond its points, as a factor."""


def draw_curve(runs: Sequence[FinishedRun], axis: str = "sparsity", measure: str = "asr") -> Figure:
    """A panel for each victim, in a row for each threat model and corpus; all on the same scales.

    Args:
        axis: of `AXES`.
        measure: of `LABELS`.

    Raises:
        UsageError: there is nothing to draw.
    """
    from matplotlib.figure import Figure

    chosen = AXES[axis]
    lines, clean = trace(runs, chosen, measure), clean_scores(runs, measure)
    if not lines:
        raise UsageError(f"the runs hold no {LABELS[measure]} with {chosen.heading} above 0, so there is nothing to draw")
    rows = list(dict.fromkeys(line.panel for line in lines))
    victims = in_models_order(name for line in lines for _, rates in line.points for name in rates)
    looks = {name: (COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]) for at, name in enumerate(attackers(lines))}
    width, columns = legend_columns([f"{name} (area 00)" for name in looks], len(victims))
    height = 2.7 * len(rows) + 0.7 + 0.2 * ceil((len(looks) + 3) / columns)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(len(rows), len(victims), squeeze=False, sharex=True, sharey=True)
    for row, across in zip(rows, panels, strict=True):
        members = [line for line in lines if line.panel == row]
        for victim, axes in zip(victims, across, strict=True):
            threat = " (threat model)" if victim == members[0].threat else ""
            axes.set_title(victim_name(victim) + threat, fontsize=10)
            axes.grid(color="0.9", linewidth=0.6)
            points = [numbers_of(line, victim) for line in members]
            fear = worst(points, lowest=measure in OF_LABELS, dear_first=chosen.decibels)
            axes.step(*zip(*fear, strict=True), where="post", color="0.82", linewidth=5, solid_capstyle="butt", zorder=0)
            if (reference := 0.0 if measure == "lift" else clean.get((row, victim))) is not None:
                axes.axhline(reference, color="black", linewidth=0.9, linestyle=":", zorder=1)
            for line in members:
                draw_line(axes, line, victim, *looks[line.attacker], placebo=measure != "lift")
        across[0].set_ylabel(f"{row}\n{LABELS[measure]}" if len(rows) > 1 else LABELS[measure])
    for axes in panels[-1]:
        axes.set_xlabel(chosen.heading)
    scale(panels[0][0], chosen, [cost.value for line in lines for cost, _ in line.points])
    lowest = min(rate.value for line in lines for _, rates in line.points for rate in rates.values())
    panels[0][0].set_ylim(min(-3.0, 10 * floor(lowest / 10)), 103)
    if len(rows) == 1:
        figure.suptitle(rows[0].replace("\n", ", "), fontsize=11)
    areas = {line.attacker: area_percent(numbers_of(line, line.threat), chosen.place_of) for line in lines} if len(rows) == 1 else {}
    figure.legend(*legend(looks, areas, measure), loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
    return figure


def draw_line(axes: Axes, line: Line, victim: str, colour: str, marker: str, placebo: bool) -> None:
    """An attacker on one victim, with its placebo, where that is wanted, in the same colour, hollow and dashed."""
    points = [(cost, rates[victim]) for cost, rates in line.points if victim in rates]
    noise = [(cost.value, rate.beside.placebo) for cost, rate in points if rate.beside and rate.beside.placebo is not None]
    noise = noise if placebo else []
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


def scale(axes: Axes, axis: Axis, costs: Sequence[float]) -> None:
    """The scales that all panels share: percent from 0 to 100, and costs by their logarithm with numbers that people read."""
    from matplotlib.ticker import MaxNLocator, NullLocator

    axes.set_yticks(range(0, 101, 20))
    if axis.decibels:
        axes.margins(x=0.1)
        axes.xaxis.set_major_locator(MaxNLocator(5, prune="both"))
        return
    low, high = min(costs) / EDGE, max(costs) * EDGE
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in ((1, 2, 5) if high < 200 * low else (1,))]
    within = [tick for tick in ticks if low <= tick <= high] or [costs[0]]
    axes.set(xscale="log", xlim=(low, high))
    axes.set_xticks(within, [f"{tick:g}" for tick in within])
    axes.xaxis.set_minor_locator(NullLocator())


def legend_columns(names: Iterable[str], panels: int) -> tuple[float, int]:
    """The picture's width in inches, and how many of the names go beside one another below it."""
    width = max(4.0, 0.8 + 3 * panels)
    longest = max(len(PLACEBO), *map(len, names))
    return width, max(1, floor(width / (0.065 * longest + 0.6)))


def legend(looks: dict[str, tuple[str, str]], areas: dict[str, float | None], measure: str) -> tuple[list[Artist], list[str]]:
    """Handles and names, with the area under each curve on its threat model."""
    from matplotlib.lines import Line2D

    shown: list[Artist] = [Line2D([], [], color=colour, marker=marker, markersize=5, linewidth=1.6) for colour, marker in looks.values()]
    names = [name if areas.get(name) is None else f"{name} (area {areas[name]:.0f})" for name in looks]
    if measure != "lift":
        shown.append(Line2D([], [], color="0.4", linestyle="--", linewidth=0.9, marker="o", markersize=4, markerfacecolor="white"))
        names.append(PLACEBO)
    if measure != "asr":
        shown.append(Line2D([], [], color="black", linestyle=":", linewidth=0.9))
        names.append("placebo" if measure == "lift" else "without an attack")
    shown.append(Line2D([], [], color="0.82", linewidth=5))
    return shown, [*names, "worst of all attackers"]
