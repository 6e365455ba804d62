from __future__ import annotations

import pytest
import torch

from staa_cli.audio.budget import Budget, add_within_range, round_to_zero
from staa_cli.audio.files import PCM_SCALE, quantise_adversarial
from staa_cli.audio.length import repeat_or_cut
from staa_cli.metrics.perturbation import snr_peak_db


def test_peak_snr_budget_gives_that_peak_snr_whatever_the_loudness() -> None:
    waveforms = torch.randn(5, 300, generator=torch.Generator().manual_seed(0)) * torch.tensor([1e-3, 0.01, 0.1, 0.2, 0.3])[:, None]
    epsilon = Budget(peak_snr_db=20).epsilon(waveforms)
    delta = epsilon.expand_as(waveforms)
    assert snr_peak_db(waveforms, delta) == pytest.approx([20] * 5, abs=1e-5)


def test_absolute_budget() -> None:
    assert Budget(linf=0.05).epsilon(torch.zeros(3, 4)).tolist() == [[pytest.approx(0.05)]] * 3


@pytest.mark.parametrize("settings", [{}, {"linf": 0.1, "peak_snr_db": 20.0}])
def test_exactly_one_form(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="exactly one of"):
        Budget(**settings)


def test_range_is_kept_and_untouched_samples_stay() -> None:
    waveforms = torch.tensor([[0.99, -0.99, 1.5, -1.5, 0.2]])
    result = add_within_range(waveforms, torch.tensor([[0.1, -0.1, 0.0, 0.0, 0.1]]))
    assert result.tolist() == [[1.0, -1.0, 1.5, -1.5, pytest.approx(0.3)]]


@pytest.mark.parametrize("length", [1, 2, 5, 6, 13])
def test_repeat_or_cut(length: int) -> None:
    samples = torch.arange(5.0)
    assert repeat_or_cut(samples, length).tolist() == [index % 5 for index in range(length)]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_perturbation_is_rounded_as_files_are_written(subtype: str) -> None:
    random = torch.Generator().manual_seed(0)
    scale = PCM_SCALE.get(subtype, 0)
    clean = 0.3 * torch.randn(3, 4_000, generator=random).clamp(-2, 2)
    if scale:
        clean = (clean * scale).round() / scale
    perturbation = 1e-3 * torch.randn(3, 4_000, generator=random) * (torch.rand(3, 4_000, generator=random) < 0.5)
    rounded = clean + round_to_zero(perturbation, torch.full((3, 1), 1 / scale if scale else 0.0))
    written = torch.stack([torch.from_numpy(quantise_adversarial(x, y, subtype)) for x, y in zip(clean, clean + perturbation, strict=True)])
    if subtype == "FLOAT":
        assert torch.equal(rounded, clean + perturbation)
    # The two see δ before and after a sum in float32, which at a step's edge may decide otherwise.
    assert ((rounded - written).abs() < 1e-7).double().mean() > (0.999 if subtype == "PCM_16" else 0.3)
    assert ((rounded - written).abs() <= (1.01 / scale if scale else 0)).all()
