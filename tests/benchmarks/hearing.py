"""What a threat model might hear in a generator's training beside what recipes have: does it help the attack to transfer?

Run by hand, from the repository's root (one core: an hour):

    make demo
    OMP_NUM_THREADS=1 python -m tests.benchmarks.hearing --data runs/demo/data --threat runs/demo/emo18 --victim runs/demo/zhao19 \\
        -o runs/hearing

A generator is trained for each trial and seed, and judged on val, where choices are made. The trials: the recipe, told nothing, and with:

- masks: bands and times masked, as recipes can have them;
- shuffle: the utterance cut at two random places, its blocks in random order (block shuffle, K. Wang et al., CVPR 2024);
- warp: time stretched and compressed smoothly, each moment by 10 % at most;
- features: a loss that drives the outputs of the threat model's last convolution away from those of the clean utterance, heard alike
  (learning transferable perturbations, K. Nakka, M. Salzmann, NeurIPS 2021).

Only masks are in the program: an option stays where it helps by more than the spread of the seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from staa_cli.app import app
from staa_cli.generator import epoch, hear, training
from staa_cli.generator.recipe import HearRecipe
from staa_cli.runtime.folders import read_metrics, runs_of
from staa_cli.victims.augment import uniform

SHUFFLE, WARP = 6, 7
"""Streams of a key; hearing has those before."""
WARPED, MOMENTS, WEIGHT = 0.1, 8, 1.0
MASKS = "augment={shift: 1.0, noise_snr_db: [0, 10], spectral_gain: 0.7, time_mask: 0.15, frequency_mask: 0.15}"
Summary = dict[str, Any]
Heard = Callable[[Tensor, Tensor, HearRecipe], Tensor]


def shuffled(waveforms: Tensor, keys: Tensor) -> Tensor:
    """`(B, T)`: three blocks of each, in random order."""
    length = waveforms.shape[1]
    cuts = (uniform(keys, SHUFFLE, 2) * length).long().sort(dim=1).values
    times = torch.arange(length, device=waveforms.device)
    block = (times >= cuts[:, :1]).long() + (times >= cuts[:, 1:])
    place = uniform(keys, SHUFFLE + 2, 3).argsort(dim=1).gather(1, block)
    # Samples by their block's place, and within a block as they were.
    return waveforms.gather(1, (place * length + times).argsort(dim=1))


def warped(waveforms: Tensor, keys: Tensor) -> Tensor:
    """`(B, T)`: time runs faster and slower, by `WARPED` at most."""
    length = waveforms.shape[1]
    rates = 1 + WARPED * (2 * uniform(keys, WARP, MOMENTS) - 1)
    smooth = interpolate(rates[:, None], size=length, mode="linear", align_corners=True)[:, 0]
    times = smooth.cumsum(1)
    times = (times - times[:, :1]) / (times[:, -1:] - times[:, :1]) * (length - 1)
    before = times.long().clamp(max=length - 2)
    share = times - before
    return waveforms.gather(1, before) * (1 - share) + waveforms.gather(1, before + 1) * share


def beside(change: Callable[[Tensor, Tensor], Tensor]) -> Heard:
    """Hearing with one change before it."""
    return lambda waveforms, keys, recipe: hear.hear(change(waveforms, keys), keys, recipe)


class FarFeatures(epoch.GeneratorEpochs):
    """Training with a loss on the features of the first threat model."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        last = [module for module in self.threats[0].victim.modules() if isinstance(module, nn.Conv1d | nn.Conv2d)][-1]
        self.features = torch.empty(0)
        last.register_forward_hook(self.keep)

    def keep(self, module: nn.Module, inputs: Any, features: Tensor) -> None:
        self.features = features

    def loss(self, indices: Tensor, keys: Tensor, judges: Sequence[int], random: torch.Generator) -> tuple[Tensor, Tensor]:
        own = self.world.crew(indices).part(indices)
        waveforms, _ = self.pupils.audio.batch(own, self.device)
        with torch.no_grad():
            self.threats[0](hear.hear(waveforms, keys[own].to(self.device), self.recipe.augment or HearRecipe()))
        clean = self.features
        loss, successes = super().loss(indices, keys, judges, random)
        far = (self.features - clean).square().mean() / clean.square().mean()
        return loss - WEIGHT * far.log(), successes


@contextmanager
def trial(name: str) -> Iterator[list[str]]:
    """The program under trial; what the recipe is told."""
    changes = {"shuffle": shuffled, "warp": warped}
    if name in changes:
        with patch.object(epoch, "hear", beside(changes[name])):
            yield []
    elif name == "features":
        with patch.object(training, "GeneratorEpochs", FarFeatures):
            yield []
    else:
        yield ["--set", MASKS] if name == "masks" else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder made by 'staa prepare'")
    parser.add_argument("--threat", required=True, help="a trained victim")
    parser.add_argument("--victim", action="append", default=[], help="judges, which training never hears; repeatable")
    parser.add_argument("--recipe", default="staa-net-demo")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--trials", default="none,masks,shuffle,warp,features")
    parser.add_argument("--sparsity", default="5,10")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    judges = [word for victim in options.victim for word in ("--victim", victim)]
    found: dict[tuple[str, str], list[Summary]] = defaultdict(list)
    for seed in options.seeds.split(","):
        for name in options.trials.split(","):
            folder = options.out / f"seed-{seed}" / name
            with trial(name) as told:
                chosen = [*told, "--set", "guide=none", "--set", f"epochs={options.epochs}", "--seed", seed]
                staa("train-generator", options.recipe, "--data", options.data, "--threat", options.threat, *chosen, "-o", folder)
            tried = folder.with_name(f"{name}-val")
            staa("attack", folder, options.data, "--split", "val", *judges, "--sparsity", options.sparsity, "-o", tried)
            # With one sparsity the folder is the run.
            for run in runs_of(tried):
                summary = read_metrics(run)["summary"]
                found[name, summary["attacker"]].append(summary)
    for (name, attacker), summaries in found.items():
        rates = {victim: spread([summary["victims"][victim] for summary in summaries]) for victim in summaries[0]["victims"]}
        print(json.dumps({"trial": name, "attacker": attacker, "seeds": len(summaries), **rates}, ensure_ascii=False))


def spread(rates: Sequence[Summary]) -> str:
    """Success over the seeds, and the placebo's."""
    success, noise = ([rate[f"{key}_percent"] for rate in rates] for key in ("asr", "placebo"))
    deviation = f" ± {stdev(success):.1f}" if len(success) > 1 else ""
    return f"{fmean(success):.1f}{deviation} ({fmean(noise):.1f})"


def staa(*words: object) -> None:
    """A command of the program, in this process, where the trial is."""
    with redirect_stdout(sys.stderr):
        if code := app([*map(str, words), "-q"], standalone_mode=False):
            raise SystemExit(code)


if __name__ == "__main__":
    main()
