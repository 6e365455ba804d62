"""Promises about the files that an attack writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from staa_cli.audio.files import read_audio, write_wav

from ..conftest import Staa, World, run_main, tone

LENGTHS = {"one": 1, "two": 2, "odd": 999, "frame": 1_280, "quarter": 4_000, "minute": 60 * 16_000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 kHz PCM_16 files of all lengths, in a tree."""
    folder = tmp_path_factory.mktemp("lengths")
    for seed, (name, samples) in enumerate(LENGTHS.items()):
        write_wav(folder / f"deep/{name}/{name}.wav", tone(300 + 50 * seed, samples, seed))
    return folder


@pytest.fixture(scope="module")
def powerless(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator with ε = 0."""
    out = tmp_path_factory.mktemp("powerless") / "generator"
    recipe = world.recipes["staa-net"]
    options = ("--set", "budget={linf: 0.0}", "--set", "epochs=1")
    assert run_main("train-generator", recipe, "--data", world.data, "--threat", world.emo18, "-o", out, *options) == 0
    return out


def wavs(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.wav"))}


def audio_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): soundfile.read(path, dtype="int16")[0].tobytes() for path in sorted(folder.rglob("*.wav"))}


def test_zero_budget_writes_the_input_bit_for_bit(staa: Staa, world: World, powerless: Path, folder: Path, tmp_path: Path) -> None:
    assert staa("attack", powerless, folder, "-o", tmp_path / "staa-net").code == 0
    nothing = ("--set", "budget={linf: 0.0}")
    assert staa("baseline", world.recipes["pgd"], folder, "--threat", world.emo18, "-o", tmp_path / "pgd", *nothing).code == 0
    for out in ("staa-net", "pgd"):
        assert audio_bytes(tmp_path / out) == audio_bytes(folder)
        summary = json.loads((tmp_path / out / "metrics.json").read_text())["summary"]
        assert summary["linf_max"] == 0
        assert summary["sparsity_percent"] == {"all": 0, "successful": None}
        assert summary["snr_peak_db"] == {"all": None, "successful": None}


def test_every_length_is_kept_and_only_the_mask_is_touched(staa: Staa, world: World, folder: Path, tmp_path: Path) -> None:
    from staa_cli.generator.checkpoint import load_generator
    from staa_cli.generator.staa_net import Request

    assert staa("attack", world.generator, folder, "-o", tmp_path / "out").code == 0
    generator = load_generator(world.generator, torch.device("cpu"))
    touched = total = 0
    for name, length in LENGTHS.items():
        clean = torch.from_numpy(read_audio(folder / f"deep/{name}/{name}.wav").samples)
        written = torch.from_numpy(read_audio(tmp_path / f"out/deep/{name}/{name}.wav").samples)
        assert len(written) == length
        waveform = clean.unsqueeze(0)
        moved = written != clean
        assert int(moved.sum()) == max(1, round(0.2 * length))
        assert ((written - clean).abs() <= generator.recipe.budget.epsilon(waveform)[0]).all()
        # The mask is of the highest ranks, but where a change would be lost in 16 bits.
        asked = Request(torch.tensor([20.0]), predictions=generator.threat.victim(waveform).argmax(dim=1))
        perturbed = generator.network(waveform, asked)
        touched += int((moved & (perturbed.positions[0] > 0.5)).sum())
        total += int(moved.sum())
    assert touched > 0.9 * total


def test_same_seed_same_bytes_and_order_does_not_matter(staa: Staa, world: World, tmp_path: Path) -> None:
    files = sorted((world.data / "audio").rglob("*.wav"))[:6]
    for number, order in enumerate((files, files[::-1])):
        listing = tmp_path / f"list{number}"
        listing.write_text("\n".join(map(str, order)))
        assert staa("attack", world.generator, "--files-from", listing, "-o", tmp_path / f"a{number}").code == 0
        dense = ("--set", "positions=null", "--set", "steps=2")
        options = ("--files-from", listing, "--threat", world.emo18, *dense)
        assert staa("baseline", world.recipes["pgd"], *options, "-o", tmp_path / f"b{number}").code == 0
    for kind in "ab":
        assert wavs(tmp_path / f"{kind}0") == wavs(tmp_path / f"{kind}1")


def test_a_file_is_attacked_alike_alone_and_among_others(staa: Staa, world: World, tmp_path: Path) -> None:
    """Random starts come from the seed and the file's name, not from its place in the run."""
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(next(iter(sorted((world.data / "audio/ann").glob("*.wav")))), alone / "x.wav")
    among = tmp_path / "among"
    shutil.copytree(world.data / "audio/ann", among)
    shutil.copy(alone / "x.wav", among / "x.wav")
    for folder in (alone, among):
        dense = ("--set", "positions=null")
        out = tmp_path / f"{folder.name}-out"
        assert staa("baseline", world.recipes["pgd"], folder, "--threat", world.emo18, "-o", out, *dense).code == 0
    assert wavs(tmp_path / "alone-out")["x.wav"] == wavs(tmp_path / "among-out")["x.wav"]


def test_a_batch_changes_nothing_but_rounding(staa: Staa, world: World, tmp_path: Path) -> None:
    for size in (1, 5):
        arguments = (world.data, "--split", "test", "--threat", world.emo18, "-o", tmp_path / str(size), "--batch-size", size)
        assert staa("baseline", world.recipes["pgd"], *arguments).code == 0
    one, five = audio_bytes(tmp_path / "1"), audio_bytes(tmp_path / "5")
    assert one.keys() == five.keys()
    same = [np.frombuffer(one[name], np.int16) == np.frombuffer(five[name], np.int16) for name in one]
    assert np.concatenate(same).mean() > 0.95


def test_written_and_in_memory_metrics_stand_side_by_side(staa: Staa, world: World, tmp_path: Path) -> None:
    staa("attack", world.generator, world.data, "--split", "test", "-o", tmp_path / "out")
    for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines():
        record = json.loads(line)
        # Rounding to 16 bits shrinks the perturbation by less than a step.
        assert 0 <= record["memory"]["linf"] - record["linf"] < 1.01 / 2**15
        assert record["sparsity_percent"] <= record["memory"]["sparsity_percent"]
