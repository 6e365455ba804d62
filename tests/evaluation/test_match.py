"""`match: RUN` in recipes: where the number comes from, which layer decides, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from staa_cli.evaluation.recipe import BaselineRecipe
from staa_cli.recipes import load_preset
from staa_cli.runtime.errors import UsageError

from ..conftest import Staa, World

PERCENT = 12.345678
FULL = "step: baseline\nbudget: {linf: 0.05}\n"
SPARSE = FULL + "attack: sparse-pgd\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return finished(tmp_path / "run")


def finished(folder: Path, command: str = "attack", **summary: Any) -> Path:
    """The folder of a run as far as it matters here."""
    folder.mkdir()
    told = {"sparsity_percent": {"all": PERCENT, "successful": 50.0}, **summary}
    (folder / "metrics.json").write_text(json.dumps({"schema": 1, "command": command, "summary": told}))
    return folder


def load(folder: Path, text: str, *overrides: str) -> dict[str, Any]:
    (folder / "own.yaml").write_text(text)
    return load_preset(str(folder / "own.yaml"), BaselineRecipe, overrides)


def refused(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(UsageError) as refusal:
        load(folder, text, *overrides)
    return str(refusal.value)


def share(recipe: Any) -> float | None:
    """k of a recipe in percent."""
    holder = getattr(recipe, "positions", None) or recipe
    return getattr(holder, "percent", None)


@pytest.mark.parametrize("name", ["fgsm", "fgsm-sparse", "pgd", "pgd-sparse", "bim", "mi", "vmi", "sparse-pgd", "frank-wolfe", "noise"])
def test_the_share_of_shipped_recipes(name: str, run: Path) -> None:
    """The mean over all utterances, to four digits; nothing else of the recipe changes, and the run's name is no part of it."""
    plain = load_preset(name, BaselineRecipe)[""].model_dump()
    matched = load_preset(name, BaselineRecipe, [f"match={run}"])[""]
    assert share(matched) == 12.35
    assert matched.match == str(run)
    resolved = matched.model_dump()
    assert {key for key in plain if plain[key] != resolved[key]} <= {"percent", "positions"}
    if plain.get("positions"):
        assert resolved["positions"] == {**plain["positions"], "percent": 12.35}
    assert plain.keys() == resolved.keys()
    assert str(run) not in json.dumps(resolved)


def test_the_last_layer_decides(tmp_path: Path, run: Path) -> None:
    other = finished(tmp_path / "other", sparsity_percent={"all": 3})
    (tmp_path / "base.yaml").write_text(f"{SPARSE}match: {run}\n")
    (tmp_path / "named.yaml").write_text(f"{SPARSE}percent: 7\n")
    for text, overrides, percent in (
        ("extends: base.yaml\n", [], 12.35),
        ("extends: base.yaml\npercent: 2\n", [], 2),
        (f"extends: base.yaml\nmatch: {other}\n", [], 3),
        (f"extends: named.yaml\nmatch: {other}\n", [], 3),
        (f"extends: named.yaml\nmatch: {other}\n", ["percent=4"], 4),
        (f"extends: named.yaml\nmatch: {other}\n", ["match=null", "percent=4"], 4),
        ("extends: named.yaml\n", [f"match={run}"], 12.35),
        ("extends: base.yaml\n", [f"match={other}"], 3),
        (f"extends: pgd\npositions: {{redraw: off}}\nmatch: {run}\n", [], 12.35),
        (f"extends: pgd\nmatch: {run}\n", ["positions.percent=9"], 9),
        (f"extends: pgd\nmatch: {run}\n", ["positions={percent: 9, select: random}"], 9),
        ("extends: mi\npercent: null\n", [f"match={run}"], 12.35),
    ):
        assert share(load(tmp_path, text, *overrides)[""]) == percent, (text, overrides)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (SPARSE + "percent: 3\nmatch: RUN\n", []),
        (SPARSE, ["percent=3", "match=RUN"]),
        (SPARSE, ["match=RUN", "percent=3"]),
        ("extends: pgd\n", ["match=RUN", "positions.percent=3"]),
        (FULL + "match: RUN\nattackers: {one: {attack: sparse-pgd, percent: 3}}\n", []),
    ],
)
def test_both_in_one_layer_are_a_mistake(text: str, overrides: list[str], tmp_path: Path, run: Path) -> None:
    words = refused(tmp_path, text.replace("RUN", str(run)), *(override.replace("RUN", str(run)) for override in overrides))
    assert f"match: 'match: {run}' stands beside '" in words
    assert "percent: 3', expected one of the two" in words


def test_runs_that_measured_nothing_of_the_kind(tmp_path: Path) -> None:
    for folder, words in (
        (tmp_path / "none", "there is no such folder"),
        (finished(tmp_path / "victim", "train-victim"), "a run of 'staa train-victim', expected one of 'staa attack' or"),
        (finished(tmp_path / "mel", space="logmel"), "attacked the space 'logmel', expected 'waveform'"),
        (finished(tmp_path / "empty", sparsity_percent={"all": None}), "is None, expected a share"),
        (finished(tmp_path / "still", sparsity_percent={"all": 0.0}), "is 0.0, expected a share"),
        (finished(tmp_path / "broken", sparsity_percent=3), "is None, expected a share"),
    ):
        refusal = refused(tmp_path, SPARSE, f"match={folder}")
        assert "1 mistake in the recipe" in refusal
        assert "match: " in refusal
        assert str(folder) in refusal
        assert words in refusal


def test_an_attack_without_a_share_is_refused(tmp_path: Path, run: Path) -> None:
    assert "match: the attack 'cw-l2' has no share of samples to set" in refused(tmp_path, FULL + "attack: cw-l2\n", f"match={run}")
    assert "found 3, expected" in refused(tmp_path, FULL + "attack: pgd\nmatch: 3\npositions: {percent: 4}\n")
    assert "positions: found 3" in refused(tmp_path, FULL + "attack: pgd\npositions: 3\n", f"match={run}")


PRESET = """
step: baseline
budget: {linf: 0.05}
attackers:
  pgd: {attack: pgd, positions: {percent: 2, redraw: off}}
  sparse-pgd: {attack: sparse-pgd, percent: 5}
  sigma-zero: {attack: sigma-zero}
"""


def test_of_a_preset_those_that_have_a_share(tmp_path: Path, run: Path) -> None:
    shares = [share(recipe) for recipe in load(tmp_path, PRESET, f"match={run}").values()]
    assert shares == [12.35, 12.35, None]
    assert [share(recipe) for recipe in load(tmp_path, PRESET, f"attackers.pgd.match={run}").values()] == [12.35, 5, None]
    assert [share(recipe) for recipe in load_preset("transfer", BaselineRecipe, [f"match={run}"]).values()].count(12.35) == 6
    assert "attackers.sigma-zero.recipe: match: the attack" in refused(tmp_path, PRESET, f"attackers.sigma-zero.match={run}")
    shareless = FULL + "attackers: {one: {attack: sigma-zero}, two: {attack: cw-l2}}\n"
    assert "2 mistakes" in refused(tmp_path, shareless, f"match={run}")


def test_a_matched_run_is_the_run_with_the_number(staa: Staa, world: World, tmp_path: Path) -> None:
    """The same key, whichever way the number came; the result remembers which run it was."""
    first, second = tmp_path / "first", tmp_path / "second"
    command = ("baseline", world.recipes["pgd"], world.data, "--split", "test", "--limit", 2, "--threat", world.emo18)
    assert staa(*command, "--set", "positions.redraw=off", "--set", "positions.percent=20", "-o", first).code == 0
    matched = staa(*command, "--set", "positions.redraw=off", "--set", f"match={first}", "-o", second)
    assert matched.code == 0, matched.err
    there, here = (json.loads((folder / "metrics.json").read_text()) for folder in (first, second))
    percent = float(f"{there['summary']['sparsity_percent']['all']:.4g}")
    assert here["recipe"]["positions"]["percent"] == percent
    assert here["summary"]["match"] == str(first)
    assert here["summary"]["attacker"] == f"PGD {percent:g} %"
    again = staa(*command, "--set", "positions.redraw=off", "--set", f"positions.percent={percent}", "-o", second)
    assert "nothing to do" in again.err
    assert staa(*command, "--set", "match=nowhere", "-o", tmp_path / "third").code == 2
