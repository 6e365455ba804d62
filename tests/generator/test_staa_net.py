from __future__ import annotations

from typing import Any

import pytest
import torch

from staa_cli.audio.budget import Budget
from staa_cli.generator.recipe import Sparsity, Threshold, TrainGeneratorRecipe
from staa_cli.generator.staa_net import Request, STAANet
from staa_cli.generator.wave_unet import UPSAMPLING, WaveUNet

LENGTHS = [1, 2, 3, 7, 255, 1_000, 4_001]


def waveforms(length: int, batch: int = 2) -> torch.Tensor:
    return 0.3 * torch.randn(batch, length, generator=torch.Generator().manual_seed(length)).clamp(-3, 3)


def network(budget: Budget, classes: int = 3, **settings: Any) -> STAANet:
    """Of the paper's form, unless a sparsity is given."""
    form = {} if "sparsity" in settings else {"threshold": Threshold(dense_start=True)}
    recipe = TrainGeneratorRecipe(step="train-generator", budget=budget, **{**form, **settings})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return STAANet(recipe, classes).eval()


def exact(budget: Budget, **settings: Any) -> STAANet:
    return network(budget, sparsity=Sparsity(trained=[1, 50], default=10), **settings)


def of(percent: float, rows: int = 2, **asked: Any) -> Request:
    return Request(percent=torch.full((rows,), percent), **asked)


def test_released_size() -> None:
    large = WaveUNet("large", decoders=2)
    assert sum(parameter.numel() for parameter in large.parameters()) == pytest.approx(50.7e6, rel=1e-3)


def test_small_is_below_a_million() -> None:
    assert sum(parameter.numel() for parameter in WaveUNet("small", decoders=2, inputs=3, context=16).parameters()) < 1_000_000


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("bound", ["clip", "tanh"])
def test_perturbation_is_within_the_budget_and_the_mask(length: int, bound: str) -> None:
    x = waveforms(length)
    perturbed = network(Budget(peak_snr_db=15), bound=bound)(x, Request())
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
    assert torch.equal(network(Budget(linf=0.0))(x, Request()).adversarial, x)
    assert torch.equal(exact(Budget(linf=0.0))(x, of(10)).adversarial, x)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("upsampling", UPSAMPLING)
def test_any_length_and_both_ways_up(length: int, upsampling: str) -> None:
    x = waveforms(length)
    assert network(Budget(linf=0.01), upsampling=upsampling)(x, Request()).adversarial.shape == x.shape


def test_one_minute_keeps_its_length() -> None:
    x = waveforms(60 * 16_000, batch=1)
    assert network(Budget(linf=0.01))(x, Request()).adversarial.shape == x.shape


@pytest.mark.parametrize("training", [False, True])
def test_the_share_is_what_was_asked_for_row_by_row(training: bool) -> None:
    x = waveforms(4_000, batch=4)
    asked = Request(percent=torch.tensor([1.0, 5.0, 17.3, 50.0]))
    perturbed = exact(Budget(linf=0.05)).train(training)(x, asked)
    assert (perturbed.positions > 0.5).sum(dim=1).tolist() == [40, 200, 692, 2000]


def test_the_gradient_is_with_those_that_are_nearly_in_or_nearly_out() -> None:
    """And there is some however far the logits have grown."""
    from staa_cli.generator.positions import largest

    logits = (1_000 * torch.randn(1, 4_000, generator=torch.Generator().manual_seed(1))).requires_grad_()
    soft, positions = largest(logits, torch.tensor([400]))
    weights = torch.randn(1, 4_000, generator=torch.Generator().manual_seed(2))
    (positions * weights).sum().backward()
    assert logits.grad is not None
    # Without the detour over their spread, which every logit is a part of.
    slope = 1 - (2 * soft - 1) ** 2
    order = (logits - logits.sort(descending=True).values[0, 399]).abs()[0].argsort()
    assert slope[0, order[:50]].min() > 0.9
    assert slope[0, order[-50:]].max() < 0.1
    assert logits.grad.abs().max() > 1e-5


def test_batch_does_not_matter_beyond_rounding() -> None:
    x = waveforms(3_000, batch=5)
    net = exact(Budget(linf=0.05), guide="prediction")
    asked = Request(torch.tensor([1.0, 5, 10, 20, 50]), predictions=torch.tensor([0, 1, 2, 0, 1]))
    together = net(x, asked)
    assert asked.percent is not None
    assert asked.predictions is not None
    rows = [Request(asked.percent[row : row + 1], predictions=asked.predictions[row : row + 1]) for row in range(5)]
    alone = torch.cat([net(x[row : row + 1], rows[row]).magnitudes for row in range(5)])
    assert torch.allclose(together.magnitudes, alone, atol=1e-6)


@pytest.mark.parametrize("upsampling", UPSAMPLING)
def test_output_is_aligned_with_the_input(upsampling: str) -> None:
    """The released code's output lags by 6,140 samples."""
    stride = 4**4
    net = network(Budget(linf=0.05), bound="tanh", upsampling=upsampling)
    x = torch.zeros(1, 40 * stride)
    x[0, 20 * stride] = 0.5
    response = (net(x, Request()).magnitudes - net(torch.zeros_like(x), Request()).magnitudes).abs()[0]
    # The strongest reaction to a click is at the click.
    assert abs(int(response.argmax()) - 20 * stride) <= 64


@pytest.mark.parametrize(
    ("settings", "one", "other"),
    [
        ({"guide": "prediction"}, {"predictions": 0}, {"predictions": 1}),
        ({"target": "any"}, {"targets": 0}, {"targets": 2}),
        ({}, {"percent": 5.0}, {"percent": 10.0}),
        ({"trained_snr": [10, 30]}, {"snr": 12.0}, {"snr": 25.0}),
    ],
)
def test_whatever_it_is_told_changes_the_attack(settings: dict[str, Any], one: dict[str, Any], other: dict[str, Any]) -> None:
    x = waveforms(2_000, batch=1)
    net = exact(Budget(peak_snr_db=20), **settings)
    both = []
    for asked in (one, other):
        told = {"percent": 10.0, **asked}
        if "trained_snr" in settings:
            told = {"snr": 20.0, **told}
        both.append(net.rank(x, Request(**{name: torch.tensor([value]) for name, value in told.items()}))[1])
    assert not torch.allclose(*both)


def test_the_gradients_size_does_not_matter_and_its_signs_do() -> None:
    x = waveforms(2_000, batch=1)
    net = exact(Budget(linf=0.05), guide="gradient")
    gradient = torch.randn(1, 2_000, generator=torch.Generator().manual_seed(3))

    def attacked(gradient: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = net(x, of(10, 1, predictions=torch.tensor([0]), gradient=gradient)).magnitudes
        return found

    assert torch.allclose(attacked(1e-6 * gradient), attacked(gradient), atol=1e-5)
    assert not torch.allclose(attacked(-gradient), attacked(gradient), atol=1e-4)
    assert attacked(torch.zeros_like(gradient)).isfinite().all()


@pytest.mark.parametrize("snr", [10.0, 17.0, 30.0])
def test_the_peak_snr_is_what_was_asked_for(snr: float) -> None:
    x = waveforms(2_000)
    net = exact(Budget(peak_snr_db=20), trained_snr=[10, 30])
    asked = of(10, snr=torch.full((2,), snr))
    assert torch.equal(net.epsilon(x, asked), Budget(peak_snr_db=snr).epsilon(x))
    assert (net(x, asked).magnitudes.abs() <= net.epsilon(x, asked)).all()


def test_loudness_scales_the_attack() -> None:
    x = waveforms(2_000)
    net = exact(Budget(peak_snr_db=20))
    assert torch.allclose(net(x / 8, of(10)).magnitudes, net(x, of(10)).magnitudes / 8, atol=1e-6)


def test_the_papers_clip_is_of_the_raw_output() -> None:
    """Not of an output that was scaled by ε before."""
    x = waveforms(2_000)
    net = network(Budget(linf=0.05), bound="clip", level="raw")
    (raw, _) = net.network(x.unsqueeze(1), x.new_zeros(2, 0))
    assert torch.equal(net(x, Request()).magnitudes, raw.clamp(-0.05, 0.05))


def test_without_factorisation_every_sample_may_move() -> None:
    perturbed = network(Budget(linf=0.05), threshold=Threshold(factorise=False))(waveforms(500), Request())
    assert (perturbed.positions == 1).all()


def test_gate_numbers_come_from_the_given_stream_alone() -> None:
    net = network(Budget(linf=0.05)).train()
    x = waveforms(800)
    state = torch.get_rng_state()
    first, second = (net(x, Request(), net.draws(*x.shape, torch.Generator().manual_seed(5))).positions for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(state, torch.get_rng_state())
