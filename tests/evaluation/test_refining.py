"""Looks behind the generator's first answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from staa_cli.attacks.frank_wolfe import FrankWolfe
from staa_cli.audio.budget import Budget
from staa_cli.evaluation import attackers
from staa_cli.evaluation.attackers import GeneratorAttacker
from staa_cli.evaluation.request import settle
from staa_cli.generator import guide
from staa_cli.generator.checkpoint import LoadedGenerator
from staa_cli.generator.recipe import Sparsity, TrainGeneratorRecipe
from staa_cli.generator.staa_net import CERTAIN, STAANet
from staa_cli.metrics.margin import margin
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.references import Reference

from ..attacks.conftest import LENGTH, noise, tanh_victim

QUIET = Budget(linf=0.02)
PERCENT = 5.0
K = round(PERCENT / 100 * LENGTH)
VICTIM = tanh_victim()
X = 0.5 * noise(16)
CLEAN = VICTIM(X).argmax(dim=1)


def attack(refine: int, wanted: str | None = None, **settings: Any) -> Tensor:
    """What a generator that has learnt nothing makes of `X`: one that is guided answers as the gradients alone would."""
    recipe = TrainGeneratorRecipe(
        step="train-generator", budget=QUIET, sparsity=Sparsity(trained=[1, 50], default=PERCENT), level="raw", **settings
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = STAANet(recipe, 4).double().eval()
    threat = LoadedVictim(VICTIM, "tanh", Reference("module", Path("tanh"), "tanh"))  # type: ignore[arg-type]
    attacker = GeneratorAttacker(
        LoadedGenerator(network, threat, ["tanh"], recipe, ""), settle(recipe, PERCENT, target=wanted, refine=refine)
    )
    return attacker.perturb(X, CLEAN, [None] * len(X), range(len(X)), X.new_zeros(len(X), 1)).adversarial


def beyond(adversarial: Tensor, clean: Tensor = CLEAN) -> Tensor:
    return margin(VICTIM(adversarial), clean, False)


def look(point: Tensor, clean: Tensor = CLEAN) -> Tensor:
    leaf = point.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(beyond(leaf, clean).sum(), leaf)
    return gradient / gradient.abs().mean(dim=1, keepdim=True)


def corner(x: Tensor, total: Tensor, size: float = 0.02) -> Tensor:
    """The k samples with the largest sums of looks, moved by `size` towards their signs."""
    return x + size * total.sign() * torch.zeros_like(x).scatter_(1, total.abs().topk(K, dim=1).indices, 1.0)


def test_a_generator_that_knows_nothing_answers_to_the_sum_of_all_looks() -> None:
    """By hand, utterance by utterance: they move by what a gradient's sign begins with; where that led no further, by ε."""
    found = [attack(steps, guide="gradient") for steps in range(6)]
    turns, begins = 0, 0.02 * float(torch.tensor(CERTAIN).double().tanh())
    for row in range(len(X)):
        x, clean = X[row : row + 1], CLEAN[row : row + 1]
        total, size, nearest, kept = look(x, clean), begins, -torch.inf, x
        for step in range(6):
            point = corner(x, total, size)
            come = float(beyond(point, clean))
            if nearest <= 0:
                if come > nearest:
                    nearest, kept = come, point
                else:
                    size, turns = begins if size == 0.02 else 0.02, turns + 1
                total = total + look(point, clean)
            assert torch.allclose(found[step][row], kept[0]), (step, row)
    assert turns > 1


def test_its_own_looks_after_the_first_are_taken_where_its_answers_lead_too() -> None:
    for further in (1, 2, 4):
        assert torch.equal(attack(further, guide="gradient", looks=3), attack(further + 2, guide="gradient", looks=1))


def test_behind_a_generator_without_a_guide_frank_wolfe_goes_on() -> None:
    """To the corner of what it sees at the first answer, where that leads further."""
    start, refined = attack(0), attack(1)
    point = corner(X, look(start))
    better = (beyond(point) > beyond(start)) & (beyond(start) <= 0)
    assert torch.allclose(refined[better], point[better])
    assert torch.equal(refined[~better], start[~better])
    assert better.any()
    # From x itself that is what the attack of this name does.
    alone = FrankWolfe(budget=QUIET, steps=1, percent=PERCENT, stop=False)(VICTIM, X, CLEAN)
    assert torch.allclose(alone, corner(X, look(X)))


@pytest.mark.parametrize(
    "settings", [{}, {"guide": "prediction"}, {"guide": "gradient", "looks": 2}, {"guide": "gradient", "target": "any"}]
)
def test_more_looks_get_further_and_leave_alone_what_is_done(settings: dict[str, Any]) -> None:
    found = {refine: attack(refine, **settings) for refine in (1, 2, 6)}
    for few, many in ((1, 2), (2, 6)):
        before, after = beyond(found[few]), beyond(found[many])
        assert torch.equal(found[many][before > 0], found[few][before > 0])
        assert (after >= before).all()
    assert (beyond(found[6]) > beyond(found[1])).any()
    for made in found.values():
        assert ((made - X).abs() <= 0.02 + 1e-12).all()
        assert ((made != X).sum(dim=1) == K).all()


def test_no_gradient_is_taken_that_nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at an answer that succeeds, nor at the last one."""
    taken = [0] * len(X)

    def slope(leaf: Tensor, *others: Any, **wish: Any) -> Tensor:
        taken[int((leaf - X).abs().amax(dim=1).argmin())] += 1
        return guide.slope(leaf, *others, **wish)

    gradients = {}
    monkeypatch.setattr(attackers, "slope", slope)
    for refine in (0, 1, 6):
        taken[:] = [0] * len(X)
        fooled = beyond(attack(refine, guide="gradient")) > 0
        gradients[refine] = list(taken)
        assert all(count == refine for count, done in zip(taken, fooled.tolist(), strict=True) if not done)
    succeeded = beyond(attack(0, guide="gradient")) > 0
    assert succeeded.any()
    assert not succeeded.all()
    assert gradients[0] == [0] * len(X)
    assert gradients[1] == [int(not done) for done in succeeded.tolist()]
    assert all(count == 0 for count, done in zip(gradients[6], succeeded.tolist(), strict=True) if done)


def test_a_wanted_class_is_come_nearer_to() -> None:
    def towards(adversarial: Tensor) -> Tensor:
        return margin(VICTIM(adversarial), torch.full_like(CLEAN, 2), True)

    one, more = (towards(attack(refine, "c", guide="gradient", target="any")) for refine in (0, 6))
    assert (more >= one).all()
    assert (more > one)[one <= 0].any()
