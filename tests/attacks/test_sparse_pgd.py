"""Sparse-PGD: never more than k samples, and no weaker than other ways to choose k of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.pgd import PGD, Positions
from staa_cli.attacks.sparse_pgd import SparsePGD
from staa_cli.audio.budget import Budget

from .conftest import LENGTH, Linear, linear, noise, tanh_victim

variants = pytest.mark.parametrize("projected", [True, False])


def fooled(victim: nn.Module, adversarial: Tensor, reference: Tensor) -> Tensor:
    wrong: Tensor = victim(adversarial).argmax(dim=1) != reference
    return wrong


@variants
@pytest.mark.parametrize(("percent", "k"), [(100 / LENGTH, 1), (2.0, 12), (100.0, LENGTH), (0.01, 1)])
def test_no_more_than_k_samples_differ(percent: float, k: int, projected: bool) -> None:
    victim, waveforms = tanh_victim(), noise(5)
    reference = victim(waveforms).argmax(dim=1)
    attack = SparsePGD(budget=Budget(linf=0.1), steps=15, percent=percent, projected=projected)
    change = attack(victim, waveforms, reference, range(5)) - waveforms
    assert ((change != 0).sum(dim=1) <= k).all()
    assert (change != 0).any(dim=1).all()
    assert change.abs().max() <= 0.1 + 1e-12


@variants
@pytest.mark.parametrize("targeted", [False, True])
def test_finds_the_fewest_samples_of_a_linear_victim(projected: bool, targeted: bool) -> None:
    """k is the analytic optimum and half as much again; with a sample less than the optimum nothing can succeed."""
    victim, waveforms = linear(classes=2), noise(1, seed=3)
    lost = victim(waveforms).argmax(dim=1)
    reference = 1 - lost if targeted else lost
    normal = victim.weights[1 - lost] - victim.weights[lost]
    gains = (0.1 * normal.abs()).sort(descending=True).values.cumsum(dim=1)
    best = int((gains < (victim(waveforms)[0, lost] - victim(waveforms)[0, 1 - lost])).sum()) + 1
    assert 10 < best < 100

    def succeeds(k: int) -> bool:
        attack = SparsePGD(budget=Budget(linf=0.1), percent=100 * k / LENGTH, projected=projected)
        return bool(fooled(victim, attack(victim, waveforms, reference, [0], targeted=targeted), lost).all())

    assert succeeds(round(1.5 * best))
    assert not succeeds(best - 1)


@pytest.mark.parametrize("percent", [0.5, 1.0, 3.0])
def test_fools_no_fewer_than_pgd_with_the_same_samples_all_along(percent: float) -> None:
    """The independent way to move k samples only: those with the largest gradients at x. k and ε leave some for both to fail at.

    The unprojected gradient is the stronger one here; the projected one, whose m̃ starts at random, may lose a few.
    """
    victim, waveforms = tanh_victim(), noise(60)
    reference = victim(waveforms).argmax(dim=1)
    budget = Budget(linf=0.1)
    pgd = PGD(budget=budget, steps=60, positions=Positions(percent=percent, redraw=False))
    theirs, unprojected, projected = (
        int(fooled(victim, attack(victim, waveforms, reference, range(60)), reference).sum())
        for attack in (pgd, *(SparsePGD(budget=budget, steps=60, percent=percent, projected=way) for way in (False, True)))
    )
    assert 10 < theirs < 50
    assert unprojected >= theirs
    assert projected >= 0.8 * theirs


def test_a_mask_that_is_stuck_is_drawn_anew() -> None:
    """Of two samples that matter, k = 1 starts among 600 that do not: their gradient is 0, and only a new draw can find it."""
    weights = torch.zeros(2, LENGTH, dtype=torch.float64)
    weights[0, 7], weights[1, 7] = -1.0, 1.0
    victim = Linear(weights, torch.tensor([0.05, 0.0], dtype=torch.float64))
    waveforms = torch.zeros(1, LENGTH, dtype=torch.float64)
    attack = SparsePGD(budget=Budget(linf=0.1), steps=200, percent=100 / LENGTH, mask_step=1e-9, patience=10**9)
    reference = torch.tensor([0])
    assert not fooled(victim, attack(victim, waveforms, reference, [0]), reference).any()
    seen: list[int] = []

    class Watched(Linear):
        def forward(self, waveforms: Tensor) -> Tensor:
            seen.extend(waveforms.abs().argmax(dim=1).tolist())
            return super().forward(waveforms)

    attack.model_copy(update={"patience": 2})(Watched(weights, victim.bias), waveforms, reference, [0])
    assert len(set(seen)) > 40


def test_batch_and_neighbours_do_not_matter() -> None:
    victim, waveforms = tanh_victim(), noise(5)
    reference = victim(waveforms).argmax(dim=1)
    attack = SparsePGD(budget=Budget(linf=0.1), steps=40, percent=3.0)
    together = attack(victim, waveforms, reference, range(5))
    alone = torch.cat([attack(victim, waveforms[row : row + 1], reference[row : row + 1], [row]) for row in range(5)])
    assert torch.allclose(together, alone, atol=1e-9)
