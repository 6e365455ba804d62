"""SparseFool: the closed form, the analytic optimum, and the same result as an independent implementation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.sparsefool import BEYOND, SMALLEST, SparseFool, distance, solve_plane
from staa_cli.audio.budget import Budget

from .conftest import LENGTH, Linear, Unit, linear, noise, tanh_victim

WIDE = Budget(linf=2.0)


def one_at_a_time(normal: Tensor, point: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The usual solver, for one utterance, all `(T,)`: in each pass the sample with the largest weight left moves."""
    delta, left = torch.zeros_like(point), normal.abs().clone()

    def missing() -> Tensor:
        return distance(*(tensor.unsqueeze(0) for tensor in (normal, delta, point)))[0]

    while missing() < 0 and left.max() > 0:
        index = int(left.argmax())
        move = ((missing() - BEYOND).abs() / left[index]).clamp(min=SMALLEST) * normal[index].sign()
        delta[index] = move.clamp(lower[index], upper[index])
        left[index] = 0
    return delta


def problem(seed: int, count: int = 400, kind: str = "wide") -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A random plane beyond δ = 0, some of the weights equal or 0, and bounds of which some leave no room."""
    random = torch.Generator().manual_seed(seed)
    normal = torch.randn(count, generator=random, dtype=torch.float64)
    normal[torch.rand(count, generator=random) < 0.1] = 0
    normal[torch.rand(count, generator=random) < 0.1] = 0.5
    if kind == "steep":
        normal = normal**9  # a few samples carry all
    normal /= normal.norm()
    scale = 10 ** (-3 + 2 * torch.rand(1, generator=random, dtype=torch.float64))
    x = 0.5 * torch.randn(count, generator=random, dtype=torch.float64).clamp(-1, 1)
    room = {"wide": 1.0, "steep": 1.0, "tight": 0.05, "out of reach": 1e-4}[kind]
    lower, upper = (-1 - x).clamp(min=-room), (1 - x).clamp(max=room)
    upper[::7] = 0
    point = scale * (normal + 0.3 * torch.randn(count, generator=random, dtype=torch.float64))
    if (normal * point).sum() < 0:
        point = -point
    return normal, point, lower, upper


@pytest.mark.parametrize("kind", ["wide", "steep", "tight", "out of reach"])
def test_closed_form_is_the_usual_solver_to_the_last_bit(kind: str) -> None:
    problems = [problem(seed, kind=kind) for seed in range(60)]
    solved = solve_plane(*(torch.stack(tensors) for tensors in zip(*problems, strict=True)))
    moved = 0
    for one, delta in zip(problems, solved, strict=True):
        assert torch.equal(delta, one_at_a_time(*one))
        moved += int((delta != 0).sum())
    assert moved >= 60


def test_closed_form_passes_the_plane_also_in_float32() -> None:
    problems = [problem(seed, count=5_000) for seed in range(20)]
    normal, point, lower, upper = (torch.stack(tensors).float() for tensors in zip(*problems, strict=True))
    delta = solve_plane(normal, point, lower, upper)
    exact = solve_plane(*(torch.stack(tensors) for tensors in zip(*problems, strict=True)))
    assert (distance(normal, delta, point) >= 0).all()
    assert ((delta != 0).sum(dim=1) - (exact != 0).sum(dim=1)).abs().max() <= 1
    assert ((delta >= lower) & (delta <= upper)).all()


def test_behind_the_plane_every_sample_goes_to_its_bound() -> None:
    normal, point, lower, upper = (tensor.unsqueeze(0) for tensor in problem(3))
    delta = solve_plane(normal, -point, lower, upper)
    assert torch.equal(delta, torch.where(normal > 0, upper, torch.where(normal < 0, lower, 0.0)))


@pytest.mark.parametrize("targeted", [False, True])
def test_linear_victim_is_fooled_by_the_fewest_samples(targeted: bool) -> None:
    """Within the ε-ball the fewest samples that pass the boundary are those of the largest weights, each at ±ε."""
    victim, x, epsilon = linear(classes=2), noise(8, scale=0.1), 0.05
    clean = victim(x).argmax(dim=1)
    attack = SparseFool(budget=Budget(linf=epsilon), lam=1.0, overshoot=1e-9)
    delta = attack(victim, x, 1 - clean if targeted else clean, range(8), targeted=targeted) - x
    assert (victim(x + delta).argmax(dim=1) != clean).all()
    normal = (victim.weights[1] - victim.weights[0]).abs().sort(descending=True).values
    gap = (victim(x)[:, 0] - victim(x)[:, 1]).abs()
    # DeepFool's overshoot, and the aim beyond the plane, lie between the boundary and where the last sample goes.
    for way in (gap, 1.02 * gap + BEYOND * normal.norm()):
        fewest = 1 + ((epsilon * normal).cumsum(0) < way.unsqueeze(1)).sum(dim=1)
        assert ((delta.abs() > 1e-12).sum(dim=1) - fewest).abs().max() <= 1


@pytest.mark.parametrize("victim", [linear(), tanh_victim()], ids=["linear", "tanh"])
def test_same_as_torchattacks(victim: nn.Module) -> None:
    torchattacks = pytest.importorskip("torchattacks", reason="pip install 'staa[reference]'")
    x = noise(10)
    clean = victim(x).argmax(dim=1)
    theirs = 2 * torchattacks.SparseFool(Unit(victim).eval(), steps=20, lam=3, overshoot=0.02)((x + 1) / 2, clean) - 1
    ours = SparseFool(budget=WIDE, variant="torchattacks")(victim, x, clean, range(10))
    assert torch.allclose(ours, theirs, atol=1e-9)
    assert (victim(ours).argmax(dim=1) != clean).all()


@pytest.mark.parametrize("targeted", [False, True])
def test_goals_are_reached_among_many_classes(targeted: bool) -> None:
    victim, x = tanh_victim(classes=6), noise(12)
    clean = victim(x).argmax(dim=1)
    goal = (clean + 1) % 6 if targeted else clean
    adversarial = SparseFool(budget=WIDE)(victim, x, goal, range(12), targeted=targeted)
    assert torch.equal(victim(adversarial).argmax(dim=1) == goal, torch.full((12,), targeted))
    assert ((adversarial != x).double().mean(dim=1) < 0.2).all()


def test_a_flat_victim_is_left_alone() -> None:
    victim, x = Linear(torch.zeros(3, LENGTH, dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0]).double()), noise(2)
    assert torch.equal(SparseFool(budget=WIDE)(victim, x, torch.tensor([0, 0]), range(2)), x)
