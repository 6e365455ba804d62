"""The audio of a prepared corpus as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from staa_cli.audio.files import read_audio, to_integers
from staa_cli.corpora.manifest import Manifest, Row
from staa_cli.runtime.errors import StaaError


@dataclass(frozen=True)
class LabelledAudio:
    """Utterances of one length, kept as 16-bit integers: half the memory, nothing lost.

    Attributes:
        samples: `(N, T)` int16.
        targets: `(N,)` int64, indices into the manifest's labels.
    """

    samples: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """`(B, T)` float32 waveforms in [-1, 1] and `(B,)` targets on `device`."""
        return self.samples[indices].to(device).float() / 2**15, self.targets[indices].to(device)


def load_audio(manifest: Manifest, rows: list[Row]) -> LabelledAudio:
    """Read prepared utterances, all of one length, for training and evaluation.

    Raises:
        StaaError: a file is missing, damaged or of another length.
    """
    labels = {label: index for index, label in enumerate(manifest.labels)}
    waveforms: list[Tensor] = []
    for row in rows:
        samples = torch.from_numpy(to_integers(read_audio(manifest.folder / row.file).samples, "PCM_16").astype("int16"))
        if waveforms and len(samples) != len(waveforms[0]):
            raise StaaError(
                f"{row.file} has {len(samples)} samples where {rows[0].file} has {len(waveforms[0])}: "
                "training needs one length; prepare the corpus with 'seconds' set, for example --set seconds=3.0"
            )
        waveforms.append(samples)
    if not waveforms:
        return LabelledAudio(torch.empty(0, 1, dtype=torch.int16), torch.empty(0, dtype=torch.int64))
    return LabelledAudio(torch.stack(waveforms), torch.tensor([labels[row.emotion] for row in rows]))
