"""Memory runs out, and the run goes on with less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.core.attack import Attack
from staa_cli.attacks.one_pixel import OnePixel
from staa_cli.attacks.pgd import PGD
from staa_cli.audio.budget import Budget
from staa_cli.audio.files import write_wav
from staa_cli.commands.output import Output
from staa_cli.evaluation.attackers import BaselineAttacker
from staa_cli.evaluation.inputs import collect
from staa_cli.evaluation.loop import attack_all
from staa_cli.evaluation.pipeline import Bench
from staa_cli.evaluation.record import Failure, Record
from staa_cli.evaluation.spaces import WaveformSpace
from staa_cli.evaluation.task import make_tasks
from staa_cli.runtime.memory import is_out_of_memory
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.references import Reference

from ..conftest import tone

LOUD = Budget(linf=0.1)
CPU = torch.device("cpu")


class Small(nn.Module):
    """A victim on a device with little memory."""

    def __init__(self, limit: int, error: Exception) -> None:
        super().__init__()
        self.limit, self.error, self.largest = limit, error, 0

    def forward(self, waveforms: Tensor) -> Tensor:
        if waveforms.numel() > self.limit:
            raise self.error
        self.largest = max(self.largest, len(waveforms))
        power = waveforms.square().mean(dim=1)
        return torch.stack([power, waveforms.abs().mean(dim=1), 0.3 - power], dim=1)


def allocation_error() -> RuntimeError:
    """What the CPU's allocator really says."""
    with pytest.raises(RuntimeError) as refusal:
        torch.empty(2**52)
    return refusal.value


ERRORS = {"accelerator": torch.OutOfMemoryError("CUDA out of memory"), "cpu": allocation_error(), "python": MemoryError()}


@pytest.mark.parametrize("kind", ERRORS)
def test_out_of_memory_is_told_from_other_errors(kind: str) -> None:
    assert is_out_of_memory(ERRORS[kind])
    wrapped = ValueError("the model failed")
    wrapped.__cause__ = ERRORS[kind]
    assert is_out_of_memory(wrapped)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def run(tmp_path: Path, attack: Attack, victim: Small, name: str, batch_size: int) -> list[Record | Failure]:
    """Attack five utterances of 500 samples and one of 800."""
    for index, length in enumerate((500, 500, 500, 500, 500, 800)):
        write_wav(tmp_path / f"in/{index}.wav", tone(300 + 100 * index, length, index))
    out = tmp_path / name
    out.mkdir()
    inputs = collect([str(tmp_path / "in")], None, None, out)
    tasks = make_tasks(inputs, [str(index) for index in range(6)], {}, 0)
    threat = LoadedVictim(Victim(victim, ["a", "b", "c"], normalise=None), "small", Reference("staa", Path("small"), "small"))
    attacker = BaselineAttacker(attack, threat, "prediction")
    bench = Bench(attacker, {"small": threat}, WaveformSpace(), LOUD, out, CPU)
    return attack_all(bench, tasks, batch_size=batch_size, listener=Output())


def wavs(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*.wav"))]


@pytest.mark.parametrize("kind", ERRORS)
def test_the_batch_is_halved_until_it_fits(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    attack, small = PGD(budget=LOUD, steps=2, step_size=0.5), Small(1_600, ERRORS[kind])
    records = run(tmp_path, attack, small, "little", batch_size=5)
    said = capfd.readouterr().err
    assert "out of memory on cpu: from here 2 utterances are attacked at once, not 5" in said
    assert said.count("out of memory") == 1
    assert small.largest <= 3, "what fits"
    assert [record.run["batch"] for record in records if isinstance(record, Record)] == [2, 2, 2, 2, 1, 1]
    run(tmp_path, attack, Small(10**9, MemoryError()), "much", batch_size=5)
    assert wavs(tmp_path / "little") == wavs(tmp_path / "much")


def test_candidates_of_an_attack_by_queries_are_halved_first(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    attack, small = OnePixel(budget=LOUD, steps=2, population=20, forward_batch=16), Small(3_300, ERRORS["accelerator"])
    run(tmp_path, attack, small, "little", batch_size=2)
    said = capfd.readouterr().err
    assert "from here 8 candidates pass the threat model at once, not 16" in said
    assert "from here 4 candidates" in said
    assert "utterances" not in said
    run(tmp_path, attack, Small(10**9, MemoryError()), "much", batch_size=2)
    assert wavs(tmp_path / "little") == wavs(tmp_path / "much")


def test_an_utterance_that_does_not_fit_alone_fails_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    records = run(tmp_path, PGD(budget=LOUD, steps=2, step_size=0.5), Small(700, ERRORS["cpu"]), "out", batch_size=2)
    assert [isinstance(record, Failure) for record in records] == [False] * 5 + [True]
    assert "5.wav: out of memory with this utterance alone" in capfd.readouterr().err
    assert "out of memory" in json.loads((tmp_path / "out/results.jsonl").read_text().splitlines()[-1])["error"]


def test_other_errors_are_not_swallowed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        run(tmp_path, PGD(budget=LOUD, steps=2), Small(0, RuntimeError("shapes cannot be multiplied")), "out", batch_size=2)
