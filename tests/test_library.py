"""The library's face: names that load on first use, attacks on any module, an evaluation without files."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest
import torch
from torch import nn

import staa_cli
from staa_cli import FGSM, PGD, Budget, evaluate, load_generator, load_victim
from staa_cli.attacks.core.registry import attack_names, find_attack
from staa_cli.metrics.perception import perceive
from staa_cli.runtime.errors import UsageError

from .conftest import World, tone

README = Path(__file__).parents[1] / "README.md"


def model(samples: int = 400) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(samples, 8), nn.Tanh(), nn.Linear(8, 4)).eval()


def test_every_attack_is_a_name_of_the_library() -> None:
    for name in attack_names():
        attack = find_attack(name)
        assert getattr(staa_cli, attack.__name__) is attack
        if attack.__module__.startswith("staa_cli."):
            assert attack.__name__ in staa_cli.__all__
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = staa_cli.Nonsense


def test_importing_the_library_loads_nothing() -> None:
    code = "import sys, staa_cli; print(*(name for name in ('torch', 'typer', 'rich', 'pydantic') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == ""


def test_evaluation_agrees_with_the_tensors() -> None:
    victim, x = model(), torch.stack([tone(200 + 50 * row, 400, row) for row in range(6)])
    attack = PGD(budget=Budget(linf=0.05), steps=5)
    made = attack(victim, x)
    clean, adversarial = victim(x).argmax(dim=1), victim(made).argmax(dim=1)
    found = evaluate(attack, victim, x, clean.tolist(), victims={"other": model()}, batch_size=4)
    assert found["utterances"] == 6
    for name in ("threat", "other"):
        assert found["victims"][name]["asr_percent"] == pytest.approx(100 * float((clean != adversarial).double().mean()))
        assert found["victims"][name]["accuracy_percent"]["clean"] == 100
    assert found["linf_max"] == pytest.approx(0.05, abs=1e-6)


def test_waveforms_of_16_bits_are_measured_as_files_would_be() -> None:
    x = (torch.stack([tone(300, 400, 0)]) * 2**15).round() / 2**15
    steps = evaluate(FGSM(budget=Budget(linf=0.00101)), model(), x)["linf_max"] * 2**15
    assert steps == 33, "0.00101 are 33.1 steps of 16 bits"


def test_what_becomes_of_them_is_listened_to_on_request() -> None:
    x = torch.stack([tone(300, 16_000, 0), tone(500, 16_000, 1)])
    attack, victim = FGSM(budget=Budget(linf=0.01)), model(16_000)
    assert "perception" not in evaluate(attack, victim, x)
    heard = evaluate(attack, victim, x, perception=True)["perception"]
    scores = [perceive(*pair)["audible_percent"] for pair in zip(x.numpy(), attack(victim, x).numpy(), strict=True)]
    assert heard["audible_percent"]["all"] == pytest.approx(fmean(filter(None, scores)), abs=0.5), "but for 16 bits"


def test_what_the_command_line_trained(world: World) -> None:
    victim, generator = load_victim(world.emo18), load_generator(world.generator)
    x = torch.stack([tone(200, 4_000, 1), tone(600, 4_000, 2)])
    assert victim(x).shape == (2, len(victim.labels))
    found = evaluate(generator, victim, x, victims={"zhao19": load_victim(world.zhao19)})
    assert found["victims"].keys() == {"threat", "zhao19"}
    assert PGD(budget=Budget(peak_snr_db=20), steps=1)(victim, x).shape == x.shape


def test_a_generator_is_told_its_own_threat_model_s_answers(world: World) -> None:
    """Another model's classes would lead it astray, and the result would be called the generator's."""
    generator, x = load_generator(world.generator), torch.stack([tone(200, 4_000, 1)])
    for own in (generator.threat, generator.threat.victim, load_victim(world.emo18)):
        assert evaluate(generator, own, x)["utterances"] == 1
    for other in (load_victim(world.zhao19), load_victim(world.zhao19).victim):
        with pytest.raises(UsageError, match="guided by its own threat model 'emo18', and 'threat' is another model"):
            evaluate(generator, other, x)


def test_the_readme_does_what_it_prints() -> None:
    text = README.read_text(encoding="utf-8")
    found = doctest.DocTestParser().get_doctest(text, {}, "README.md", str(README), 0)
    assert len(found.examples) >= 8
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(found)
    assert runner.summarize().failed == 0
    assert len(text) <= 14_000
