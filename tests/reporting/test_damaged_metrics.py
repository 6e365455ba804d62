"""A `metrics.json` in which something is of a wrong type ends in a table or in a clear error, never in a defect."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from staa_cli.reporting.formats import FORMATS, render
from staa_cli.reporting.tables import TABLES, build_tables
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import read_metrics

KEPT = Path(__file__).parents[1] / "benchmarks/results"
RUNS = ["truth/emodb/plain/fgsm", "generators/emodb/seed-0/guided-test/sparsity-5", "victims/emodb/seed-0/emo18", "emodb/data"]
RUNS += ["second/generators/emodb/seed-0/pool"]
WRONG = [None, 3, -1.5, "text", "", True, [], [1], {}, {"a": {"b": 1}}, [[None]], 10**30]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything below a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [below for key, item in inner for below in [(*path, key), *places(item, (*path, key))]]


def spoil(metrics: dict[str, Any], draw: random.Random) -> str:
    """Replace or remove something. Returns: what."""
    path = draw.choice([path for path in places(metrics) if path[0] in ("summary", "recipe", "inputs", "seed", "device", "command")])
    holder = metrics
    for key in path[:-1]:
        holder = holder[key]
    if draw.random() < 0.2:
        del holder[path[-1]]
        return f"no {path}"
    holder[path[-1]] = draw.choice(WRONG)
    return f"{path} = {holder[path[-1]]!r}"


@pytest.mark.parametrize("name", RUNS)
def test_a_wrong_type_is_no_defect(name: str, tmp_path: Path) -> None:
    whole, draw = (KEPT / name / "metrics.json").read_text(), random.Random(1)
    path = tmp_path / "metrics.json"
    for _ in range(150):
        metrics = json.loads(whole)
        what = spoil(metrics, draw)
        path.write_text(json.dumps(metrics))
        for table in (None, *TABLES):
            try:
                tables = build_tables([(tmp_path, read_metrics(tmp_path))], table)
                for form in FORMATS:
                    render(tables, form)
            except UsageError:
                continue
            except Exception as error:
                raise AssertionError(f"{table}: {what}") from error
