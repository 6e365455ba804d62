"""Augmentation: what it does to a waveform, and that nothing but seed, epoch and file decides what is drawn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from staa_cli.victims import augment as module
from staa_cli.victims.augment import augment, draw_keys, normal, uniform
from staa_cli.victims.recipe import AugmentRecipe

FILES = [f"audio/{number}.wav" for number in range(6)]
FULL = AugmentRecipe(shift=0.1, noise_snr_db=[5.0, 15.0], time_mask=0.3, frequency_mask=0.3)
LENGTH = 4_001


@pytest.fixture
def waveforms() -> Tensor:
    return torch.rand(6, LENGTH, generator=torch.Generator().manual_seed(1)) - 0.5


def test_numbers_are_uniform_and_normal_and_streams_do_not_meet() -> None:
    keys = draw_keys(0, 0, FILES)
    numbers = uniform(keys, 0, 100_000).double()
    assert 0 < numbers.min() <= numbers.max() < 1
    assert torch.allclose(numbers.mean(dim=1), torch.tensor(0.5).double(), atol=5e-3)
    assert torch.allclose(numbers.var(dim=1), torch.tensor(1 / 12).double(), atol=1e-3)
    noise = normal(keys, 0, 99_999)
    assert noise.shape == (6, 99_999)
    assert torch.allclose(noise.std(dim=1), torch.tensor(1.0), atol=0.01)
    assert torch.allclose(noise.pow(4).mean(dim=1), torch.tensor(3.0), atol=0.15)
    # Rows, streams and neighbouring samples know nothing of each other: 1/√n is 0.003.
    rows = torch.cat([noise, normal(keys, 1, 99_999), noise.roll(1, dims=1)[:1], noise.roll(50_000, dims=1)[:1]])
    correlation = torch.corrcoef(rows) - torch.eye(len(rows))
    assert correlation.abs().max() < 0.02


def test_draws_depend_on_seed_epoch_and_file_alone(waveforms: Tensor) -> None:
    whole = augment(waveforms, draw_keys(0, 3, FILES), FULL)
    backwards = augment(waveforms.flip(0), draw_keys(0, 3, FILES[::-1]), FULL).flip(0)
    alone = torch.cat([augment(waveforms[i : i + 1], draw_keys(0, 3, [file]), FULL) for i, file in enumerate(FILES)])
    assert torch.allclose(whole, backwards, atol=1e-6)
    assert torch.allclose(whole, alone, atol=1e-6)
    for other in (draw_keys(1, 3, FILES), draw_keys(0, 4, FILES)):
        assert ((augment(waveforms, other, FULL) - whole).abs().amax(dim=1) > 0.01).all()


def test_a_file_drawn_twice_in_an_epoch_is_changed_twice() -> None:
    keys = draw_keys(0, 0, ["a", "b", "a"])
    assert len(set(keys.tolist())) == 3
    assert draw_keys(0, 0, ["a"]).item() == keys[0]


def test_shift_rolls_the_utterance(waveforms: Tensor) -> None:
    shifted = module.shift(waveforms, draw_keys(1, 0, FILES), 0.1)
    amounts = []
    for before, after in zip(waveforms, shifted, strict=True):
        (amount,) = [steps for steps in range(-1_600, 1_601) if torch.equal(before.roll(steps), after)]
        amounts.append(amount)
    assert len(set(amounts)) == 6
    assert min(amounts) < 0 < max(amounts)


def test_noise_has_the_snr_asked_for(waveforms: Tensor) -> None:
    def snr(lowest: float, highest: float) -> Tensor:
        noise = module.add_noise(waveforms, draw_keys(0, 0, FILES), lowest, highest) - waveforms
        return 10 * torch.log10(waveforms.square().sum(dim=1) / noise.square().sum(dim=1))

    assert torch.allclose(snr(10, 10), torch.tensor(10.0), atol=0.01)
    drawn = snr(5, 25)
    assert 5 < drawn.min() < 13 < drawn.max() < 25
    assert torch.equal(module.add_noise(torch.zeros(1, 9), draw_keys(0, 0, ["a"]), 0, 0), torch.zeros(1, 9))


def test_time_mask_silences_one_stretch(waveforms: Tensor) -> None:
    masked = module.mask_time(waveforms + 2, draw_keys(0, 0, FILES), 0.3)
    silent = masked == 0
    assert torch.equal(masked[~silent], (waveforms + 2)[~silent])
    assert 0 < silent.sum(dim=1).min() < silent.sum(dim=1).max() <= 0.3 * LENGTH + 1
    assert (silent.int().diff(dim=1, prepend=torch.zeros(6, 1).int(), append=torch.zeros(6, 1).int()) == 1).sum(dim=1).tolist() == [1] * 6


def test_frequency_mask_removes_one_band_and_keeps_the_rest(waveforms: Tensor) -> None:
    masked = module.mask_frequencies(waveforms, draw_keys(0, 0, FILES), 0.3)
    before, after = torch.fft.rfft(waveforms).abs(), torch.fft.rfft(masked).abs()
    gone = after < 1e-3 * before
    assert (gone.int().diff(dim=1, prepend=torch.zeros(6, 1).int()) == 1).sum(dim=1).tolist() == [1] * 6
    assert torch.allclose(before[~gone], after[~gone], atol=1e-3)
    assert gone.sum(dim=1).unique().numel() > 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_a_gpu_draws_what_the_cpu_draws(waveforms: Tensor) -> None:
    keys = draw_keys(0, 0, FILES)
    assert torch.equal(uniform(keys, 2, 1_000), uniform(keys.cuda(), 2, 1_000).cpu())
    assert torch.allclose(augment(waveforms.cuda(), keys.cuda(), FULL).cpu(), augment(waveforms, keys, FULL), atol=1e-4)
