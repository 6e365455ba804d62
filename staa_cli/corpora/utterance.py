"""What every reader yields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Utterance:
    """One labelled recording.

    Attributes:
        path: the audio file.
        name: its path relative to the corpus, as it will be mirrored.
        gender: `female`, `male` or empty where unknown.
        language: ISO 639-1, or empty.
        split: only where the source fixes it.
    """

    path: Path
    name: str
    emotion: str
    speaker: str
    gender: str = ""
    language: str = ""
    split: str = ""


@dataclass
class Listing:
    """A corpus as found on disk.

    Attributes:
        problems: one sentence for each file that is there but cannot be an utterance. Nothing is dropped in silence.
    """

    utterances: list[Utterance]
    problems: list[str] = field(default_factory=list)


Reader = Callable[[Path], Listing]

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au", ".opus", ".w64", ".caf"})


def audio_files(folder: Path) -> list[Path]:
    """Every audio file below `folder`, hidden ones left out, in an order that does not depend on the file system."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and not path.is_dir())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
