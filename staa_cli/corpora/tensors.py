"""The audio of a prepared corpus as tensors."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from staa_cli.audio.files import SAMPLE_RATE, read_audio
from staa_cli.corpora.manifest import Manifest, Row
from staa_cli.runtime.errors import StaaError

HEADER = 44
"""Bytes before the samples of a WAV that `staa prepare` wrote."""


@dataclass(frozen=True)
class LabelledAudio:
    """Utterances of one length, as 16-bit WAVs that are read when a batch needs them: memory does not grow with the corpus.

    Attributes:
        files: N WAVs of `samples` samples each.
        targets: `(N,)` int64, indices into the manifest's labels.
    """

    files: Sequence[Path]
    samples: int
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """`(B, T)` float32 waveforms in [-1, 1] and `(B,)` targets on `device`.

        Raises:
            StaaError: a file was cut short since it was opened.
            OSError: or removed.
        """
        samples = np.empty((len(indices), self.samples), "<i2")
        for row, index in zip(samples, indices.tolist(), strict=True):
            # Straight to its place: one copy less than an array for each file.
            with self.files[index].open("rb", buffering=0) as file:
                file.seek(HEADER)
                if file.readinto(row) != row.nbytes:
                    raise StaaError(f"{self.files[index]} changed while it was read: it is shorter than before")
        return torch.from_numpy(samples).to(device).float().div_(2**15), self.targets[indices].to(device)


def load_audio(manifest: Manifest, rows: Sequence[Row]) -> LabelledAudio:
    """Open prepared utterances, all of one length, for training and evaluation.

    Raises:
        AudioError: a file is missing or damaged.
        StaaError: it is no WAV of 'staa prepare', or of another length than the others.
    """
    files, labels = [manifest.folder / row.file for row in rows], {label: index for index, label in enumerate(manifest.labels)}
    lengths = [count_samples(path) for path in files]
    for row, length in zip(rows, lengths, strict=True):
        if length != lengths[0]:
            raise StaaError(f"{row.file} has {length} samples where {rows[0].file} has {lengths[0]}: training needs one length", "seconds")
    return LabelledAudio(files, lengths[0] if files else 0, torch.tensor([labels[row.emotion] for row in rows], dtype=torch.int64))


def count_samples(path: Path) -> int:
    """The length of a WAV that `staa prepare` wrote.

    Raises:
        AudioError: the file is missing or damaged.
        StaaError: something else wrote it.
    """
    try:
        with path.open("rb") as file:
            header, size = file.read(HEADER), file.seek(0, 2)
    except OSError:
        header, size = b"", 0
    # The header holds the format and the size: a file that has just this one needs no decoder.
    if size <= HEADER or header != wav_header(size):
        read_audio(path)  # which says what is wrong with a damaged file
        raise StaaError(f"{path} is not as 'staa prepare' writes it (16 kHz, mono, 16-bit WAV); prepare the corpus again")
    return (size - HEADER) // 2


def wav_header(size: int) -> bytes:
    """What a 16 kHz mono 16-bit WAV of `size` bytes begins with."""
    return struct.pack(
        "<4sI8sIHHIIHH4sI", b"RIFF", size - 8, b"WAVEfmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16, b"data", size - HEADER
    )
