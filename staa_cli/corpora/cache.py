"""The decoded audio of prepared corpora, kept between runs and mapped into memory.

One file for each split of a prepared folder: the number of samples of every utterance (int64), then all samples (int16), both little
endian. Training reads the pages that it needs, so memory does not grow with the corpus, and no epoch waits for a decoder. The files lie
in `$STAA_CACHE`, else in `$XDG_CACHE_HOME/staa` or `~/.cache/staa`; all of them may be removed at any time.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from staa_cli.audio.files import read_audio, to_integers
from staa_cli.corpora.manifest import Manifest, Row
from staa_cli.runtime.provenance import hash_json

Waveform = NDArray[np.int16]

SUFFIX, TEMPORARY = ".int16", ".tmp"
KEPT_DAYS, REMNANT_DAYS = 30, 1
"""How long a file stays that nobody used, and one that a kill left half written."""


def cache_folder() -> Path:
    """Where decoded audio is kept; it need not exist.

    Raises:
        OSError: nobody said where, and this user has no home.
    """
    if own := os.environ.get("STAA_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path("~/.cache").expanduser()) / "staa"
    except RuntimeError as error:
        raise OSError(str(error)) from None


def cache_key(manifest: Manifest, rows: Sequence[Row]) -> str:
    """What decoded audio belongs to: the manifest, and size and time of every file, in case one was replaced behind its back."""
    return hash_json([manifest.sha256, [[row.file, *stamp(manifest.folder / row.file)] for row in rows]])


def stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1  # whoever reads it says why it cannot be read
    return status.st_size, status.st_mtime_ns


def decode(manifest: Manifest, rows: Sequence[Row]) -> Iterator[Waveform]:
    """The samples of prepared utterances, one `(T,)` at a time.

    Raises:
        AudioError: a file is missing or damaged.
    """
    for row in rows:
        yield to_integers(read_audio(manifest.folder / row.file).samples, "PCM_16").astype("<i2")


def cached(manifest: Manifest, rows: Sequence[Row]) -> list[Waveform]:
    """The same, as views of one mapped file, which is built where it is missing.

    Two processes that build it at once write equal files, each under a name of its own, and the later one takes the place of the other:
    what the other mapped stays as it was.

    Raises:
        AudioError: a file is missing or damaged.
        OSError: the cache cannot be written.
    """
    path = cache_folder() / f"{cache_key(manifest, rows)}{SUFFIX}"
    views = map_file(path, len(rows))
    if views is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_unused(path.parent)
        build(path, manifest, rows)
        views = map_file(path, len(rows))
        if views is None:
            raise OSError(f"{path} changed while it was written")
    return views


def map_file(path: Path, count: int) -> list[Waveform] | None:
    """The views of a cached file, None where there is none or it is not whole."""
    try:
        data = np.memmap(path, dtype="<i2", mode="r")
    except (OSError, ValueError):  # an empty or odd file is a ValueError
        return None
    lengths = np.frombuffer(data[: 4 * count].tobytes(), dtype="<i8") if len(data) >= 4 * count else np.empty(0, "<i8")
    if len(lengths) != count or lengths.min() < 1 or len(data) != 4 * count + lengths.sum():
        return None
    with suppress(OSError):  # another user's
        os.utime(path)
    # Plain views: slices of a np.memmap object cost some microseconds each.
    samples = np.asarray(data)
    ends = 4 * count + np.cumsum(lengths)
    return [samples[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]


def build(path: Path, manifest: Manifest, rows: Sequence[Row]) -> None:
    """Write a cached file whole or not at all, one utterance in memory at a time."""
    handle, name = tempfile.mkstemp(TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            lengths = np.zeros(len(rows), dtype="<i8")
            file.write(lengths.tobytes())
            for index, samples in enumerate(decode(manifest, rows)):
                lengths[index] = len(samples)
                file.write(samples.tobytes())
            file.seek(0)
            file.write(lengths.tobytes())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_unused(folder: Path) -> None:
    """Remove what nobody used for long. Another process may be doing the same."""
    for suffix, days in ((SUFFIX, KEPT_DAYS), (TEMPORARY, REMNANT_DAYS)):
        for path in folder.glob(f"*{suffix}"):
            if 0 <= stamp(path)[1] < time.time_ns() - days * 86_400 * 10**9:
                path.unlink(missing_ok=True)
