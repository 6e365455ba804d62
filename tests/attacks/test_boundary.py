from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.boundary import Boundary
from staa_cli.audio.budget import Budget

from .conftest import Unit, linear, noise, tanh_victim
from .libraries import art_attacks, art_classifier, distances

SAMPLES = 30
WHOLE = Budget(linf=2.0)
ATTACK = Boundary(budget=WHOLE, steps=60)


class Counting(nn.Module):
    """A black box: it counts the utterances that it sees, and shows no gradient."""

    def __init__(self, victim: nn.Module) -> None:
        super().__init__()
        self.victim, self.count = victim, 0

    def forward(self, waveforms: Tensor) -> Tensor:
        self.count += len(waveforms)
        predictions: Tensor = self.victim(waveforms).argmax(dim=1)
        return nn.functional.one_hot(predictions, 4).double()


def test_the_walk_comes_near_the_nearest_point_of_a_plane() -> None:
    victim, waveforms = linear(samples=SAMPLES), noise(10, SAMPLES)
    reference = victim(waveforms).argmax(dim=1)
    attack = ATTACK.model_copy(update={"steps": 250})
    adversarial = attack(victim, waveforms, reference, range(10))
    assert (victim(adversarial).argmax(dim=1) != reference).all()
    found, optimum = (adversarial - waveforms).norm(dim=1), distances(victim, waveforms, 2.0)
    assert (found >= optimum - 1e-9).all()
    assert (found / optimum).median() < 1.2


@pytest.mark.parametrize("targeted", [False, True])
def test_queries_are_those_that_a_black_box_saw(targeted: bool) -> None:
    victim, waveforms = Counting(tanh_victim(samples=SAMPLES)), noise(8, SAMPLES)
    clean = victim(waveforms).argmax(dim=1)
    reference = (clean + 1) % 4 if targeted else clean
    victim.count = 0
    outcome = ATTACK.run(victim, waveforms, reference, range(8), targeted=targeted)
    assert outcome.queries is not None
    assert victim.count == outcome.queries.sum()
    reached = (victim(outcome.adversarial).argmax(dim=1) == reference) == targeted
    assert reached.double().mean() > 0.5
    assert len(outcome.queries.unique()) > 1


def test_more_steps_come_nearer_and_a_ball_is_kept() -> None:
    victim, waveforms = tanh_victim(samples=SAMPLES), noise(12, SAMPLES)
    reference = victim(waveforms).argmax(dim=1)
    walks = [ATTACK.model_copy(update={"steps": steps}) for steps in (1, 20, 100)]
    lengths = [(walk(victim, waveforms, reference, range(12)) - waveforms).norm(dim=1).median() for walk in walks]
    assert lengths[0] > lengths[1] > lengths[2]
    tight = Boundary(budget=Budget(linf=0.15), steps=150)
    adversarial = tight(victim, waveforms, reference, range(12))
    assert (adversarial - waveforms).abs().max() <= 0.15 + 1e-9
    assert adversarial.abs().max() <= 1
    assert (victim(adversarial).argmax(dim=1) != reference).double().mean() > 0.3


def test_neither_the_batch_nor_its_order_matters() -> None:
    victim, waveforms = tanh_victim(samples=SAMPLES), noise(5, SAMPLES)
    reference = victim(waveforms).argmax(dim=1)
    together = ATTACK.run(victim, waveforms, reference, range(5))
    backwards = ATTACK.run(victim, waveforms.flip(0), reference.flip(0), range(4, -1, -1))
    assert torch.allclose(together.adversarial, backwards.adversarial.flip(0), atol=1e-9)
    alone = ATTACK.model_copy(update={"forward_batch": 3}).run(victim, waveforms[2:3], reference[2:3], [2])
    assert torch.allclose(together.adversarial[2:3], alone.adversarial, atol=1e-9)
    assert together.queries is not None
    assert alone.queries is not None
    assert together.queries[2] == alone.queries[0]


def test_without_a_start_nothing_moves() -> None:
    """A victim that hears one class in everything, and a target that it never hears."""
    victim, waveforms = linear(samples=SAMPLES), noise(3, SAMPLES)
    victim.weights, victim.bias = 0 * victim.weights, torch.tensor([1.0, 0.0, 0.0, 0.0]).double()
    for targeted, reference in ((False, 0), (True, 2)):
        attack = ATTACK.model_copy(update={"starts": 7})
        outcome = attack.run(victim, waveforms, torch.full((3,), reference), range(3), targeted=targeted)
        assert torch.equal(outcome.adversarial, waveforms)
        assert outcome.queries is not None
        assert outcome.queries.tolist() == [8, 8, 8]


def test_agrees_with_art() -> None:
    """The same steps from other starts, so at least about as near in the median."""
    samples = 200
    victim, waveforms = tanh_victim(samples=samples).float(), noise(8, samples).float()
    labels = victim(waveforms).argmax(dim=1)
    np.random.seed(0)
    options = {"delta": 0.01, "epsilon": 0.01, "step_adapt": 0.5, "max_iter": 50, "num_trial": 3, "sample_size": 10}
    theirs = art_attacks().BoundaryAttack(art_classifier(Unit(victim), samples, 4), targeted=False, verbose=False, **options)
    theirs = 2 * torch.from_numpy(theirs.generate(((waveforms + 1) / 2).numpy())) - 1
    mine = Boundary(budget=WHOLE, steps=50)(victim, waveforms, labels, range(8))
    fooled = victim(theirs).argmax(dim=1) != labels
    assert (victim(mine).argmax(dim=1) != labels).sum() >= fooled.sum() > 5
    ours, other = ((x - waveforms).norm(dim=1)[fooled] for x in (mine, theirs))
    assert ours.median() <= 1.05 * other.median()
