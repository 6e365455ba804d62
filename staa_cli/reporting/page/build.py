"""From runs to the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from staa_cli.reporting.attackers import row_name
from staa_cli.reporting.emotions import flips
from staa_cli.reporting.model import RUNS, SEPARATOR, Cell, Column, Number, Row, Table
from staa_cli.reporting.names import victim_name
from staa_cli.reporting.outcomes import by_victim, outcomes
from staa_cli.reporting.page.charts import curves, heat_map
from staa_cli.reporting.page.examples import examples
from staa_cli.reporting.page.verdict import comparable, furthest, sentence, strongest, tiles
from staa_cli.reporting.runs import FinishedRun
from staa_cli.reporting.text import cell_parts
from staa_cli.runtime.version import __version__

LIMIT = 8_000_000
"""Bytes of a page; utterances beyond it are left out, from the last one, and the page says so."""


def build_page(runs: Sequence[FinishedRun], tables: Sequence[Table], measure: str = "asr", limit: int = LIMIT) -> str:
    """One HTML file that asks nobody for anything.

    Args:
        runs: all that were given; attacks fill the verdict, the curves, the map and the utterances.
        tables: what stands in tables.
        measure: what curves and map show; the verdict is of success.
        limit: bytes.
    """
    attacks = [run for run in runs if run.command in ("attack", "baseline")]
    prepared = [run.path for run in runs if run.command == "prepare"]
    best = strongest(attacks)
    facts: dict[str, Any] = {"best": None, "cards": [], "flips": None}
    if best is not None:
        alike = comparable(attacks, best.run)
        far = furthest(alike)
        victims = by_victim(outcomes(best.run))
        facts = {
            "best": {"attacker": row_name(best.run, "attacks"), "run": str(best.run.path), "threat": victim_name(best.victim)},
            "sentence": sentence(best, far),
            "tiles": tiles(attacks, best, far),
            "cards": examples(best.run, victims, best.run.threat, prepared),
            "flips": flips(victims.get(best.victim, [])),
        }
    facts |= {
        "tables": [as_html(table) for table in tables],
        "curves": curves(attacks, measure=measure),
        "map": heat_map(attacks, measure),
        "runs": [str(run.path) for run in runs],
        "version": __version__,
        "limit": limit // 1_000_000,
        "dropped": 0,
    }
    template = environment().get_template("page.html")
    page = template.render(facts)
    while len(page.encode()) > limit and facts["cards"]:
        facts["cards"], facts["dropped"] = facts["cards"][:-1], facts["dropped"] + 1
        page = template.render(facts)
    return page


def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("staa_cli.reporting.page", "assets"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["digits"] = lambda value, digits=1: "–" if value is None else f"{value:z.{digits}f}"
    made.filters["capitalise"] = lambda text: text[:1].upper() + text[1:]
    return made


def as_html(table: Table) -> dict[str, Any]:
    """A table for the template: headings with their groups, and cells with what they are sorted by."""
    columns = table.shown
    groups: list[list[Any]] = []
    for column in columns:
        if groups and column.group and groups[-1][0] == column.group:
            groups[-1][1] += 1
        else:
            groups.append([column.group, 1])
    return {
        "title": table.title,
        "notes": table.notes,
        "traced": any(map(paths_of, table.rows)),
        "groups": groups if any(name for name, _ in groups) else [],
        "columns": [{"heading": column.heading, "number": column.kind != "text"} for column in columns],
        "rows": [
            {
                "cells": [html_cell(row.get(column.key), column) for column in columns],
                "rule": table.starts_section(index),
                "runs": [{"path": path, "name": "/".join(Path(path).parts[-2:])} for path in paths_of(row)],
            }
            for index, row in enumerate(table.rows)
        ],
    }


def paths_of(row: Row) -> list[str]:
    """The folders of the runs that a row's numbers come from."""
    return str(row[RUNS]).split(SEPARATOR) if row.get(RUNS) else []


def html_cell(cell: Cell, column: Column) -> dict[str, Any]:
    first, *rest = cell_parts(cell, column.kind)
    interval = None
    if isinstance(cell, Number) and cell.beside and cell.beside.low is not None and cell.beside.high is not None:
        interval = f"95 % interval {cell.beside.low:.1f} to {cell.beside.high:.1f}"
    return {"text": first, "beside": " ".join(rest), "sort": cell.value if isinstance(cell, Number) else (cell or ""), "title": interval}
