"""What a run will cost: the trial writes nothing of the run, and what it foretells is what a run then does."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from staa_cli.evaluation import estimate
from tests.conftest import Staa, World, make_tones, tone


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def filled(out: Path) -> int:
    """Bytes of a run's files and records."""
    return sum(path.stat().st_size for path in out.rglob("*") if path.suffix in (".wav", ".flac", ".jsonl", ".npy"))


@pytest.mark.parametrize("options", [(), ("--format", "flac"), ("--segment", "0.1"), ("--segment", "0.1", "--keep-rate")])
def test_the_results_fill_what_was_foretold(staa: Staa, world: World, tmp_path: Path, scratch: Path, options: tuple[str, ...]) -> None:
    make_tones(tmp_path / "in")
    soundfile.write(tmp_path / "in/z.wav", np.stack([tone(300, 40_000, 1).numpy()] * 2, axis=1), 48_000, "PCM_16")
    command = ("attack", world.generator, tmp_path / "in", *options, "--device", "cpu")
    outcome = staa(*command, "--estimate", "--json", "-o", tmp_path / "made/out")
    assert outcome.code == 0, outcome.err
    foretold = json.loads(outcome.out)["estimate"]
    assert not (tmp_path / "made").exists()
    assert not any(scratch.iterdir())
    assert foretold["seconds"] > foretold["ready_seconds"] > 0 < foretold["each_seconds"]
    assert staa(*command, "-o", tmp_path / "out").code == 0
    assert foretold["utterances"] == len((tmp_path / "out/results.jsonl").read_text().splitlines())
    assert foretold["bytes"] == pytest.approx(filled(tmp_path / "out"), rel=0.25)
    again = staa(*command, "--estimate", "-o", tmp_path / "out")
    assert again.code == 0
    assert again.out.splitlines() == [f"nothing: {tmp_path / 'out'} is finished"]


def test_several_attackers_are_tried_each(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "SECONDS", 0.0)  # time for one lot only
    command = ("attack", world.generator, world.data, "--split", "test", "--sparsity", "10,20", "-o", tmp_path / "out", "--estimate")
    lines = staa(*command).out.splitlines()
    assert [line.startswith("would attack 12 files") for line in lines] == [True, False] * 2
    assert all("for 12 utterances" in line and "(8 tried: " in line for line in lines[1::2])
    foretold = json.loads(staa(*command, "--json").out)["estimates"]
    assert [one["tried"] for one in foretold] == [8, 8]


def test_workers_share_the_work(staa: Staa, world: World, tmp_path: Path) -> None:
    command = ("baseline", world.recipes["pgd"], world.data, "--split", "test", "--threat", world.emo18, "--device", "cpu", "--json")
    one = json.loads(staa(*command, "--jobs", 4, "--estimate", "-o", tmp_path / "out").out)["estimate"]
    assert one["seconds"] - one["ready_seconds"] == pytest.approx(one["each_seconds"] * 12 / 4, rel=0.01)


def test_nothing_can_be_foretold_of_damaged_files(staa: Staa, world: World, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").write_bytes(b"RIFF")
    outcome = staa("attack", world.generator, tmp_path / "in", "--estimate", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "a.wav cannot be read as audio" in outcome.err
    assert "none of the inputs that were tried could be attacked" in outcome.err
