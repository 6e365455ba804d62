"""How long an epoch of Emo18 takes in `staa train-victim`'s loop, and in a plain PyTorch loop over the same tensors.

Run by hand on a quiet machine, from the repository's root; the target is a ratio of at most 1.1:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.train_epoch --data runs/emodb/data

Both loops start from the same weights and see the same batches in the same order; the script checks that they end with the same weights.
The plain loop holds all waveforms as float32 on the device. Rounds alternate, so that a slow moment of the machine meets both.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import torch
from torch.nn.functional import cross_entropy

from staa_cli.corpora.manifest import read_manifest
from staa_cli.corpora.tensors import LabelledAudio, load_audio
from staa_cli.runtime.device import resolve_device, synchronize
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import build_victim
from staa_cli.victims.epoch import Epochs
from staa_cli.victims.recipe import TrainVictimRecipe
from staa_cli.victims.sampling import draw_order


def ours(victim: Victim, audio: LabelledAudio, files: list[str], recipe: TrainVictimRecipe, device: torch.device) -> float:
    epochs = Epochs(victim, torch.optim.Adam(victim.parameters(), lr=recipe.learning_rate), audio, files, recipe, device)
    synchronize(device)
    start = time.perf_counter()
    epochs.run(0)
    synchronize(device)
    return time.perf_counter() - start


def plain(victim: Victim, waveforms: torch.Tensor, targets: torch.Tensor, recipe: TrainVictimRecipe) -> float:
    optimizer = torch.optim.Adam(victim.parameters(), lr=recipe.learning_rate)
    order = draw_order(targets.cpu(), "shuffle", recipe.seed, 0).to(waveforms.device)
    victim.train()
    synchronize(waveforms.device)
    start = time.perf_counter()
    for indices in order.split(recipe.batch_size):
        if len(indices) > 1:
            loss = cross_entropy(victim(waveforms[indices]), targets[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    synchronize(waveforms.device)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder made by 'staa prepare'")
    parser.add_argument("--model", default="emo18")
    parser.add_argument("--utterances", type=int, help="take so many of the split 'train'; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device, manifest = resolve_device(options.device), read_manifest(options.data)
    recipe = TrainVictimRecipe(step="train-victim", model=options.model, batch_size=options.batch_size)
    rows = manifest.split("train")[: options.utterances]
    audio = load_audio(manifest, rows)
    waveforms, targets = audio.batch(torch.arange(len(audio)), device)

    def victim() -> Victim:
        return build_victim(recipe.model, manifest.labels, recipe.seed).to(device)

    print(f"{recipe.model}, {len(audio)} utterances of {waveforms.shape[1]} samples, {device}, {torch.get_num_threads()} threads")
    times = []
    for number in range(options.rounds + 1):
        one, other = victim(), victim()
        pair = [ours(one, audio, [row.file for row in rows], recipe, device), plain(other, waveforms, targets, recipe)]
        if not number:
            equal = all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
            print(f"equal weights after the epoch: {'yes' if equal else 'no'}; the first round warms up and is not counted")
            continue
        times.append(pair)
        print(f"round {number}: staa {pair[0]:.2f} s, plain {pair[1]:.2f} s, ratio {pair[0] / pair[1]:.3f}")
    print(f"median ratio {median(a / b for a, b in times):.3f}; fastest {min(a for a, _ in times) / min(b for _, b in times):.3f}")


if __name__ == "__main__":
    main()
