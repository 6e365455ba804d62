"""What is perceived of attacks, in records, summaries and tables: with the attack, later, and by shards."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from staa_cli.audio.files import read_audio, write_wav
from staa_cli.evaluation import pipeline
from staa_cli.evaluation.shards import run_of_shards
from staa_cli.metrics.perception import perceive

from ..conftest import Staa, World, tone
from .conftest import results, work_of
from .test_many import unable


@pytest.fixture
def command(world: World, tmp_path: Path) -> tuple[object, ...]:
    """Two utterances, of which one is too short to be scored for its intelligibility."""
    for name, samples in (("long", 16_000), ("short", 2_000)):
        write_wav(tmp_path / f"in/{name}.wav", tone(300, samples, samples))
    return ("attack", world.generator, tmp_path / "in")


def summary(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())["summary"]
    return found


def test_records_hold_what_the_files_sound_like(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = staa(*command, "--perception", "-o", out)
    assert shown.code == 0, shown.err
    records = {record["file"]: record for record in results(out)}
    for name, record in records.items():
        clean, written = (read_audio(folder / name).samples for folder in (tmp_path / "in", out))
        assert record["perception"] == perceive(clean, written)
    assert records["short.wav"]["perception"]["stoi"] is None, "too short, and null for itself alone"
    found = summary(out)["perception"]
    assert found["stoi"]["all"] == records["long.wav"]["perception"]["stoi"] is not None
    assert found["stoi"]["scored"] == 1
    assert found["audible_percent"]["all"] == fmean(record["perception"]["audible_percent"] for record in records.values())
    assert "not all of its 2 utterances could be scored: stoi 1, estoi 1" in shown.out


def test_a_finished_run_is_listened_to_and_not_attacked_again(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    at_once, later = tmp_path / "at-once", tmp_path / "later"
    assert staa(*command, "--perception", "-o", at_once).code == staa(*command, "-o", later).code == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "perturb", unable)
        heard = staa(*command, "--perception", "-o", later)
        assert heard.code == 0, heard.err
        assert "2 of 2 utterances were attacked before, and lack some verdicts, or what is perceived of them" in heard.err
        assert work_of(later) == work_of(at_once)
        assert "is finished: nothing to do" in staa(*command, "--perception", "-o", later).err
    refused = staa(*command, "-o", later)
    assert refused.code == 2, "what was measured would be lost"
    assert "perception" in refused.err


def test_shards_may_or_may_not_have_listened(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    assert staa(*command, "-o", tmp_path / "plain").code == staa(*command, "--perception", "-o", tmp_path / "heard").code == 0
    for number in (1, 2):
        assert staa(*command, "--perception", "-o", tmp_path / "out", "--shard", f"{number}/2").code == 0
    together = run_of_shards(tmp_path / "out.shards")
    assert together is not None
    assert together["summary"]["perception"] == summary(tmp_path / "heard")["perception"]
    assert staa(*command, "-o", tmp_path / "out").code == 0
    assert work_of(tmp_path / "out") == work_of(tmp_path / "plain"), "it was not asked to listen"


def test_reports_take_what_is_there(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert staa(*command, "-o", out).code == 0
    measured = staa("report", out, "--perception", "--json").out
    assert staa(*command, "--perception", "-o", out).code == 0
    for path in (*(tmp_path / "in").iterdir(), *out.glob("*.wav")):
        path.unlink()
    assert staa("report", out, "--perception", "--json").out == staa("report", out, "--json").out == measured


def test_what_writes_no_audio_cannot_be_heard(staa: Staa, world: World, tmp_path: Path) -> None:
    recipe = tmp_path / "mel.yaml"
    recipe.write_text("step: baseline\nattack: pgd\nspace: logmel\nbudget: {db: 6}\nsteps: 1\n")
    refused = staa("baseline", recipe, world.data, "--threat", world.emo18, "--perception", "-o", tmp_path / "out")
    assert refused.code == 2
    assert "'space: logmel' writes no audio" in refused.err
