"""σ-zero: near the fewest samples, and the same result as an independent implementation."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.sigma_zero import SigmaZero
from staa_cli.attacks.sparsefool import SparseFool
from staa_cli.audio.budget import Budget
from staa_cli.metrics.margin import margin
from staa_cli.victims.base import Victim

from .conftest import Linear, Unit, linear, noise, tanh_victim

WIDE = Budget(linf=2.0)
"""The whole range [-1, 1]: what the libraries for images attack."""


def moved(adversarial: Tensor, waveforms: Tensor) -> Tensor:
    return (adversarial != waveforms).sum(dim=1)


def fewest(victim: Linear, waveforms: Tensor, reference: Tensor, epsilon: float, targeted: bool = False) -> Tensor:
    """The least number of samples that lead a linear victim to its nearest other class (to `reference`), each moved to its bound.

    `(B,)`; T + 1 where no perturbation does.
    """
    lower, upper = (-1 - waveforms).clamp(min=-epsilon), (1 - waveforms).clamp(max=epsilon)
    logits = victim(waveforms)
    counts = []
    for row in range(len(waveforms)):
        lost = int(logits[row].argmax()) if targeted else int(reference[row])
        gains = [int(reference[row])] if targeted else [k for k in range(logits.shape[1]) if k != lost]
        best = waveforms.shape[1] + 1
        for gained in gains:
            normal = victim.weights[gained] - victim.weights[lost]
            steps = torch.maximum(normal * lower[row], normal * upper[row]).sort(descending=True).values.cumsum(dim=0)
            enough = steps > logits[row, lost] - logits[row, gained]
            if bool(enough.any()):
                best = min(best, int(enough.long().argmax()) + 1)
        counts.append(best)
    return torch.tensor(counts)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("epsilon", [0.02, 0.1, 2.0])
def test_finds_nearly_the_fewest_samples_of_a_linear_victim(epsilon: float, targeted: bool) -> None:
    """At most a tenth more than the analytic optimum, and one sample. Two classes, so that the target is also the nearest."""
    victim, waveforms = linear(classes=2), noise(12)
    reference = victim(waveforms).argmax(dim=1)
    reference = 1 - reference if targeted else reference
    best = fewest(victim, waveforms, reference, epsilon, targeted)
    adversarial = SigmaZero(budget=Budget(linf=epsilon), steps=500, confidence=0.0)(
        victim, waveforms, reference, range(12), targeted=targeted
    )
    feasible = best <= waveforms.shape[1]
    assert feasible.sum() >= 6
    assert torch.equal((victim(adversarial).argmax(dim=1) == reference) == targeted, feasible)
    count = moved(adversarial, waveforms)
    assert (count[feasible] >= best[feasible]).all()
    assert (count[feasible] <= 1.1 * best[feasible] + 1).all(), (count, best)
    assert (count[~feasible] == 0).all()


def test_is_sparser_than_sparsefool_where_the_victim_bends() -> None:
    victim, waveforms = tanh_victim(), noise(8)
    reference = victim(waveforms).argmax(dim=1)
    budget = Budget(linf=0.3)
    attacks = (SigmaZero(budget=budget, steps=300, confidence=0.0), SparseFool(budget=budget, steps=20))
    ours, theirs = (attack(victim, waveforms, reference, range(8)) for attack in attacks)
    fooled = victim(theirs).argmax(dim=1) != reference
    assert (victim(ours).argmax(dim=1) != reference)[fooled].all()
    assert moved(ours, waveforms)[fooled].sum() < moved(theirs, waveforms)[fooled].sum()


@pytest.mark.parametrize("room", [0.01, 0.3])
def test_every_sample_moved_exceeds_the_least_threshold(room: float) -> None:
    """With a threshold that stays where it is, nothing smaller is left over: thresholds are shares of ε."""
    victim, waveforms = linear(), noise(6)
    reference = victim(waveforms).argmax(dim=1)
    attack = SigmaZero(budget=Budget(linf=room), steps=100, threshold=0.5, threshold_step=0.0, confidence=0.0)
    change = (attack(victim, waveforms, reference, range(6)) - waveforms).abs()
    assert (change[change > 1e-12] >= 0.5 * room - 1e-12).all()
    assert change.amax() <= room + 1e-12


def test_scale_of_the_waveform_does_not_matter() -> None:
    """Half the waveform, half the ε, twice the weights: the same problem, so half the perturbation."""
    whole, waveforms = linear(), noise(4, scale=0.1)
    half = Linear(2 * whole.weights)
    reference = whole(waveforms).argmax(dim=1)
    attack = SigmaZero(budget=Budget(peak_snr_db=6), steps=60, confidence=0.0)
    full = attack(whole, waveforms, reference, range(4)) - waveforms
    part = attack(half, waveforms / 2, reference, range(4)) - waveforms / 2
    assert (full != 0).any(dim=1).all()
    assert torch.allclose(part, full / 2, atol=1e-9)


@pytest.mark.parametrize("targeted", [False, True])
def test_confidence_is_a_distance_beyond_the_boundary(targeted: bool) -> None:
    """Enough to survive what 16 bits do to every sample, as the bare boundary is not."""
    victim, waveforms = linear(classes=2), (noise(12) * 2**15).round() / 2**15
    lost = victim(waveforms).argmax(dim=1)
    reference = 1 - lost if targeted else lost
    attack = SigmaZero(budget=Budget(linf=0.1), steps=200, confidence=0.01)
    adversarial = attack(victim, waveforms, reference, range(12), targeted=targeted)
    reached = victim(adversarial).argmax(dim=1) != lost
    assert reached.sum() >= 6
    assert (margin(victim(adversarial), reference, targeted)[reached] >= 0.01 - 1e-9).all()
    assert (victim((adversarial * 2**15).round() / 2**15).argmax(dim=1) != lost)[reached].all()


def test_an_utterance_leaves_after_its_patience_with_no_worse_than_it_had() -> None:
    victim, waveforms = tanh_victim(), noise(6)
    reference = victim(waveforms).argmax(dim=1)
    calls: list[int] = []

    def counted(inputs: Tensor) -> Tensor:
        calls.append(len(inputs))
        return victim(inputs)  # type: ignore[no-any-return]

    attack = SigmaZero(budget=Budget(linf=0.3), steps=400, confidence=0.0)
    patient = attack(victim, waveforms, reference, range(6))
    hasty = attack.model_copy(update={"patience": 15})(Victimised(counted), waveforms, reference, range(6))
    assert torch.equal(victim(patient).argmax(dim=1) != reference, victim(hasty).argmax(dim=1) != reference)
    assert (moved(hasty, waveforms) >= moved(patient, waveforms)).all()
    assert len(calls) < 400
    assert sorted(calls[1:], reverse=True) == calls[1:], "utterances only leave"


class Victimised(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.function(waveforms)  # type: ignore[no-any-return]


def test_batch_does_not_matter() -> None:
    victim, waveforms = tanh_victim(), noise(5)
    reference = victim(waveforms).argmax(dim=1)
    attack = SigmaZero(budget=Budget(linf=0.2), steps=100, patience=30, confidence=0.0)
    together = attack(victim, waveforms, reference, range(5))
    alone = torch.cat([attack(victim, waveforms[row : row + 1], reference[row : row + 1], [row]) for row in range(5)])
    assert torch.allclose(together, alone, atol=1e-9)


@pytest.fixture
def sigma_zero(monkeypatch: pytest.MonkeyPatch) -> Any:
    """adv-lib's function. Its package imports a plotting client for other attacks, which this one does without."""
    pytest.importorskip("adv_lib", reason="pip install 'staa[reference]'")
    if "visdom" not in sys.modules:
        monkeypatch.setitem(sys.modules, "visdom", ModuleType("visdom"))
    from adv_lib.attacks import sigma_zero as function

    return function


@pytest.mark.parametrize("kind", ["linear", "tanh"])
def test_agrees_with_adv_lib(kind: str, sigma_zero: Any) -> None:
    """adv-lib lives in [0, 1]: the victim is wrapped as x ↦ f(2x − 1). In float64 both walk the same way."""
    victim = linear() if kind == "linear" else tanh_victim()
    waveforms = noise(12)
    reference = victim(waveforms).argmax(dim=1)
    options = {"num_steps": 200, "η_0": 1.0, "σ": 1e-3, "τ_0": 0.3, "τ_factor": 0.01}
    theirs = 2 * sigma_zero(Unit(victim).eval(), (waveforms + 1) / 2, reference, **options) - 1
    ours = SigmaZero(budget=WIDE, steps=200, confidence=0.0)(victim, waveforms, reference, range(12))
    assert torch.equal(victim(ours).argmax(dim=1) != reference, victim(theirs).argmax(dim=1) != reference)
    assert (victim(ours).argmax(dim=1) != reference).all()
    assert (moved(ours, waveforms) <= ((theirs - waveforms).abs() > 1e-9).sum(dim=1)).all()


def test_agrees_with_adv_lib_on_a_real_victim(sigma_zero: Any, zhao19: Victim) -> None:
    """In float32 rounding may lead elsewhere: the same success, and no more samples over all utterances."""
    waveforms = noise(4, samples=1_500, scale=0.3).float()
    reference = zhao19(waveforms).argmax(dim=1)
    theirs = 2 * sigma_zero(Unit(zhao19).eval(), (waveforms + 1) / 2, reference, num_steps=30) - 1
    ours = SigmaZero(budget=WIDE, steps=30, confidence=0.0)(zhao19, waveforms, reference, range(4))
    for row in range(4):
        assert (margin(zhao19(ours), reference, False)[row] > 0) == (margin(zhao19(theirs), reference, False)[row] > 0)
    assert moved(ours, waveforms).sum() <= 1.02 * ((theirs - waveforms).abs() > 1e-6).sum()
