"""The look at victims before the work: each fault is told from the others, and nothing is changed by looking."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from staa_cli.audio.budget import Budget
from staa_cli.evaluation.preflight import Probe, preflight
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.listener import SILENT
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import LoadedVictim, build_victim
from staa_cli.victims.references import Reference

from ..conftest import Staa, World, tone
from ..victims.conftest import Tiny, export, tiny

CPU = torch.device("cpu")
LABELS = ["calm", "glad", "wild"]
QUIET = SILENT


class Doing(nn.Module):
    """A victim whose logits are made by a function of the healthy ones and the input."""

    def __init__(self, change: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.tiny, self.change = tiny(), change

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.change(self.tiny(waveforms), waveforms)


def loaded(network: nn.Module, labels: list[str] = LABELS) -> LoadedVictim:
    victim = Victim(network, labels, normalise=None).eval().requires_grad_(False)
    return LoadedVictim(victim, "odd", Reference("plugin", Path("odd"), "odd"))


def probes(labels: list[str | None] | None = None) -> list[Probe]:
    return [Probe(tone(200 + 90 * number, 3_000, number).unsqueeze(0), label) for number, label in enumerate(labels or [None] * 4)]


def check(network: nn.Module, labels: list[str | None] | None = None, **options: object) -> dict:
    return preflight({"odd": loaded(network)}, probes(labels), CPU, QUIET, **options)["odd"]  # type: ignore[arg-type]


def correct_labels() -> list[str | None]:
    return [LABELS[int(tiny()(probe.waveform).argmax())] for probe in probes()]


def test_a_healthy_victim_has_no_warning() -> None:
    facts = check(tiny(), correct_labels(), threat="odd")
    assert facts["warnings"] == []
    assert (facts["deterministic"], facts["outputs"], facts["accuracy_percent"]) == (True, "logits", 100)
    assert min(facts["gradient_norm"]) > 0
    json.dumps(facts, allow_nan=False)


WARNINGS = {
    "random": (lambda logits, x: logits + torch.randn_like(logits), "gives different answers to one utterance"),
    "probabilities": (lambda logits, x: logits.softmax(dim=1), "gives probabilities, not logits"),
    "log-probabilities": (lambda logits, x: logits.log_softmax(dim=1), "gives log-probabilities, not logits"),
    "no gradient": (lambda logits, x: logits.detach() + 0 * x.sum(), "has a gradient of zero"),
    "rounded": (lambda logits, x: logits.mul(100).round() + 0 * x.sum(), "has a gradient of zero"),
}


@pytest.mark.parametrize("kind", WARNINGS)
def test_warnings(kind: str) -> None:
    change, words = WARNINGS[kind]
    facts = check(Doing(change), threat="odd")
    assert len(facts["warnings"]) == 1, facts
    assert words in facts["warnings"][0]


def test_no_better_than_chance() -> None:
    right = correct_labels()
    wrong: list[str | None] = [LABELS[(LABELS.index(str(label)) + 1) % 3] for label in right]
    assert "no better than chance (33 %)" in check(tiny(), wrong)["warnings"][0]
    assert "accuracy_percent" not in check(tiny())


ERRORS = {
    "nan": (lambda logits, x: logits * float("nan"), "NaN or infinity"),
    "infinite": (lambda logits, x: logits / 0, "NaN or infinity"),
    "classes": (lambda logits, x: logits[:, :2], r"shape \(1, 2\), expected logits of shape \(1, 3\).*calm, glad, wild"),
    "frames": (lambda logits, x: logits.unsqueeze(1), r"shape \(1, 1, 3\)"),
    "tuple": (lambda logits, x: (logits,), "with a tuple"),
    "cut gradient": (lambda logits, x: logits.detach(), "gradient of threat model 'odd' cannot be had"),
    "nan gradient": (lambda logits, x: logits + (0 * x).sqrt().sum(), "is NaN or infinite on real speech"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_errors(kind: str) -> None:
    change, words = ERRORS[kind]
    with pytest.raises(UsageError, match=words):
        check(Doing(change), threat="odd")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["cut gradient", "nan gradient", "no gradient"])
def test_a_mere_judge_needs_no_gradient(kind: str) -> None:
    change = (ERRORS | WARNINGS)[kind][0]
    facts = check(Doing(change))  # type: ignore[arg-type]
    assert facts["warnings"] == []
    assert "gradient_norm" not in facts


def test_looking_changes_nothing() -> None:
    class Stubborn(Tiny):
        """Its batch normalisation cannot be brought out of training mode."""

        def train(self, mode: bool = True) -> Stubborn:
            return super().train(True)

    victim = loaded(Stubborn())
    before = {name: buffer.clone() for name, buffer in victim.victim.named_buffers()}
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    facts = preflight({"odd": victim, "random": loaded(Doing(WARNINGS["random"][0]))}, probes(), CPU, QUIET)
    assert any("changes its own state" in warning for warning in facts["odd"]["warnings"])
    assert all(torch.equal(buffer, before[name]) for name, buffer in victim.victim.named_buffers())
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]


def test_it_costs_little() -> None:
    calls = []

    def count(logits: Tensor, x: Tensor) -> Tensor:
        calls.append(x.shape)
        return logits

    many = [Probe(tone(300, 1_000, number).unsqueeze(0), None) for number in range(16)]
    preflight({"odd": loaded(Doing(count))}, many, CPU, QUIET, threat="odd")
    assert len(calls) <= 20


@pytest.mark.parametrize("model", ["emo18", "zhao19", "cnn-lstm"])
def test_our_own_victims_pass(model: str) -> None:
    victim = build_victim(model, LABELS).eval().requires_grad_(False)
    own = LoadedVictim(victim, model, Reference("staa", Path("x"), None))
    warnings = preflight({model: own}, probes(), CPU, QUIET, threat=model)[model]["warnings"]
    assert not [warning for warning in warnings if "tells nothing apart" not in warning], "untrained, they may"


@pytest.mark.parametrize(("scale", "fooled"), [(1e3, True), (1e-3, False)])
def test_a_victim_that_noise_fools_is_named(scale: float, fooled: bool) -> None:
    """One listens to single samples, the other to what an utterance is on average."""
    weights = torch.randn(3_999, 3, generator=torch.Generator().manual_seed(0))

    class Listening(nn.Module):
        def forward(self, waveforms: Tensor) -> Tensor:
            loud = waveforms.square().mean(dim=1, keepdim=True) * torch.tensor([[5.0, 0.0, -5.0]])
            return loud + scale * waveforms.diff(dim=1)[:, :3_999] @ weights

    victim = LoadedVictim(Victim(Listening(), LABELS, 4_000, normalise=None), "x", Reference("staa", Path("x"), None))
    found = preflight({"x": victim}, probes(), CPU, QUIET, budget=Budget(peak_snr_db=10))["x"]
    assert (found["placebo_percent"] > 25) == fooled
    assert any("anything of that size fools it" in warning for warning in found["warnings"]) == fooled


def test_a_victim_with_one_answer_is_named() -> None:
    own = loaded(Doing(lambda logits, _: 0 * logits + torch.tensor([[3.0, 1.0, 1.0]])))
    found = preflight({"x": own}, probes(), CPU, QUIET)["x"]
    assert found["predictions"] == {"calm": len(probes())}
    assert any("answers 'calm' to all" in warning for warning in found["warnings"])


# --- The command line


def test_warnings_reach_stderr_and_metrics(staa: Staa, world: World, tmp_path: Path) -> None:
    soft = export(tmp_path / "soft.pt2", Doing(WARNINGS["probabilities"][0]), LABELS)
    command = ("baseline", world.recipes["pgd"], world.data, "--split", "test", "--threat", world.emo18)
    outcome = staa(*command, "--victim", soft, "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "warning: victim 'soft' gives probabilities, not logits" in outcome.err
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["preflight"]["soft"]["outputs"] == "probabilities"
    assert metrics["preflight"]["emo18"]["accuracy_percent"] == 100
    assert min(metrics["preflight"]["emo18"]["gradient_norm"]) > 0
    assert "gradient_norm" not in metrics["preflight"]["soft"]
    trained = json.loads((world.generator / "metrics.json").read_text())
    assert trained["preflight"]["emo18"]["warnings"] == []


@pytest.mark.parametrize("kind", ["nan", "classes"])
@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_broken_victims_stop_before_the_work(staa: Staa, world: World, tmp_path: Path, kind: str, suffix: str) -> None:
    change, _ = ERRORS[kind]
    broken = export(tmp_path / f"broken{suffix}", Doing(change), LABELS)  # type: ignore[arg-type]
    outcome = staa("attack", world.generator, world.data, "--split", "test", "--victim", broken, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "victim 'broken' answers" in outcome.err
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))
