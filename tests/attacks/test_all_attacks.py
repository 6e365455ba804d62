"""What every attack of the registry promises, on awkward inputs and victims. A new attack is found by itself.

An attack whose defaults would take long on these tiny victims gets cheaper settings in `CHEAP`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.core.attack import Outcome
from staa_cli.attacks.core.goal import GoalAttack
from staa_cli.attacks.core.registry import attack_names
from staa_cli.audio.budget import Budget, bounds
from staa_cli.evaluation.recipe import BaselineRecipe
from staa_cli.runtime.errors import UsageError

from .conftest import linear, noise, tanh_victim

SAMPLES = 64
LOUD, PEAK = {"linf": 0.1}, {"peak_snr_db": 10.0}
CHEAP: dict[str, dict[str, Any]] = {
    "bim": {"steps": 3, "step_size": 0.5},
    "pgd": {"steps": 3, "step_size": 0.5},
    "mi": {"steps": 3, "step_size": 0.5, "percent": 25.0},
    "vmi": {"steps": 2, "step_size": 0.5, "neighbours": 3, "spectrum": {"copies": 8, "sigma": 0.1}},
    "sparsefool": {"steps": 3, "deepfool_steps": 5},
    "deepfool": {"steps": 5},
    "one-pixel": {"steps": 3, "population": 8, "forward_batch": 5},
    "jsma": {"gamma": 0.2},
    "cw-l2": {"steps": 30, "rate": 0.1, "searches": 5},
    "cw-linf": {"steps": 10, "rate": 0.1, "initial": 0.02, "growth": 8.0, "shrink": 0.5},
    "boundary": {"steps": 10, "samples": 4, "forward_batch": 5},
    "sigma-zero": {"steps": 30},
    "sparse-pgd": {"steps": 10, "percent": 5.0},
    "frank-wolfe": {"steps": 3, "percent": 5.0},
}
every_attack = pytest.mark.parametrize("name", attack_names())


def recipe(name: str, budget: dict[str, float] = LOUD) -> BaselineRecipe:
    """The attack as a recipe describes it."""
    data = {"step": "baseline", "attack": name, "budget": budget, **CHEAP.get(name, {})}
    return BaselineRecipe.schema_for(data).model_validate(data)


def run(
    name: str, victim: nn.Module, x: Tensor, reference: Tensor | None = None, budget: dict[str, float] = LOUD, *, targeted: bool = False
) -> Outcome:
    """Attack with checks of what must hold whatever happens. By default the victim's prediction is to be left."""
    before, state = x.clone(), torch.get_rng_state()
    outcome = recipe(name, budget).run(victim, x, reference, targeted=targeted)
    adversarial, epsilon = outcome.adversarial, Budget(**budget).epsilon(x)
    assert adversarial.shape == x.shape
    assert adversarial.dtype == x.dtype
    assert not adversarial.requires_grad
    assert adversarial.isfinite().all()
    lowest, highest = bounds(x)
    assert ((adversarial >= lowest) & (adversarial <= highest)).all()
    assert ((adversarial - x).abs() <= epsilon + 1e-7).all()
    assert torch.equal(x, before), "the utterances themselves were changed"
    assert torch.equal(torch.get_rng_state(), state), "the global random state was touched"
    return outcome


def predictions(victim: nn.Module, x: Tensor) -> Tensor:
    return victim(x).argmax(dim=1)


@pytest.fixture(scope="module")
def victim() -> nn.Module:
    return tanh_victim(classes=3, samples=SAMPLES)


@pytest.fixture(scope="module")
def x() -> Tensor:
    return noise(4, SAMPLES)


def test_cheap_settings_are_those_of_attacks_that_exist() -> None:
    assert CHEAP.keys() <= set(attack_names())


@every_attack
@pytest.mark.parametrize("budget", [LOUD, PEAK], ids=["linf", "peak"])
def test_within_the_ball_and_the_range(name: str, budget: dict[str, float], victim: nn.Module, x: Tensor) -> None:
    outcome = run(name, victim, x, budget=budget)
    assert (outcome.adversarial != x).any()


@every_attack
def test_queries_are_counted_where_no_gradient_is_needed(name: str, victim: nn.Module, x: Tensor) -> None:
    outcome = run(name, victim, x)
    assert (outcome.queries is None) == (recipe(name).needs in ("gradients", "nothing"))
    if outcome.queries is not None:
        assert outcome.queries.shape == (4,)
        assert (outcome.queries > 0).all()


class Mute(nn.Module):
    """Answers without gradients, whatever is asked."""

    def __init__(self, victim: nn.Module) -> None:
        super().__init__()
        self.victim = victim

    @torch.no_grad()
    def forward(self, waveforms: Tensor) -> Tensor:
        logits: Tensor = self.victim(waveforms.detach())
        return logits


@every_attack
def test_a_victim_without_gradients(name: str, victim: nn.Module, x: Tensor) -> None:
    if recipe(name).needs == "gradients":
        with pytest.raises(UsageError, match="gives no gradients to steer by"):
            run(name, Mute(victim), x)
    else:
        assert torch.equal(run(name, Mute(victim), x).adversarial, run(name, victim, x).adversarial)


@every_attack
def test_a_victim_with_a_single_class(name: str, x: Tensor) -> None:
    """There is nowhere to go."""
    adversarial = run(name, linear(classes=1, samples=SAMPLES), x).adversarial
    if isinstance(recipe(name), GoalAttack):
        assert torch.equal(adversarial, x)


@every_attack
def test_a_flat_victim(name: str, x: Tensor) -> None:
    """Its gradient is zero everywhere."""
    flat = linear(classes=3, samples=SAMPLES)
    flat.weights = 0 * flat.weights
    run(name, flat, x)


@every_attack
@pytest.mark.parametrize("budget", [LOUD, PEAK], ids=["linf", "peak"])
def test_silence_and_full_scale(name: str, budget: dict[str, float], victim: nn.Module) -> None:
    clicks = torch.zeros(SAMPLES)
    clicks[::16], clicks[8::16] = 1, -1
    x = torch.stack([torch.zeros(SAMPLES), torch.ones(SAMPLES), torch.linspace(-1, 1, SAMPLES), clicks, 1.2 * clicks]).double()
    outcome = run(name, victim, x, budget=budget)
    if budget is PEAK:
        assert torch.equal(outcome.adversarial[0], x[0])


@every_attack
@pytest.mark.parametrize("targeted", [False, True])
def test_zero_budget_is_the_identity(name: str, targeted: bool, victim: nn.Module, x: Tensor) -> None:
    goal = (predictions(victim, x) + 1) % 3 if targeted else None
    assert torch.equal(run(name, victim, x, goal, budget={"linf": 0.0}, targeted=targeted).adversarial, x)


@every_attack
def test_targeted(name: str, victim: nn.Module, x: Tensor) -> None:
    """The target comes nearer, or the utterance stays as it is; where it is predicted already, nothing needs to be done."""
    clean = victim(x)
    for target in range(3):
        goal = torch.full((len(x),), target)
        outcome = run(name, victim, x, goal, budget={"linf": 0.3}, targeted=True)
        gain = victim(outcome.adversarial).log_softmax(dim=1)[:, target] - clean.log_softmax(dim=1)[:, target]
        assert (gain > -1e-9).all() or recipe(name).needs == "nothing"
        there = clean.argmax(dim=1) == target
        if isinstance(recipe(name), GoalAttack):
            assert torch.equal(outcome.adversarial[there], x[there])


@every_attack
def test_an_utterance_that_is_misclassified_already(name: str, victim: nn.Module, x: Tensor) -> None:
    """Where the class is its label, there is nothing to leave; attacks that stop at their goal let it be."""
    wrong = (predictions(victim, x) + 1) % 3
    adversarial = run(name, victim, x, wrong).adversarial
    assert (predictions(victim, adversarial) != wrong).all()
    if isinstance(recipe(name), GoalAttack):
        assert torch.equal(adversarial, x)


@every_attack
def test_same_seeds_same_bytes(name: str, victim: nn.Module, x: Tensor) -> None:
    assert torch.equal(run(name, victim, x).adversarial, run(name, victim, x).adversarial)


@every_attack
def test_composition_of_the_batch_does_not_matter(name: str, victim: nn.Module, x: Tensor) -> None:
    """Neither company nor order, beyond rounding: every utterance has its own random numbers, and its own end."""
    made = recipe(name)
    reference = predictions(victim, x)

    def of(rows: Sequence[int]) -> Outcome:
        chosen = list(rows)
        return made.run(victim, x[chosen], reference[chosen], chosen)

    together, backwards = of(range(4)), of([3, 2, 1, 0])
    alone = [of([row]) for row in range(4)]
    assert torch.allclose(together.adversarial, backwards.adversarial.flip(0), atol=1e-9)
    assert torch.allclose(together.adversarial, torch.cat([outcome.adversarial for outcome in alone]), atol=1e-9)
    if together.queries is not None:
        assert together.queries.tolist() == [int(outcome.queries[0]) for outcome in alone if outcome.queries is not None]
