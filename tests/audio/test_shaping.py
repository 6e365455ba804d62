from __future__ import annotations

import numpy as np
import pytest

from staa_cli.audio.shaping import level, set_loudness, trim_silence, unify


def burst(before: int, sound: int, after: int) -> np.ndarray:
    """Faint noise, a tone, faint noise."""
    random = np.random.default_rng(0)
    samples = 1e-4 * random.standard_normal(before + sound + after)
    samples[before : before + sound] += 0.5 * np.sin(np.arange(sound) / 3)
    return samples.astype(np.float32)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (8_000, 0), (0, 4_000), (1_600, 12_345)])
def test_trimming_finds_the_sound_to_a_frame(before: int, after: int) -> None:
    trimmed = trim_silence(burst(before, 8_000, after), 40)
    assert 8_000 <= len(trimmed) <= 8_000 + 2 * 160
    assert np.abs(trimmed).max() == np.abs(burst(before, 8_000, after)).max()


@pytest.mark.parametrize("samples", [np.zeros(1, np.float32), np.zeros(5_000, np.float32), np.full(7, 0.5, np.float32)])
def test_silence_throughout_stays(samples: np.ndarray) -> None:
    assert np.array_equal(trim_silence(samples, 60), samples)


@pytest.mark.parametrize(("measure", "dbfs"), [("peak_dbfs", -6.0), ("rms_dbfs", -26.0), ("peak_dbfs", 0.0)])
def test_the_level_is_the_one_asked_for(measure: str, dbfs: float) -> None:
    samples, limited = set_loudness(burst(100, 3_000, 0) / 7, measure, dbfs)
    assert not limited
    assert 20 * np.log10(level(samples, measure)) == pytest.approx(dbfs, abs=1e-4)


def test_a_gain_that_would_clip_is_held_back() -> None:
    click = np.zeros(16_000, np.float32)
    click[100] = 0.5
    samples, limited = set_loudness(click, "rms_dbfs", -10)
    assert limited
    assert np.abs(samples).max() == pytest.approx(1)


def test_silence_has_no_level_to_set() -> None:
    samples, limited = set_loudness(np.zeros(9, np.float32), "rms_dbfs", -20)
    assert not limited
    assert not samples.any()


@pytest.mark.parametrize("length", [1, 15_999, 16_000, 16_001, 40_000, 48_000])
def test_pieces_hold_everything_and_repeat_the_last(length: int) -> None:
    samples = np.arange(length, dtype=np.float32)
    pieces = unify(samples, 1.0, "split")
    assert {len(piece) for piece in pieces} == {16_000}
    assert np.array_equal(np.concatenate(pieces)[:length], samples)
    rest = length - 16_000 * (len(pieces) - 1)
    assert 1 <= rest <= 16_000
    assert np.array_equal(pieces[-1], np.tile(samples[-rest:], 16_000)[:16_000])


def test_cutting_keeps_the_start_and_native_keeps_all() -> None:
    samples = np.arange(20_000, dtype=np.float32)
    assert np.array_equal(unify(samples, 1.0, "cut")[0], samples[:16_000])
    assert unify(samples, None, "cut")[0] is samples
