"""MI-FGSM and VMI-FGSM: momentum, variance, spectra and the choice of samples, each where the answer is known."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from staa_cli.attacks.bim import BIM
from staa_cli.attacks.mi import MI, Spectrum
from staa_cli.attacks.vmi import VMI
from staa_cli.audio.budget import Budget

from .conftest import Unit, linear, noise, tanh_victim

SAMPLES = 600
BUDGET = Budget(linf=0.1)


def streams(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def predictions(victim: nn.Module, x: Tensor) -> Tensor:
    return victim(x).argmax(dim=1)


def test_without_momentum_it_is_bim() -> None:
    victim, x = tanh_victim(), noise(4)
    plain = BIM(budget=BUDGET, steps=4, step_size=0.3)(victim, x)
    assert torch.equal(MI(budget=BUDGET, steps=4, step_size=0.3, momentum=0.0)(victim, x), plain)
    assert not torch.equal(MI(budget=BUDGET, steps=4, step_size=0.3)(victim, x), plain)


@pytest.mark.parametrize("momentum", [0.5, 1.0])
def test_agrees_with_torchattacks(momentum: float) -> None:
    """torchattacks lives in [0, 1], where ε is half of ours."""
    torchattacks = pytest.importorskip("torchattacks", reason="pip install 'staa[reference]'")
    victim, x = tanh_victim(), noise(4)
    theirs = torchattacks.MIFGSM(Unit(victim).eval(), eps=0.05, alpha=0.015, steps=6, decay=momentum)
    images = (x + 1)[:, None, None] / 2
    expected = 2 * theirs(images, predictions(victim, x)).flatten(1) - 1
    found = MI(budget=BUDGET, steps=6, step_size=0.3, momentum=momentum)(victim, x)
    assert ((found - expected).abs() < 1e-9).double().mean() > 0.999


@pytest.mark.parametrize("attack", [MI, VMI])
@pytest.mark.parametrize("spectrum", [None, {"copies": 3}])
def test_the_same_k_samples_at_every_step(attack: type[MI], spectrum: dict[str, int] | None) -> None:
    victim, x = tanh_victim(), noise(4)
    made = [attack(budget=BUDGET, steps=steps, step_size=0.3, percent=5, loss="margin", spectrum=spectrum) for steps in (1, 5)]
    first, last = (moved(victim, x) != x for moved in made)
    assert first.sum(dim=1).tolist() == [30] * 4
    assert (last <= first).all(), "positions are chosen once"
    assert (last.sum(dim=1) > 20).all(), "few steps lead back to where they came from"


def test_they_are_those_with_the_largest_gradients_that_have_room() -> None:
    victim, x = linear(classes=2, samples=SAMPLES), noise(1)
    slope = victim.weights[1] - victim.weights[0]
    steepest = slope.abs().topk(31).indices
    x[0, steepest[0]] = slope[steepest[0]].sign()  # at the edge of the range, and to be moved beyond it
    moved = MI(budget=BUDGET, steps=1, step_size=1.0, percent=5)(victim, x, torch.tensor([0]))
    assert set((moved != x)[0].nonzero().flatten().tolist()) == set(steepest[1:].tolist())
    assert torch.allclose((moved - x)[0, steepest[1:]], 0.1 * slope[steepest[1:]].sign().double())


def test_margin_and_entropy_climb_alike_between_two_classes() -> None:
    victim, x = linear(classes=2), noise(3)
    either = [MI(budget=BUDGET, percent=10, loss=loss)(victim, x) for loss in ("margin", "cross-entropy")]
    assert torch.equal(*either)


@pytest.mark.parametrize("loss", ["margin", "cross-entropy"])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_loss_has_the_sign_of_the_goal(loss: str, targeted: bool) -> None:
    victim, x = linear(classes=3), noise(3)
    goal = (predictions(victim, x) + targeted) % 3
    moved = MI(budget=BUDGET, loss=loss).run(victim, x, goal, targeted=targeted).adversarial
    assert ((predictions(victim, moved) == goal) == targeted).all()


def test_variance_is_nothing_on_a_plane() -> None:
    victim, x = linear(classes=2), noise(3)
    assert torch.equal(*(attack(budget=BUDGET, loss="margin", steps=5)(victim, x) for attack in (MI, VMI)))


def test_variance_is_how_much_the_mean_around_differs() -> None:
    """Of the gradient 3x² at uniform draws within r of x: 3x² + r²."""
    x = noise(2)
    attack = VMI(budget=BUDGET, neighbours=4000, radius=3.0)
    epsilon = torch.tensor([[0.1], [0.0]]).double()
    variance = attack.variance(3 * x**2, x, lambda heard: 3 * heard**2, epsilon, streams(2))
    assert variance[0].mean().item() == pytest.approx(0.09, rel=0.02)
    assert (variance[1].abs() < 1e-12).all()


class Recorder(nn.Module):
    """Remembers what it hears."""

    def __init__(self, victim: nn.Module) -> None:
        super().__init__()
        self.victim, self.heard = victim, list[Tensor]()

    def forward(self, waveforms: Tensor) -> Tensor:
        self.heard.append(waveforms.detach())
        logits: Tensor = self.victim(waveforms)
        return logits


def test_so_many_passes() -> None:
    x = noise(2)
    for attack, passes in (
        (MI(budget=BUDGET, steps=3, spectrum=Spectrum(copies=4)), 3 * 4),
        (VMI(budget=BUDGET, steps=3, neighbours=5, spectrum=Spectrum(copies=4)), 3 * 4 + 2 * 5 * 4),
    ):
        recorder = Recorder(tanh_victim())
        attack(recorder, x, torch.tensor([0, 1]))
        assert len(recorder.heard) == passes


@pytest.mark.parametrize("samples", [600, 601])
def test_spectra_keep_what_they_do_not_change(samples: int) -> None:
    x, epsilon = noise(3, samples), torch.full((3, 1), 0.1).double()
    assert torch.allclose(Spectrum(rho=0, sigma=0).draw(x, epsilon, streams(3)), x, atol=1e-12)
    draw = partial(Spectrum(rho=0.5, sigma=0.0).draw, x, epsilon, streams(3))
    copies = torch.stack([draw() for _ in range(400)])
    gains = torch.fft.rfft(copies).abs() / torch.fft.rfft(x).abs()
    assert gains.min() >= 0.5 - 1e-9
    assert gains.max() <= 1.5 + 1e-9
    assert gains.std(dim=0).mean().item() == pytest.approx(0.5 / 3**0.5, rel=0.02), "uniform, each frequency for itself"
    assert torch.allclose(copies.mean(dim=0), x, atol=0.05)


def test_noise_is_a_share_of_epsilon() -> None:
    x = noise(2, 4000)
    epsilon = torch.tensor([[0.1], [0.01]]).double()
    added = Spectrum(rho=0, sigma=2.0).draw(x, epsilon, streams(2)) - x
    assert added.std(dim=1).tolist() == pytest.approx([0.2, 0.02], rel=0.05)


def test_labels_tell_variants_apart() -> None:
    labels = [
        MI(budget=BUDGET).label,
        MI(budget=BUDGET, percent=6.25).label,
        VMI(budget=BUDGET, percent=6.25, spectrum=Spectrum()).label,
    ]
    assert labels == ["MI-FGSM", "MI-FGSM 6.25 %", "S²I-VMI-FGSM 6.25 %"]


@pytest.mark.parametrize("wrong", [{"percent": 0}, {"loss": "hinge"}, {"spectrum": {"rho": 2}}, {"neighbours": 0}, {"momentum": -1}])
def test_settings_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VMI(budget=BUDGET, **wrong)
