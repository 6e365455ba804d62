"""Victims that know fewer emotions than a corpus, and inputs that are no 16 kHz mono."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from staa_cli.runtime.checkpoints import save_module
from staa_cli.victims.checkpoint import build_victim, victim_header

from ..conftest import Staa, World, tone
from .conftest import results


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A victim that knows two of three emotions."""
    victim = build_victim("emo18", ["calm", "glad"])
    save_module(tmp_path / "narrow/model.safetensors", victim, victim_header("emo18", victim))
    return tmp_path / "narrow"


def test_the_way_out_is_named_and_leads_out(staa: Staa, world: World, narrow: Path, tmp_path: Path) -> None:
    command = ("baseline", world.recipes["pgd"], world.data, "--split", "test", "--threat", narrow, "-o", tmp_path / "out")
    refused = staa(*command)
    assert refused.code == 2
    assert "it cannot predict wild" in refused.err
    assert "leave those inputs out with --known-labels" in refused.err
    assert staa(*command, "--known-labels").code == 0
    assert {record["label"] for record in results(tmp_path / "out")} == {"calm", "glad"}
    summary = json.loads((tmp_path / "out/metrics.json").read_text())["summary"]
    assert (summary["utterances"], summary["left_out"]) == (8, {"wild": 4})


def test_inputs_left_out_are_not_in_sample(staa: Staa, world: World, narrow: Path, tmp_path: Path) -> None:
    command = ("attack", world.generator, world.data, "--split", "train", "--in-sample", "--known-labels", "--victim", narrow)
    outcome = staa(*command, "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    summary = json.loads((tmp_path / "out/metrics.json").read_text())["summary"]
    assert (summary["utterances"], summary["left_out"], summary["in_sample"]) == (16, {"wild": 8}, 16)


def test_a_victim_that_knows_none(staa: Staa, world: World, tmp_path: Path) -> None:
    victim = build_victim("emo18", ["north", "south"])
    save_module(tmp_path / "foreign/model.safetensors", victim, victim_header("emo18", victim))
    command = (
        "attack",
        world.generator,
        world.data,
        "--split",
        "test",
        "--victim",
        tmp_path / "foreign",
        "--known-labels",
        "-o",
        tmp_path / "out",
    )
    refused = staa(*command)
    assert refused.code == 2
    assert "victim 'emo18:foreign' knows north, south" in refused.err


def test_resampling_is_said_once(staa: Staa, world: World, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        soundfile.write(tmp_path / f"in/{number}.wav", tone(300, 9_000, number).numpy(), 44_100)
    done = staa("attack", world.generator, tmp_path / "in", "-o", tmp_path / "out")
    assert done.code == 0
    assert done.err.count("attacked and written as 16000 Hz mono") == 1
    assert staa("attack", world.generator, tmp_path / "in", "-o", tmp_path / "loud", "-v").err.count("written as 16000 Hz mono") == 3
