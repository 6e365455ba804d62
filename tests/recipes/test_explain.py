"""What is said of keys: by type and range, as a page, of one recipe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field
from rich.console import Console

from staa_cli.commands import completion
from staa_cli.commands.explain import REQUIRED, Key, explain, explain_recipe, list_recipes, page, schemas
from staa_cli.commands.output import Output
from staa_cli.recipes import load_recipe, shipped
from staa_cli.recipes.shipped import FOLDERS, keys_page, summary
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.schema import OneOf, Strict, Switch

ALL = [(step, name) for step in FOLDERS for name in shipped(step)]


class Inner(OneOf):
    low: float | None = Field(None, ge=0, description="from here")
    high: int | None = Field(None, gt=0, le=9)


class Outer(Strict):
    kind: Literal["a", "b"]
    pair: list[float] | None = Field(None, min_length=2, max_length=2)
    names: dict[str, str] = Field({}, description="old and new")
    quiet: Switch = True
    inner: Inner | None = Inner(low=1e-7)


def test_types_in_plain_words() -> None:
    assert explain(Outer) == [
        Key("kind", "'a' or 'b'", REQUIRED, ""),
        Key("pair", "list of 2 numbers or null", "null", ""),
        Key("names", "mapping of text to text", "{}", "old and new"),
        Key("quiet", "on or off", "true", ""),
        Key("inner", "mapping or null", "{low: 1.0e-07, high: null}", ""),
        Key("inner.low", "number ≥ 0 or null", "null", "from here"),
        Key("inner.high", "whole number > 0 and ≤ 9 or null", "null", ""),
    ]


def test_the_page_is_up_to_date() -> None:
    assert keys_page().read_text() == page(), "run 'make completions' and commit the result"


def test_the_page_says_what_the_schemas_say() -> None:
    read = completion.read_page()
    for step, schema in schemas().items():
        assert read[f"staa {step}"] == {key.name: key.meaning for key in explain(schema)}
    assert read["attack: cw-linf"]["shrink"] == "τ becomes this share of the largest |δ_i| where a descent succeeds"


@pytest.mark.parametrize("step", ["train-victim", "train-generator", "baseline"])
def test_every_key_has_a_meaning(step: str) -> None:
    assert [key.name for key in explain(schemas()[step]) if not key.meaning] == []


def printed(capsys: pytest.CaptureFixture[str], width: int | None = None, as_json: bool = False) -> Output:
    capsys.readouterr()
    output = Output(as_json=as_json)
    if width is not None:
        output.stdout = Console(width=width)
    return output


@pytest.mark.parametrize("width", [80, 160, None])
@pytest.mark.parametrize("step", FOLDERS)
def test_the_list_holds_every_summary_whole(capsys: pytest.CaptureFixture[str], step: str, width: int | None) -> None:
    list_recipes(step, printed(capsys, width))
    out = capsys.readouterr().out
    assert all(len(line) <= (width or 10_000) for line in out.splitlines())
    text = " ".join(out.split())
    for name, path in shipped(step).items():
        assert f"{name} {summary(path)}" in text
    if width != 80:
        assert len(out.splitlines()) == len(shipped(step))


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    list_recipes("prepare", printed(capsys, as_json=True))
    found = json.loads(capsys.readouterr().out)["recipes"]
    assert {entry["name"]: entry["summary"] for entry in found}["emodb"].startswith("Berlin EmoDB")


@pytest.mark.parametrize(("step", "name"), ALL)
def test_every_recipe_is_explained_at_any_width(capsys: pytest.CaptureFixture[str], step: str, name: str) -> None:
    explain_recipe(name, step, printed(capsys, 80))
    narrow = capsys.readouterr().out
    assert "…" not in narrow
    explain_recipe(name, step, printed(capsys, as_json=True))
    keys = json.loads(capsys.readouterr().out)["keys"]
    assert all(entry["name"] in narrow for entry in keys)


def test_the_values_of_a_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    explain_recipe("staa-net-demo", "train-generator", printed(capsys, as_json=True))
    keys = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["keys"]}
    assert (keys["budget.peak_snr_db"]["value"], keys["epochs"]["value"], keys["epochs"]["default"]) == ("17.0", "8", "20")
    assert keys["augment.noise_snr_db"]["value"] == "[0.0, 10.0]"
    assert "augment" not in keys, "a mapping is told by its keys"
    recipe = load_recipe("paper", schemas()["train-generator"])
    assert recipe.model_dump()["augment"] is None
    explain_recipe("paper", "train-generator", printed(capsys, 80))
    out = capsys.readouterr().out
    assert re.search(r"^ *augment +null +null", out, re.MULTILINE)
    assert "augment.shift" not in out


def test_a_preset_tells_what_holds_for_all_and_what_each_sets(capsys: pytest.CaptureFixture[str]) -> None:
    explain_recipe("paper-1-iemocap", "baseline", printed(capsys, as_json=True))
    keys = {entry["name"]: entry["value"] for entry in json.loads(capsys.readouterr().out)["keys"]}
    assert (keys["budget.linf"], keys["seed"]) == ("0.01", "0")
    assert keys["attackers.pgd.positions.percent"] == "25"
    assert keys["attackers.sparsefool.variant"] == "torchattacks"
    assert "attackers.sparsefool.overshoot" not in keys


def test_mistakes_are_told_in_place_of_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.yaml").write_text("extends: pgd\nstepz: 3\n")
    with pytest.raises(UsageError, match="stepz: unknown key"):
        explain_recipe(str(tmp_path / "own.yaml"), "baseline", printed(capsys))
    with pytest.raises(UsageError, match="did you mean 'pgd'"):
        explain_recipe("emodb/pgd", "baseline", printed(capsys))
