"""One pixel, and P pixels: few samples within ±ε, found by scores alone, and as often as an independent implementation finds them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.one_pixel import OnePixel
from staa_cli.audio.budget import Budget

from .conftest import Linear, Unit, linear, noise, tanh_victim

SMALL = 40


class Asked(nn.Module):
    """Counts the waveforms that it is shown, and keeps the largest batch."""

    def __init__(self, victim: nn.Module) -> None:
        super().__init__()
        self.victim, self.count, self.largest = victim, 0, 0

    @torch.inference_mode()
    def forward(self, waveforms: Tensor) -> Tensor:
        self.count += len(waveforms)
        self.largest = max(self.largest, len(waveforms))
        logits: Tensor = self.victim(waveforms)
        return logits


@pytest.mark.parametrize("pixels", [1, 3])
def test_few_samples_move_by_at_most_epsilon_and_every_query_is_counted(pixels: int) -> None:
    victim, x = Asked(tanh_victim()), noise(6)
    attack = OnePixel(budget=Budget(linf=0.1), steps=3, pixels=pixels, population=10, forward_batch=7)
    outcome = attack.run(victim, x, tanh_victim()(x).argmax(dim=1), range(6))
    delta = outcome.adversarial - x
    assert ((delta != 0).sum(dim=1) <= pixels).all()
    assert (delta != 0).any(dim=1).all()
    assert (delta.abs() <= 0.1 + 1e-12).all()
    assert outcome.queries is not None
    assert int(outcome.queries.sum()) == victim.count
    assert victim.largest == 7


def test_the_only_sample_that_matters_is_found() -> None:
    """The additive form: what was there stays, and up to ±ε is added."""
    weights = torch.zeros(2, SMALL, dtype=torch.float64)
    weights[0, 13] = 1
    victim = Linear(weights, torch.tensor([0.0, 0.25], dtype=torch.float64))
    x = torch.full((8, SMALL), 0.3, dtype=torch.float64)
    outcome = OnePixel(budget=Budget(linf=0.06), steps=20, population=60).run(victim, x, torch.zeros(8).long(), range(8))
    assert (victim(outcome.adversarial).argmax(dim=1) == 1).all()
    moved = (outcome.adversarial - x).nonzero()
    assert moved[:, 1].tolist() == [13] * 8
    assert (outcome.adversarial[:, 13] < 0.25).all()
    # Utterances that are through ask no more.
    assert outcome.queries is not None
    assert len(outcome.queries.unique()) > 1


def test_linear_victim_is_fooled_where_one_sample_can() -> None:
    """The optimum is known: the sample with the largest gain, by ε. Those within 5 % of it are as good as out of reach."""
    victim, x, epsilon = linear(classes=2, samples=SMALL), noise(60, SMALL, scale=0.1), 0.15
    logits = victim(x)
    clean = logits.argmax(dim=1)
    reach = epsilon * (victim.weights[0] - victim.weights[1]).abs().max()
    gap = (logits[:, 0] - logits[:, 1]).abs()
    adversarial = OnePixel(budget=Budget(linf=epsilon), steps=30, population=80)(victim, x, clean, range(60))
    fooled = victim(adversarial).argmax(dim=1) != clean
    assert fooled[gap < 0.95 * reach].all()
    assert not fooled[gap > reach].any()
    assert 5 < int(fooled.sum()) < 55


def test_targeted() -> None:
    victim, x = tanh_victim(samples=SMALL), noise(20, SMALL)
    target = (victim(x).argmax(dim=1) + 1) % 4
    attack = OnePixel(budget=Budget(linf=1.0), steps=30, pixels=8, population=60)
    reached = victim(attack(victim, x, target, range(20), targeted=True)).argmax(dim=1) == target
    assert reached.double().mean() > 0.5


def test_succeeds_as_often_as_torchattacks() -> None:
    """Within three standard errors; both sides replace one sample by anything in range."""
    torchattacks = pytest.importorskip("torchattacks", reason="pip install 'staa[reference]'")
    count = 60
    victim, x = linear(classes=2, samples=SMALL), noise(count, SMALL, scale=0.4)
    clean = victim(x).argmax(dim=1)
    state = np.random.get_state()
    np.random.seed(0)
    images = ((x + 1) / 2).view(count, 1, 1, SMALL)
    theirs = torchattacks.OnePixel(Unit(victim).eval(), pixels=1, steps=10, popsize=30)(images, clean).flatten(1)
    np.random.set_state(state)
    ours = OnePixel(budget=Budget(linf=2.0), steps=10, population=30)(victim, x, clean, range(count))
    rates = [float((victim(form).argmax(dim=1) != clean).double().mean()) for form in (ours, 2 * theirs - 1)]
    assert 0.1 < rates[1] < 0.9
    assert rates[0] > rates[1] - 3 * (2 * rates[1] * (1 - rates[1]) / count) ** 0.5
