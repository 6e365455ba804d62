"""Utterances of different lengths in one evaluation, for every attack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.core.registry import attack_names
from staa_cli.audio.budget import Budget
from staa_cli.audio.files import read_audio, write_wav
from staa_cli.evaluation.attackers import BaselineAttacker
from staa_cli.evaluation.inputs import collect
from staa_cli.evaluation.loop import attack_all
from staa_cli.evaluation.pipeline import Bench
from staa_cli.evaluation.record import Record
from staa_cli.evaluation.spaces import WaveformSpace
from staa_cli.evaluation.task import make_tasks
from staa_cli.victims.base import Victim, z_score
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.references import Reference

from ..attacks.test_all_attacks import LOUD, recipe
from ..conftest import tone

CPU = torch.device("cpu")
every_attack = pytest.mark.parametrize("name", attack_names())


def loaded(victim: Victim) -> LoadedVictim:
    return LoadedVictim(victim.eval().requires_grad_(False), "tiny", Reference("staa", Path("tiny"), "tiny"))


LENGTHS = (1, 2, 399, 1_000, 1_000, 1_001)


class Average(nn.Module):
    """A victim for utterances of any length, in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, 6, 40, stride=20)
        self.classifier = nn.Linear(6, 3)

    def forward(self, waveforms: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.convolution(waveforms.unsqueeze(1)).square().mean(dim=2))
        return logits


@every_attack
def test_utterances_of_different_lengths_in_one_evaluation(name: str, tmp_path: Path) -> None:
    for index, length in enumerate(LENGTHS):
        write_wav(tmp_path / f"in/{index}.wav", tone(300 + 100 * index, length, index))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        threat = loaded(Victim(Average(), ["a", "b", "c"], min_samples=400, normalise=z_score))
    out = tmp_path / "out"
    out.mkdir()
    inputs = collect([str(tmp_path / "in")], None, None, out)
    tasks = make_tasks(inputs, [str(index) for index in range(len(LENGTHS))], {}, 0)
    attacker = BaselineAttacker(recipe(name), threat, "prediction")
    bench = Bench(attacker, {"tiny": threat}, WaveformSpace(), Budget(**LOUD), out, CPU)
    records = [record for record in attack_all(bench, tasks, batch_size=3) if isinstance(record, Record)]
    assert [len(read_audio(out / record.output).samples) for record in records] == list(LENGTHS)
    assert all((record.perturbation.linf or 0) <= 0.1 + 1 / 2**15 for record in records)
    assert all((record.queries is None) == (recipe(name).needs in ("gradients", "nothing")) for record in records)
    assert len((out / "results.jsonl").read_text().splitlines()) == len(LENGTHS)
    assert all(json.loads(line)["file"] for line in (out / "results.jsonl").read_text().splitlines())
