"""What every reader yields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from staa_cli.recipes.corpus import PrepareRecipe
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
    """

    utterances: list[Utterance]
    problems: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


Reader = Callable[[Path, PrepareRecipe], Listing]


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


AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au", ".opus", ".w64", ".caf"})


def audio_files(folder: Path, without: Path | None = None) -> list[Path]:
    """Every audio file below `folder`, in an order that does not depend on the file system.

    Args:
        without: a folder to leave out, as hidden files and folders are.
    """
    found = (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and not path.is_dir())
    shown = (path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    return sorted(path for path in shown if without is None or not path.resolve().is_relative_to(without.resolve()))


def protect(path: Path, out: Path) -> None:
    """Refuse an output folder that is an input, or holds one: a run replaces it as a whole.

    Raises:
        UsageError: it is so.
    """
    if path.resolve() == out.resolve():
        raise UsageError(f"the output folder {out} is the input itself; choose another folder with -o")
    if path.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"the input {path} lies inside the output folder {out}, which a run replaces; choose another folder with -o")
