"""Where recordings are cut, and that a segment is what a file of its own would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from staa_cli.audio.energy import by_energy, hop_of, powers
from staa_cli.audio.files import AudioError, opened, read_audio
from staa_cli.audio.form import Cutting
from staa_cli.audio.segments import LOSSY, Segment, by_length, cut

from ..conftest import tone
from .test_truncation import FORMATS, written


@pytest.mark.parametrize(
    ("frames", "join", "ends"),
    [
        (100, True, [100]),
        (101, True, [101]),
        (124, True, [124]),
        (125, True, [100, 125]),
        (101, False, [100, 101]),
        (224, True, [100, 224]),
        (300, True, [100, 200, 300]),
    ],
)
def test_the_rest_is_the_last_segment_unless_it_is_short(frames: int, join: bool, ends: list[int]) -> None:
    assert [span.end for span in by_length(frames, 100, join=join)] == ends


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1), (44_101, 1)])
@pytest.mark.parametrize("by", ["length", "energy"])
def test_a_segment_is_what_a_file_of_its_own_would_be(rate: int, channels: int, by: str, tmp_path: Path) -> None:
    mono = speech(rate)
    sound = mono if channels == 1 else np.stack([mono, mono[::-1]], axis=1)
    soundfile.write(tmp_path / "a.wav", sound, rate, "PCM_16")
    segments = cut(tmp_path / "a.wav", Cutting(0.7, by))
    assert len(segments) > 3
    assert segments[0].start == segments[0].offset == 0
    assert segments[-1].end == len(mono)
    values, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    for one, following in zip(segments, [*segments[1:], None], strict=True):
        soundfile.write(tmp_path / "cut.wav", values[one.start : one.end], rate, "PCM_16")
        by_hand = read_audio(tmp_path / "cut.wav").samples
        assert np.array_equal(read_audio(tmp_path / "a.wav", span=(one.start, one.end)).samples, by_hand)
        assert len(by_hand) == one.samples
        assert following is None or (following.start, following.offset) == (one.end, one.offset + one.samples)


def speech(rate: int) -> np.ndarray:
    """Tones of 1.1 s and 2 s, with pauses before, between and behind."""
    pause, seconds = np.zeros(int(0.8 * rate)), (1.1, 2.0)
    words = [0.3 * np.sin(2 * np.pi * 200 * np.arange(int(length * rate)) / rate) for length in seconds]
    return np.concatenate([pause, words[0], pause, words[1], pause])


def test_energy_leaves_silence_out_and_cuts_no_word(tmp_path: Path) -> None:
    rate = 16_000
    soundfile.write(tmp_path / "a.wav", speech(rate), rate, "PCM_16")
    segments = cut(tmp_path / "a.wav", Cutting(1.5, "energy"))
    words = [(0.8, 1.9), (2.7, 4.7)]
    attacked = [one for one in segments if one.number is not None]
    assert [one.number for one in attacked] == list(range(len(attacked)))
    for start, end in words:
        covered = [one for one in attacked if one.end / rate > start and one.start / rate < end]
        assert covered[0].start / rate <= start + 0.02
        assert covered[-1].end / rate >= end - 0.02
    assert all(one.end - one.start <= 1.5 * rate for one in segments)
    silent = sum(one.end - one.start for one in segments if one.number is None) / rate
    assert silent == pytest.approx(3 * 0.8 - 4 * 0.1, abs=0.05)


def test_speech_is_cut_where_it_is_quietest(tmp_path: Path) -> None:
    rate = 16_000
    sound = 0.3 * np.sin(np.arange(3 * rate) / 5)
    sound[int(1.3 * rate) : int(1.36 * rate)] *= 0.05
    soundfile.write(tmp_path / "a.wav", sound, rate)
    first = cut(tmp_path / "a.wav", Cutting(2, "energy"))[0]
    assert 1.3 <= first.end / rate <= 1.36


def test_powers_are_those_of_the_whole(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000 * 25 + 77).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sound, 16_000, "FLOAT")
    with opened(tmp_path / "a.wav") as file:
        found = powers(file)
    hops = np.split(sound.astype(np.float64), range(hop_of(16_000), len(sound), hop_of(16_000)))
    assert np.allclose(found, [np.mean(hop**2) for hop in hops])


def test_silence_alone_is_cut_by_length() -> None:
    spans = by_energy(np.zeros(500), 500 * 320, 16_000, 16_000)
    assert not any(span.silent for span in spans)
    assert [span.start for span in spans[1:]] == [span.end for span in spans[:-1]]
    assert spans[-1].end == 500 * 320


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_is_read_from_the_middle_to_the_bit_or_refused(format_: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for subtype in soundfile.available_subtypes(format_):
        if subtype.startswith("DWVW") or not written(path, format_, subtype=subtype):
            continue  # of which libsndfile reads nothing
        with opened(path) as file:
            exact = file.seekable() and not subtype.startswith(LOSSY)
        if not exact:
            with pytest.raises(AudioError, match="cannot be read from the middle to the bit; convert it to WAV or FLAC first"):
                cut(path, Cutting(0.31))
            continue
        segments = cut(path, Cutting(0.31))
        with opened(path) as file:
            whole = file.read(dtype="float32")
        for one in segments[::-1]:
            with opened(path) as file:
                file.seek(one.start)
                assert np.array_equal(file.read(one.end - one.start, dtype="float32"), whole[one.start : one.end]), subtype


def test_a_cut_recording_is_refused_without_being_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(200, 40_000, 0).numpy(), 16_000)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:60_000])
    with pytest.raises(AudioError, match="is truncated"):
        cut(tmp_path / "a.wav", Cutting(1))


def test_short_files_are_not_cut(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", torch.zeros(16_000).numpy(), 16_000)
    assert cut(tmp_path / "a.wav", Cutting(1)) == []
    assert cut(tmp_path / "a.wav", Cutting(0.9)) == []
    assert cut(tmp_path / "a.wav", Cutting(0.5))[1] == Segment(1, 8_000, 16_000, 16_000, 8_000, 8_000)
