"""Targets and queries, from the recipe to the summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from staa_cli.attacks.core.goal import Problem
from staa_cli.audio.budget import add_within_range, bounds
from staa_cli.audio.files import quantise_adversarial, read_audio, write_wav
from staa_cli.audio.wav import PCM_SCALE, to_integers

from ..conftest import EMOTIONS, Outcome, Staa, World
from ..victims.conftest import export, tiny

ONE_PIXEL = "step: baseline\nattack: one-pixel\nbudget: {linf: 0.9}\nsteps: 2\npixels: 3\npopulation: 8\nforward_batch: 5\n"


@pytest.fixture
def one_pixel(tmp_path: Path) -> Path:
    recipe = tmp_path / "one-pixel.yaml"
    recipe.write_text(ONE_PIXEL)
    return recipe


def results(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return json.loads((folder / "metrics.json").read_text())["summary"], records


def test_a_target_is_reached_and_counted_on_every_victim(staa: Staa, world: World, tmp_path: Path) -> None:
    """Success is the target, also where the prediction was there before."""
    command = ("baseline", world.recipes["pgd"], world.data, "--split", "test", "--threat", world.emo18, "--victim", world.zhao19)
    outcome = staa(*command, "--set", "target=wild", "--set", "positions=null", "--set", "steps=20", "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "→ wild" in outcome.out
    summary, records = results(tmp_path / "out")
    assert summary["target"] == "wild"
    assert all(record["success"] == (record["adversarial"] == "wild") for record in records)
    for name, judged in summary["victims"].items():
        own = [record for record in records if record["victim"] == name]
        assert judged["asr_percent"] == pytest.approx(100 * sum(record["adversarial"] == "wild" for record in own) / len(own))
        assert judged["target_percent"]["clean"] == pytest.approx(100 * sum(record["clean"] == "wild" for record in own) / len(own))
    assert summary["victims"]["emo18"]["asr_percent"] > summary["victims"]["emo18"]["target_percent"]["clean"]
    assert "queries" not in summary


def test_a_target_that_a_victim_does_not_know_is_refused(staa: Staa, world: World, tmp_path: Path) -> None:
    command = ("baseline", world.recipes["pgd"], world.data, "--threat", world.emo18, "-o", tmp_path / "out")
    outcome = staa(*command, "--set", "target=wlid")
    assert outcome.code == 2
    assert "unknown target 'wlid'" in outcome.err
    assert "did you mean 'wild'?" in outcome.err


def test_a_run_without_a_target_keeps_its_identity(staa: Staa, world: World, tmp_path: Path) -> None:
    command = ("baseline", world.recipes["pgd"], world.data, "--split", "val", "--threat", world.emo18, "-o", tmp_path / "out")
    assert staa(*command).code == 0
    outcome = staa(*command, "--set", "target=null")
    assert "is finished: nothing to do" in outcome.err


def test_queries_are_counted_for_the_threat_model(staa: Staa, world: World, one_pixel: Path, tmp_path: Path) -> None:
    command = ("baseline", one_pixel, world.data, "--split", "test", "--threat", world.emo18, "--batch-size", 3, "-o", tmp_path / "out")
    outcome = staa(*command)
    assert outcome.code == 0, outcome.err
    assert "Queries" in outcome.out
    summary, records = results(tmp_path / "out")
    # One look at the clean utterance, then a population per generation.
    assert {record["queries"] for record in records} <= {1, 9, 17, 25}
    assert summary["queries"]["max"] == max(record["queries"] for record in records)
    assert all(record["memory"]["sparsity_percent"] <= 100 * 3 / record["audio"]["samples"] for record in records)


@pytest.fixture(scope="module")
def black_box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("black box") / "box.onnx", tiny(len(EMOTIONS)), list(EMOTIONS))


def test_a_black_box_is_attacked_by_queries_only(staa: Staa, world: World, one_pixel: Path, black_box: Path, tmp_path: Path) -> None:
    def attack(recipe: Path, out: str) -> Outcome:
        return staa("baseline", recipe, world.data, "--split", "test", "--threat", black_box, "-o", tmp_path / out)

    refused = attack(world.recipes["pgd"], "pgd")
    assert refused.code == 2
    assert "gives no gradients: it cannot be the threat model of 'staa baseline' with the attack 'pgd'" in refused.err
    assert "choose an attack by queries" in refused.err
    allowed = attack(one_pixel, "one-pixel")
    assert allowed.code == 0, allowed.err
    summary, _ = results(tmp_path / "one-pixel")
    assert summary["utterances"] == 12


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_what_an_attack_hears_is_the_file(subtype: str, tmp_path: Path) -> None:
    """Bit for bit, also where x or x + δ is at full scale."""
    random = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(4, 3_000, generator=random) - 1
    x[:, ::7], x[:, 3::7] = 1, -1
    if subtype in PCM_SCALE:
        x = torch.from_numpy(to_integers(x, subtype) / PCM_SCALE[subtype]).float()
    epsilon = torch.full((4, 1), 0.3)
    delta = 0.3 * (2 * torch.rand(x.shape, generator=random) - 1)
    delta[:, ::2] = 0.3 * delta[:, ::2].sign()
    grain = torch.full((4, 1), 1 / PCM_SCALE[subtype] if subtype in PCM_SCALE else 0.0)
    low, high = bounds(x)
    lower, upper = (low - x).maximum(-epsilon), (high - x).minimum(epsilon)
    classes = torch.zeros(4, dtype=torch.long)
    problem = Problem(torch.nn.Identity(), x, classes, False, classes, lower, upper, epsilon, [random] * 4, grain, torch.arange(4))
    delta = problem.clamp(delta)
    for row, heard in enumerate(problem.adversarial(delta)):
        assert ((heard - add_within_range(x, delta)[row]).abs() <= 1.001 * grain[row] + 1e-7).all()
        write_wav(tmp_path / "x.wav", quantise_adversarial(x[row], heard, subtype), subtype)
        assert torch.equal(heard, torch.from_numpy(read_audio(tmp_path / "x.wav").samples))
