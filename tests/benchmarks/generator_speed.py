"""Seconds per utterance of 6 s: the generator unguided and guided, against PGD of 20 steps, sPGD and SparseFool on the same victim.

Run by hand, from the repository's root, on a generator's threat model and a prepared corpus:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.generator_speed --threat VICTIM --data DATA

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
from staa_cli.runtime.memory import keep_freed_memory
from staa_cli.victims.checkpoint import LoadedVictim, load_victim

SECONDS, RATE, PERCENT = 6, 16_000, 6.25
BUDGET = Budget(peak_snr_db=20)
Work = Callable[[Tensor, Tensor], object]


def generator(threat: LoadedVictim, size: str, guide: str, looks: int) -> Work:
    recipe = TrainGeneratorRecipe.model_validate(
        {"step": "train-generator", "size": size, "budget": BUDGET, "sparsity": Sparsity(), "guide": guide, "looks": looks}
    )
    network = build_generator(recipe, len(threat.labels)).eval().requires_grad_(False)
    attacker = GeneratorAttacker(LoadedGenerator(network, threat, [threat.model], recipe, ""), settle(recipe, PERCENT))
    grain = torch.full((1, 1), 2.0**-15)
    return lambda waveform, clean: attacker.perturb(waveform, clean, [None], [0], grain)


def baseline(attack: Attack, threat: LoadedVictim) -> Work:
    return lambda waveform, clean: attack.run(threat.victim, waveform, clean, [0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threat", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--utterances", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    threat = load_victim(options.threat)
    manifest = read_manifest(options.data)
    waveforms, _ = load_audio(manifest, manifest.split("test")[: options.utterances]).batch(
        torch.arange(options.utterances), torch.device("cpu")
    )
    waveforms = waveforms.repeat(1, -(-SECONDS * RATE // waveforms.shape[1]))[:, : SECONDS * RATE]
    k = {"percent": PERCENT, "redraw": False}
    works: dict[str, Work] = {
        "STAA-Net small": generator(threat, "small", "none", 1),
        "STAA-Net small, guided, 1 look": generator(threat, "small", "gradient", 1),
        "STAA-Net small, guided, 3 looks": generator(threat, "small", "gradient", 3),
        "STAA-Net base": generator(threat, "base", "none", 1),
        "PGD, 20 steps": baseline(PGD(budget=BUDGET, steps=20, step_size=0.1, positions=k), threat),  # type: ignore[arg-type]
        "sPGD, at most 300 steps": baseline(SparsePGD(budget=BUDGET, percent=PERCENT), threat),
        "SparseFool": baseline(SparseFool(budget=BUDGET), threat),
    }
    seconds: dict[str, list[float]] = defaultdict(list)
    for number, waveform in enumerate(waveforms.split(1)):
        with torch.no_grad():
            clean = threat(waveform).argmax(dim=1)
        for name, work in works.items():
            if not number:
                work(waveform, clean)  # the first pass sets things up
            start = perf_counter()
            work(waveform, clean)
            seconds[name].append(perf_counter() - start)
    pgd = median(seconds["PGD, 20 steps"])
    for name, taken in seconds.items():
        one = median(taken)
        found = {"attacker": name, "seconds": round(one, 4), "times real time": round(SECONDS / one, 1), "PGD takes": round(pgd / one, 1)}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
