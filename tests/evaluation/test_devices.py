"""Runs that another device or version had a part in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Outcome, Staa, World


@pytest.fixture
def attack(staa: Staa, world: World, tmp_path: Path) -> Callable[..., Outcome]:
    return lambda *options: staa("attack", world.generator, world.data, "--split", "test", "-o", tmp_path / "out", *options)


def pretend(out: Path, device: str) -> None:
    """That another device made all."""
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    for line in lines:
        line["run"]["device"] = device
    (out / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    metrics = json.loads((out / "metrics.json").read_text())
    (out / "metrics.json").write_text(json.dumps({**metrics, "device": device, "key": "of another device"}))


def devices(out: Path) -> dict[str, int]:
    summary = json.loads((out / "metrics.json").read_text())["summary"]
    return {one["device"]: one["utterances"] for one in summary.get("made", [])}


@pytest.mark.parametrize(("limit", "found"), [(2, {"cuda:0": 2}), (3, {"cuda:0": 2, "cpu": 1})])
def test_an_extended_run_says_who_made_it(
    attack: Callable[..., Outcome], staa: Staa, tmp_path: Path, limit: int, found: dict[str, int]
) -> None:
    """Also where nothing was left to do on this device."""
    assert attack("--limit", "2").code == 0
    assert devices(tmp_path / "out") == {}
    pretend(tmp_path / "out", "cuda:0")
    assert attack("--limit", limit).code == 0
    assert devices(tmp_path / "out") == found
    assert "on cuda:0 (2)" in staa("report", tmp_path / "out").out


def test_a_replaced_run_is_of_one_device(attack: Callable[..., Outcome], tmp_path: Path) -> None:
    assert attack("--limit", "2").code == 0
    pretend(tmp_path / "out", "cuda:0")
    assert attack("--limit", "2", "--overwrite").code == 0
    records: list[Any] = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert {record["run"]["device"] for record in records} == {"cpu"}
    assert devices(tmp_path / "out") == {}


def test_a_gpu_that_is_not_there_is_said_in_a_dry_run(attack: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    outcome = attack("--dry-run", "--device", "cuda")
    assert outcome.code == 2
    assert "torch sees no CUDA device; use --device cpu" in outcome.err


def test_the_environment_names_a_device_and_the_option_wins(attack: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setenv("STAA_DEVICE", "cuda")
    assert "torch sees no CUDA device" in attack("--dry-run").err
    assert attack("--dry-run", "--device", "cpu").code == 0
