"""The library's own measurement: an attack over waveforms that are tensors already, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from staa_cli.attacks.core.attack import Attack
from staa_cli.audio.files import SAMPLE_RATE, Audio, quantise_adversarial
from staa_cli.audio.wav import PCM_SCALE
from staa_cli.evaluation.attackers import Attacker, BaselineAttacker, GeneratorAttacker
from staa_cli.evaluation.inputs import Input
from staa_cli.evaluation.pipeline import Bench, Clip, work
from staa_cli.evaluation.record import Record
from staa_cli.evaluation.request import settle
from staa_cli.evaluation.spaces import WaveformSpace
from staa_cli.evaluation.summary import summarise
from staa_cli.evaluation.task import Task
from staa_cli.generator.checkpoint import LoadedGenerator
from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.references import Reference


class Memory(WaveformSpace):
    """Files that are never written."""

    def __init__(self) -> None:
        self.files: dict[Path, Tensor] = {}

    def write(self, folder: Path, task: Task, audio: Audio, adversarial: Tensor) -> None:
        self.files[folder / task.output] = torch.from_numpy(quantise_adversarial(audio.samples, adversarial, audio.subtype))

    def read(self, folder: Path, task: Task) -> Tensor:
        return self.files.pop(folder / task.output)


def evaluate(
    attack: Attack | LoadedGenerator,
    threat: nn.Module | LoadedVictim,
    waveforms: Tensor,
    labels: Sequence[int] | None = None,
    *,
    victims: Mapping[str, nn.Module | LoadedVictim] | None = None,
    seeds: Sequence[int] | None = None,
    batch_size: int = 8,
    sparsity: float | None = None,
    snr: float | None = None,
    target: str | None = None,
    refine: int = 0,
    perception: bool = False,
) -> dict[str, Any]:
    """Attack waveforms and measure what became of them; those in steps of 16 bits as a file of 16 bits would hold it.

    Args:
        attack: any attack, or a generator of `load_generator`.
        threat: the model attacked: any module from `(B, T)` to logits `(B, K)`, in evaluation mode, or one of `load_victim`.
        waveforms: `(N, T)` x in [-1, 1], on the model's device.
        labels: N true classes, for the accuracy.
        victims: further models that judge, by name.
        seeds: one per utterance; by default 0, 1, 2, …
        batch_size: utterances attacked at once.
        sparsity, snr, target, refine: of a generator: percent of the samples, peak SNR in dB, the label to reach, further looks;
            by default as its recipe has them.
        perception: whether what became of them is listened to; see `perceive`.

    Raises:
        UsageError: the generator was not trained for what is asked.
        StaaError: the attack made NaN, or went beyond its budget.
        UsageError: the generator is told the predictions of another model than `threat`.

    Returns:
        The `summary` of a run's `metrics.json`; the threat model is called `threat` there.
    """
    judges = {name: as_victim(name, model, waveforms) for name, model in {"threat": threat, **(victims or {})}.items()}
    attacker: Attacker
    if isinstance(attack, Attack):
        attacker, budget = BaselineAttacker(attack, judges["threat"]), attack.budget
    else:
        own = threat.sha256 == attack.threat.sha256 if isinstance(threat, LoadedVictim) else threat is attack.threat.victim
        if (attack.recipe.guide != "none" or refine) and not own:
            raise UsageError(
                f"the generator is guided by its own threat model '{attack.threat.model}', and 'threat' is another model: "
                "expected the generator's 'threat'"
            )
        asked = settle(attack.recipe, sparsity, snr, target, refine)
        attacker, budget = GeneratorAttacker(attack, asked), asked.budget
    bench = Bench(attacker, judges, Memory(), budget, Path(), waveforms.device, target, perception)
    known = judges["threat"].labels
    utterances = [
        clip(row, waveform, None if labels is None else known[labels[row]], row if seeds is None else seeds[row])
        for row, waveform in enumerate(waveforms.cpu())
    ]
    batches = (utterances[start : start + batch_size] for start in range(0, len(utterances), batch_size))
    records: list[Record] = []
    for found in (found for batch in batches for found in work(bench, batch)):
        if isinstance(found, str):
            raise StaaError(found)
        records += found
    return summarise(records, "threat")


@torch.no_grad()
def as_victim(name: str, model: nn.Module | LoadedVictim, waveforms: Tensor) -> LoadedVictim:
    """A plain module has the numbers of its outputs for labels, unless it has `labels`."""
    if isinstance(model, LoadedVictim):
        return model
    labels = getattr(model, "labels", None) or [str(number) for number in range(model(waveforms[:1]).shape[1])]
    return LoadedVictim(Victim(model, labels, normalise=None), name, Reference("module", Path(name), name))


def clip(row: int, waveform: Tensor, label: str | None, seed: int) -> Clip:
    name = f"{row}.wav"
    steps = waveform.double() * PCM_SCALE["PCM_16"]
    subtype = "PCM_16" if torch.equal(steps, steps.round()) else "FLOAT"
    audio = Audio(waveform.numpy(), subtype, SAMPLE_RATE, 1)
    return Clip(Task(Input(Path(name), name, label), name, name, seed), audio)
