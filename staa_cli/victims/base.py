"""What every victim is: raw waveform in, logits over named emotions out."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from staa_cli.audio.length import repeat_or_cut


class Victim(nn.Module):
    """A speech emotion model under attack.

    Each utterance is z-scored inside the victim, after the perturbation, so that attackers work on the waveform in [-1, 1] and ε is
    on that scale. Utterances shorter than the network's receptive field are repeated.

    Args:
        network: maps z-scored waveforms `(B, T)` to logits `(B, K)`.
        labels: the K emotions, in the order of the logits.
        min_samples: the shortest input that `network` takes.

    Shape:
        waveforms `(B, T)` → logits `(B, K)`; T ≥ 1.
    """

    def __init__(self, network: nn.Module, labels: Sequence[str], min_samples: int) -> None:
        super().__init__()
        self.network, self.labels, self.min_samples = network, list(labels), min_samples

    def forward(self, waveforms: Tensor) -> Tensor:
        if waveforms.shape[-1] < self.min_samples:
            waveforms = repeat_or_cut(waveforms, self.min_samples)
        mean = waveforms.mean(dim=1, keepdim=True)
        deviation = waveforms.std(dim=1, keepdim=True, correction=0)
        # Silence has no deviation: the floor keeps it at zero, far below one step of 24-bit audio.
        logits: Tensor = self.network((waveforms - mean) / (deviation + 1e-8))
        return logits
