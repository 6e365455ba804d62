from __future__ import annotations

from copy import deepcopy
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.bim import BIM
from staa_cli.attacks.fgsm import FGSM
from staa_cli.attacks.pgd import PGD, Positions
from staa_cli.audio.budget import Budget
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import build_victim

LENGTH = 2_000
FAMILY = [
    FGSM(budget=Budget(linf=0.03)),
    BIM(budget=Budget(linf=0.03), steps=5, step_size=0.3),
    PGD(budget=Budget(linf=0.03), steps=5, step_size=0.3),
    PGD(budget=Budget(peak_snr_db=15), steps=5, step_size=0.3, positions=Positions(percent=2.0)),
    PGD(budget=Budget(peak_snr_db=15), steps=5, step_size=0.3, positions=Positions(percent=2.0, redraw=False)),
    PGD(budget=Budget(peak_snr_db=15), steps=5, step_size=0.3, positions=Positions(percent=2.0, select="random")),
    BIM(budget=Budget(linf=0.03), steps=5, step_size=0.3, early_stop=True),
]
attacks = pytest.mark.parametrize("attack", FAMILY, ids=repr)


class Linear(nn.Module):
    """Logits w·x on the raw waveform: its gradient is known."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights
        self.labels = ["a", "b"]

    def forward(self, waveforms: Tensor) -> Tensor:
        return waveforms @ self.weights.T


@pytest.fixture(scope="module")
def victim() -> Victim:
    return build_victim("zhao19", ["a", "b", "c"]).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def waveforms() -> Tensor:
    return (0.4 * torch.randn(4, LENGTH, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)


def reference(victim: nn.Module, waveforms: Tensor) -> Tensor:
    return victim(waveforms).argmax(dim=1)


@attacks
def test_within_the_ball_and_the_range(attack: PGD, victim: Victim, waveforms: Tensor) -> None:
    adversarial = attack(victim, waveforms, reference(victim, waveforms), range(4))
    assert not adversarial.requires_grad
    assert adversarial.abs().max() <= 1
    assert ((adversarial - waveforms).abs() <= attack.budget.epsilon(waveforms) + 6e-8).all()


@attacks
def test_zero_budget_is_the_identity(attack: PGD, victim: Victim, waveforms: Tensor) -> None:
    still = attack.model_copy(update={"budget": Budget(linf=0.0)})
    assert torch.equal(still(victim, waveforms, reference(victim, waveforms), range(4)), waveforms)


@attacks
def test_silence_and_full_scale_are_defined(attack: PGD, victim: Victim) -> None:
    waveforms = torch.stack([torch.zeros(LENGTH), torch.ones(LENGTH), torch.linspace(-1, 1, LENGTH)])
    adversarial = attack(victim, waveforms, reference(victim, waveforms), range(3))
    assert adversarial.isfinite().all()
    assert adversarial.abs().max() <= 1


@attacks
def test_same_seeds_same_result_and_no_global_random_state(attack: PGD, victim: Victim, waveforms: Tensor) -> None:
    state = torch.get_rng_state()
    first = attack(victim, waveforms, reference(victim, waveforms), range(4))
    assert torch.equal(first, attack(victim, waveforms, reference(victim, waveforms), range(4)))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("select", ["gradient", "random"])
def test_positions_are_as_few_as_asked(select: Literal["gradient", "random"], victim: Victim, waveforms: Tensor) -> None:
    k = round(0.02 * LENGTH)
    for redraw, limit in ((False, k), (True, 5 * k)):
        positions = Positions(percent=2.0, select=select, redraw=redraw)
        attack = PGD(budget=Budget(linf=0.03), steps=5, step_size=0.3, positions=positions)
        changed = (attack(victim, waveforms, reference(victim, waveforms), range(4)) != waveforms).sum(dim=1)
        assert (changed <= limit).all()
        assert (changed > 0).all()


def test_one_step_moves_exactly_k_samples_those_of_the_largest_gradients_with_room() -> None:
    """A sample at the edge of the range that the step would move beyond it is none of them."""
    weights = torch.randn(2, 400, generator=torch.Generator().manual_seed(2))
    waveforms = 0.1 * torch.randn(1, 400, generator=torch.Generator().manual_seed(3))
    slope = weights[1] - weights[0]
    steepest = slope.abs().topk(26).indices
    waveforms[0, steepest[3]] = slope[steepest[3]].sign()
    attack = FGSM(budget=Budget(linf=0.05), positions=Positions(percent=6.25))
    moved = attack(Linear(weights), waveforms, torch.tensor([0])) - waveforms
    chosen = [place for rank, place in enumerate(steepest.tolist()) if rank != 3]
    assert sorted(moved[0].nonzero().flatten().tolist()) == sorted(chosen)
    assert torch.allclose(moved[0, chosen], 0.05 * slope[chosen].sign(), atol=1e-7)
    assert attack.label == "FGSM 6.25 %"


def test_one_position_of_a_single_sample() -> None:
    victim = Linear(torch.tensor([[1.0], [-1.0]]))
    waveforms = torch.tensor([[0.01]])
    attack = FGSM(budget=Budget(linf=0.05), positions=Positions(percent=0.1))
    adversarial = attack(victim, waveforms, torch.tensor([0]), [0])
    assert adversarial.item() == pytest.approx(-0.04)


def test_linear_victim_moves_every_sample_by_epsilon_against_its_gradient() -> None:
    random = torch.Generator().manual_seed(1)
    weights = torch.randn(2, 50, generator=random)
    waveforms = 0.1 * torch.randn(3, 50, generator=random)
    attack = BIM(budget=Budget(linf=0.02), steps=10, step_size=0.25)
    labels = torch.tensor([0, 1, 0])
    direction = torch.stack([weights[1 - label] - weights[label] for label in labels.tolist()]).sign()
    assert torch.allclose(attack(Linear(weights), waveforms, labels, range(3)) - waveforms, 0.02 * direction, atol=1e-7)


def test_early_stop_leaves_fooled_utterances_where_they_crossed(victim: Victim, waveforms: Tensor) -> None:
    """An utterance whose reference is not its prediction is fooled from the start: nothing may move."""
    wrong = (reference(victim, waveforms) + 1) % 3
    attack = BIM(budget=Budget(linf=0.05), steps=5, early_stop=True)
    assert torch.equal(attack(victim, waveforms, wrong, range(4)), waveforms)


@pytest.mark.parametrize(
    ("name", "ours", "options"),
    [
        ("FGSM", FGSM(budget=Budget(linf=0.03)), {"eps": 0.015}),
        ("BIM", BIM(budget=Budget(linf=0.03), steps=5, step_size=0.25), {"eps": 0.015, "alpha": 0.00375, "steps": 5}),
        (
            "PGD",
            BIM(budget=Budget(linf=0.03), steps=5, step_size=0.25),
            {"eps": 0.015, "alpha": 0.00375, "steps": 5, "random_start": False},
        ),
    ],
)
def test_agrees_with_torchattacks(name: str, ours: PGD, options: dict[str, float], victim: Victim, waveforms: Tensor) -> None:
    """torchattacks lives in [0, 1]: the victim is wrapped as x ↦ f(2x − 1), and its ε is half of ours.

    In float64, because the detour over [0, 1] rounds the waveform, and the sign of a small gradient must not depend on that.
    """
    torchattacks = pytest.importorskip("torchattacks", reason="pip install 'staa[reference]'")

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.victim = deepcopy(victim).double()

        def forward(self, images: Tensor) -> Tensor:
            return self.victim(2 * images - 1)

    wrapped = Wrapped().eval()
    waveforms = waveforms.double()
    labels = reference(wrapped.victim, waveforms)
    theirs = 2 * getattr(torchattacks, name)(wrapped, **options)((waveforms + 1) / 2, labels) - 1
    mine = ours(wrapped.victim, waveforms, labels, range(4))
    assert ((mine - theirs).abs() < 1e-9).double().mean() > 0.999
    assert torch.equal(wrapped.victim(mine).argmax(dim=1), wrapped.victim(theirs).argmax(dim=1))
