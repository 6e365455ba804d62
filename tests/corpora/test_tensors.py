"""Prepared audio, read in place: what the files hold, never more than a batch of it, and clear words where they are damaged."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from staa_cli.audio.files import encode_wav, read_audio, write_wav
from staa_cli.corpora.manifest import Manifest, Row
from staa_cli.corpora.tensors import load_audio, wav_header
from staa_cli.runtime.errors import StaaError

from ..conftest import tone

CPU = torch.device("cpu")


def prepared(folder: Path, samples: int = 4_000) -> Manifest:
    rows = [Row(f"{emotion}{number}.wav", emotion, "ann", "", "", "train", samples / 16_000) for number in range(3) for emotion in "ab"]
    for number, row in enumerate(rows):
        write_wav(folder / row.file, tone(300 + number, samples, number))
    return Manifest(folder, rows, "0")


@pytest.mark.parametrize("samples", [1, 3_999, 4_000])
def test_batches_are_what_the_files_hold(tmp_path: Path, samples: int) -> None:
    manifest = prepared(tmp_path, samples)
    audio = load_audio(manifest, manifest.rows)
    assert (len(audio), audio.samples) == (6, samples)
    waveforms, targets = audio.batch(torch.tensor([5, 2, 2]), CPU)
    for place, index in enumerate((5, 2, 2)):
        assert np.array_equal(waveforms[place].numpy(), read_audio(tmp_path / manifest.rows[index].file).samples)
        assert manifest.labels[targets[place]] == manifest.rows[index].emotion
    assert len(load_audio(manifest, [])) == 0


def test_the_header_is_the_one_that_prepare_writes() -> None:
    for samples in (1, 2, 48_000):
        data = encode_wav(np.zeros(samples), "PCM_16")
        assert data[: len(data) - 2 * samples] == wav_header(len(data))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "b1.wav does not exist"),
        (lambda path: path.write_bytes(b""), "b1.wav is an empty file"),
        (lambda path: path.write_bytes(b"dear diary"), "b1.wav cannot be read as audio"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1_000]), "b1.wav is truncated"),
        (lambda path: path.write_bytes(encode_wav(np.empty(0), "PCM_16")), "b1.wav holds 0 samples"),
        (lambda path: write_wav(path, np.zeros(3_999)), "b1.wav has 3999 samples where a0.wav has 4000"),
        (lambda path: write_wav(path, np.zeros(4_000), "FLOAT"), "b1.wav is not as 'staa prepare' writes it"),
        (lambda path: soundfile.write(path, np.zeros((4_000, 2)), 16_000), "b1.wav is not as 'staa prepare' writes it"),
        (lambda path: soundfile.write(path, np.zeros(4_000), 8_000), "b1.wav is not as 'staa prepare' writes it"),
        (lambda path: path.write_bytes(path.read_bytes() + b"LIST\x04\0\0\0what"), "b1.wav is not as 'staa prepare' writes it"),
    ],
)
def test_a_spoilt_file_is_named_with_its_fault(tmp_path: Path, spoil: Callable[[Path], object], words: str) -> None:
    manifest = prepared(tmp_path)
    spoil(tmp_path / "b1.wav")
    with pytest.raises(StaaError, match=words):
        load_audio(manifest, manifest.rows)


def test_a_file_that_shrinks_later(tmp_path: Path) -> None:
    manifest = prepared(tmp_path)
    audio = load_audio(manifest, manifest.rows)
    os.truncate(tmp_path / "b1.wav", 1_000)
    with pytest.raises(StaaError, match=r"b1\.wav changed while it was read"):
        audio.batch(torch.arange(6), CPU)


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """200 utterances of 1 MB each are 200 MB; opening them takes next to nothing."""
    write_wav(tmp_path / "long.wav", torch.zeros(500_000))
    rows = [Row(f"{number}.wav", "a", "s", "", "", "train", 30.0) for number in range(200)]
    for row in rows:
        (tmp_path / row.file).symlink_to("long.wav")
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        audio = load_audio(Manifest(tmp_path, rows, "0"), rows)
        for indices in torch.arange(200).split(4):
            audio.batch(indices, CPU)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        os._exit(0 if grown < 60_000 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
