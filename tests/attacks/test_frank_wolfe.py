"""Frank-Wolfe: exactly k samples, each at its bound, and better than one gradient."""

from __future__ import annotations

import pytest
import torch

from staa_cli.attacks.fgsm import FGSM
from staa_cli.attacks.frank_wolfe import FrankWolfe
from staa_cli.attacks.pgd import Positions
from staa_cli.audio.budget import Budget
from staa_cli.metrics.margin import margin

from .conftest import LENGTH, linear, noise, tanh_victim


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize(("percent", "k"), [(100 / LENGTH, 1), (2.0, 12), (100.0, LENGTH), (0.01, 1)])
def test_k_samples_differ_each_by_epsilon(percent: float, k: int, stop: bool) -> None:
    victim, waveforms = tanh_victim(), 0.5 * noise(5)
    reference = victim(waveforms).argmax(dim=1)
    change = FrankWolfe(budget=Budget(linf=0.1), steps=5, percent=percent, stop=stop)(victim, waveforms, reference, range(5)) - waveforms
    assert (change != 0).sum(dim=1).tolist() == [k] * 5
    assert change[change != 0].abs().tolist() == pytest.approx([0.1] * (5 * k))


def test_one_step_is_the_sparse_sign_of_the_gradient() -> None:
    """FGSM on its top k climbs the cross-entropy; with two classes its gradient is along the margin's."""
    victim, waveforms = linear(classes=2), 0.5 * noise(4, seed=3)
    reference = victim(waveforms).argmax(dim=1)
    one = FrankWolfe(budget=Budget(linf=0.1), steps=1, percent=5.0, stop=False)(victim, waveforms, reference, range(4))
    assert torch.allclose(one, FGSM(budget=Budget(linf=0.1), positions=Positions(percent=5.0))(victim, waveforms, reference, range(4)))


@pytest.mark.parametrize("targeted", [False, True])
def test_more_steps_get_further(targeted: bool) -> None:
    victim, waveforms = tanh_victim(), 0.5 * noise(16)
    reference = victim(waveforms).argmax(dim=1)
    reference = (reference + 1) % victim(waveforms).shape[1] if targeted else reference

    def reached(steps: int) -> torch.Tensor:
        attack = FrankWolfe(budget=Budget(linf=0.03), steps=steps, percent=5.0)
        return margin(victim(attack(victim, waveforms, reference, range(16), targeted=targeted)), reference, targeted)

    few, many = reached(1), reached(20)
    assert (many > 0).sum() >= (few > 0).sum()
    assert many.clamp(max=0).sum() > few.clamp(max=0).sum() or bool((many > 0).all())


def test_without_stop_it_goes_beyond_the_boundary() -> None:
    victim, waveforms = tanh_victim(), 0.5 * noise(16)
    reference = victim(waveforms).argmax(dim=1)
    attacks = [FrankWolfe(budget=Budget(linf=0.1), percent=20.0, stop=stop) for stop in (True, False)]
    margins = [margin(victim(attack(victim, waveforms, reference, range(16))), reference, False) for attack in attacks]
    assert (margins[0] > 0).all()
    assert (margins[1] > 0).all()
    assert margins[1].mean() > margins[0].mean()
