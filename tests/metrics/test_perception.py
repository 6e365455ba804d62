"""Intelligibility as the package has it, and the masking threshold as the standard has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pystoi import stoi

from staa_cli.metrics.masking import (
    FFT,
    LOUDEST_DB,
    SAMPLE_RATE,
    audible_percent,
    bark,
    decibels,
    masking_threshold,
    spectrum,
    threshold_in_quiet,
)
from staa_cli.metrics.perception import perceive

QUIET = {86.13: 25.87, 172.27: 14.85, 258.40: 10.72, 344.53: 8.50, 516.80: 6.11, 689.06: 4.79, 861.33: 3.92, 1033.59: 3.25}
QUIET |= {1205.86: 2.67, 1378.13: 2.11, 1550.39: 1.53, 1722.66: 0.90, 1894.92: 0.21, 2067.19: -0.56, 2239.45: -1.38, 2411.72: -2.21}
"""Hz → dB, from table D.1b of ISO/IEC 11172-3 (layer I, 44.1 kHz)."""


def speech(seconds: float = 2.0) -> np.ndarray:
    """Noise with the pauses and the spectrum of speech, near enough."""
    random = np.random.default_rng(0)
    count = int(seconds * SAMPLE_RATE)
    slow = np.clip(np.sin(2 * np.pi * 3 * np.arange(count) / SAMPLE_RATE), 0, None)
    made: np.ndarray = (0.1 * slow * np.convolve(random.standard_normal(count), np.ones(8) / 8, "same")).astype(np.float32)
    return made


def sine(hertz: float, amplitude: float, count: int = 16_000) -> torch.Tensor:
    return amplitude * torch.sin(2 * torch.pi * hertz * torch.arange(count) / SAMPLE_RATE).unsqueeze(0)


def test_the_threshold_in_quiet_is_the_published_one() -> None:
    assert threshold_in_quiet(torch.tensor(list(QUIET))).tolist() == pytest.approx(list(QUIET.values()), abs=0.1)


def test_in_silence_the_threshold_is_that_in_quiet() -> None:
    threshold = masking_threshold(torch.full((3, FFT // 2 + 1), -200.0, dtype=torch.float64))
    expected = threshold_in_quiet(torch.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT)
    assert (threshold - expected).abs().max() < 0.01


def test_critical_bands_are_zwickers() -> None:
    assert bark(torch.tensor([100.0, 1000.0, 3150.0, 7700.0])).tolist() == pytest.approx([1, 8.5, 16, 21], abs=0.3)


def test_a_tone_masks_by_the_standards_index_and_slopes() -> None:
    levels = decibels(spectrum(sine(1000.0, 0.5)))[0]
    levels += LOUDEST_DB - levels.max()
    threshold, line = masking_threshold(levels)[10], 1000 * FFT // SAMPLE_RATE
    at = bark(torch.tensor(1000.0)).item()
    peak = 10 * np.log10((10 ** (levels[10, line - 1 : line + 2] / 10)).sum().item())
    assert threshold[line].item() == pytest.approx(peak - 1.525 - 0.275 * at - 4.5, abs=0.5)
    assert threshold[line + 5] > threshold[line - 5], "a tone masks more above it than below"


def test_a_quiet_neighbour_is_masked_and_a_far_or_loud_one_is_heard() -> None:
    speech = sine(1000.0, 0.5)
    near, far, loud = sine(1062.5, 0.002), sine(4000.0, 0.002), sine(1062.5, 0.4)
    shares = [audible_percent(speech, change).item() for change in (near, far, loud)]
    assert shares[0] < 20
    assert min(shares[1:]) > 80


def test_loudness_of_both_does_not_matter_and_utterances_are_apart() -> None:
    x = torch.from_numpy(np.stack([speech(), speech()[::-1].copy()]))
    delta = 0.001 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    both = audible_percent(x, delta)
    assert both.tolist() == pytest.approx(audible_percent(0.1 * x, 0.1 * delta).tolist())
    assert both[1].item() == pytest.approx(audible_percent(x[1:], delta[1:]).item())


def test_stoi_is_the_packages() -> None:
    clean = speech()
    noisy = clean + (0.02 * np.random.default_rng(1).standard_normal(len(clean))).astype(np.float32)
    found = perceive(clean, noisy)
    assert found["stoi"] == pytest.approx(stoi(clean, noisy, SAMPLE_RATE), abs=1e-6)
    assert found["estoi"] == pytest.approx(stoi(clean, noisy, SAMPLE_RATE, extended=True), abs=1e-6)
    assert 0 < (found["audible_percent"] or 0) <= 100


@pytest.mark.parametrize("clean", [np.zeros(16_000, np.float32), speech(0.05), np.ones(1, np.float32)], ids=["silent", "short", "one"])
def test_what_cannot_be_scored_is_null_for_itself(clean: np.ndarray) -> None:
    found = perceive(clean, clean + np.float32(0.01))
    assert found["stoi"] is None
    assert found["estoi"] is None


def test_nothing_changed_is_no_share() -> None:
    assert perceive(speech(), speech())["audible_percent"] is None


@pytest.mark.parametrize(("name", "least"), [("pesq", 4.6), ("zimtohrli", 4.99)])
def test_opinion_scores_fall_with_noise(name: str, least: float) -> None:
    """Of what is as good as the original, the scale's end; and no worse than a crash where their code has no room, or nothing to score."""
    pytest.importorskip(name)
    clean = speech()
    noise = np.random.default_rng(1).standard_normal(len(clean)).astype(np.float32)
    same, faint, loud = (perceive(clean, clean + size * noise)[name] or 0 for size in (0, 1e-3, 3e-2))
    assert same >= least
    assert same > faint > loud >= 1
    bursts = np.tile(np.concatenate([speech(0.5), np.zeros(8_000, np.float32)]), 60)
    for hopeless in (np.zeros(16_000, np.float32), speech(0.05), np.ones(1, np.float32), *([bursts] if name == "pesq" else [])):
        assert perceive(hopeless, hopeless + np.float32(0.01))[name] is None
