"""What is attacked: the waveform, or the log-Mel spectrogram that a victim makes of it, as in the second paper.

Attacks work on rows of numbers in [-1, 1]. A space says how an utterance becomes such a row, what a victim makes of it, what is written
and how much a change of it weighs.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from staa_cli.audio.files import SAMPLE_RATE, Audio, quantise_adversarial, read_audio, write_wav
from staa_cli.audio.flac import write_flac
from staa_cli.audio.own_rate import add_at_own_rate
from staa_cli.audio.wav import PCM_SCALE, overwrite
from staa_cli.evaluation.recipe import DB
from staa_cli.evaluation.record import Perturbation
from staa_cli.evaluation.task import Task
from staa_cli.metrics.perturbation import linf, snr_energy_db, snr_peak_db, snr_segmental_db, sparsity_percent
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import write_bytes
from staa_cli.victims.base import SpectrogramVictim, Victim
from staa_cli.victims.checkpoint import LoadedVictim


class Space(Protocol):
    """
    Attributes:
        name: as in recipes.
        unit: what ε and max abs δ are multiplied by to be reported.
    """

    name: str
    unit: float

    def view(self, name: str, loaded: LoadedVictim) -> LoadedVictim:
        """The victim as it answers in this space.

        Raises:
            UsageError: it does not.
        """
        ...

    def encode(self, waveforms: Tensor) -> Tensor:
        """`(B, T)` → `(B, N)` in [-1, 1]"""
        ...

    def grain(self, audio: Sequence[Audio]) -> list[float]:
        """The steps in which each result will be written; 0 for a file that holds any number."""
        ...

    def write(self, folder: Path, task: Task, audio: Audio, adversarial: Tensor) -> None:
        """Keep `(N,)` as the task's output, or in its place there. `audio`: what it was made from."""
        ...

    def read(self, folder: Path, task: Task) -> Tensor:
        """What was written, `(N,)`."""
        ...

    def ratios(self, clean: Tensor, delta: Tensor) -> dict[str, Tensor]:
        """The signal-to-noise ratios, `(B, N)` → name → `(B,)`."""
        ...


class WaveformSpace:
    """16 kHz audio."""

    name, unit = "waveform", 1.0

    def view(self, name: str, loaded: LoadedVictim) -> LoadedVictim:
        return loaded

    def encode(self, waveforms: Tensor) -> Tensor:
        return waveforms

    def grain(self, audio: Sequence[Audio]) -> list[float]:
        return [1 / PCM_SCALE[one.subtype] if one.subtype in PCM_SCALE else 0.0 for one in audio]

    def write(self, folder: Path, task: Task, audio: Audio, adversarial: Tensor) -> None:
        path, rate = folder / task.output, SAMPLE_RATE
        if audio.original is None:
            samples = quantise_adversarial(audio.samples, adversarial, audio.subtype)
        else:
            samples, rate = add_at_own_rate(audio, adversarial.numpy()), audio.rate
        if task.written is not None:
            overwrite(path, task.written[0], samples, audio.subtype)
        else:
            (write_flac if task.form.container == "flac" else write_wav)(path, samples, audio.subtype, rate)

    def read(self, folder: Path, task: Task) -> Tensor:
        return torch.from_numpy(read_audio(folder / task.output, span=task.written).samples)

    def ratios(self, clean: Tensor, delta: Tensor) -> dict[str, Tensor]:
        return {
            "snr_peak_db": snr_peak_db(clean, delta),
            "snr_energy_db": snr_energy_db(clean, delta),
            "snr_segmental_db": snr_segmental_db(clean, delta),
        }


class LogMelSpace:
    """The spectrogram of a victim with such features: a row is its frames, one after the other.

    No audio has such a spectrogram: overlapping frames and the phases would have to agree. So what is written is the row itself, as `.npy`
    of shape `(frames, mels)`; and signal-to-noise ratios, which compare audio, are not a number.

    Args:
        threat: whose features are attacked.
    """

    name, unit = "logmel", DB

    def __init__(self, threat: SpectrogramVictim) -> None:
        self.threat = threat
        device = next(threat.parameters()).device
        self.mels = self.encode(torch.zeros(1, threat.min_samples, device=device), flat=False).shape[2]

    def view(self, name: str, loaded: LoadedVictim) -> LoadedVictim:
        victim = spectrogram_victim(name, loaded)
        return replace(loaded, victim=Victim(LogMelView(victim, self.mels), victim.labels, normalise=None).eval().requires_grad_(False))

    @torch.no_grad()
    def encode(self, waveforms: Tensor, *, flat: bool = True) -> Tensor:
        features = self.threat.features(waveforms) / DB + 1
        return features.flatten(1) if flat else features

    def grain(self, audio: Sequence[Audio]) -> list[float]:
        return [0.0] * len(audio)

    def write(self, folder: Path, task: Task, audio: Audio, adversarial: Tensor) -> None:
        buffer = io.BytesIO()
        np.save(buffer, adversarial.view(-1, self.mels).numpy())
        write_bytes(folder / task.output, buffer.getvalue())

    def read(self, folder: Path, task: Task) -> Tensor:
        return torch.from_numpy(np.load(folder / task.output, allow_pickle=False)).flatten()

    def ratios(self, clean: Tensor, delta: Tensor) -> dict[str, Tensor]:
        return dict.fromkeys(("snr_peak_db", "snr_energy_db", "snr_segmental_db"), clean.new_full((len(clean),), torch.nan))


class LogMelView(nn.Module):
    """A victim behind its features.

    Shape:
        `(B, frames · mels)` in [-1, 1] → `(B, K)`
    """

    def __init__(self, victim: SpectrogramVictim, mels: int) -> None:
        super().__init__()
        self.victim, self.mels = victim, mels

    def forward(self, rows: Tensor) -> Tensor:
        return self.victim.classify(DB * (rows.unflatten(1, (-1, self.mels)) - 1))


def spectrogram_victim(name: str, loaded: LoadedVictim) -> SpectrogramVictim:
    """
    Raises:
        UsageError: the victim takes waveforms.
    """
    if not isinstance(loaded.victim, SpectrogramVictim):
        raise UsageError(
            f"victim '{name}' takes waveforms, and 'space: logmel' makes none: attack and judge by models with log-Mel features, such as "
            "cnn-lstm of 'staa train-victim', or use 'space: waveform'"
        )
    return loaded.victim


def build_space(name: str, threat: str, loaded: LoadedVictim) -> Space:
    """
    Args:
        name: `waveform` or `logmel`.
        threat: what the threat model is called.

    Raises:
        UsageError: the threat model has no such space.
    """
    return LogMelSpace(spectrogram_victim(threat, loaded)) if name == "logmel" else WaveformSpace()


def measure(space: Space, clean: Tensor, adversarial: Tensor) -> list[Perturbation]:
    """How much each utterance was changed. `(B, N)`, in the space's own terms."""
    delta = adversarial - clean
    columns = {"sparsity_percent": sparsity_percent(delta), **space.ratios(clean, delta), "linf": space.unit * linf(delta)}
    finite = {name: [value if abs(value) < float("inf") else None for value in values.tolist()] for name, values in columns.items()}
    return [Perturbation(**dict(zip(finite, row, strict=True))) for row in zip(*finite.values(), strict=True)]
