"""The utterances that a generator learns from, or is examined on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from staa_cli.corpora.manifest import Manifest, Row
from staa_cli.corpora.tensors import LabelledAudio, load_audio
from staa_cli.generator.guide import Guides
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.generator.staa_net import Request, STAANet
from staa_cli.runtime.parallel import ALONE, World
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.training import predict


@dataclass
class Pupils:
    """Utterances with what the first threat model says of them.

    Attributes:
        clean: `(N,)` its predictions, on the CPU.
        guides: its gradients, where the recipe wants them.
    """

    audio: LabelledAudio
    clean: Tensor
    guides: Guides | None

    @classmethod
    def of(
        cls,
        recipe: TrainGeneratorRecipe,
        threat: LoadedVictim,
        manifest: Manifest,
        rows: Sequence[Row],
        device: torch.device,
        world: World = ALONE,
    ) -> Self:
        audio = load_audio(manifest, rows)
        guides = Guides(threat.victim, recipe, len(rows), audio.samples) if recipe.guide == "gradient" else None
        return cls(audio, predict(threat.victim, audio, device, world=world), guides)

    def guided(self, network: STAANet, rows: Tensor, waveforms: Tensor, asked: Request, world: World = ALONE) -> Request:
        """The request, with the gradient where there is one. `rows` and `world`: as for `Guides`."""
        if self.guides is None:
            return asked
        return replace(asked, gradient=self.guides(rows, waveforms, network.epsilon(waveforms, asked), asked.targets, world))
