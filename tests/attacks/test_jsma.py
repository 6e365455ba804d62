from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.jsma import JSMA, best_pair
from staa_cli.audio.budget import Budget

from .conftest import Unit, noise, tanh_victim
from .libraries import art_attacks, art_classifier

SAMPLES = 60


def brute_force(rise: Tensor, fall: Tensor) -> Tensor:
    """The largest saliency over all pairs, `(A,)`; 0 where no pair has two positive sums."""
    up = rise.unsqueeze(2) + rise.unsqueeze(1)
    down = fall.unsqueeze(2) + fall.unsqueeze(1)
    other = ~torch.eye(rise.shape[1], dtype=torch.bool)
    return torch.where((up > 0) & (down > 0) & other, up * down, 0.0).flatten(1).amax(dim=1)


@pytest.mark.parametrize("correlation", [-0.999, -0.9, 0.0, 0.9, 1.0])
@pytest.mark.parametrize("size", [2, 3, 200])
def test_the_best_pair_is_that_of_all_pairs(correlation: float, size: int) -> None:
    random = torch.Generator().manual_seed(size)
    rise, other = torch.randn(2, 30, size, generator=random, dtype=torch.float64)
    fall = 0.5 + correlation * rise + (1 - correlation**2) ** 0.5 * other
    out = torch.rand(30, size, generator=random) < 0.2
    rise, fall = rise.masked_fill(out, -torch.inf), fall.masked_fill(out, -torch.inf)
    pair, saliency = best_pair(rise, fall)
    assert torch.equal(saliency, brute_force(rise, fall))
    assert (saliency > 0).any()
    works = saliency > 0
    assert (pair[works, 0] != pair[works, 1]).all()
    assert torch.allclose((rise.gather(1, pair).sum(dim=1) * fall.gather(1, pair).sum(dim=1))[works], saliency[works])


def test_the_best_pair_among_equals_and_on_a_front_of_everything() -> None:
    """Ties, and numbers where no sample beats another: all of them must be compared, in chunks."""
    line = torch.linspace(-1, 3, 3_000, dtype=torch.float64).expand(2, -1)
    assert torch.equal(best_pair(line, 2 - line)[1], torch.tensor([4 * 1.0, 4.0], dtype=torch.float64))
    ties = torch.randint(-2, 3, (50, 40), generator=torch.Generator().manual_seed(0)).double()
    assert torch.equal(best_pair(ties, ties.flip(1))[1], brute_force(ties, ties.flip(1)))


@pytest.mark.parametrize("theta", [1.0, 0.3, -0.5])
@pytest.mark.parametrize("targeted", [False, True])
def test_few_samples_move_by_theta_one_way(theta: float, targeted: bool) -> None:
    victim, waveforms = tanh_victim(samples=SAMPLES), noise(20, SAMPLES)
    clean = victim(waveforms).argmax(dim=1)
    reference = (clean + 1) % 4 if targeted else clean
    attack = JSMA(budget=Budget(linf=0.3), theta=theta, gamma=0.4)
    adversarial = attack(victim, waveforms, reference, range(20), targeted=targeted)
    delta = adversarial - waveforms
    assert ((victim(adversarial).argmax(dim=1) == reference) == targeted).double().mean() > 0.3
    assert (delta * theta >= 0).all()
    assert ((delta != 0).sum(dim=1) <= 0.4 * SAMPLES).all()
    steps = delta.abs() / (abs(theta) * 0.3)
    at_edge = (delta.abs() - 0.3).abs() < 1e-12
    assert (at_edge | ((steps - steps.round()).abs() < 1e-9)).all()
    rows = zip(waveforms, reference, strict=True)
    alone = torch.cat([attack(victim, row.unsqueeze(0), y.unsqueeze(0), [0], targeted=targeted) for row, y in rows])
    assert torch.allclose(alone, adversarial, atol=1e-12)


def test_a_single_sample_has_no_pair() -> None:
    victim, waveforms = tanh_victim(samples=1), noise(3, 1)
    assert torch.equal(JSMA(budget=Budget(linf=0.3), gamma=0.1)(victim, waveforms, victim(waveforms).argmax(dim=1), range(3)), waveforms)


def test_agrees_with_torchattacks() -> None:
    """Towards the next class, as its untargeted form does; 0.2 of [0, 1] is our ε of 0.4, reached in one step.

    Only for θ > 0: for θ < 0 its saliency is negative, and the largest is that of a pair that it has ruled out.
    """
    torchattacks = pytest.importorskip("torchattacks", reason="pip install 'staa[reference]'")
    victim, waveforms = tanh_victim(10, SAMPLES), noise(12, SAMPLES)
    labels = victim(waveforms).argmax(dim=1)
    reference = (labels + 1) % 10
    theirs = 2 * torchattacks.JSMA(Unit(victim), theta=0.2, gamma=0.5)((waveforms + 1) / 2, labels) - 1
    mine = JSMA(budget=Budget(linf=0.4), gamma=0.5)(victim, waveforms, reference, range(12), targeted=True)
    assert torch.allclose(mine, theirs, atol=1e-9)
    assert (victim(mine).argmax(dim=1) == reference).double().mean() > 0.3


@pytest.mark.parametrize("theta", [0.1, -0.1])
def test_agrees_with_art(theta: float) -> None:
    """ART looks at the target's derivative alone: the same pair where the outputs add up to 1, so it gets probabilities here, and we too.

    Its ball is the range; ours is taken as wide, and our θ as a share of it.
    """

    victim = nn.Sequential(tanh_victim(samples=SAMPLES), nn.Softmax(dim=1)).float()
    waveforms = noise(12, SAMPLES).float()
    reference = (victim(waveforms).argmax(dim=1) + 1) % 4
    classifier = art_classifier(Unit(victim), SAMPLES, 4)
    theirs = art_attacks().SaliencyMapMethod(classifier, theta=theta, gamma=0.5, batch_size=12, verbose=False)
    theirs = 2 * torch.from_numpy(theirs.generate(((waveforms + 1) / 2).numpy(), reference.numpy())) - 1
    mine = JSMA(budget=Budget(linf=2.0), theta=theta, gamma=0.5)(victim, waveforms, reference, range(12), targeted=True)
    assert torch.equal(victim(mine).argmax(dim=1), victim(theirs).argmax(dim=1))
    reached = victim(mine).argmax(dim=1) == reference
    assert reached.any()
    # An utterance that uses up γ stops one pair later there.
    assert torch.allclose(mine[reached], theirs[reached], atol=1e-5)
