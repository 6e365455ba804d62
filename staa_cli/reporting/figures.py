"""Drawing without a display or matplotlib's global state. Needs the extra `figures`."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from staa_cli.reporting.curve import draw_curve
from staa_cli.reporting.maps import draw_bars, draw_flips, draw_map
from staa_cli.reporting.model import Number, Row, Table
from staa_cli.reporting.runs import FinishedRun, LoadedRun
from staa_cli.reporting.tables import TABLES, accepted, build_tables, is_attack
from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What a file would say of its making: without it, equal numbers give equal pictures.
METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}


PICTURES: dict[str, Callable[[Sequence[FinishedRun], str], Figure]] = {
    "map": draw_map,
    "emotions": lambda runs, _: draw_flips(runs),
    "bars": draw_bars,
}
"""What can be drawn of attacks beside their curve, by a measure."""
CURVE = "curve"
BY_DEFAULT = {"bars": "accuracy"}
"""The measure of a picture where none is named; of the others success."""
NOTHING = "{}: nothing to draw, expected results of 'staa attack', 'staa baseline', or of 'staa train-victim' with a confusion matrix"
DRAWN = ("attacks", "confusion")
"""The tables that can be drawn."""


def check_figures(what: str = "a card has a picture") -> None:
    """Say early that pictures cannot be drawn. `what`: why one is needed.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise UsageError(f"{what}, and matplotlib is not installed; install it with: pip install 'staa[figures]'") from None


def picture_format(path: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        UsageError: none of ours.
    """
    format = path.suffix.lower().removeprefix(".")
    if format not in METADATA:
        raise UsageError(f"{path} ends in '{path.suffix}', expected a picture: one of {', '.join(f'.{name}' for name in METADATA)}")
    return format


def encode(figure: Figure, format: str) -> bytes:
    from matplotlib import rc_context

    picture = io.BytesIO()
    with rc_context({"svg.hashsalt": "staa"}):
        figure.savefig(picture, format=format, dpi=120, metadata=METADATA[format])
    return picture.getvalue()


def draw(runs: Sequence[LoadedRun], tables: Sequence[str], axis: str, what: str | None = None, measure: str | None = None) -> Figure:
    """What a picture shows of runs: attackers as curves, or victims' confusion matrices.

    Args:
        tables: the first of them that can be drawn is; where none can, attackers are, and without any the matrices.
        axis: what success is drawn against.
        measure: what is shown of victims.
        what: `CURVE` or one of `PICTURES`; None takes what the tables say.

    Raises:
        UsageError: no run fits.
    """
    which = next((name for name in tables if name in DRAWN), None)
    if which is None:
        which = "attacks" if what or any(is_attack(FinishedRun(*run)) for run in runs) else "confusion"
        if runs and not any(TABLES[which].accepts(FinishedRun(*run)) for run in runs):
            raise UsageError(NOTHING.format(", ".join(str(path) for path, _ in runs)))
    measure = measure or BY_DEFAULT.get(what or CURVE, "asr")
    if what in PICTURES:
        return PICTURES[what](accepted(runs, "attacks"), measure)
    return draw_curve(accepted(runs, "attacks"), axis, measure) if which == "attacks" else draw_confusion(build_tables(runs, "confusion"))


def draw_confusion(tables: Sequence[Table]) -> Figure:
    """Confusion matrices side by side, one panel for each victim and split, shaded by the share of the row."""
    from matplotlib.figure import Figure

    panels = [(table, rows) for table in tables for rows in panel_rows(table)]
    columns = min(len(panels), 2)
    lines = -(-len(panels) // columns)
    classes = max(len(rows) for _, rows in panels)
    side = 2 + 0.55 * classes
    figure = Figure(figsize=(side * columns, side * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).flat
    for (table, rows), place in zip(panels, axes, strict=False):
        draw_panel(place, table, rows)
    for place in list(axes)[len(panels) :]:
        place.remove()
    return figure


def panel_rows(table: Table) -> list[list[Row]]:
    """The rows of each victim and split."""
    parts: dict[tuple[object, object], list[Row]] = {}
    for row in table.rows:
        parts.setdefault((row["model"], row["split"]), []).append(row)
    return list(parts.values())


def draw_panel(axes: Axes, table: Table, rows: Sequence[Row]) -> None:
    predicted = [column for column in table.columns if column.key.startswith("as_")]
    counts = [[cell.value if isinstance(cell := row.get(column.key), Number) else 0.0 for column in predicted] for row in rows]
    shares = [[count / (sum(line) or 1) for count in line] for line in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for down, line in enumerate(counts):
        for right, count in enumerate(line):
            shade = "white" if shares[down][right] > 0.5 else "black"
            axes.text(right, down, f"{count:.4g}", ha="center", va="center", color=shade, fontsize=8)
    axes.set_xticks(range(len(predicted)), [column.heading for column in predicted], rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), [str(row["emotion"]) for row in rows])
    axes.set(xlabel="recognised as", ylabel="emotion", title=f"{rows[0]['model']}, {rows[0]['corpus']} {rows[0]['split']}")
