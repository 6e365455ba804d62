"""What is written, and victims of one length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from staa_cli.audio.files import read_audio
from staa_cli.audio.form import Form

from ..conftest import EMOTIONS, Staa, World
from ..evaluation.test_recordings import make, results, sound
from ..victims.conftest import export, tiny


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    make(tmp_path / "in/a.wav", 16_000, 1, 0.5)
    make(tmp_path / "in/b.wav", 48_000, 2, 0.5, 1)
    return tmp_path / "in"


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_subtypes(staa: Staa, world: World, inputs: Path, tmp_path: Path, subtype: str) -> None:
    outcome = staa("attack", world.generator, inputs, "--subtype", subtype.lower(), "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    for one in results(tmp_path / "out"):
        assert soundfile.info(tmp_path / "out" / one["output"]).subtype == one["audio"]["subtype"] == subtype
        assert one["linf"] <= one["epsilon"]
        written, clean = (read_audio(folder / one["file"], form=Form(subtype=subtype)).samples for folder in (tmp_path / "out", inputs))
        assert np.count_nonzero(written != clean) == round(one["sparsity_percent"] / 100 * len(clean))
    assert json.loads((tmp_path / "out/metrics.json").read_text())["form"]["subtype"] == subtype


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_the_rate_and_the_channels_are_kept(staa: Staa, world: World, inputs: Path, tmp_path: Path, container: str) -> None:
    kept, out = tmp_path / "kept", tmp_path / "out"
    outcome = staa("attack", world.generator, inputs, "--keep-rate", "--format", container, "-o", kept)
    assert outcome.code == 0, outcome.err
    assert "b.wav: 48000 Hz, 2 channel(s), attacked and judged as 16000 Hz mono, written as it was" in outcome.err
    assert "no longer exact" in outcome.out
    assert staa("attack", world.generator, inputs, "--format", container, "-o", out).code == 0
    assert (kept / f"a.{container}").read_bytes() == (out / f"a.{container}").read_bytes()
    assert (soundfile.info(kept / f"b.{container}").samplerate, sound(kept / f"b.{container}").shape) == (48_000, (24_000, 2))
    assert staa("baseline", "pgd", inputs, "--threat", world.emo18, "--set", f"match={kept}", "--dry-run", "-o", tmp_path / "x").code == 0
    plain, own = results(kept)
    assert "written_rate" not in plain["audio"]
    assert (own["audio"]["written_rate"], own["audio"]["written_channels"]) == (48_000, 2)
    assert own["linf"] <= own["epsilon"]
    assert own["sparsity_percent"] > own["memory"]["sparsity_percent"] == pytest.approx(20, abs=0.1)
    heard, clean = (read_audio(path).samples for path in (kept / f"b.{container}", inputs / "b.wav"))
    assert own["linf"] == pytest.approx(float(np.abs(heard - clean).max()))


def test_segments_at_their_own_rate(staa: Staa, world: World, inputs: Path, tmp_path: Path) -> None:
    make(inputs / "b.wav", 48_000, 2, 1.3, 1)
    options = ("--segment", 0.4, "--keep-rate", "-o")
    assert staa("attack", world.generator, inputs, *options, tmp_path / "out").code == 0
    values, _ = soundfile.read(inputs / "b.wav", dtype="int16")
    for number, start in enumerate(range(0, len(values), 19_200)):
        path = tmp_path / f"hand/b.wav/{number:06}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, values[start : start + 19_200], 48_000)
    assert staa("attack", world.generator, tmp_path / "hand", "--keep-rate", "-o", tmp_path / "pieces").code == 0
    pieces = [sound(path) for path in sorted((tmp_path / "pieces/b.wav").iterdir())]
    assert np.array_equal(sound(tmp_path / "out/b.wav"), np.concatenate(pieces))


@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_a_victim_of_one_length_takes_any_recording(staa: Staa, world: World, tmp_path: Path, suffix: str) -> None:
    victim = export(tmp_path / f"fixed{suffix}", tiny(), list(EMOTIONS), samples=4_000, batch=1)
    for name, seconds in (("exact", 0.25), ("long", 0.8), ("short", 0.1)):
        make(tmp_path / f"in/{name}.wav", 16_000, 1, seconds)
    make(tmp_path / "in/other.wav", 44_100, 2, 0.76)
    outcome = staa("attack", world.generator, tmp_path / "in", "--victim", victim, "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "was exported for utterances of 4000 samples (0.25 s): shorter ones are repeated, longer ones cut into segments" in outcome.err
    found = [one for one in results(tmp_path / "out") if one["victim"] == "fixed"]
    assert [one["audio"]["samples"] for one in found if one["file"] == "long.wav"] == [4_000, 4_000, 4_000, 800]
    assert [one["audio"]["samples"] for one in found if one["file"] == "other.wav"] == [4_000, 4_000, 4_000, 160]
    assert all(len(sound(tmp_path / "out" / one["output"])) for one in found)
    if suffix == ".pt2":
        outcome = staa("baseline", "pgd", tmp_path / "in", "--threat", victim, "--set", "steps=1", "-o", tmp_path / "pgd")
        assert outcome.code == 0, outcome.err
    outcome = staa("attack", world.generator, tmp_path / "in", "--victim", victim, "--segment", 1, "-o", tmp_path / "other")
    assert outcome.code == 2
    assert "--segment 1 is longer than the 0.25 s that a victim was exported for, expected at most that" in outcome.err


def test_repeated_utterances_keep_their_gradient(tmp_path: Path) -> None:
    from staa_cli.victims.checkpoint import load_victim

    loaded = load_victim(export(tmp_path / "fixed.pt2", tiny(), list(EMOTIONS), samples=400, batch=1))
    x = 0.1 * torch.randn(2, 150, generator=torch.Generator().manual_seed(0)).requires_grad_()
    torch.testing.assert_close(loaded.victim(x), tiny()(torch.cat([x, x, x[:, :100]], dim=1)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--segment", "0.01"], "--segment"),
        (["--segment", "many"], "--segment"),
        (["--segment", "1", "--segment-by", "voice"], "unknown way 'voice' to cut recordings, expected length or energy"),
        (["--segment-by", "energy"], "--segment-by energy needs --segment"),
        (["--subtype", "PCM_8"], "unknown subtype 'PCM_8', expected one of PCM_16, PCM_24, FLOAT"),
        (["--format", "mp3"], "unknown format 'mp3', expected wav or flac"),
        (["--format", "flac", "--subtype", "float"], "a FLAC file holds integers, expected the subtype PCM_16 or PCM_24"),
    ],
)
def test_wrong_arguments(staa: Staa, world: World, inputs: Path, tmp_path: Path, options: list[Any], words: str) -> None:
    outcome = staa("attack", world.generator, inputs, *options, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert words in outcome.err
    assert not list(tmp_path.glob(".*"))


def test_floats_beyond_full_scale_are_not_clipped_in_silence(staa: Staa, world: World, inputs: Path, tmp_path: Path) -> None:
    values = soundfile.read(inputs / "a.wav")[0]
    for peak, code in ((1.0, 0), (1.1, 1)):
        soundfile.write(inputs / "a.wav", peak / np.abs(values).max() * values, 16_000, "FLOAT")
        outcome = staa("attack", world.generator, inputs, "--format", "flac", "-o", tmp_path / f"out{code}")
        assert outcome.code == code
        assert ("has a peak of 1.1, expected at most 1, beyond which PCM_24 would clip it: write it as FLOAT" in outcome.err) == bool(code)


def test_a_spectrogram_has_no_format(staa: Staa, world: World, inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "mel.yaml").write_text("step: baseline\nattack: pgd\nspace: logmel\nbudget: {db: 6}\nsteps: 1\n")
    for options in (["--segment", "0.3"], ["--format", "flac"]):
        outcome = staa("baseline", tmp_path / "mel.yaml", inputs, "--threat", world.emo18, *options, "-o", tmp_path / "out")
        assert outcome.code == 2
        assert "'space: logmel' writes no audio" in outcome.err


def test_a_dry_run_counts_segments(staa: Staa, world: World, inputs: Path, tmp_path: Path) -> None:
    outcome = staa("attack", world.generator, inputs, "--segment", 0.25, "--dry-run", "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "would attack 2 files (2 of them in 4 segments)" in outcome.out
