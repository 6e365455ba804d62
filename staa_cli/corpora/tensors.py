"""The audio of a prepared corpus as tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from staa_cli.corpora.cache import Waveform, cached, decode
from staa_cli.corpora.manifest import Manifest, Row
from staa_cli.runtime.errors import StaaError, explain_os_error


@dataclass(frozen=True)
class LabelledAudio:
    """Utterances of one length, as 16-bit integers that stay on the disk until a batch needs them.

    Attributes:
        samples: N waveforms `(T,)` int16, read only.
        targets: `(N,)` int64, indices into the manifest's labels.
    """

    samples: Sequence[Waveform]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """`(B, T)` float32 waveforms in [-1, 1] and `(B,)` targets on `device`."""
        samples = torch.from_numpy(np.stack([self.samples[index] for index in indices.tolist()]))
        return samples.to(device).float() / 2**15, self.targets[indices].to(device)


def load_audio(manifest: Manifest, rows: list[Row], warn: Callable[[str], None] = lambda _: None) -> LabelledAudio:
    """Open prepared utterances, all of one length, for training and evaluation.

    Args:
        warn: told where the cache of decoded audio cannot be used, and all audio is held in memory instead.

    Raises:
        StaaError: a file is missing, damaged or of another length.
    """
    labels = {label: index for index, label in enumerate(manifest.labels)}
    found: dict[str, Waveform] = {}
    for split in dict.fromkeys(row.split for row in rows):
        members = manifest.split(split)
        try:
            waveforms = cached(manifest, members)
        except OSError as error:
            warn(f"decoded audio cannot be kept ({explain_os_error(error)}), it is held in memory; set STAA_CACHE to a folder with space")
            waveforms = list(decode(manifest, members))
        found |= zip((row.file for row in members), waveforms, strict=True)
    for row in rows:
        if len(found[row.file]) != len(found[rows[0].file]):
            raise StaaError(
                f"{row.file} has {len(found[row.file])} samples where {rows[0].file} has {len(found[rows[0].file])}: "
                "training needs one length; prepare the corpus with 'seconds' set, for example --set seconds=3.0"
            )
    targets = torch.tensor([labels[row.emotion] for row in rows], dtype=torch.int64)
    return LabelledAudio([found[row.file] for row in rows], targets)
