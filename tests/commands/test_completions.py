"""What shells offer, and that the committed completion scripts are those that the command line generates."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from staa_cli.commands import completion
from staa_cli.recipes import shipped
from staa_cli.reporting.formats import FORMATS, PAGE
from staa_cli.reporting.tables import TABLES
from staa_cli.runtime.device import check_device_name
from staa_cli.runtime.schema import Split

from .conftest import run_process, without_torch

FOLDER = Path(__file__).parents[2] / "completions"
SCRIPTS = {"bash": "staa.bash", "zsh": "_staa", "fish": "staa.fish"}
NO_SPACE = "    [[ $COMPREPLY == *= ]] && compopt -o nospace\n"
"""What we add to bash's script: a key is followed by its value, not by a space."""


def line(command: str, **values: object) -> Any:
    """What typer hands to a completer: the command, and what was typed before."""
    return SimpleNamespace(info_name=command, params=values, args=[])


def words(offers: completion.Offers) -> list[str]:
    return [word for word, _ in offers]


@pytest.mark.parametrize("command", ["prepare", "train-victim", "train-generator", "baseline"])
def test_recipes_of_the_command_with_what_they_are(command: str) -> None:
    offers = completion.recipes(line(command), "")
    assert words(offers) == list(shipped(command))
    assert all(len(meaning) > 20 for _, meaning in offers)


def test_recipes_begin_as_the_word_does() -> None:
    assert words(completion.recipes(line("baseline"), "paper-1")) == ["paper-1", "paper-1-iemocap"]
    assert completion.recipes(line("train-victim"), "pgd") == []
    assert completion.recipes(line("baseline"), "./p") == [], "a path is the shell's own to complete"


def test_what_is_offered_is_what_exists() -> None:
    assert words(completion.splits(line("attack"), "")) == list(get_args(Split))
    assert set(words(completion.tables(line("report"), ""))) == set(TABLES)
    assert set(words(completion.formats(line("report"), ""))) == {*FORMATS, PAGE}
    assert words(completion.tables(line("report"), "c")) == ["corpus", "confusion"]
    for device in words(completion.devices(line("attack"), "")):
        check_device_name(device)


@pytest.mark.parametrize(
    ("command", "recipe", "begun", "some", "none"),
    [
        ("baseline", "pgd", "", ["budget.linf=", "positions.percent=", "seed="], ["lam=", "epochs="]),
        ("baseline", "pgd-demo", "pos", ["positions=", "positions.percent=", "positions.select=", "positions.redraw="], ["seed="]),
        ("baseline", "sparsefool", "", ["budget.linf=", "lam=", "variant="], ["positions.percent="]),
        ("baseline", "survey", "", ["budget.linf=", "space="], ["steps=", "lam="]),
        ("baseline", "no-such", "", ["budget.linf="], ["steps="]),
        ("baseline", None, "budget.l", ["budget.linf="], ["budget="]),
        ("train-victim", "emo18-demo", "", ["epochs=", "augment.shift="], ["budget="]),
        ("train-generator", "paper", "thr", ["threshold.weights.magnitude="], ["epochs="]),
        ("prepare", "emodb", "s", ["seconds=", "splits.ratios.train="], ["channel="]),
        ("prepare", "folders", "folders.", ["folders.pattern="], ["seconds="]),
    ],
)
def test_keys_of_the_recipe_on_the_line(command: str, recipe: str | None, begun: str, some: list[str], none: list[str]) -> None:
    offers = words(completion.keys(line(command, recipe=recipe), begun))
    assert set(some) <= set(offers)
    assert not set(none) & set(offers)
    assert all(offer.startswith(begun) for offer in offers)


def test_keys_of_a_recipe_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: middle.yaml\n")
    (tmp_path / "middle.yaml").write_text("extends: jsma\n")
    offers = completion.keys(line("baseline", recipe=str(tmp_path / "own.yaml")), "")
    assert {"theta=", "gamma=", "budget.linf="} <= set(words(offers))
    assert all(meaning for word, meaning in offers if word in ("theta=", "gamma="))
    (tmp_path / "own.yaml").write_bytes(b"\xff{")
    assert "budget.linf=" in words(completion.keys(line("baseline", recipe=str(tmp_path / "own.yaml")), ""))
    (tmp_path / "own.yaml").write_text("attack: [pgd]\nstep: {}\n")
    assert "budget.linf=" in words(completion.keys(line("baseline", recipe=str(tmp_path / "own.yaml")), ""))


# --- Through the shells


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_are_up_to_date(shell: str) -> None:
    outcome = without_torch(_STAA_COMPLETE=f"source_{shell}")
    assert outcome.code == 0, outcome.err
    # zsh reads its directive on the first line only, which typer leaves blank.
    expected = outcome.out.lstrip("\n") if shell == "zsh" else outcome.out.replace("    return 0\n", f"{NO_SPACE}    return 0\n")
    assert (FOLDER / SCRIPTS[shell]).read_text() == expected, "run 'make completions' and commit the result"


def test_zsh_finds_its_directive_on_the_first_line() -> None:
    assert (FOLDER / "_staa").read_text().startswith("#compdef staa\n")


def typed(*line: str) -> list[str]:
    """What bash offers for the last word of a line, the first of which is `staa`."""
    bash, staa = shutil.which("bash"), Path(sys.executable).parent / "staa"
    if bash is None or not staa.exists():
        pytest.skip("no bash, or no installed staa")
    script = 'source "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _staa_completion "$2"; echo "${COMPREPLY[@]}"'
    return run_process(bash, "-c", script, "bash", FOLDER / SCRIPTS["bash"], staa, *line).out.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["train-"], ["train-victim", "train-generator"]),
        (["baseline", "pgd"], ["pgd", "pgd-demo", "pgd-sparse"]),
        (["baseline", "./pg"], []),
        (["train-victim", "z"], ["zhao19", "zhao19-demo", "zhao19-paper"]),
        (["baseline", "--explain", "sur"], ["survey"]),
        (["baseline", "sparsefool", "--set", "la"], ["lam="]),
        (["baseline", "pgd-demo", "data", "--set", "steps", "=", "3", "--set", "positions.r"], ["positions.redraw="]),
        (["train-generator", "paper-iemocap", "--set", "threshold.ga"], ["threshold.gate="]),
        (["attack", "net", "data", "--split", ""], ["train", "val", "test"]),
        (["attack", "net", "--device", "cu"], ["cuda"]),
        (["report", "--table", "a"], ["attacks", "ablation", "attacked", "across"]),
        (["report", "run", "--format", "m"], ["markdown"]),
    ],
    ids=" ".join,
)
def test_bash_completes_through_the_script(line: list[str], offered: list[str]) -> None:
    assert typed(*line) == offered


@pytest.mark.parametrize("line", ["prepare emo", "baseline survey --set bud", "report --table c"])
def test_completion_needs_no_torch(line: str) -> None:
    outcome = without_torch(_STAA_COMPLETE="complete_bash", COMP_WORDS=f"staa {line}", COMP_CWORD=str(line.count(" ") + 1))
    assert outcome.out.strip(), outcome.err


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_are_valid(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run([program, "-n", FOLDER / SCRIPTS[shell]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
