"""Results that a sceptic would accept: nothing ruined is written, nothing trained on is counted, nothing is done twice or lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from staa_cli.attacks.core.attack import Outcome
from staa_cli.attacks.pgd import PGD
from staa_cli.evaluation import hand

from ..commands.conftest import make_waves, results, work_of
from ..conftest import Staa, World


def summary(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())["summary"]


# --- Placebo


def test_a_run_judges_its_placebo(staa: Staa, world: World, tmp_path: Path) -> None:
    command = ("baseline", world.recipes["pgd"], world.data, "--split", "test", "--threat", world.emo18, "-o", tmp_path / "out")
    assert staa(*command).code == 0
    found = summary(tmp_path / "out")["victims"]["emo18"]
    records = results(tmp_path / "out")
    share = 100 * np.mean([record["placebo"]["success"] for record in records])
    assert found["placebo_percent"] == pytest.approx(share)
    assert found["lift_points"] == pytest.approx(found["asr_percent"] - share)
    assert found["asr_interval_percent"][0] <= found["asr_percent"] <= found["asr_interval_percent"][1]
    right = 100 * np.mean([record["placebo"]["adversarial"] == record["label"] for record in records])
    assert found["accuracy_percent"]["placebo"] == pytest.approx(right)


def test_noise_is_its_own_placebo(staa: Staa, world: World, tmp_path: Path) -> None:
    recipe = tmp_path / "noise.yaml"
    recipe.write_text("step: baseline\nattack: noise\nbudget: {peak_snr_db: 20}\npercent: 6.25\n")
    assert staa("baseline", recipe, world.data, "--split", "test", "--threat", world.emo18, "-o", tmp_path / "out").code == 0
    assert summary(tmp_path / "out")["sparsity_percent"]["all"] == pytest.approx(6.25)


# --- Training data


def test_training_data_is_refused_or_marked(staa: Staa, world: World, tmp_path: Path) -> None:
    for split in ((), ("--split", "train")):
        refused = staa("attack", world.generator, world.data, *split, "-o", tmp_path / "out")
        assert refused.code == 2
        assert "inputs are of a split that the generator was trained on; choose another split with --split" in refused.err
    assert staa("attack", world.generator, world.data, "--split", "train", "--in-sample", "-o", tmp_path / "out").code == 0
    assert summary(tmp_path / "out")["in_sample"] == 24
    assert staa("attack", world.generator, world.data, "--split", "val", "-o", tmp_path / "val").code == 0
    assert "in_sample" not in summary(tmp_path / "val")


def test_no_epoch_is_chosen_on_what_was_trained_on(staa: Staa, world: World, tmp_path: Path) -> None:
    more = ("--set", "train_on=train+val", "--set", "epochs=2", "--data", world.data)
    assert staa("train-victim", world.recipes["emo18"], *more, "-o", tmp_path / "victim").code == 0
    found = summary(tmp_path / "victim")
    assert (found["best_epoch"], found["utterances"]) == (2, 36)
    assert "val" not in found
    assert "test" in found
    assert staa("train-generator", world.recipes["staa-net"], *more, "--threat", world.emo18, "-o", tmp_path / "generator").code == 0
    assert summary(tmp_path / "generator")["best_epoch"] == 2
    assert staa("attack", tmp_path / "generator", world.data, "--split", "val", "-o", tmp_path / "out").code == 2
    assert staa("attack", tmp_path / "generator", world.data, "--split", "test", "-o", tmp_path / "out").code == 0


# --- Attackers that go astray


@pytest.mark.parametrize(("fault", "words"), [("nan", "samples NaN or infinite"), ("loud", "went beyond the budget")])
def test_ruined_audio_is_never_written(
    staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    """One of three utterances is spoilt: it fails, and the others are as they would have been."""
    waves = make_waves(tmp_path / "in", "a.wav", "b.wav", "c.wav")
    command = ("baseline", world.recipes["pgd"], waves, "--threat", world.emo18, "--batch-size", 3)
    assert staa(*command, "-o", tmp_path / "good").code == 0
    honest = PGD.perturb

    def spoilt(self: PGD, victim: torch.nn.Module, waveforms: Tensor, *rest: object, **options: object) -> Outcome:
        made = honest(self, victim, waveforms, *rest, **options)  # type: ignore[arg-type]
        bad = waveforms.shape[1] == 2_100
        worse = torch.full_like(waveforms, torch.nan) if fault == "nan" else waveforms + 0.9
        return Outcome(worse if bad else made.adversarial)

    monkeypatch.setattr(PGD, "perturb", spoilt)
    failed = staa(*command, "-o", tmp_path / "bad")
    assert failed.code == 1
    assert words in failed.err
    assert not (tmp_path / "bad/b.wav").exists()
    for name in ("a.wav", "c.wav"):
        assert (tmp_path / "bad" / name).read_bytes() == (tmp_path / "good" / name).read_bytes()
    assert summary(tmp_path / "bad")["failed"] == 1


def test_weights_that_are_not_finite_are_refused(staa: Staa, world: World, tmp_path: Path) -> None:
    shutil.copytree(world.generator, tmp_path / "generator")
    path = tmp_path / "generator/model.safetensors"
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    next(iter(tensors.values())).view(-1)[0] = torch.nan
    save_file(tensors, path, metadata)
    refused = staa("attack", tmp_path / "generator", world.data, "--split", "test", "-o", tmp_path / "out")
    assert refused.code == 2
    assert "holds weights that are NaN or infinite" in refused.err


# --- The log of results


def test_a_torn_line_costs_that_line_only(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill in the middle of a write: what was whole stays, the torn one is done again, nothing twice."""
    waves = make_waves(tmp_path / "in", "a.wav", "b.wav", "c.wav", "d.wav")
    command = ("baseline", world.recipes["pgd"], waves, "--threat", world.emo18, "--victim", world.zhao19)
    assert staa(*command, "-o", tmp_path / "whole").code == 0
    real, calls = hand.work, []

    def until_third(bench: object, clips: list) -> object:
        calls.append(clips[0].task.input.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(bench, clips)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(hand, "work", until_third)
        assert staa(*command, "-o", tmp_path / "out").code == 130
    log = tmp_path / ".out.staa-partial/results.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    assert len(lines) == 4
    log.write_text("".join(lines[:3]) + lines[3][:40])
    calls.clear()
    monkeypatch.setattr(hand, "work", lambda bench, clips: (calls.append(clips[0].task.input.name), real(bench, clips))[1])
    resumed = staa(*command, "-o", tmp_path / "out")
    assert resumed.code == 0
    assert calls == ["b.wav", "c.wav", "d.wav"]
    assert "1 line(s) of an unfinished results.jsonl were damaged" in resumed.err
    assert work_of(tmp_path / "out") == work_of(tmp_path / "whole")


@pytest.mark.parametrize("line", [b"[1]", b'{"a": 1}', b"\xff\xfe", b"3", b"null", b'{"key": [], "victim": {}}'])
def test_a_foreign_line_in_a_finished_folder_is_skipped(staa: Staa, world: World, tmp_path: Path, line: bytes) -> None:
    waves = make_waves(tmp_path / "in", "a.wav", "b.wav")
    command = ("baseline", world.recipes["pgd"], waves, "--threat", world.emo18, "-o", tmp_path / "out")
    assert staa(*command).code == 0
    path = tmp_path / "out/results.jsonl"
    first, second = path.read_bytes().splitlines()
    path.write_bytes(line + b"\n" + first + b"\n" + second[:-9] + b"\n")
    make_waves(tmp_path / "in", "a.wav", "b.wav", "c.wav")
    extended = staa(*command)
    assert extended.code == 0, extended.err
    assert "2 line(s) of" in extended.err
    assert [record["file"] for record in results(tmp_path / "out")] == ["a.wav", "b.wav", "c.wav"]


# --- Inputs


def test_a_link_to_itself_fails_alone(staa: Staa, world: World, tmp_path: Path) -> None:
    make_waves(tmp_path / "in", "a.wav")
    (tmp_path / "in/loop").symlink_to("loop")
    done = staa("attack", world.generator, tmp_path / "in", "-o", tmp_path / "out")
    assert done.code == 1
    assert "in/loop does not exist" in done.err
    assert (tmp_path / "out/a.wav").is_file()


def test_a_larger_limit_contains_a_smaller_one(staa: Staa, world: World, tmp_path: Path) -> None:
    command = ("attack", world.generator, world.data, "--split", "test", "-o", tmp_path / "out")
    for limit in (3, 4, 7, 10):
        assert staa(*command, "--limit", limit).code == 0
        assert summary(tmp_path / "out")["utterances"] == limit


def test_full_scale_is_written_within_range(staa: Staa, world: World, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in/loud.wav", np.sign(np.sin(np.arange(4_000) / 9)), 16_000)
    assert staa("baseline", world.recipes["pgd"], tmp_path / "in", "--threat", world.emo18, "-o", tmp_path / "out").code == 0
    (record,) = results(tmp_path / "out")
    assert record["linf"] <= record["epsilon"]


def test_the_seed_of_an_attack_that_draws_nothing(staa: Staa, world: World, tmp_path: Path) -> None:
    command = ("attack", world.generator, world.data, "--split", "test", "-o", tmp_path / "out")
    assert staa(*command).code == 0
    assert "is finished: nothing to do" in staa(*command, "--seed", 7).err


def test_a_run_extended_by_another_version_says_so(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waves = make_waves(tmp_path / "in", "a.wav", "b.wav")
    command = ("baseline", world.recipes["pgd"], waves, "--threat", world.emo18, "-o", tmp_path / "out")
    assert staa(*command).code == 0
    assert "made" not in summary(tmp_path / "out")
    make_waves(tmp_path / "in", "a.wav", "b.wav", "c.wav")
    monkeypatch.setattr("staa_cli.evaluation.pipeline.__version__", "9.9")
    assert staa(*command).code == 0
    made = {entry["version"]: entry["utterances"] for entry in summary(tmp_path / "out")["made"]}
    assert made["9.9"] == 1
    assert sum(made.values()) == 3
