from __future__ import annotations

import pytest
import torch

from staa_cli.attacks.core.goal import GoalAttack
from staa_cli.attacks.cw_l2 import CWL2
from staa_cli.attacks.cw_linf import CWLinf
from staa_cli.audio.budget import Budget

from .conftest import Unit, linear, noise, tanh_victim
from .libraries import adv_lib_attacks, art_attacks, art_classifier, distances

SAMPLES = 40
WHOLE = Budget(linf=2.0)
"""Every δ that leaves x_adv within [-1, 1]: the libraries' bounds."""


@pytest.mark.parametrize(
    ("attack", "norm"),
    [
        (CWL2(budget=Budget(linf=0.5), steps=200, searches=7), 2.0),
        (CWLinf(budget=Budget(linf=0.5), steps=50, initial=0.02), float("inf")),
    ],
    ids=["l2", "linf"],
)
def test_the_nearest_point_beyond_a_plane(attack: GoalAttack, norm: float) -> None:
    """τ shrinks by a tenth at a time, so ℓ∞ ends within about that of the optimum, and never below 1/256 of ε."""
    victim, waveforms = linear(samples=SAMPLES), noise(12, SAMPLES)
    reference = victim(waveforms).argmax(dim=1)
    adversarial = attack(victim, waveforms, reference, range(12))
    assert (victim(adversarial).argmax(dim=1) != reference).all()
    found, optimum = torch.linalg.vector_norm(adversarial - waveforms, ord=norm, dim=1), distances(victim, waveforms, norm)
    assert (found >= optimum - 1e-9).all()
    slack = 0.02 * optimum + 1e-3 if norm == 2 else 0.15 * optimum + 0.5 / 256
    assert (found <= optimum + slack).all()


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("kind", [CWL2, CWLinf])
def test_within_a_ball_and_alone_as_in_a_batch(kind: type[GoalAttack], targeted: bool) -> None:
    victim, waveforms = tanh_victim(samples=SAMPLES), noise(10, SAMPLES)
    waveforms[0, :5] = torch.tensor([1.0, -1.0, 1.0, 0.999, -0.999])
    clean = victim(waveforms).argmax(dim=1)
    reference = (clean + 1) % 4 if targeted else clean
    options = {"searches": 4} if kind is CWL2 else {"initial": 0.02, "growth": 4.0, "shrink": 0.5}
    attack = kind(budget=Budget(linf=0.1), steps=40, **options)
    adversarial = attack(victim, waveforms, reference, range(10), targeted=targeted)
    delta = adversarial - waveforms
    assert delta.abs().max() <= 0.1 + 1e-9
    assert adversarial.abs().max() <= 1
    success = (victim(adversarial).argmax(dim=1) == reference) == targeted
    assert 0.2 < success.double().mean() < 1 or not targeted
    assert (delta[~success] == 0).all()
    rows = [slice(row, row + 1) for row in range(3)]
    alone = torch.cat([attack(victim, waveforms[row], reference[row], [row.start], targeted=targeted) for row in rows])
    assert torch.allclose(alone, adversarial[:3], atol=1e-6)


def test_confidence_goes_that_far_beyond() -> None:
    victim, waveforms = tanh_victim(samples=SAMPLES), noise(6, SAMPLES)
    reference = victim(waveforms).argmax(dim=1)
    for attack in (
        CWL2(budget=WHOLE, steps=60, confidence=0.2),
        CWLinf(budget=WHOLE, steps=30, growth=8.0, shrink=0.5, confidence=0.2),
    ):
        logits = victim(attack(victim, waveforms, reference, range(6)))
        others = logits.scatter(1, reference.unsqueeze(1), -torch.inf).amax(dim=1)
        assert (others - logits.gather(1, reference.unsqueeze(1)).squeeze(1) >= 0.2).all()


@pytest.mark.parametrize("targeted", [False, True])
def test_l2_agrees_with_adv_lib(targeted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same walk in other units: δ on [-1, 1] is twice that on [0, 1], its square and so c four times."""
    carlini = adv_lib_attacks(monkeypatch)
    victim, waveforms = tanh_victim(samples=SAMPLES), noise(12, SAMPLES)
    clean = victim(waveforms).argmax(dim=1)
    reference = (clean + 1) % 4 if targeted else clean
    options = {"initial_const": 0.0025, "binary_search_steps": 5, "max_iterations": 60, "abort_early": False}
    theirs = 2 * carlini.carlini_wagner_l2(Unit(victim), (waveforms + 1) / 2, reference, targeted, **options).detach() - 1
    mine = CWL2(budget=WHOLE, steps=60, searches=5)(victim, waveforms, reference, range(12), targeted=targeted)
    assert torch.equal(victim(mine).argmax(dim=1), victim(theirs).argmax(dim=1))
    ours, other = ((x - waveforms).norm(dim=1) for x in (mine, theirs))
    assert other.median() > 0.05
    assert torch.allclose(ours, other, rtol=1e-3)


def test_l2_is_no_longer_than_that_of_torchattacks() -> None:
    torchattacks = pytest.importorskip("torchattacks", reason="pip install 'staa[reference]'")
    victim, waveforms = tanh_victim(samples=SAMPLES), noise(20, SAMPLES)
    labels = victim(waveforms).argmax(dim=1)
    theirs = 2 * torchattacks.CW(Unit(victim), c=1, steps=150)((waveforms + 1) / 2, labels) - 1
    mine = CWL2(budget=WHOLE, steps=150, searches=6)(victim, waveforms, labels, range(20))
    fooled = victim(theirs).argmax(dim=1) != labels
    assert fooled.double().mean() > 0.5
    assert (victim(mine).argmax(dim=1) != labels)[fooled].all()
    ours, other = ((x - waveforms).norm(dim=1)[fooled] for x in (mine, theirs))
    assert ours.mean() <= other.mean()
    assert ours.median() <= other.median()


@pytest.mark.parametrize("targeted", [False, True])
def test_linf_agrees_with_adv_lib(targeted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same walk again. There an utterance goes on until all others are done too, so it goes alone."""
    carlini = adv_lib_attacks(monkeypatch).carlini_wagner_linf
    victim, waveforms = tanh_victim(samples=SAMPLES), noise(5, SAMPLES)
    clean = victim(waveforms).argmax(dim=1)
    reference = (clean + 1) % 4 if targeted else clean
    options = {"initial_const": 1e-3, "const_factor": 4.0, "decrease_factor": 0.8, "max_iterations": 20}
    theirs = [
        2 * carlini(Unit(victim), (row + 1).unsqueeze(0) / 2, y.unsqueeze(0), targeted, **options).detach() - 1
        for row, y in zip(waveforms, reference, strict=True)
    ]
    attack = CWLinf(budget=WHOLE, steps=20, initial=2e-3, growth=4.0, shrink=0.8)
    mine = attack(victim, waveforms, reference, range(5), targeted=targeted)
    assert torch.equal(victim(mine).argmax(dim=1), victim(torch.cat(theirs)).argmax(dim=1))
    # Whether one more shrinking of τ, by a fifth, succeeds may hang on rounding.
    ours, other = ((x - waveforms).abs().amax(dim=1) for x in (mine, torch.cat(theirs)))
    assert ours.mean() <= 1.05 * other.mean()
    assert (ours <= 1.25 * other).all()


def test_linf_is_no_larger_than_that_of_art() -> None:
    victim, waveforms = tanh_victim(samples=SAMPLES).float(), noise(3, SAMPLES).float()
    labels = victim(waveforms).argmax(dim=1)
    options = {"initial_const": 1e-2, "const_factor": 10.0, "decrease_factor": 0.8, "max_iter": 10, "verbose": False}
    theirs = art_attacks().CarliniLInfMethod(art_classifier(Unit(victim), SAMPLES, 4), **options)
    theirs = 2 * torch.from_numpy(theirs.generate(((waveforms + 1) / 2).numpy(), labels.numpy())) - 1
    mine = CWLinf(budget=WHOLE, steps=10, initial=2e-2, growth=10.0, shrink=0.8)(victim, waveforms, labels, range(3))
    fooled = victim(theirs).argmax(dim=1) != labels
    assert (victim(mine).argmax(dim=1) != labels)[fooled].all()
    assert (mine - waveforms)[fooled].abs().amax(dim=1).mean() <= 1.02 * (theirs - waveforms)[fooled].abs().amax(dim=1).mean()
