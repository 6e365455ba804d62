"""`staa baseline` with a preset: many attackers, each a run of its own."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from staa_cli.attacks.sigma_zero import SigmaZero
from staa_cli.evaluation import hand

from ..conftest import Staa, World
from .conftest import Doomed, contents, trap, work_of

PRESET = """
step: baseline
budget: {peak_snr_db: 3}
attackers:
  pgd: {attack: pgd, steps: 1, step_size: 0.4, positions: {percent: 10}}
  sigma-zero: {attack: sigma-zero, steps: 2}
  pixels: {attack: one-pixel, steps: 1, pixels: 3, population: 4}
"""
NAMES = ["pgd", "sigma-zero", "pixels"]
FILES = 3


@pytest.fixture
def command(world: World, tmp_path: Path) -> tuple[object, ...]:
    """Over a folder `in`, into a folder `out`."""
    (tmp_path / "preset.yaml").write_text(PRESET)
    (tmp_path / "in").mkdir()
    spoken = sorted((world.data / "audio").rglob("*.wav"))
    for path in spoken[:: len(spoken) // FILES][:FILES]:
        shutil.copy(path, tmp_path / "in")
    return ("baseline", tmp_path / "preset.yaml", tmp_path / "in", "--threat", world.emo18, "-o", tmp_path / "out")


def count_batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    real, calls = hand.work, []

    def counting(*arguments: Any) -> Any:
        calls.append(len(arguments[1]))
        return real(*arguments)

    monkeypatch.setattr(hand, "work", counting)
    return calls


def test_every_attacker_is_a_run_as_if_alone(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    done = staa(*command)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(NAMES)
    assert [word in done.out for word in ("PGD 10 %", "σ-zero", "3 pixels")] == [True] * 3
    assert done.out == staa("report", *(tmp_path / "out" / name for name in NAMES)).out
    alone = tmp_path / "alone"
    recipe = tmp_path / "pgd.yaml"
    recipe.write_text(PRESET.split("attackers")[0] + "attack: pgd\nsteps: 1\nstep_size: 0.4\npositions: {percent: 10}\n")
    assert staa("baseline", recipe, *command[2:-1], alone).code == 0
    assert work_of(alone) == work_of(tmp_path / "out/pgd")


def test_json_has_all_runs_and_the_table(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    together = json.loads(staa(*command, "--json").out)
    assert [Path(run["folder"]).name for run in together["runs"]] == NAMES
    assert [row["attacker"] for row in together["tables"][0]["rows"]] == ["PGD 10 %", "σ-zero", "3 pixels"]
    for run in together["runs"]:
        assert json.loads((Path(run["folder"]) / "metrics.json").read_text())["summary"] == run["summary"]


def test_a_killed_run_goes_on_where_it_was(
    staa: Staa, doomed: Doomed, command: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill in the middle of the second attacker: the first is not repeated, nor are the second's finished utterances."""
    killed = doomed(lambda: trap(hand, "work", FILES + 3, lambda: os._exit(9)), *command)
    assert killed.code == 9
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == ["pgd"]
    calls = count_batches(monkeypatch)
    assert staa(*command).code == 0
    assert len(calls) == 1 + FILES, "what is finished of the second attacker, and the third"
    whole = tmp_path / "whole"
    assert staa(*command[:-1], whole).code == 0
    for name in NAMES:
        assert work_of(whole / name) == work_of(tmp_path / "out" / name)
    before = contents(tmp_path / "out")
    again = staa(*command)
    assert again.err.count("is finished: nothing to do") == 3
    assert contents(tmp_path / "out") == before


def test_ctrl_c_stops_them_all(staa: Staa, command: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(hand, "work", interrupt)
    assert staa(*command).code == 130
    assert not (tmp_path / "out/sigma-zero").exists()


@pytest.mark.parametrize("words", ["out of memory", "a defect (TypeError: out of memory)"])
def test_one_that_fails_does_not_stop_the_others(
    words: str, staa: Staa, command: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from staa_cli.runtime.errors import StaaError

    def broken(*_: Any) -> Any:
        raise (TypeError if "defect" in words else StaaError)("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(SigmaZero, "solve", broken)
        failed = staa(*command)
    assert failed.code == 1
    assert f"sigma-zero: {words}" in failed.err
    assert "1 of 3 attackers failed: sigma-zero" in failed.err
    assert "3 pixels" in failed.out, "the table holds what there is"
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["pgd", "pixels"]
    assert staa(*command).code == 0
    assert (tmp_path / "out/sigma-zero/metrics.json").exists()


def test_a_file_that_fails_fails_everywhere_and_is_counted(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "in/bad.wav").write_text("dear diary")
    failed = staa(*command)
    assert failed.code == 1
    assert "files failed under pgd, sigma-zero, pixels; the same command tries them again" in failed.err
    assert "attackers failed" not in failed.err
    assert all(json.loads((tmp_path / "out" / name / "metrics.json").read_text())["summary"]["utterances"] == FILES for name in NAMES)


def test_a_dry_run_names_every_folder_and_makes_none(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    assert [line.rsplit("/", 1)[1] for line in staa(*command, "--dry-run").out.splitlines()] == NAMES
    planned = json.loads(staa(*command, "--dry-run", "--json").out)
    assert [recipe["attack"] for recipe in planned["recipes"]] == ["pgd", "sigma-zero", "one-pixel"]
    assert not (tmp_path / "out").exists()


def test_a_setting_that_one_does_not_know_is_refused_before_anything_starts(
    staa: Staa, command: tuple[object, ...], tmp_path: Path
) -> None:
    refused = staa(*command, "--set", "pixels=2")
    assert refused.code == 2
    assert "2 mistakes" in refused.err
    assert "attackers.sigma-zero.pixels: unknown key" in refused.err
    assert not (tmp_path / "out").exists()


def test_results_inside_the_input_are_not_attacked_by_the_next_one(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    inside = (*command[:-1], tmp_path / "in/out")
    for _ in range(2):
        assert staa(*inside).code == 0
    assert len(list((tmp_path / "in/out").rglob("*.wav"))) == FILES * len(NAMES)


def test_a_single_run_is_no_place_for_many(staa: Staa, world: World, command: tuple[object, ...]) -> None:
    assert staa("baseline", world.recipes["pgd"], *command[2:]).code == 0
    refused = staa(*command)
    assert refused.code == 2
    assert "is a finished run itself" in refused.err


def test_what_stops_them_all_is_said_once(staa: Staa, command: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    stopped = staa(*command, "--device", "cuda")
    assert (stopped.code, stopped.err.count("torch sees no CUDA device")) == (2, 1)
    assert not (tmp_path / "out").exists()
