"""Seconds per utterance of 6 s: the generator told nothing, the class, gradients; beside it PGD of 20 steps, sPGD and SparseFool.

Run by hand, from the repository's root, on a generator's threat model and a prepared corpus:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.generator_speed --threat VICTIM --data DATA

`--device cuda --batch 16` shows what a GPU makes of many utterances at once; seconds are per utterance all the same.

The generator's weights are fresh, which its time does not depend on; the attacks meet the real victim, as some stop where they succeed. All
take turns on each utterance, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from staa_cli.attacks.core.attack import Attack
from staa_cli.attacks.pgd import PGD
from staa_cli.attacks.sparse_pgd import SparsePGD
from staa_cli.attacks.sparsefool import SparseFool
from staa_cli.audio.budget import Budget
from staa_cli.corpora.manifest import read_manifest
from staa_cli.corpora.tensors import load_audio
from staa_cli.evaluation.attackers import GeneratorAttacker
from staa_cli.evaluation.request import settle
from staa_cli.generator.checkpoint import LoadedGenerator, build_generator
from staa_cli.generator.recipe import Sparsity, TrainGeneratorRecipe
from staa_cli.runtime.device import resolve_device, synchronize
from staa_cli.victims.checkpoint import LoadedVictim, load_victim

SECONDS, RATE, PERCENT = 6, 16_000, 6.25
BUDGET = Budget(peak_snr_db=20)
Work = Callable[[Tensor, Tensor], object]


def generator(threat: LoadedVictim, device: torch.device, size: str, guide: str, looks: int) -> Work:
    recipe = TrainGeneratorRecipe.model_validate(
        {"step": "train-generator", "size": size, "budget": BUDGET, "sparsity": Sparsity(), "guide": guide, "looks": looks}
    )
    network = build_generator(recipe, len(threat.labels)).eval().requires_grad_(False).to(device)
    attacker = GeneratorAttacker(LoadedGenerator(network, threat, [threat.model], recipe, ""), settle(recipe, PERCENT))

    def run(waveforms: Tensor, clean: Tensor) -> object:
        number = len(waveforms)
        if attacker.asks_prediction:
            clean = threat(waveforms).argmax(dim=1)
        return attacker.perturb(waveforms, clean, [None] * number, range(number), torch.full_like(waveforms[:, :1], 2.0**-15))

    return run


def baseline(attack: Attack, threat: LoadedVictim) -> Work:
    return lambda waveforms, clean: attack.run(threat.victim, waveforms, clean, range(len(waveforms)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threat", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--utterances", type=int, default=8)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = resolve_device(options.device)
    threat = load_victim(options.threat, device)
    manifest = read_manifest(options.data)
    waveforms, _ = load_audio(manifest, manifest.split("test")[: options.utterances]).batch(torch.arange(options.utterances), device)
    waveforms = waveforms.repeat(1, -(-SECONDS * RATE // waveforms.shape[1]))[:, : SECONDS * RATE]
    k = {"percent": PERCENT, "redraw": False}
    works: dict[str, Work] = {
        "STAA-Net small": generator(threat, device, "small", "none", 1),
        "STAA-Net small, conditional": generator(threat, device, "small", "prediction", 1),
        "STAA-Net small, guided, 1 look": generator(threat, device, "small", "gradient", 1),
        "STAA-Net small, guided, 3 looks": generator(threat, device, "small", "gradient", 3),
        "STAA-Net base": generator(threat, device, "base", "none", 1),
        "PGD, 20 steps": baseline(PGD(budget=BUDGET, steps=20, step_size=0.1, positions=k), threat),  # type: ignore[arg-type]
        "sPGD, at most 300 steps": baseline(SparsePGD(budget=BUDGET, percent=PERCENT), threat),
        "SparseFool": baseline(SparseFool(budget=BUDGET), threat),
    }
    seconds: dict[str, list[float]] = defaultdict(list)
    for number, batch in enumerate(waveforms.split(options.batch)):
        with torch.no_grad():
            clean = threat(batch).argmax(dim=1)
        for name, work in works.items():
            if not number:
                work(batch, clean)  # the first pass sets things up
            synchronize(device)
            start = perf_counter()
            work(batch, clean)
            synchronize(device)
            seconds[name].append((perf_counter() - start) / len(batch))
    pgd = median(seconds["PGD, 20 steps"])
    for name, taken in seconds.items():
        one = median(taken)
        found = {"attacker": name, "seconds": round(one, 4), "times real time": round(SECONDS / one, 1), "PGD takes": round(pgd / one, 1)}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
