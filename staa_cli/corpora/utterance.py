"""What every reader yields."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from staa_cli.runtime.errors import UsageError


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled recording.

    Attributes:
        path: the audio file.
        name: its path relative to the corpus, as it will be mirrored.
        gender: `female`, `male` or empty where unknown.
        language: ISO 639-1, or empty.
        session: the recording session, where the corpus has such.
        text: what is said, or its code; empty where the corpus does not tell.
        split: only where the source fixes it.
        start, end: the part of the recording, in seconds; `end` None is its end.
    """

    path: Path
    name: str
    emotion: str
    speaker: str
    gender: str = ""
    language: str = ""
    session: str = ""
    text: str = ""
    split: str = ""
    start: float = 0.0
    end: float | None = None


@dataclass
class Listing:
    """A corpus as found on disk.

    Attributes:
        problems: one sentence for each file that is there but cannot be an utterance. Nothing is dropped in silence.
        left_out: how many utterances are no part of what was asked for, by reason.
        warnings: what is odd about the corpus as a whole.
    """

    utterances: list[Utterance]
    problems: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


Item = TypeVar("Item")


def wav_names(names: Sequence[str]) -> list[str]:
    """The WAV that mirrors each file. Where `a.flac` and `a.wav` meet, the former becomes `a.flac.wav`.

    Raises:
        UsageError: two files would become one WAV.
    """
    plain = [str(Path(name).with_suffix(".wav")) for name in names]
    count = Counter(plain)
    wavs = [wav if count[wav] == 1 or Path(name).suffix == ".wav" else f"{name}.wav" for name, wav in zip(names, plain, strict=True)]
    for wav, count_ in Counter(wavs).items():
        if count_ > 1:
            both = [name for name, other in zip(names, wavs, strict=True) if other == wav]
            raise UsageError(f"{' and '.join(both[:2])} would both be written to {wav}; rename one, or take them in separate runs")
    return wavs


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """Up to `count` of the items, evenly spread: neighbours in a list often share speaker and emotion.

    Those of a smaller count are among them, so that a larger count goes on where a smaller one stopped: places are taken in the order of
    the sequence of J. G. van der Corput (1935), whose every start is spread evenly.
    """
    digits, wanted = len(items).bit_length(), min(count, len(items))
    places = set[int]()
    for number in range(2**digits):
        if len(places) == wanted:
            break
        places.add(int(f"{number:0{digits}b}"[::-1], 2) * len(items) >> digits)
    return [items[place] for place in sorted(places)]


AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au", ".opus", ".w64", ".caf"})


def audio_files(folder: Path, *without: Path) -> list[Path]:
    """Every audio file below `folder`, in an order that does not depend on the file system. Links to folders are followed.

    Args:
        without: folders to leave out, as hidden files and folders are.
    """
    left_out = set(map(os.path.realpath, without))
    return [Path(path) for path in walk(str(folder), left_out)]


def walk(folder: str, left_out: set[str]) -> Iterator[str]:
    """The audio files below `folder` as sorted paths are; `left_out` are folders that are not entered, resolved."""
    here = os.path.realpath(folder)
    if here in left_out:
        return
    with os.scandir(folder) as entries:
        shown = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in shown:
        try:
            folder_inside = entry.is_dir()
        except OSError:  # a link that leads to itself: whoever opens it says so
            yield entry.path
            continue
        if folder_inside:
            # A link to a folder above would lead round in circles.
            yield from walk(entry.path, left_out | {here})
        elif os.path.splitext(entry.name)[1].lower() in AUDIO_SUFFIXES:
            yield entry.path


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a path is below a folder once all symbolic links are followed."""
    root = os.path.realpath(folder)
    return os.path.commonpath([os.path.realpath(path), root]) == root


def protect(path: Path, out: Path) -> None:
    """Refuse an output folder that is an input, or holds one: a run replaces it as a whole.

    Raises:
        UsageError: it is so.
    """
    if path.resolve() == out.resolve():
        raise UsageError(f"the output folder {out} is the input itself", "out")
    if path.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"the input {path} lies inside the output folder {out}, which a run replaces", "out")
