"""Which files to attack, and where their adversarial versions go."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from staa_cli.corpora.manifest import Row, corpus_name, is_prepared, read_manifest
from staa_cli.corpora.utterance import audio_files, protect, spread, wav_names
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import places


@dataclass(frozen=True)
class Input:
    """One file.

    Attributes:
        name: the path that mirrors it in the output, with the input's own suffix.
        label: its emotion, where a manifest tells.
        split, manifest: where it belongs in a prepared folder, and the hash of that folder's manifest.
        gender, language: of the speaker, where a manifest tells.
    """

    path: Path
    name: str
    label: str | None = None
    split: str = ""
    manifest: str = ""
    gender: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Inputs:
    """All files of a run, sorted by name.

    Attributes:
        corpus, split: set where the input is one prepared folder.
        left_out: how many of each label were left out, because a victim does not know it.
        outputs: the WAV of every file, where they are some of more inputs; see `output_names`.
    """

    files: list[Input]
    corpus: str | None = None
    split: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    outputs: Sequence[str] | None = None

    @property
    def labels(self) -> set[str]:
        """The labels that occur."""
        return {file.label for file in self.files if file.label is not None}

    def of_labels(self, known: Collection[str]) -> Inputs:
        """Those of known labels, and those without one."""
        strange = Counter(file.label for file in self.files if file.label is not None and file.label not in known)
        return replace(self, files=[file for file in self.files if file.label not in strange], left_out=dict(sorted(strange.items())))

    def output_names(self) -> list[str]:
        """The WAV of every file."""
        return wav_names([file.name for file in self.files]) if self.outputs is None else list(self.outputs)


def collect(arguments: Sequence[str], listed: Sequence[str] | None, split: str | None, out: Path, limit: int | None = None) -> Inputs:
    """Expand INPUT arguments: files, folders, prepared folders.

    Args:
        listed: further paths, read from a list; None where no list was given.
        split: the split of prepared folders to take; None takes all.
        out: the output folder; files below it, and below its shards, are never inputs.
        limit: take at most so many, spread evenly over all.

    Raises:
        UsageError: an input does not exist, holds no audio, or the output would be written over it.
    """
    if listed is not None and not arguments and not listed:
        raise UsageError("the list of inputs is empty, expected at least one path")
    if not arguments and listed is None:
        raise UsageError("no INPUT given, expected audio files, folders, a prepared folder, or '-' for a list on standard input")
    files: list[Input] = []
    corpora: list[str | None] = []
    for argument in arguments:
        found, corpus = expand(Path(argument), split, out, alone=len(arguments) == 1 and not listed)
        files += found
        corpora.append(corpus)
    files += from_list(listed or [], out)
    files = list(dict.fromkeys(files))  # a file given twice is one file
    if split is not None and None in corpora:
        raise UsageError(
            f"the split '{split}' needs a folder made by 'staa prepare', with a manifest.csv; {arguments[corpora.index(None)]} has none"
        )
    if not files:
        raise UsageError(f"all listed inputs lie in the output folder {out}", "out")
    names = Counter(file.name for file in files)
    double = [name for name, count in names.items() if count > 1]
    if double:
        first = [str(file.path) for file in files if file.name == double[0]]
        raise UsageError(f"{' and '.join(first[:2])} would both be written to {double[0]}; attack them in separate runs")
    files.sort(key=lambda file: file.name)
    if limit is not None:
        files = spread(files, limit)
    single = len(corpora) == 1 and not listed
    return Inputs(files, corpora[0] if single else None, split if single else None)


def expand(path: Path, split: str | None, out: Path, *, alone: bool) -> tuple[list[Input], str | None]:
    """The files of one argument; the name of the corpus where it is a prepared folder."""
    protect(path, out)
    prefix = "" if alone else path.resolve().name
    if path.is_dir() and is_prepared(path):
        manifest = read_manifest(path)
        rows = manifest.split(split) if split else manifest.rows
        if not rows:
            known = ", ".join(sorted({row.split for row in manifest.rows}))
            raise UsageError(f"{path} has no utterance in split '{split}', found the splits {known}")
        corpus = corpus_name(path)
        return [as_input(row, path, prefix, manifest.sha256) for row in rows], corpus
    if path.is_dir():
        below = audio_files(path, out, shards_of(out))
        if not below:
            what = "is an empty folder" if not any(path.iterdir()) else "holds no audio file"
            raise UsageError(f"{path} {what}, expected .wav, .flac or other audio files")
        return [Input(file, os.path.join(prefix, file.relative_to(path))) for file in below], None
    if not path.exists():
        raise UsageError(f"{path} does not exist, expected an audio file or a folder")
    return [Input(path, path.name)], None


def shards_of(out: Path) -> Path:
    """Where the shards of a run are, each in a folder of its own."""
    return out.with_name(f"{out.resolve().name}.shards")


def as_input(row: Row, folder: Path, prefix: str, manifest: str) -> Input:
    name = os.path.join(prefix, row.file)
    return Input(folder / row.file, name, row.emotion, row.split, manifest, row.gender or None, row.language or None)


def from_list(paths: Iterable[str], out: Path) -> list[Input]:
    """Listed files; the output mirrors the tree below the folder that they have in common. One that is missing fails alone, later.

    The files of the output folder, of its workspace and of its shards are left out, because `find` lists them too.
    """
    target, workplace, _ = places(out)
    ours = {target, workplace, shards_of(target)}
    absolute = [path for path in map(Path, map(os.path.abspath, paths)) if not ours & set(path.resolve().parents)]
    if not absolute:
        return []
    root = os.path.commonpath([path.parent for path in absolute])
    return [Input(path, os.path.relpath(path, root)) for path in absolute]


def read_list(data: bytes, *, null: bool) -> list[str]:
    """Paths separated by newlines, or by NUL bytes as `find -print0` writes them."""
    separator = b"\0" if null else b"\n"
    return [os.fsdecode(entry) for entry in data.split(separator) if entry]
