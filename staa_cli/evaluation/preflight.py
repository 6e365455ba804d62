"""A look at victims before hours of work: would an attack on them, and a judgement by them, mean anything?

The idea is auto-attack's (F. Croce, M. Hein, ICML 2020): robustness that comes from random answers, from probabilities where logits
belong or from a gradient that is zero is no robustness. What cannot be attacked at all is an error; the rest is said on stderr and kept
in `metrics.json`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from staa_cli.audio.budget import Budget
from staa_cli.audio.files import read_audio
from staa_cli.corpora.manifest import Manifest
from staa_cli.corpora.utterance import spread
from staa_cli.evaluation.judging import placebo
from staa_cli.metrics.classification import accuracy_percent
from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.runtime.interrupts import breathe
from staa_cli.runtime.listener import Listener
from staa_cli.runtime.seeds import isolated
from staa_cli.victims.checkpoint import LoadedVictim

UTTERANCES = 16
"""At most so many are judged for the accuracy."""
PROBES = 2
"""So many are looked at closely."""
FEWEST = 4
"""Of fewer utterances nothing is concluded but what each of them shows."""
MUCH = 25.0
"""A victim that changes more of its predictions under noise, in percent, is fooled by anything."""


@dataclass(frozen=True)
class Probe:
    """One real utterance. `waveform`: `(1, T)` on the CPU."""

    waveform: Tensor
    label: str | None


def corpus_probes(manifest: Manifest, splits: str) -> list[Probe]:
    """Some utterances of a prepared corpus. `splits`: `train` or `train+val`."""
    rows = spread(manifest.split(*splits.split("+")), UTTERANCES)
    audio = [read_audio(manifest.folder / row.file).samples for row in rows]
    return [Probe(torch.from_numpy(samples).unsqueeze(0), row.emotion) for samples, row in zip(audio, rows, strict=True)]


def preflight(
    victims: Mapping[str, LoadedVictim],
    probes: Sequence[Probe],
    device: torch.device,
    listener: Listener,
    *,
    threat: str | None = None,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Check every victim on real utterances. Neither the random state nor a victim's buffers are changed.

    Args:
        threat: the victim whose gradients will be followed.
        budget: of the attack, on the waveform: is a victim fooled by mere noise of that size?

    Returns:
        For each victim its measurements and `warnings`, for `metrics.json`.

    Raises:
        UsageError: a victim's answers have a wrong shape or are not finite, or its gradient cannot be had.
    """
    report: dict[str, Any] = {}
    for name, loaded in victims.items():
        before = {key: buffer.clone() for key, buffer in loaded.victim.named_buffers()}
        with isolated(0, device):
            facts: dict[str, Any] = {"utterances": 0, "warnings": []}
            if probes:
                facts = examine(name, loaded, probes, device, follow=name == threat, budget=budget)
        changed = [key for key, buffer in loaded.victim.named_buffers() if not torch.equal(buffer, before[key])]
        if changed:
            for key, buffer in loaded.victim.named_buffers():
                buffer.copy_(before[key])
            facts["warnings"].append(
                f"changes its own state when it answers ({changed[0]}), so that answers depend on earlier ones: "
                "batch normalisation in training mode?"
            )
        facts["warnings"] += loaded.victim.assumptions
        for warning in facts["warnings"]:
            listener.warning(f"victim '{name}' {warning}")
        report[name] = facts
    return report


def examine(
    name: str, loaded: LoadedVictim, probes: Sequence[Probe], device: torch.device, *, follow: bool, budget: Budget | None
) -> dict[str, Any]:
    answers = torch.cat([answer(name, loaded, probe.waveform.to(device)) for probe in probes])
    closer = probes[:PROBES]
    again = torch.cat([answer(name, loaded, probe.waveform.to(device)) for probe in closer])
    first = answers[: len(closer)]
    warnings = []
    spread_of_answers = float((again - first).abs().max())
    deterministic = spread_of_answers <= 1e-4 * max(1.0, float(first.abs().max()))
    if not deterministic:
        warnings.append(f"gives different answers to one utterance (by up to {spread_of_answers:.3g}): success rates will be partly chance")
    kind = outputs(answers)
    if kind != "logits":
        warnings.append(f"gives {kind}, not logits: losses and margins of attacks mean less on them; take the model before its softmax")
    facts: dict[str, Any] = {"utterances": len(probes), "deterministic": deterministic, "outputs": kind}
    predicted = [loaded.labels[index] for index in answers.argmax(dim=1).tolist()]
    facts["predictions"] = dict(Counter(predicted).most_common())
    if len(probes) >= FEWEST and len(facts["predictions"]) == 1:
        warnings.append(f"answers '{predicted[0]}' to all {len(probes)} utterances: it tells nothing apart")
    if budget is not None:
        noisy = torch.cat(
            [answer(name, loaded, placebo(probe.waveform, largest(probe.waveform, budget), [0]).to(device)) for probe in probes]
        )
        changed = float(100 * (noisy.argmax(dim=1) != answers.argmax(dim=1)).double().mean())
        facts["placebo_percent"] = changed
        if changed > MUCH and len(probes) >= FEWEST:
            warnings.append(
                f"changes {changed:.0f} % of its predictions under random signs of size ε on every sample: anything of that size fools it, "
                "and success is to be compared with the placebo's. Victims trained with 'augment: {shift: 1.0, noise_snr_db: [0, 30]}' "
                "hardly mind"
            )
    labels = [probe.label for probe in probes if probe.label is not None]
    if len(labels) == len(probes):
        accuracy = accuracy_percent(labels, predicted) or 0.0
        chance = 100 / len(loaded.labels)
        facts |= {"accuracy_percent": accuracy, "chance_percent": chance}
        if accuracy <= chance:
            warnings.append(
                f"is right on {accuracy:.0f} % of {len(labels)} utterances, no better than chance ({chance:.0f} %): "
                "other emotions, another language, or labels in another order?"
            )
    if follow:
        norms = [gradient_norm(name, loaded, probe.waveform.to(device)) for probe in closer]
        facts["gradient_norm"] = norms
        if min(norms) == 0:
            warnings.append("has a gradient of zero on real speech: attacks that follow it will fail, which says nothing of its robustness")
    return {**facts, "warnings": warnings}


def largest(waveform: Tensor, budget: Budget) -> Tensor:
    """ε on every sample. `(1, T)` → `(1, T)`"""
    return budget.epsilon(waveform).expand_as(waveform)


@torch.no_grad()
def answer(name: str, loaded: LoadedVictim, waveform: Tensor) -> Tensor:
    """`(1, K)` on the CPU, checked."""
    breathe()
    logits = loaded.victim(waveform)
    classes = len(loaded.labels)
    if not isinstance(logits, Tensor) or logits.shape != (1, classes):
        found = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        raise UsageError(
            f"victim '{name}' answers one utterance with {found}, expected logits of shape (1, {classes}), one for each of its labels "
            f"{', '.join(loaded.labels)}"
        )
    if not logits.isfinite().all():
        raise UsageError(
            f"victim '{name}' answers an utterance of {waveform.shape[1]} samples with NaN or infinity: {logits[0].tolist()}; "
            "a damaged or half-trained model, or one that needs another input"
        )
    return logits.float().cpu()


def outputs(answers: Tensor) -> str:
    """`logits`, `probabilities` or `log-probabilities`."""
    ones = torch.ones(len(answers))
    if bool((answers >= 0).all()) and torch.allclose(answers.sum(dim=1), ones, atol=1e-3):
        return "probabilities"
    # Logits that sum to one by chance are not a family of answers; one by one, all of them would have to.
    if bool((answers <= 0).all()) and torch.allclose(answers.exp().sum(dim=1), ones, atol=1e-3):
        return "log-probabilities"
    return "logits"


def gradient_norm(name: str, loaded: LoadedVictim, waveform: Tensor) -> float:
    """‖∂(largest − second largest logit)/∂x‖₂. Of logits, because the gradient of a loss vanishes rightly where a victim is sure."""
    x = waveform.clone().requires_grad_()
    try:
        top = loaded.victim(x).topk(2, dim=1).values[0]
        (gradient,) = torch.autograd.grad(top[0] - top[1], x)
    except (RuntimeError, StaaError) as error:
        raise UsageError(
            f"the gradient of threat model '{name}' cannot be had ({' '.join(str(error).split())[:160]}): is it exported or run without "
            "gradients, or are its features computed outside of torch?",
            "victim",
        ) from error
    norm = float(gradient.double().norm())
    if not gradient.isfinite().all():
        raise UsageError(
            f"the gradient of threat model '{name}' is NaN or infinite on real speech: attacks would write NaN; look for square roots or "
            "logarithms of zero in its features"
        )
    return norm
