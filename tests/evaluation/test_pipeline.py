"""What a batch goes through: records that read back, victims that are asked no more often than needed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from staa_cli.attacks.core.registry import attack_names
from staa_cli.attacks.pgd import PGD
from staa_cli.audio.budget import Budget
from staa_cli.audio.files import read_audio, write_wav
from staa_cli.evaluation.attackers import BaselineAttacker
from staa_cli.evaluation.inputs import Input, Inputs, collect
from staa_cli.evaluation.judging import placebo
from staa_cli.evaluation.loop import attack_all
from staa_cli.evaluation.pipeline import Bench
from staa_cli.evaluation.record import Failure, Record, read_records, write_records
from staa_cli.evaluation.spaces import WaveformSpace
from staa_cli.evaluation.task import make_tasks
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.references import Reference

from ..attacks.test_all_attacks import recipe
from ..conftest import World, tone

LOUD = Budget(linf=0.1)
SAMPLES = 500


class Counting(nn.Module):
    """A linear victim that counts the rows it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.randn(SAMPLES, 3, generator=torch.Generator().manual_seed(0))
        self.rows = 0

    def forward(self, waveforms: Tensor) -> Tensor:
        self.rows += len(waveforms)
        return waveforms @ self.weights


def counting(name: str) -> tuple[Counting, LoadedVictim]:
    network = Counting()
    return network, LoadedVictim(Victim(network, ["a", "b", "c"], normalise=None), name, Reference("staa", Path(name), name))


def bench(tmp_path: Path, attacker: BaselineAttacker, victims: dict[str, LoadedVictim]) -> Bench:
    (tmp_path / "out").mkdir()
    return Bench(attacker, victims, WaveformSpace(), LOUD, tmp_path / "out", torch.device("cpu"))


def inputs(tmp_path: Path, count: int = 2) -> Inputs:
    for number in range(count):
        write_wav(tmp_path / f"in/{number}.wav", tone(300 + 100 * number, SAMPLES, number))
    return collect([str(tmp_path / "in")], None, None, tmp_path / "out")


def test_the_clean_utterance_is_judged_once(tmp_path: Path) -> None:
    (ours, threat), (theirs, other) = counting("threat"), counting("other")
    attacker = BaselineAttacker(PGD(budget=LOUD, steps=4), threat)
    tasks = make_tasks(inputs(tmp_path), ["0", "1"], {}, 0)
    attack_all(bench(tmp_path, attacker, {"threat": threat, "other": other}), tasks)
    assert ours.rows == 2 * (1 + 4 + 3), "clean, four steps, the file as written, in memory, the placebo"
    assert theirs.rows == 2 * (1 + 3)


def test_a_placebo_is_the_attack_thrown_about() -> None:
    random = torch.Generator().manual_seed(0)
    clean = 0.5 * torch.rand(3, SAMPLES, generator=random)
    delta = 0.1 * torch.randn(clean.shape, generator=random) * (torch.rand(clean.shape, generator=random) < 0.1)
    made = placebo(clean, delta.abs(), [1, 2, 3])
    assert torch.allclose((made - clean).abs().sort().values, delta.abs().sort().values, atol=1e-6)
    assert ((made != clean) & (delta != 0)).sum() < 0.3 * (delta != 0).sum(), "other places"
    assert 0.3 < float(((made - clean)[made != clean] > 0).double().mean()) < 0.7, "other signs"
    assert torch.equal(made[1:2], placebo(clean[1:2], delta[1:2].abs(), [2])), "its batch does not matter"
    assert torch.equal(placebo(clean, torch.zeros_like(clean), [1, 2, 3]), clean)
    loud = 2 * clean - 1
    assert placebo(loud, 10 * delta.abs(), [1, 2, 3]).abs().max() <= 1


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("name", ["fgsm", "pgd", "bim"])
def test_a_sum_in_float32_does_not_round_beyond_the_budget(tmp_path: Path, name: str, subtype: str) -> None:
    """ε a little below a whole number of 16-bit steps: x + δ, rounded, is that number away from x."""
    _, threat = counting("threat")
    budget = Budget(linf=(2278 - 1e-3) / 2**15)
    found = inputs(tmp_path, 4)
    for file in found.files:
        write_wav(file.path, 0.9 * read_audio(file.path).samples / np.abs(read_audio(file.path).samples).max(), subtype)
    made = replace(bench(tmp_path, BaselineAttacker(recipe(name, {"linf": budget.linf}), threat), {"threat": threat}), budget=budget)
    for record in attack_all(made, make_tasks(found, list("0123"), {}, 0)):
        assert isinstance(record, Record)
        x, written = (read_audio(path).samples.astype(float) for path in (tmp_path / "in" / record.file, made.folder / record.output))
        epsilon = float(budget.epsilon(torch.zeros(1, 1)))
        assert 0.99 * epsilon < np.abs(written - x).max() <= epsilon
        assert record.perturbation.linf <= record.epsilon
        assert record.in_memory.linf <= record.epsilon


def test_records_read_back(tmp_path: Path) -> None:
    _, threat = counting("threat")
    found = inputs(tmp_path)
    for name, target in (("pgd", None), ("one-pixel", "b")):
        place = tmp_path / name
        place.mkdir()
        attacker = BaselineAttacker(recipe(name), threat, target=target)
        made = Bench(attacker, {"threat": threat}, WaveformSpace(), LOUD, place, torch.device("cpu"), target)
        records = attack_all(made, make_tasks(found, ["0", "1"], {}, 0))
        assert all(isinstance(record, Record) for record in records)
        assert [record for records in read_records(place)[0].values() for record in records] == records
        lines = (place / "results.jsonl").read_text()
        write_records(place, records)
        assert (place / "results.jsonl").read_text() == lines
        content = json.loads(lines.splitlines()[0])
        assert ("queries" in content, content.get("target")) == (name == "one-pixel", target)
        assert content["memory"].keys() >= {"adversarial", "success", "linf"}
        assert content["placebo"].keys() == {"adversarial", "success"}


def test_failures_are_no_finished_records(tmp_path: Path) -> None:
    write_records(tmp_path, [Failure("a.wav", "key", "damaged")])
    assert read_records(tmp_path) == ({}, 0)
    assert json.loads((tmp_path / "results.jsonl").read_text()) == {"file": "a.wav", "key": "key", "error": "damaged"}


def test_inputs_of_known_labels() -> None:
    labels = ["anger", "boredom", "boredom", None, "calm"]
    all_ = Inputs([Input(Path(f"{number}"), f"{number}", label) for number, label in enumerate(labels)], "emodb", "test")
    kept = all_.of_labels({"anger", "fear"})
    assert [file.name for file in kept.files] == ["0", "3"]
    assert kept.left_out == {"boredom": 2, "calm": 1}
    assert (kept.corpus, kept.split) == ("emodb", "test")


@pytest.mark.parametrize("name", attack_names())
def test_no_setting_hides_a_method(name: str) -> None:
    """A recipe is the attack that it describes: a key of the one must not stand where the other has a method."""
    from staa_cli.attacks.core.registry import find_attack
    from staa_cli.evaluation.recipe import schema_of

    own, schema = find_attack(name), schema_of(name)
    hidden = {key for key in schema.model_fields if callable(getattr(own, key, None))}
    assert not hidden
    assert schema.perturb is own.perturb
    assert schema.label is own.label


def test_a_generator_with_another_recipe_beside_it_is_refused(world: World, tmp_path: Path) -> None:
    import shutil

    from staa_cli.generator.checkpoint import load_generator
    from staa_cli.runtime.errors import UsageError

    shutil.copytree(world.generator, tmp_path / "generator")
    recipe = tmp_path / "generator/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("peak_snr_db: 10", "peak_snr_db: 11"))
    with pytest.raises(UsageError, match="is not the recipe that the weights beside it were trained with"):
        load_generator(tmp_path / "generator")
