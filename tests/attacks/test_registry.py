"""One attack, one file: found by its name, alone, also in other packages; and of use outside of staa."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from staa_cli.attacks.core import registry
from staa_cli.attacks.core.attack import Attack
from staa_cli.attacks.core.registry import attack_names, find_attack
from staa_cli.audio.budget import Budget
from staa_cli.evaluation import recipe as recipes
from staa_cli.evaluation.recipe import BaselineRecipe
from staa_cli.runtime.errors import StaaError, UsageError

from .test_all_attacks import CHEAP, every_attack, recipe

ATTACKS = Path(registry.__file__).parents[1]
FAMILY = {"fgsm": {"pgd"}, "bim": {"pgd"}, "vmi": {"mi"}, "sparsefool": {"deepfool"}}
"""Attacks that are made of another one."""


def forget() -> None:
    """What is installed is looked up once a process."""
    for looked_up in (attack_names, find_attack, recipes.schema_of):
        looked_up.cache_clear()


def test_every_file_is_an_attack_of_its_name() -> None:
    files = {path.stem for path in ATTACKS.glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in attack_names()} == files
    assert [path.name for path in ATTACKS.iterdir() if path.is_dir() and path.name != "__pycache__"] == ["core"]
    for name in attack_names():
        module = import_module(f"staa_cli.attacks.{name.replace('-', '_')}")
        here = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Attack) and value.__module__ == module.__name__
        ]
        assert here == [find_attack(name)]
        assert here[0].__name__.lower() == name.replace("-", "")
        assert isinstance(here[0].title, str)


@every_attack
def test_defaults_are_those_of_the_recipe_and_every_setting_is_described(name: str) -> None:
    attack = find_attack(name)(budget=Budget(linf=0.1))
    data = {"step": "baseline", "attack": name, "budget": {"linf": 0.1}}
    described = BaselineRecipe.schema_for(data).model_validate(data)
    fields = type(attack).model_fields
    assert {key: getattr(attack, key) for key in fields if key != "budget"} == {
        key: getattr(described, key) for key in fields if key != "budget"
    }
    assert described.attacker == attack.label
    assert all(field.description for key, field in fields.items() if key != "budget")


def test_one_attack_is_imported_alone() -> None:
    """A fresh process for each would take its time: all are asked for in one, which forgets the modules in between."""
    script = """
import sys
from staa_cli.attacks.core.registry import attack_names, find_attack
def attacks():
    names = [name.split(".") for name in sys.modules if name.startswith("staa_cli.attacks.")]
    return {parts[2] for parts in names if parts[2] != "core"}
names = attack_names()
assert not attacks(), attacks()
for name in names:
    find_attack(name)
    print(name, *sorted(attacks()))
    for module in attacks():
        del sys.modules[f"staa_cli.attacks.{module}"]
foreign = [name for name in sys.modules if name.startswith("staa_cli.")]
assert not [name for name in foreign if name.split(".")[1] not in ("attacks", "audio", "metrics", "runtime")], foreign
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ATTACKS.parents[1])
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, *_ in lines] == list(attack_names())
    for name, *modules in lines:
        assert set(modules) == {name.replace("-", "_")} | FAMILY.get(name, set())


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match=r"unknown attack 'pdg', expected one of 'bim', .*; did you mean 'pgd'\?"):
        find_attack("pdg")


FOREIGN = """
from typing import ClassVar
from pydantic import Field
from staa_cli.attacks.core.attack import Attack, Outcome
from staa_cli.attacks.core.goal import GoalAttack
from staa_cli.audio.budget import add_within_range

class Louder(Attack):
    title: ClassVar = "Louder"
    share: float = Field(1.0, gt=0, le=1, description="of the budget")

    def perturb(self, victim, waveforms, reference, random, *, targeted, grain):
        return Outcome(add_within_range(waveforms, self.share * self.budget.epsilon(waveforms) * waveforms.sign()))

class Untitled(Attack):
    perturb = Louder.perturb

def function(victim, waveforms):
    return waveforms
"""
POINTS = {
    "louder": "loud:Louder",
    "pgd": "loud:Louder",
    "number": "loud:__name__",
    "function": "loud:function",
    "template": "loud:GoalAttack",
    "untitled": "loud:Untitled",
    "misspelt": "loud:Luoder",
    "missing": "aloud:Louder",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that registers attacks."""
    info = tmp_path / "loud-1.0.dist-info"
    info.mkdir()
    (tmp_path / "loud.py").write_text(FOREIGN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[staa.attacks]\n" + "".join(f"{name} = {value}\n" for name, value in POINTS.items()))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "loud", raising=False)
    forget()
    yield
    forget()


@pytest.mark.usefixtures("package")
def test_an_attack_of_another_package() -> None:
    assert set(attack_names()) - {path.stem.replace("_", "-") for path in ATTACKS.glob("*.py")} == POINTS.keys() - {"pgd"}
    attack = find_attack("louder")
    assert attack.__module__ == "loud"
    data = {"step": "baseline", "attack": "louder", "budget": {"linf": 0.25}, "share": 0.5}
    described = BaselineRecipe.schema_for(data).model_validate(data)
    assert isinstance(described, attack)
    assert described.attacker == "Louder"
    waveforms = torch.tensor([[0.5, -0.5, 0.0, 1.0]])
    for made in (described, attack(budget=Budget(linf=0.25), share=0.5)):  # type: ignore[call-arg]
        assert made(nn.Linear(4, 2), waveforms).tolist() == [[0.625, -0.625, 0.0, 1.0]]
    with pytest.raises(ValidationError, match="share"):
        BaselineRecipe.schema_for(data).model_validate(data | {"share": 2.0})


@pytest.mark.usefixtures("package")
def test_an_attack_of_ours_cannot_be_replaced() -> None:
    assert find_attack("pgd").__module__ == "staa_cli.attacks.pgd"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("number", r"'number' of another package \(loud:__name__\) is 'loud', expected a subclass of Attack"),
        ("function", r"is <function function at .*>, expected a subclass of Attack"),
        ("template", r"is <class 'staa_cli.attacks.core.goal.GoalAttack'>, expected .* fills in what is abstract"),
        ("untitled", r"is <class 'loud.Untitled'>, expected a subclass of Attack that has a title"),
        ("misspelt", r"'misspelt' of another package \(loud:Luoder\) cannot be imported: AttributeError: .*Luoder"),
        ("missing", r"cannot be imported: ModuleNotFoundError: No module named 'aloud'"),
    ],
)
def test_what_is_registered_but_is_no_attack(name: str, words: str) -> None:
    with pytest.raises(StaaError, match=words):
        find_attack(name)


class Plain(nn.Module):
    """A network of somebody else: in training mode, its weights ask for gradients, and it knows nothing of staa."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(samples, 16, bias=False), nn.Linear(16, 3, bias=False)
        random = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=random) / parameter.shape[-1] ** 0.5

    def forward(self, waveforms: Tensor) -> Tensor:
        logits: Tensor = self.out(self.hidden(waveforms).tanh())
        return logits


@every_attack
@pytest.mark.parametrize("training", [False, True])
def test_a_plain_module_is_attacked_and_left_as_it_was(name: str, training: bool) -> None:
    victim = Plain(48).train(training)
    before = {key: value.clone() for key, value in victim.state_dict().items()}
    waveforms = 0.3 * torch.randn(6, 48, generator=torch.Generator().manual_seed(1))
    attack = find_attack(name)(budget=Budget(linf=0.5), **CHEAP.get(name, {}))
    adversarial = attack(victim, waveforms)
    assert not adversarial.requires_grad
    assert (adversarial != waveforms).any()
    assert ((adversarial - waveforms).abs() <= 0.5 + 1e-6).all()
    assert torch.equal(adversarial, attack(victim, waveforms, victim(waveforms).argmax(dim=1), range(6)))
    with torch.no_grad():
        assert torch.equal(adversarial, attack(victim, waveforms.clone())), "gradients are followed whatever the caller's mode"
    assert not attack(victim, waveforms.clone().requires_grad_()).requires_grad
    assert victim.training == training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in victim.parameters())
    assert all(torch.equal(value, before[key]) for key, value in victim.state_dict().items())


@every_attack
def test_a_targeted_attack_must_be_told_its_targets(name: str) -> None:
    with pytest.raises(UsageError, match="got no classes, expected the one to reach"):
        recipe(name)(Plain(8), torch.zeros(1, 8), targeted=True)


def test_an_attack_is_its_settings() -> None:
    pgd = find_attack("pgd")
    attack = pgd(budget=Budget(linf=0.05), steps=3)  # type: ignore[call-arg]
    assert repr(attack).startswith("PGD(budget=Budget(linf=0.05, peak_snr_db=None), steps=3,")
    assert attack == pgd(budget=Budget(linf=0.05), steps=3)  # type: ignore[call-arg]
    for wrong in ({"steps": 0}, {"stpes": 3}, {"steps": "3"}):
        with pytest.raises(ValidationError):
            pgd(budget=Budget(linf=0.05), **wrong)
    with pytest.raises(ValidationError, match="the single step"):
        find_attack("fgsm")(budget=Budget(linf=0.05), steps=2)  # type: ignore[call-arg]
