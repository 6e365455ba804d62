"""From which emotion to which, as a table."""

from __future__ import annotations

import json

import pytest

from staa_cli.metrics.intervals import wilson_percent
from staa_cli.reporting.formats import FORMATS, render
from staa_cli.reporting.model import Number
from staa_cli.reporting.runs import FinishedRun, LoadedRun
from staa_cli.reporting.tables import build_tables
from staa_cli.runtime.errors import UsageError

from .test_page import Finished, finished

__all__ = ["finished"]
NAMES = {"a": "anger", "f": "fear", "s": "sadness"}


def rewritten(run: FinishedRun, lines: list[str], placebo: bool = True) -> LoadedRun:
    """The run with other predictions of its threat model: clean, after the attack, after the placebo; letters are classes."""
    path = run.path / "results.jsonl"
    known = [json.loads(line) for line in path.read_text().splitlines()]
    mine = [one for one in known if one["victim"] == "emo18"][: len(lines)]
    for one, (clean, after, noise) in zip(mine, lines, strict=True):
        one |= {"clean": NAMES[clean], "adversarial": NAMES[after], "placebo": {"adversarial": NAMES[noise]}}
        if not placebo:
            del one["placebo"]
    others = [one for one in known if one["victim"] != "emo18"]
    path.write_text("".join(json.dumps(one) + "\n" for one in (*mine, *others)))
    return run.path, run.metrics


def test_shares_and_placebos_by_hand(finished: Finished) -> None:
    (table,) = build_tables([rewritten(finished(), ["afa", "aff", "aaa", "asa", "fff", "faf"])], "emotions")
    assert table.title == "From which emotion to which on EmoDB test"
    found = {row["clean"]: row for row in table.rows}
    assert list(found) == ["anger", "fear"], "nothing was taken for sadness before"
    shares = {
        clean: [(cell.value, cell.beside and cell.beside.placebo) for key in ("to_anger", "to_fear", "to_sadness") if (cell := row[key])]  # type: ignore[union-attr]
        for clean, row in found.items()
    }
    assert shares == {"anger": [(25, 75), (50, 25), (25, 0)], "fear": [(50, 0), (50, 100), (0, 0)]}
    cell = found["anger"]["to_fear"]
    assert isinstance(cell, Number)
    assert cell.beside is not None
    assert [cell.beside.low, cell.beside.high] == wilson_percent(2, 4)
    assert cell.beside.lift == 25


def test_older_results_have_no_placebo_and_every_format_takes_the_table(finished: Finished) -> None:
    tables = build_tables([rewritten(finished(), ["afa", "fff"], placebo=False)], "emotions")
    cell = tables[0].rows[0]["to_fear"]
    assert isinstance(cell, Number)
    assert cell.beside is not None
    assert cell.beside.placebo is None
    for format in FORMATS:
        assert "sadness" not in (text := render(tables, format))
        assert "anger" in text


def test_without_single_utterances_there_is_no_table(finished: Finished) -> None:
    run = finished()
    (run.path / "results.jsonl").unlink()
    with pytest.raises(UsageError, match=r"has no results.jsonl with utterances"):
        build_tables([(run.path, run.metrics)], "emotions")
