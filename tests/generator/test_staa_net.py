from __future__ import annotations

import pytest
import torch

from staa_cli.audio.budget import Budget
from staa_cli.generator.staa_net import STAANet
from staa_cli.generator.wave_unet import WaveUNet

LENGTHS = [1, 2, 3, 7, 255, 1_000, 4_001]


def waveforms(length: int, batch: int = 2) -> torch.Tensor:
    return 0.3 * torch.randn(batch, length, generator=torch.Generator().manual_seed(length)).clamp(-3, 3)


def network(budget: Budget, **settings: object) -> STAANet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return STAANet("small", budget, **settings).eval()  # type: ignore[arg-type]


def test_released_size() -> None:
    large = WaveUNet("large", decoders=2)
    assert sum(parameter.numel() for parameter in large.parameters()) == pytest.approx(50.7e6, rel=1e-3)


def test_small_is_below_a_million() -> None:
    assert sum(parameter.numel() for parameter in WaveUNet("small", decoders=2, classes=7).parameters()) < 1_000_000


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("bound", ["clip", "tanh"])
def test_perturbation_is_within_the_budget_and_the_mask(length: int, bound: str) -> None:
    x = waveforms(length)
    perturbed = network(Budget(peak_snr_db=15), bound=bound)(x)
    assert perturbed.adversarial.shape == x.shape
    assert set(perturbed.positions.unique().tolist()) <= {0.0, 1.0}
    delta = perturbed.adversarial.double() - x.double()
    epsilon = Budget(peak_snr_db=15).epsilon(x).double()
    # float32 addition rounds to half an ulp of values near 1.
    assert (delta.abs() <= epsilon + 6e-8).all()
    assert (delta[perturbed.positions == 0] == 0).all()
    assert (perturbed.magnitudes.abs() <= epsilon.float()).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_zero_budget_is_the_identity(length: int) -> None:
    x = waveforms(length)
    assert torch.equal(network(Budget(linf=0.0))(x).adversarial, x)


def test_one_minute_keeps_its_length() -> None:
    x = waveforms(60 * 16_000, batch=1)
    assert network(Budget(linf=0.01))(x).adversarial.shape == x.shape


def test_batch_does_not_matter_beyond_rounding() -> None:
    x = waveforms(3_000, batch=5)
    net = network(Budget(linf=0.05), classes=3)
    classes = torch.tensor([0, 1, 2, 0, 1])
    together = net(x, classes)
    alone = torch.cat([net(x[row : row + 1], classes[row : row + 1]).magnitudes for row in range(5)])
    assert torch.allclose(together.magnitudes, alone, atol=1e-6)


def test_output_is_aligned_with_the_input() -> None:
    """The released code's output lags by 6,140 samples."""
    stride = 4**4
    net = network(Budget(linf=0.05))
    x = torch.zeros(1, 40 * stride)
    x[0, 20 * stride] = 0.5
    response = (net(x).magnitudes - net(torch.zeros_like(x)).magnitudes).abs()[0]
    # The strongest reaction to a click is at the click.
    assert abs(int(response.argmax()) - 20 * stride) <= 64


def test_conditioning_changes_the_attack() -> None:
    x = waveforms(2_000, batch=1)
    net = network(Budget(linf=0.05), classes=2)
    assert not torch.equal(net(x, torch.tensor([0])).adversarial, net(x, torch.tensor([1])).adversarial)


def test_loudness_scales_the_attack() -> None:
    x = waveforms(2_000)
    net = network(Budget(peak_snr_db=20))
    assert torch.allclose(net(x / 8).magnitudes, net(x).magnitudes / 8, atol=1e-6)


def test_without_factorisation_every_sample_may_move() -> None:
    perturbed = network(Budget(linf=0.05), factorise=False)(waveforms(500))
    assert (perturbed.positions == 1).all()


def test_gate_numbers_come_from_the_given_stream_alone() -> None:
    net = network(Budget(linf=0.05)).train()
    x = waveforms(800)
    state = torch.get_rng_state()
    first = net(x, None, torch.Generator().manual_seed(5)).positions
    second = net(x, None, torch.Generator().manual_seed(5)).positions
    assert torch.equal(first, second)
    assert torch.equal(state, torch.get_rng_state())
