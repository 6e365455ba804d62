"""Who fools whom, from which emotion to which, and the second paper's figures 4 and 5. Needs the extra `figures` to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

from staa_cli.reporting.attackers import attack_labels, ordered, row_name
from staa_cli.reporting.curve import COLOURS
from staa_cli.reporting.emotions import flips
from staa_cli.reporting.measures import LABELS, OF_LABELS, measured_on
from staa_cli.reporting.model import RUNS, Beside, Row
from staa_cli.reporting.names import victim_name
from staa_cli.reporting.outcomes import by_victim, outcomes
from staa_cli.reporting.page.charts import heat_map
from staa_cli.reporting.pairs import place_of
from staa_cli.reporting.runs import FinishedRun
from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOUR_MAP = "cividis"
"""The colour-blind read it as others do."""


def in_table_order(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Threat models and attackers as in tables."""
    named = {str(run.path): run for run in runs}
    rows: list[Row] = [{**attack_labels(run), "budget": None, RUNS: path} for path, run in named.items()]
    return [named[str(row[RUNS])] for row in ordered(rows)]


def draw_map(runs: Sequence[FinishedRun], measure: str = "asr") -> Figure:
    """Attackers in rows, victims in columns: a measure on the left, how far from the placebo's on the right, both from 0 to 100.

    ◆ marks the threat model.

    Args:
        measure: of `LABELS`.

    Raises:
        UsageError: there is nothing to draw.
    """
    from matplotlib.figure import Figure

    found = heat_map(runs, measure)
    if found is None:
        raise UsageError(f"the runs hold no {LABELS[measure]}, so there is nothing to draw")
    names = [f"{row['name']} {row['where']}".strip() for row in found["rows"]]
    pictures = found["pictures"]
    width = 1.1 * len(pictures) * (0.85 * len(found["victims"]) + 0.8) + 0.09 * max(map(len, names))
    figure = Figure(figsize=(width, 1.9 + 0.32 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(pictures), sharey=True, squeeze=False)[0]
    marks = [["◆" if cell and cell["threat"] else "" for cell in row["cells"]] for row in found["rows"]]
    for axes, (key, title) in zip(panels, pictures.items(), strict=True):
        values = [[None if cell is None else cell[key] for cell in row["cells"]] for row in found["rows"]]
        texts = [
            ["–" if value is None else f"{value:z.0f}{mark}" for value, mark in zip(line, signs, strict=True)]
            for line, signs in zip(values, marks, strict=True)
        ]
        shade(axes, values, texts, found["victims"], names)
        axes.set_title(title, fontsize=10)
    if any("◆" in line for line in marks):
        figure.supxlabel("◆ the threat model, which the attack knew", fontsize=8)
    return figure


def draw_flips(runs: Sequence[FinishedRun]) -> Figure:
    """A panel for each attack: predictions of its threat model before in rows, after in columns; in brackets after the placebo.

    Raises:
        UsageError: there is nothing to draw.
    """
    from matplotlib.figure import Figure

    read = [(run, flips(by_victim(outcomes(run)).get(run.threat, []))) for run in in_table_order(runs)]
    known = [(run, found) for run, found in read if found is not None]
    if not known:
        raise UsageError("the runs hold no results of single utterances, so there is nothing to draw")
    across = min(3, len(known))
    side = 1.6 + 0.62 * max(len(found["classes"]) for _, found in known)
    figure = Figure(figsize=(side * across, side * ceil(len(known) / across)), layout="constrained")
    panels = list(figure.subplots(ceil(len(known) / across), across, squeeze=False).flat)
    for axes, (run, found) in zip(panels, known, strict=False):
        values = [[cell["share"] for cell in row["cells"]] for row in found["rows"]]
        texts = [[in_field(cell["count"], cell["placebo"]) for cell in row["cells"]] for row in found["rows"]]
        shade(axes, values, texts, found["classes"], [f"{row['name']} {row['count']}" for row in found["rows"]])
        axes.set(xlabel="after (in brackets: after the placebo)", ylabel="before")
        axes.set_title(f"{row_name(run, 'attacks')} on {victim_name(run.threat)}\n{place_of(run)}", fontsize=9)
    for axes in panels[len(known) :]:
        axes.remove()
    return figure


def in_field(count: int, placebo: int | None) -> str:
    """A count and its placebo's; nothing where both are 0."""
    if placebo is None:
        return str(count or "")
    return f"{count}\n({placebo})" if count or placebo else ""


def shade(
    axes: Axes, values: Sequence[Sequence[float | None]], texts: Sequence[Sequence[str]], across: Sequence[str], down: Sequence[str]
) -> None:
    """A map of percent, the number in each field."""
    axes.imshow([[max(0.0, value or 0.0) for value in line] for line in values], cmap=COLOUR_MAP, vmin=0, vmax=100, aspect="auto")
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            colour = "black" if (values[row][column] or 0) > 55 else "white"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(across)), across, rotation=30, ha="right", fontsize=8)
    axes.set_yticks(range(len(down)), down, fontsize=8)


def draw_bars(runs: Sequence[FinishedRun], measure: str = "accuracy") -> Figure:
    """A measure under attack above, seconds below, by attack, corpus and threat model, on that model: figures 5 and 4 of the second paper.

    Of several runs of one name on one corpus and model the most effective is drawn, as the paper does. Beside each bar
    stands what the clean utterances (a line) and the placebo (a cross) have.

    Args:
        measure: of `LABELS`; there the accuracy.

    Raises:
        UsageError: no run has it.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    scored = [(run, *measured_on(run, run.threat, measure)) for run in in_table_order(runs)]
    told = [(run, value, beside) for run, value, beside in scored if value is not None]
    if not told:
        raise UsageError(
            f"the runs hold no {LABELS[measure]}{', which needs labels' * (measure in OF_LABELS)}, so there is nothing to draw"
        )
    several = len({run.threat for run, _, _ in told}) > 1

    def title(run: FinishedRun) -> str:
        return f"{run.corpus or 'audio files'}{f', {victim_name(run.threat)}' * several}"

    series: dict[str, dict[str, tuple[FinishedRun, float, Beside]]] = {title(run): {} for run, _, _ in told}
    for one in sorted(told, key=lambda one: one[1], reverse=measure in OF_LABELS):
        series[title(one[0])][row_name(one[0], "attacks")] = one
    names = list(dict.fromkeys(row_name(run, "attacks") for run, _, _ in told))
    figure = Figure(figsize=(max(5.0, 1.5 + 0.3 * len(names) * (len(series) + 1)), 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    width = 0.8 / len(series)
    for at, best in enumerate(series.values()):
        for name, (run, value, beside) in best.items():
            place = names.index(name) + (at - (len(series) - 1) / 2) * width
            clean = run.number("victims", run.threat, f"{measure}_percent", "clean") if measure in OF_LABELS else None
            seconds = run.number("seconds_per_utterance")
            above.bar(place, value, width * 0.9, color=COLOURS[at % len(COLOURS)])
            if clean is not None:
                above.hlines(clean, place - width / 2, place + width / 2, color="black", linewidth=1.4)
            if beside.placebo is not None and measure != "lift":
                above.plot(place, beside.placebo, marker="x", color="black", markersize=5)
            if seconds:
                below.bar(place, seconds, width * 0.9, color=COLOURS[at % len(COLOURS)])
    above.set(ylabel=LABELS[measure], ylim=(None if measure == "lift" else 0, 100))
    below.set(ylabel="seconds per utterance", yscale="log")
    below.yaxis.set_major_formatter("{x:g}")
    below.yaxis.set_minor_formatter(NullFormatter())
    below.set_xticks(range(len(names)), names, rotation=35, ha="right")
    for axes in (above, below):
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
    bars_legend(figure, list(series), measure)
    return figure


def bars_legend(figure: Figure, series: Sequence[str], measure: str) -> None:
    from matplotlib.artist import Artist
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [Patch(color=COLOURS[at % len(COLOURS)]) for at in range(len(series))]
    labels = [*series]
    if measure in OF_LABELS:
        handles.append(Line2D([], [], color="black", linewidth=1.4))
        labels.append("without an attack")
    if measure != "lift":
        handles.append(Line2D([], [], color="black", marker="x", linestyle="", markersize=5))
        labels.append("placebo")
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)), fontsize=8, frameon=False)
