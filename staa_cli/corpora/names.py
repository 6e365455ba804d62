"""Corpora whose file names say all: what their readers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from staa_cli.corpora.utterance import Listing, Utterance, audio_files


class Labels(NamedTuple):
    """What a file name tells; see `Utterance`."""

    emotion: str
    speaker: str
    gender: str
    language: str
    session: str = ""
    text: str = ""


class LeftOut(NamedTuple):
    """A file of the corpus that is not wanted, and why."""

    reason: str


def stem(path: Path) -> str:
    """`data/03a01Fa.wav` → `03a01Fa`."""
    return path.stem


def read_by_name(
    source: Path, parse: Callable[[str], Labels | LeftOut | None], expected: str, name: Callable[[Path], str] = stem
) -> Listing:
    """List the audio below `source`.

    Args:
        parse: the labels in a file's name, None where it is no name of this corpus.
        expected: the corpus and an example, for the sentence about a strange name.
        name: what of a path is parsed.
    """
    listing = Listing([])
    for path in audio_files(source):
        labels = parse(name(path))
        if labels is None:
            listing.problems.append(f"{path} is no name of {expected}")
        elif isinstance(labels, LeftOut):
            listing.left_out[labels.reason] += 1
        else:
            listing.utterances.append(Utterance(path, str(path.relative_to(source)), *labels))
    return listing
