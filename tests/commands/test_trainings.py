"""`staa train-victim` and `staa train-generator` with several seeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from types import ModuleType
from typing import Any

import pytest

from staa_cli.generator import training as training_of_generators
from staa_cli.victims import training

from ..conftest import Staa, World
from .conftest import in_process, work_of

ONE = ("--set", "epochs=1")
Command = Callable[[World], tuple[object, ...]]


def of_generators(world: World) -> tuple[object, ...]:
    return ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18, *ONE)


def of_victims(world: World) -> tuple[object, ...]:
    return ("train-victim", world.recipes["zhao19"], "--data", world.data, *ONE)


def interrupt_the_second(monkeypatch: pytest.MonkeyPatch, module: ModuleType, function: str) -> list[int]:
    """The seeds of the trainings, as they begin. The second one is interrupted."""
    real, calls = getattr(module, function), list[int]()

    def stopping(*arguments: Any) -> Any:
        calls.append(arguments[0].seed)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, function, stopping)
    return calls


def test_seeds_are_runs_of_their_own_that_go_on_after_an_interrupt(
    staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (*of_victims(world), "-o", tmp_path / "many")
    calls = interrupt_the_second(monkeypatch, training, "train_victim")
    assert staa(*command, "--seeds", "4,5").code == 130
    assert (tmp_path / "many/seed-4/metrics.json").exists()
    assert not (tmp_path / "many/seed-5").exists()
    done = staa(*command, "--seeds", "4,5", "--json")
    assert (done.code, calls) == (0, [4, 5, 5])
    together = json.loads(done.out)
    assert [run["seed"] for run in together["runs"]] == [4, 5]
    accuracies = [run["summary"]["test"]["accuracy_percent"] for run in together["runs"]]
    (row,) = together["tables"][0]["rows"]
    assert (row["test_accuracy"], row["test_accuracy_runs"]) == (pytest.approx(fmean(accuracies)), 2)
    assert row["test_accuracy_std"] == pytest.approx(stdev(accuracies))
    assert in_process(tmp_path / "many/seed-4") == []
    more = staa(*command, "--seeds", "5,4,6")
    assert calls[3:] == [6], "what is finished is not trained again"
    assert "over 3 runs (seeds 5, 4, 6)" in more.out
    assert staa("report", *sorted((tmp_path / "many").iterdir())).out.count("±") >= 4
    alone = staa(*of_victims(world), "-o", tmp_path / "alone", "--seed", "5")
    assert alone.code == 0
    assert work_of(tmp_path / "alone") == work_of(tmp_path / "many/seed-5")


BOTH = pytest.mark.parametrize("command", [of_victims, of_generators])


def test_each_generator_is_the_one_that_is_trained_alone_and_goes_on_after_an_interrupt(
    staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (*of_generators(world), "-o", tmp_path / "many", "--seeds", "4,5")
    calls = interrupt_the_second(monkeypatch, training_of_generators, "train_generator")
    assert staa(*command).code == 130
    assert in_process(tmp_path / "many/seed-4") == []
    done = staa(*command, "--json")
    assert (done.code, calls) == (0, [4, 5, 5])
    together = json.loads(done.out)
    assert [(run["folder"], run["seed"]) for run in together["runs"]] == [(str(tmp_path / f"many/seed-{n}"), n) for n in (4, 5)]
    shown = [(row["seed"], row["val_asr"]) for row in together["tables"][0]["rows"]]
    assert shown == [(str(run["seed"]), pytest.approx(run["summary"]["val"]["asr_percent"])) for run in together["runs"]]
    assert staa(*command).code == 0
    assert len(calls) == 3, "what is finished is not trained again"
    of_none = staa("attack", tmp_path / "many", world.data, "-o", tmp_path / "adv")
    assert (of_none.code, f"such as {tmp_path / 'many/seed-4'}" in of_none.err) == (2, True), "they are attacked with one by one"
    assert staa(*of_generators(world), "-o", tmp_path / "alone", "--seed", "5").code == 0
    assert work_of(tmp_path / "alone") == work_of(tmp_path / "many/seed-5") != work_of(tmp_path / "many/seed-4")


@BOTH
def test_a_dry_run_names_every_folder_and_makes_none(command: Command, staa: Staa, world: World, tmp_path: Path) -> None:
    asked = (*command(world), "-o", tmp_path / "many", "--seeds", "0,1", "--dry-run")
    assert [line.rsplit("/", 1)[1] for line in staa(*asked).out.splitlines()] == ["seed-0", "seed-1"]
    assert len(json.loads(staa(*asked, "--json").out)["plans"]) == 2
    assert not (tmp_path / "many").exists()


@BOTH
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "0,x"], "--seeds '0,x' was not understood"),
        (["--seeds", ""], "was not understood"),
        (["--seeds", "-1"], "was not understood"),
        (["--seeds", "1,2,1"], "names 1 twice"),
        (["--seeds", "1", "--seed", "2"], "exclude each other"),
    ],
)
def test_mistakes_in_the_seeds(options: list[str], message: str, command: Command, staa: Staa, world: World, tmp_path: Path) -> None:
    outcome = staa(*command(world), "-o", tmp_path / "many", *options)
    assert outcome.code == 2
    assert message in outcome.err


@BOTH
def test_seeds_do_not_go_into_a_finished_run(command: Command, staa: Staa, world: World) -> None:
    outcome = staa(*command(world), "-o", world.zhao19 if command is of_victims else world.generator, "--seeds", "0,1")
    assert outcome.code == 2
    assert "is a finished run itself" in outcome.err
