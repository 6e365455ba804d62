"""The steps that a batch of utterances takes, one function each: perturb, write and read back, placebo, measure, judge, record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import torch
from torch import Tensor

from staa_cli.audio.budget import Budget, add_within_range
from staa_cli.audio.files import Audio
from staa_cli.evaluation.attackers import Attacker
from staa_cli.evaluation.record import Perturbation, Record
from staa_cli.evaluation.spaces import Space, measure
from staa_cli.evaluation.task import Task
from staa_cli.metrics.margin import margin
from staa_cli.runtime.device import synchronize
from staa_cli.runtime.seeds import derive_seed
from staa_cli.runtime.version import __version__
from staa_cli.victims.checkpoint import LoadedVictim

Result = TypeVar("Result")


@dataclass(frozen=True)
class Clip:
    """A task with its audio."""

    task: Task
    audio: Audio


@dataclass(frozen=True)
class Bench:
    """What all batches of a run are worked on with.

    Attributes:
        attacker, victims: in `space`; the threat model is the first victim.
        folder: what is written goes there.
        target: of a targeted attack; success is then that the prediction is the target, also where it was before.
    """

    attacker: Attacker
    victims: Mapping[str, LoadedVictim]
    space: Space
    budget: Budget
    folder: Path
    device: torch.device
    target: str | None = None


@dataclass(frozen=True)
class Attacked:
    """What an attacker made of a batch.

    Attributes:
        adversarial: `(B, N)` on the CPU.
        queries: of each utterance, where they are counted.
        seconds: of the attack for one utterance, device synchronised.
    """

    adversarial: Tensor
    queries: list[int] | None
    seconds: float


def work(bench: Bench, batch: Sequence[Clip]) -> list[list[Record] | str]:
    """Attack utterances of one length. Returns: for each its records, one for each victim, or why there are none."""
    clean = bench.space.encode(torch.stack([torch.from_numpy(one.audio.samples) for one in batch]).to(bench.device))
    threat, *judges = bench.victims
    # The threat model's look at the clean utterance is the attacker's starting point and the judge's: it is made once.
    looked, asking = timed(bench.device, lambda: ask(bench.victims[threat], clean))
    perturbed = perturb(bench, batch, clean, looked.argmax(dim=1), asking if bench.attacker.asks_prediction else 0.0)
    original = clean.cpu()
    wrong = unsound(bench, original, perturbed.adversarial)
    if any(wrong):
        sound = [one for one, fault in zip(batch, wrong, strict=True) if fault is None]
        others = iter(work(bench, sound) if sound else [])
        return [next(others) if fault is None else fault for fault in wrong]
    written = write(bench, batch, perturbed.adversarial)
    before = {threat: looked, **{name: ask(bench.victims[name], clean) for name in judges}}
    forms = (written, perturbed.adversarial, placebo(original, (written - original).abs(), [one.task.seed for one in batch]))
    measures = list(zip(*(measure(bench.space, original, form) for form in forms[:2]), strict=True))
    epsilon = (bench.space.unit * bench.budget.epsilon(original)[:, 0]).tolist()
    verdicts = {}
    for name, victim in bench.victims.items():
        answers = [before[name], *(ask(victim, form.to(bench.device)) for form in forms)]
        beyond = torch.stack([margin(logits, before[name].argmax(dim=1), targeted=False) for logits in answers[:2]], dim=1)
        words = (victim.words(logits.argmax(dim=1)) for logits in answers)
        verdicts[name] = list(zip(zip(*words, strict=True), beyond.tolist(), strict=True))
    return [
        [record(bench, one, perturbed, row, name, *rows[row], epsilon[row], measures[row]) for name, rows in verdicts.items()]
        for row, one in enumerate(batch)
    ]


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
    return Attacked(outcome.adversarial.detach().cpu(), queries, (asking + seconds) / len(batch))


def timed(device: torch.device, function: Callable[[], Result]) -> tuple[Result, float]:
    """What a function returns, and the seconds that it took on the device, which nothing else kept busy."""
    synchronize(device)
    start = perf_counter()
    result = function()
    synchronize(device)
    return result, perf_counter() - start


def unsound(bench: Bench, clean: Tensor, adversarial: Tensor) -> list[str | None]:
    """What is wrong with each x_adv: neither ruined audio is written, nor a change beyond the budget, whatever an attacker did.

    Args:
        clean, adversarial: `(B, N)` on the CPU.
    """
    broken = (~adversarial.isfinite()).sum(dim=1).tolist()
    # Rounding of a float32 sum, as of x + δ and back.
    beyond = ((adversarial - clean).abs() - bench.budget.epsilon(clean)).amax(dim=1) > 1e-6
    return [
        f"the attack made {count} samples NaN or infinite" if count else "the attack went beyond the budget" if far else None
        for count, far in zip(broken, beyond.tolist(), strict=True)
    ]


def write(bench: Bench, batch: Sequence[Clip], adversarial: Tensor) -> Tensor:
    """Write `(B, N)` to the files of the batch. Returns: what they hold, `(B, N)`."""
    for one, row in zip(batch, adversarial, strict=True):
        bench.space.write(bench.folder / one.task.output, one.audio, row)
    return torch.stack([bench.space.read(bench.folder / one.task.output) for one in batch])


def placebo(clean: Tensor, sizes: Tensor, seeds: Sequence[int]) -> Tensor:
    """What an attack is to be compared with: its own changes, thrown about. Each size |δ_i| goes to a random sample and gets a random sign.

    So as many samples change, by as much, and nothing of where and whither is left. What noise of this size changes is no success.

    Args:
        clean, sizes: `(B, N)` on the CPU.
        seeds: one per utterance.
    """
    moved = []
    for row, sizes_of_row, seed in zip(clean, sizes, seeds, strict=True):
        random = torch.Generator().manual_seed(derive_seed(seed, "placebo"))
        signs = torch.randint(0, 2, row.shape, generator=random, dtype=row.dtype) * 2 - 1
        moved.append(sizes_of_row[torch.randperm(len(row), generator=random)] * signs)
    return add_within_range(clean, torch.stack(moved))


@torch.no_grad()
def ask(victim: LoadedVictim, waveforms: Tensor) -> Tensor:
    """`(B, N)` → `(B, K)` logits, on the same device."""
    logits: Tensor = victim(waveforms)
    return logits


def succeeded(clean: str, adversarial: str, target: str | None) -> bool:
    """Whether a prediction is as the attack wishes: another one than before, or the target."""
    return clean != adversarial if target is None else adversarial == target


def record(
    bench: Bench,
    clip: Clip,
    perturbed: Attacked,
    row: int,
    victim: str,
    predictions: Sequence[str],
    margins: Sequence[float],
    epsilon: float,
    measures: Sequence[Perturbation],
) -> Record:
    """
    Args:
        predictions: for x, for x_adv as written, for x_adv in memory, for the placebo.
        margins: of x and of x_adv as written, beyond the clean prediction.
        measures: of x_adv as written and in memory.
    """
    task, audio = clip.task, clip.audio
    clean, adversarial, in_memory, noise = predictions
    return Record(
        file=task.input.name,
        output=task.output,
        key=task.key,
        victim=victim,
        label=task.input.label,
        clean=clean,
        adversarial=adversarial,
        success=succeeded(clean, adversarial, bench.target),
        epsilon=epsilon,
        perturbation=measures[0],
        in_memory=measures[1],
        in_memory_adversarial=in_memory,
        in_memory_success=succeeded(clean, in_memory, bench.target),
        audio={
            "samples": len(audio.samples),
            "subtype": audio.subtype,
            "source_rate": audio.rate,
            "source_channels": audio.channels,
        },
        run={
            "seconds": perturbed.seconds,
            "batch": len(perturbed.adversarial),
            "device": str(bench.device),
            "version": __version__,
            "source": os.fsencode(os.path.relpath(task.input.path, bench.folder)).decode(errors="replace"),
        },
        placebo=noise,
        placebo_success=succeeded(clean, noise, bench.target),
        target=bench.target,
        space=bench.space.name,
        queries=None if perturbed.queries is None else perturbed.queries[row],
        gender=task.input.gender,
        language=task.input.language,
        margins=(margins[0], margins[1]) if all(map(isfinite, margins)) else None,
    )
