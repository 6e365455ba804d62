"""What 'staa attack' can ask of a generator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ..conftest import Staa, World


@pytest.fixture(scope="module")
def versatile(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator for any sparsity, peak SNR and target, guided by the gradient."""
    from ..conftest import run_main

    out = tmp_path_factory.mktemp("versatile") / "generator"
    recipe = out.parent / "recipe.yaml"
    recipe.write_text(
        "step: train-generator\nbudget: {peak_snr_db: 15}\ntrained_snr: [5, 25]\nsparsity: {trained: [1, 50], default: 20}\n"
        "guide: gradient\nlooks: 2\ntarget: any\nepochs: 2\nbatch_size: 4\nlearning_rate: 1e-3\n"
    )
    assert run_main("train-generator", recipe, "--data", world.data, "--threat", world.emo18, "-o", out) == 0
    return out


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())["summary"]
    return found


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_every_sparsity_has_a_folder_and_is_hit_on_disk(staa: Staa, world: World, tmp_path: Path) -> None:
    run = staa("attack", world.generator, world.data, "--split", "test", "--sparsity", "5,12.5,50", "-o", tmp_path / "out")
    assert run.code == 0, run.err
    for percent in (5, 12.5, 50):
        folder = tmp_path / f"out/sparsity-{percent:g}"
        assert summary(folder)["attacker"] == f"STAA-Net conditional {percent:g} %"
        assert summary(folder)["sparsity_percent"]["all"] == pytest.approx(percent, rel=0.05)
        for record in records(folder):
            samples = record["audio"]["samples"]
            clean, _ = soundfile.read(world.data / record["file"], dtype="int16")
            written, _ = soundfile.read(folder / record["output"], dtype="int16")
            assert int((clean != written).sum()) == max(1, round(percent / 100 * samples))
    assert run.out.count("STAA-Net") >= 3


def test_one_value_makes_no_folder_of_its_own(staa: Staa, world: World, tmp_path: Path) -> None:
    assert staa("attack", world.generator, world.data, "--split", "test", "--sparsity", "5", "-o", tmp_path / "one").code == 0
    assert summary(tmp_path / "one")["attacker"] == "STAA-Net conditional 5 %"
    again = staa("attack", world.generator, world.data, "--split", "test", "--sparsity", "5,6", "-o", tmp_path / "one")
    assert again.code == 2
    assert "is a finished run itself" in again.err
    other = staa("attack", world.generator, world.data, "--split", "test", "--sparsity", "6", "-o", tmp_path / "one")
    assert other.code == 2
    assert "sparsity 5.0 → 6.0" in other.err


@pytest.mark.parametrize("snr", [5, 18, 25])
def test_a_peak_snr_on_demand(staa: Staa, world: World, versatile: Path, tmp_path: Path, snr: int) -> None:
    assert staa("attack", versatile, world.data, "--split", "test", "--limit", "4", "--snr", snr, "-o", tmp_path / "out").code == 0
    for record in records(tmp_path / "out"):
        assert record["snr_peak_db"] >= snr
        assert record["linf"] <= record["epsilon"]
    assert summary(tmp_path / "out")["budget"] == {"peak_snr_db": snr}


def test_without_a_target_the_best_of_all_is_kept(staa: Staa, world: World, versatile: Path, tmp_path: Path) -> None:
    """No single target fools more utterances than the attack that may choose among them."""
    data = (world.data, "--split", "test", "--sparsity", "50", "--snr", "5")
    assert staa("attack", versatile, *data, "-o", tmp_path / "free").code == 0
    free = summary(tmp_path / "free")["victims"]["emo18"]["asr_percent"]
    labels = {record["label"] for record in records(tmp_path / "free")}
    for label in sorted(labels):
        run = staa("attack", versatile, *data, "--target", label, "-o", tmp_path / label)
        assert run.code == 0, run.err
        assert summary(tmp_path / label)["attacker"].endswith(f"→ {label}")
        changed = [record["clean"] != record["adversarial"] for record in records(tmp_path / label)]
        # In memory the free attack is never worse; rounding to 16 bits may cost one.
        assert free >= 100 * sum(changed) / len(changed) - 100 / len(changed)


def test_refining_never_loses_a_success_and_moves_no_more_samples(staa: Staa, world: World, tmp_path: Path) -> None:
    data = (world.data, "--split", "test", "--sparsity", "10")
    rates = []
    for steps in (0, 3):
        out = tmp_path / str(steps)
        assert staa("attack", world.generator, *data, "--refine", steps, "-o", out).code == 0
        assert all(record["sparsity_percent"] <= 10.1 for record in records(out))
        assert all(record["linf"] <= record["epsilon"] for record in records(out))
        rates.append(summary(out)["victims"]["emo18"]["asr_percent"])
    assert rates[1] >= rates[0]
    assert summary(tmp_path / "3")["attacker"] == "STAA-Net conditional 10 % + 3 looks"


def test_equal_bytes_again_and_in_another_order(staa: Staa, world: World, versatile: Path, tmp_path: Path) -> None:
    """Nothing depends on what was attacked before."""
    files = sorted((world.data / "audio").rglob("*.wav"))[:4]
    for number, order in enumerate((files, files[::-1])):
        (tmp_path / "list").write_text("\n".join(map(str, order)))
        assert staa("attack", versatile, "--files-from", tmp_path / "list", "--in-sample", "-o", tmp_path / str(number)).code == 0
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.wav")} for name in "01")
    assert first == second


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sparsity", "0.5"), "a sparsity of 0.5 % was asked for, but the generator was trained for 5 to 50 %"),
        (("--sparsity", "5,x"), "--sparsity has 'x', expected a number"),
        (("--sparsity", "nan"), "--sparsity has 'nan', expected a number"),
        (("--snr", "12"), "a peak SNR of 12 dB was asked for, but the generator was trained for {'peak_snr_db': 10.0}"),
        (("--target", "anger"), "the target 'anger' was asked for, but the generator was trained without 'target: any'"),
        (("--refine", "-1"), "--refine"),
    ],
)
def test_what_it_was_not_trained_for_is_refused(staa: Staa, world: World, tmp_path: Path, options: tuple[str, str], words: str) -> None:
    run = staa("attack", world.generator, world.data, "--split", "test", *options, "-o", tmp_path / "out")
    assert run.code == 2
    assert words in run.err
    assert not (tmp_path / "out").exists()


def test_a_target_that_nobody_knows(staa: Staa, world: World, versatile: Path, tmp_path: Path) -> None:
    run = staa("attack", versatile, world.data, "--split", "test", "--target", "angre", "-o", tmp_path / "out")
    assert run.code == 2
    assert "angre" in run.err
