"""What every victim is: raw waveform in, logits over named emotions out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from staa_cli.audio.length import repeat_or_cut
from staa_cli.victims.labels import merge

Normalisation = Callable[[Tensor], Tensor]


def z_score(waveforms: Tensor) -> Tensor:
    """Every utterance with mean 0 and deviation 1. `(B, T)` → `(B, T)`"""
    mean = waveforms.mean(dim=1, keepdim=True)
    deviation = waveforms.std(dim=1, keepdim=True, correction=0)
    # Silence has no deviation: the floor keeps it at zero, far below one step of 24-bit audio.
    return (waveforms - mean) / (deviation + 1e-8)


class Victim(nn.Module):
    """A speech emotion model under attack.

    Each utterance is z-scored inside the victim, after the perturbation, so that attackers work on the waveform in [-1, 1] and ε is
    on that scale. Utterances shorter than the network's receptive field are repeated.

    Args:
        network: maps normalised waveforms `(B, T)` to logits `(B, K)`.
        labels: the K emotions, in the order of the logits.
        min_samples: the shortest input that `network` takes.
        normalise: what the network expects to be done to a waveform; None for a network that takes it as it is.

    Attributes:
        assumptions: what was taken for granted of a model that does not say; users are told.

    Shape:
        waveforms `(B, T)` → logits `(B, K)`; T ≥ 1.
    """

    def __init__(
        self,
        network: nn.Module,
        labels: Sequence[str],
        min_samples: int = 1,
        normalise: Normalisation | None = z_score,
    ) -> None:
        super().__init__()
        self.network, self.labels, self.min_samples, self.normalise = network, list(labels), min_samples, normalise
        self.assumptions: list[str] = []

    def prepare(self, waveforms: Tensor) -> Tensor:
        """The network's input. `(B, T)` → `(B, max(T, min_samples))`"""
        if waveforms.shape[-1] < self.min_samples:
            waveforms = repeat_or_cut(waveforms, self.min_samples)
        return waveforms if self.normalise is None else self.normalise(waveforms)

    def forward(self, waveforms: Tensor) -> Tensor:
        logits: Tensor = self.network(self.prepare(waveforms))
        return logits


class SpectrogramVictim(Victim):
    """A victim in two steps: features that an attack may also work on directly, and their classification.

    Its network offers `features(waveforms)` and `classify(features)`.

    Shape:
        waveforms `(B, T)` → features `(B, frames, mels)` → logits `(B, K)`
    """

    def features(self, waveforms: Tensor) -> Tensor:
        """`(B, T)` → `(B, frames, mels)`, differentiable."""
        features: Tensor = self.network.features(self.prepare(waveforms))  # type: ignore[operator]
        return features

    def classify(self, features: Tensor) -> Tensor:
        """`(B, frames, mels)` → `(B, K)`"""
        logits: Tensor = self.network.classify(features)  # type: ignore[operator]
        return logits

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.classify(self.features(waveforms))


class Merged(nn.Module):
    """Several outputs of a model as one class, whose logit is their largest: the prediction stays the model's own.

    Shape:
        `(B, T)` → `(B, len(groups))`
    """

    def __init__(self, victim: nn.Module, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.victim, self.groups = victim, [list(group) for group in groups]

    def forward(self, waveforms: Tensor) -> Tensor:
        logits = self.victim(waveforms)
        return torch.stack([logits[:, group].amax(dim=1) for group in self.groups], dim=1)


def relabel(victim: Victim, words: Mapping[str, str]) -> Victim:
    """The victim in the corpus's words; words without an entry stay. Outputs that get one word become one class."""
    labels = [words.get(label, label) for label in victim.labels]
    merged, groups = merge(labels)
    if len(merged) < len(labels):
        whole = Victim(Merged(victim, groups), merged, normalise=None)
        whole.assumptions = victim.assumptions
        return whole
    victim.labels = labels
    return victim
