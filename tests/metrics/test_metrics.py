from __future__ import annotations

import math

import pytest
import torch

from staa_cli.metrics.classification import accuracy_percent, asr_correct_percent, asr_percent, uar_percent
from staa_cli.metrics.perturbation import linf, snr_energy_db, snr_peak_db, snr_segmental_db, sparsity_percent


def test_perturbation_by_hand() -> None:
    waveforms = torch.tensor([[0.5, -1.0, 0.0, 0.5]])
    delta = torch.tensor([[0.1, 0.0, 0.0, -0.05]])
    assert sparsity_percent(delta).item() == 50
    assert linf(delta).item() == pytest.approx(0.1)
    assert snr_peak_db(waveforms, delta).item() == pytest.approx(20)
    assert snr_energy_db(waveforms, delta).item() == pytest.approx(10 * math.log10(1.5 / 0.0125), abs=1e-5)


def test_nothing_perturbed_and_silence() -> None:
    waveforms = torch.tensor([[0.5, 0.5], [0.0, 0.0]])
    delta = torch.tensor([[0.0, 0.0], [0.1, 0.0]])
    assert snr_peak_db(waveforms, delta).tolist() == [math.inf, -math.inf]
    assert snr_energy_db(waveforms, delta).tolist() == [math.inf, -math.inf]
    assert snr_segmental_db(waveforms, delta)[0].isnan()


def test_segmental_snr_is_the_mean_over_frames_within_its_limits() -> None:
    waveforms = torch.ones(1, 4 * 320)
    delta = torch.zeros(1, 4 * 320)
    delta[0, 320:640] = 0.1  # 20 dB
    delta[0, 640:960] = 10.0  # −20 dB, limited to −10
    delta[0, 960:] = 1e-4  # 80 dB, limited to 35
    assert snr_segmental_db(waveforms, delta).item() == pytest.approx((35 + 20 - 10 + 35) / 4, abs=1e-5)


def test_classification_by_hand() -> None:
    targets, clean, adversarial = [0, 0, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1]
    assert accuracy_percent(targets, clean) == 75
    assert uar_percent(targets, clean) == pytest.approx((200 / 3 + 100) / 2)
    assert asr_percent(clean, adversarial) == 50
    assert asr_correct_percent(targets, clean, adversarial) == pytest.approx(100 / 3)


def test_no_utterance_is_no_number() -> None:
    assert accuracy_percent([], []) is None
    assert uar_percent([], []) is None
    assert asr_percent([], []) is None
    assert asr_correct_percent([1], [0], [1]) is None


def test_labels_may_be_words() -> None:
    assert uar_percent(["joy", "joy", "fear"], ["joy", "fear", "fear"]) == 75
