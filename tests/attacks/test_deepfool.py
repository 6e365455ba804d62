"""DeepFool: the analytic optimum, and the same result as two independent implementations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.core.tensors import jacobian
from staa_cli.attacks.deepfool import DeepFool
from staa_cli.audio.budget import Budget, round_to_zero

from .conftest import LENGTH, Linear, Unit, linear, noise, tanh_victim

WIDE = Budget(linf=2.0)


def optimum(victim: Linear, x: Tensor, target: int | None) -> Tensor:
    """The least δ in ℓ2 that puts x on a boundary of its region, or on the target's, of two classes."""
    logits = victim(x.unsqueeze(0))[0]
    here = int(logits.argmax())
    ways = []
    for k in range(len(logits)) if target is None else [target]:
        if k != here:
            w = victim.weights[k] - victim.weights[here]
            ways.append((logits[here] - logits[k]) / w.square().sum() * w)
    return min(ways, key=lambda way: float(way.norm()))


def test_linear_victim_is_left_at_the_nearest_point() -> None:
    victim, x = linear(), noise(8)
    clean = victim(x).argmax(dim=1)
    adversarial = DeepFool(budget=WIDE, overshoot=1e-6)(victim, x, clean, range(8))
    expected = torch.stack([optimum(victim, row, None) for row in x])
    assert torch.allclose(adversarial - x, (1 + 1e-6) * expected, atol=1e-12)
    assert (victim(adversarial).argmax(dim=1) != clean).all()


def test_linear_victim_with_two_classes_is_led_to_the_nearest_point_of_the_target() -> None:
    victim, x = linear(classes=2), noise(8)
    target = 1 - victim(x).argmax(dim=1)
    adversarial = DeepFool(budget=WIDE, overshoot=1e-6)(victim, x, target, range(8), targeted=True)
    expected = torch.stack([optimum(victim, row, int(goal)) for row, goal in zip(x, target, strict=True)])
    assert torch.allclose(adversarial - x, (1 + 1e-6) * expected, atol=1e-12)


def test_targets_are_reached_among_many_classes() -> None:
    victim, x = tanh_victim(classes=6), noise(12)
    for target in range(6):
        goal = torch.full((12,), target)
        adversarial = DeepFool(budget=WIDE)(victim, x, goal, range(12), targeted=True)
        assert torch.equal(victim(adversarial).argmax(dim=1), goal)


@pytest.mark.parametrize("victim", [linear(), tanh_victim()], ids=["linear", "tanh"])
def test_same_as_torchattacks(victim: nn.Module) -> None:
    torchattacks = pytest.importorskip("torchattacks", reason="pip install 'staa[reference]'")
    x = noise(10)
    clean = victim(x).argmax(dim=1)
    theirs = 2 * torchattacks.DeepFool(Unit(victim).eval(), steps=50, overshoot=0.02)((x + 1) / 2, clean) - 1
    assert torch.allclose(DeepFool(budget=WIDE)(victim, x, clean, range(10)), theirs, atol=1e-10)


def test_same_as_art() -> None:
    """ART overshoots the whole way once, at the end, and counts the classes that it looks at; in float32."""
    estimators = pytest.importorskip("art.estimators.classification", reason="pip install 'staa[reference]'")
    from art.attacks.evasion import DeepFool as Theirs

    victim, x = tanh_victim().float(), noise(10).float()
    clean = victim(x).argmax(dim=1)
    classifier = estimators.PyTorchClassifier(victim, nn.CrossEntropyLoss(), (LENGTH,), 4, device_type="cpu")
    theirs = torch.from_numpy(Theirs(classifier, max_iter=50, epsilon=0.02, nb_grads=4, batch_size=10, verbose=False).generate(x.numpy()))
    ours = DeepFool(budget=WIDE)(victim, x, clean, range(10))
    fooled = [victim(form).argmax(dim=1) != clean for form in (ours, theirs)]
    assert fooled[0].all()
    assert torch.equal(*fooled)
    assert ((ours - x).norm(dim=1) <= 1.03 * (theirs - x).norm(dim=1)).all()


def test_the_goal_is_reached_in_the_steps_of_the_file() -> None:
    """A shortest way ends just beyond the boundary: rounded towards x, as files are written, it would end before it."""
    victim, x = tanh_victim(), (noise(20) * 2**15).round() / 2**15
    grain = torch.full((20, 1), 2.0**-15, dtype=torch.float64)
    clean = victim(x).argmax(dim=1)

    def fooled(adversarial: Tensor) -> Tensor:
        written = x + round_to_zero(adversarial - x, grain)
        return victim(written).argmax(dim=1) != clean

    assert not fooled(DeepFool(budget=WIDE)(victim, x, clean, range(20))).all()
    assert fooled(DeepFool(budget=WIDE).run(victim, x, clean, range(20), grain=grain).adversarial).all()


def test_a_flat_victim_is_left_alone() -> None:
    """0 / 0 must not become NaN."""
    victim, x = Linear(torch.zeros(3, LENGTH, dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0]).double()), noise(2)
    for targeted, goal in ((False, 0), (True, 2)):
        assert torch.equal(DeepFool(budget=WIDE)(victim, x, torch.full((2,), goal), range(2), targeted=targeted), x)


def test_jacobian_is_that_of_autograd() -> None:
    victim, x = tanh_victim(), noise(3).requires_grad_()
    expected = torch.stack([torch.autograd.functional.jacobian(lambda row: victim(row.unsqueeze(0))[0], row) for row in x])
    assert torch.allclose(jacobian(victim(x), x), expected, atol=1e-12)
