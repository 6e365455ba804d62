"""The whole chain on tones, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from .conftest import Staa, World


def results(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_attack_on_prepared_data(staa: Staa, world: World, tmp_path: Path) -> None:
    outcome = staa("attack", world.generator, world.data, "--split", "test", "--victim", world.zhao19, "-o", tmp_path / "adv", "--json")
    assert outcome.code == 0, outcome.err
    metrics = json.loads(outcome.out)
    assert metrics == json.loads((tmp_path / "adv" / "metrics.json").read_text())
    summary = metrics["summary"]
    assert summary["utterances"] == 12
    assert summary["failed"] == 0
    assert set(summary["victims"]) == {"emo18", "zhao19"}
    assert summary["corpus"] == "csv"
    assert summary["split"] == "test"
    for record in results(tmp_path / "adv"):
        clean, _ = soundfile.read(world.data / record["file"], dtype="int16")
        adversarial, rate = soundfile.read(tmp_path / "adv" / record["output"], dtype="int16")
        delta = adversarial.astype(int) - clean.astype(int)
        assert rate == 16_000
        assert len(delta) == len(clean)
        assert abs(delta).max() <= record["epsilon"] * 32_768
        assert record["sparsity_percent"] == 100 * (delta != 0).mean()
        assert record["linf"] == abs(delta).max() / 32_768


def test_summary_follows_from_the_records(staa: Staa, world: World, tmp_path: Path) -> None:
    staa("baseline", world.recipes["pgd"], world.data, "--split", "test", "--threat", world.emo18, "-o", tmp_path / "adv")
    summary = json.loads((tmp_path / "adv" / "metrics.json").read_text())["summary"]
    records = results(tmp_path / "adv")
    assert summary["victims"]["emo18"]["asr_percent"] == pytest.approx(100 * sum(r["success"] for r in records) / len(records))
    correct = [r for r in records if r["clean"] == r["label"]]
    assert summary["victims"]["emo18"]["accuracy_percent"]["clean"] == pytest.approx(100 * len(correct) / len(records))
    hits = [r["sparsity_percent"] for r in records if r["success"]]
    assert summary["sparsity_percent"]["successful"] == pytest.approx(sum(hits) / len(hits))
    assert summary["linf_max"] == max(r["linf"] for r in records)


def test_finished_run_is_not_repeated(staa: Staa, world: World, tmp_path: Path) -> None:
    command = ("attack", world.generator, world.data, "--split", "val", "-o", tmp_path / "adv")
    assert staa(*command).code == 0
    made = [path for path in (tmp_path / "adv").rglob("*") if path.name != "metrics.json"]
    before, old = {path: path.stat().st_mtime_ns for path in made}, (tmp_path / "adv/metrics.json").stat().st_mtime_ns
    again = staa(*command)
    assert again.code == 0
    assert "nothing to do" in again.err
    assert before == {path: path.stat().st_mtime_ns for path in made}
    assert (tmp_path / "adv/metrics.json").stat().st_mtime_ns > old, "a recipe in which a comment changed is newer no more"


def test_report_reads_every_kind_of_run(staa: Staa, world: World, tmp_path: Path) -> None:
    staa("attack", world.generator, world.data, "--split", "test", "-o", tmp_path / "adv")
    outcome = staa("report", world.data, world.emo18, world.zhao19, tmp_path / "adv", "--published")
    assert outcome.code == 0, outcome.err
    for word in ("Emo18", "Zhao19", "STAA-Net", "published"):
        assert word in outcome.out
