"""A perturbation of 16 kHz on a recording at its own rate: heard as it was meant, within its bound, within the file's range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from staa_cli.audio.files import Audio, encode_wav, read_audio
from staa_cli.audio.form import Form
from staa_cli.audio.own_rate import add_at_own_rate

KEEP = Form(keep_rate=True)


def recording(path: Path, rate: int, channels: int, subtype: str, peak: float = 0.5) -> Audio:
    time = np.arange(int(0.6 * rate)) / rate
    mono = peak * np.sin(2 * np.pi * 300 * time)
    soundfile.write(path, np.stack([mono * (1 - 0.5 * channel) for channel in range(channels)], axis=1), rate, subtype)
    return read_audio(path, form=KEEP)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 1), (16_000, 2), (8_000, 1)])
@pytest.mark.parametrize("dense", [True, False])
def test_what_is_heard_is_bounded_and_what_is_far_is_untouched(rate: int, channels: int, subtype: str, dense: bool, tmp_path: Path) -> None:
    audio = recording(tmp_path / "a.wav", rate, channels, subtype)
    random = np.random.default_rng(0)
    delta = np.zeros(len(audio.samples), np.float32)
    middle = slice(2_000, 6_000)
    delta[middle] = 0.02 * random.choice([-1, 1], 4_000) * (random.random(4_000) < (1 if dense else 0.05))
    written = add_at_own_rate(audio, (audio.samples + delta).astype(np.float32))
    assert audio.original is not None
    assert written.shape == audio.original.shape
    (tmp_path / "b.wav").write_bytes(encode_wav(written, audio.subtype, rate))
    heard = read_audio(tmp_path / "b.wav")
    assert (heard.rate, heard.channels, heard.subtype) == (rate, channels, subtype)
    found = heard.samples - audio.samples
    assert 0 < np.abs(found).max() <= 0.02 + 1e-7
    if rate >= 16_000:  # else what lies above 4 kHz is gone
        assert np.corrcoef(found[middle], delta[middle])[0, 1] > 0.9
    changed = np.flatnonzero((written != audio.original).any(axis=1)) / rate
    if subtype != "FLOAT":  # whose steps are finer than the resampler's last ripples
        assert changed.min() > 2_000 / 16_000 - 0.05
        assert changed.max() < 6_000 / 16_000 + 0.05
    moved = written - audio.original
    assert np.abs(moved - moved[:, :1]).max() <= 1.01 / {"PCM_16": 2**15, "PCM_24": 2**23, "FLOAT": 2**22}[subtype]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_nothing_leaves_the_range(subtype: str, tmp_path: Path) -> None:
    audio = recording(tmp_path / "a.wav", 48_000, 2, subtype, peak=1.0)
    delta = np.where(audio.samples > 0, 0.1, -0.1).astype(np.float32)
    written = add_at_own_rate(audio, (audio.samples + delta).clip(-1, 1))
    assert np.abs(written).max() <= 1
    (tmp_path / "b.wav").write_bytes(encode_wav(written, subtype, 48_000))
    assert np.array_equal(soundfile.read(tmp_path / "b.wav", dtype="float32")[0], written)


def test_no_change_is_no_change(tmp_path: Path) -> None:
    audio = recording(tmp_path / "a.wav", 48_000, 2, "PCM_16")
    assert np.array_equal(add_at_own_rate(audio, audio.samples), audio.original)  # type: ignore[arg-type]
