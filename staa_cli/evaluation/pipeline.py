"""The steps that a batch of utterances takes, one function each: perturb, write and read back, measure, judge, record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

from staa_cli.audio.budget import Budget, held_within
from staa_cli.audio.files import Audio
from staa_cli.evaluation.attackers import Attacker
from staa_cli.evaluation.judging import Forms, Verdict, ask, judge
from staa_cli.evaluation.record import Perturbation, Record
from staa_cli.evaluation.spaces import Space, measure
from staa_cli.evaluation.task import Task
from staa_cli.runtime.device import synchronize
from staa_cli.runtime.interrupts import breathe
from staa_cli.runtime.version import __version__
from staa_cli.victims.checkpoint import LoadedVictim

Result = TypeVar("Result")


@dataclass(frozen=True)
class Clip:
    """A task with its audio.

    Attributes:
        known: records of it by some of the victims, where its file is there and only to be judged.
    """

    task: Task
    audio: Audio
    known: Sequence[Record] = ()


@dataclass(frozen=True)
class Bench:
    """What all batches of a run are worked on with.

    Attributes:
        attacker, victims: in `space`; the threat model is the first victim.
        folder: what is written goes there.
        target: of a targeted attack; success is then that the prediction is the target, also where it was before.
        perception: whether what is written is listened to; see `perceive`.
    """

    attacker: Attacker
    victims: Mapping[str, LoadedVictim]
    space: Space
    budget: Budget
    folder: Path
    device: torch.device
    target: str | None = None
    perception: bool = False


@dataclass(frozen=True)
class Attacked:
    """What an attacker made of a batch.

    Attributes:
        adversarial: `(B, N)` on the CPU.
        queries: of each utterance, where they are counted.
        seconds: of the attack for one utterance, device synchronised.
        at_once: utterances that were attacked together.
    """

    adversarial: Tensor
    queries: list[int] | None
    seconds: float
    at_once: int


def work(bench: Bench, batch: Sequence[Clip]) -> list[list[Record] | str]:
    """Attack utterances of one length. Returns: for each its records, one for each victim, or why there are none."""
    clean = encode(bench, batch)
    threat = next(iter(bench.victims))
    # The threat model's look at the clean utterance is the attacker's starting point and the judge's: it is made once.
    looked, asking = timed(bench.device, lambda: look(bench, clean))
    perturbed = perturb(bench, batch, clean, looked.argmax(dim=1), asking if bench.attacker.asks_prediction else 0.0)
    original = clean.cpu()
    epsilon = bench.budget.epsilon(original)
    wrong = unsound(original, perturbed.adversarial, epsilon)
    if any(wrong):
        sound = [one for one, fault in zip(batch, wrong, strict=True) if fault is None]
        others = iter(work(bench, sound) if sound else [])
        return [next(others) if fault is None else fault for fault in wrong]
    breathe()
    perturbed = replace(perturbed, adversarial=held_within(perturbed.adversarial, original, epsilon))
    written = write(bench, batch, perturbed.adversarial)
    forms = Forms.of(original, written, perturbed.adversarial, [one.task.seed for one in batch])
    measures = measure(bench.space, original, written)
    in_memory = measures if all(forms.exact) else measure(bench.space, original, perturbed.adversarial)
    sizes = (bench.space.unit * epsilon[:, 0]).tolist()
    verdicts = {
        name: judge(victim, forms, bench.device, looked if name == threat else None, at_least=perturbed.at_once)
        for name, victim in bench.victims.items()
    }
    perceived = listen(original, written) if bench.perception else [None] * len(batch)
    found: list[list[Record] | str] = []
    for row, one in enumerate(batch):
        said = (sizes[row], (measures[row], in_memory[row]), forms.exact[row], perceived[row])
        found.append([record(bench, one, perturbed, row, name, verdicts[name][row], *said) for name in bench.victims])
    return found


def listen(clean: Tensor, written: Tensor) -> list[dict[str, float | None] | None]:
    """What is perceived of each change. `(B, T)` on the CPU."""
    from staa_cli.metrics.perception import perceive

    return [perceive(x.numpy(), y.numpy()) for x, y in zip(clean, written, strict=True)]


def encode(bench: Bench, batch: Sequence[Clip]) -> Tensor:
    """`(B, N)` x in the bench's space, on its device."""
    return bench.space.encode(torch.stack([torch.from_numpy(one.audio.samples) for one in batch]).to(bench.device))


def look(bench: Bench, clean: Tensor) -> Tensor:
    """The threat model's `(B, K)` logits. Where an attacker that works on utterances one by one needs them, they are had so too: its
    time is the time of one utterance."""
    alone = bench.attacker.one_by_one and bench.attacker.asks_prediction
    threat = next(iter(bench.victims.values()))
    return torch.cat([ask(threat, rows) for rows in clean.split(1 if alone else len(clean))])


def perturb(bench: Bench, batch: Sequence[Clip], clean: Tensor, predictions: Tensor, asking: float) -> Attacked:
    """
    Args:
        clean: `(B, N)` on the device.
        predictions: `(B,)` the threat model's for it.
        asking: seconds that these took, where the attacker uses them.
    """
    grain = clean.new_tensor(bench.space.grain([one.audio for one in batch])).unsqueeze(1)
    labels, seeds = [one.task.input.label for one in batch], [one.task.seed for one in batch]
    outcome, seconds = timed(bench.device, lambda: bench.attacker.perturb(clean, predictions, labels, seeds, grain))
    queries = None if outcome.queries is None else outcome.queries.tolist()
    at_once = 1 if bench.attacker.one_by_one else len(batch)
    return Attacked(outcome.adversarial.detach().cpu(), queries, (asking + seconds) / len(batch), at_once)


def timed(device: torch.device, function: Callable[[], Result]) -> tuple[Result, float]:
    """What a function returns, and the seconds that it took on the device, which nothing else kept busy."""
    synchronize(device)
    start = perf_counter()
    result = function()
    synchronize(device)
    return result, perf_counter() - start


def unsound(clean: Tensor, adversarial: Tensor, epsilon: Tensor) -> list[str | None]:
    """What is wrong with each x_adv: neither ruined audio is written, nor a change beyond the budget, whatever an attacker did.

    Args:
        clean, adversarial: `(B, N)` on the CPU.
        epsilon: `(B, 1)`.
    """
    beyond = ((adversarial - clean).abs() - epsilon).amax(dim=1).tolist()
    faults: list[str | None] = [None] * len(beyond)
    for row, far in enumerate(beyond):
        if not isfinite(far):  # one such sample is enough for that
            faults[row] = f"the attack made {int((~adversarial[row].isfinite()).sum())} samples NaN or infinite"
        elif far > 1e-6:  # more than the rounding of a float32 sum, as of x + δ and back
            faults[row] = "the attack went beyond the budget"
    return faults


def write(bench: Bench, batch: Sequence[Clip], adversarial: Tensor) -> Tensor:
    """Write `(B, N)` to the files of the batch. Returns: what they hold, `(B, N)`."""
    for one, row in zip(batch, adversarial, strict=True):
        bench.space.write(bench.folder, one.task, one.audio, row)
    return torch.stack([bench.space.read(bench.folder, one.task) for one in batch])


def succeeded(clean: str, adversarial: str, target: str | None) -> bool:
    """Whether a prediction is as the attack wishes: another one than before, or the target."""
    return clean != adversarial if target is None else adversarial == target


def record(
    bench: Bench,
    clip: Clip,
    perturbed: Attacked,
    row: int,
    victim: str,
    verdict: Verdict,
    epsilon: float,
    measures: Sequence[Perturbation],
    exact: bool,
    perception: dict[str, float | None] | None,
) -> Record:
    """
    Args:
        measures: of x_adv as written and in memory.
        exact: whether these are the same, bit for bit.
        perception: of x_adv as written, where it was listened to.
    """
    task, audio = clip.task, clip.audio
    return Record(
        file=task.input.name,
        output=task.output,
        key=task.key,
        label=task.input.label,
        epsilon=epsilon,
        perturbation=measures[0],
        in_memory=measures[1],
        exact=exact,
        audio=audio.facts,
        run={
            "seconds": perturbed.seconds,
            "batch": perturbed.at_once,
            "device": str(bench.device),
            "version": __version__,
            "source": os.fsencode(os.path.relpath(task.input.path, bench.folder)).decode(errors="replace"),
        },
        target=bench.target,
        segment=None if task.segment is None else task.segment.facts,
        space=bench.space.name,
        queries=None if perturbed.queries is None else perturbed.queries[row],
        gender=task.input.gender,
        language=task.input.language,
        perception=perception,
        **judged(bench, victim, verdict),
    )


def judged(bench: Bench, victim: str, verdict: Verdict) -> dict[str, Any]:
    """What a record says of one victim's answers."""
    said = {"adversarial": verdict.written, "placebo": verdict.placebo, "in_memory_adversarial": verdict.in_memory}
    success = {
        name: None if word is None else succeeded(verdict.clean, word, bench.target)
        for name, word in zip(("success", "placebo_success", "in_memory_success"), said.values(), strict=True)
    }
    return {
        "victim": victim,
        "victim_sha256": bench.victims[victim].sha256,
        "clean": verdict.clean,
        "margins": verdict.margins,
        **said,
        **success,
    }
