"""Turning a corpus into a prepared folder: manifest, 16 kHz mono audio, counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from staa_cli.corpora.manifest import Row, write_manifest
from staa_cli.corpora.splits import assign_splits
from staa_cli.corpora.utterance import Listing, Reader, Utterance, wav_names
from staa_cli.recipes.schema import PrepareRecipe
from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.runtime.output import Output

# Names as in recipes; modules are imported when used.
READERS = {"emodb": "emodb", "emovo": "emovo", "ravdess": "ravdess", "csv": "table"}


def list_corpus(recipe: PrepareRecipe, source: Path, without: Path | None = None) -> Listing:
    """What the corpus holds, restricted to the recipe's emotions.

    Args:
        without: a folder whose files are no part of the corpus: earlier output, say.

    Raises:
        UsageError: the source is missing, of the wrong layout, or holds nothing of what is wanted.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist, expected the corpus '{recipe.corpus}'; give its place with --source")
    if recipe.corpus != "csv" and not source.is_dir():
        raise UsageError(f"{source} is a file, expected the folder of the corpus '{recipe.corpus}'")
    reader: Reader = import_module(f"staa_cli.corpora.{READERS[recipe.corpus]}").read
    listing = reader(source)
    if without is not None:
        outside = without.resolve()
        listing.utterances = [utterance for utterance in listing.utterances if not utterance.path.resolve().is_relative_to(outside)]
    if not listing.utterances:
        hint = f"; for example: {listing.problems[0]}" if listing.problems else ""
        raise UsageError(f"{source} holds no utterance of the corpus '{recipe.corpus}'{hint}")
    if recipe.emotions is not None:
        found = Counter(utterance.emotion for utterance in listing.utterances)
        absent = [emotion for emotion in recipe.emotions if emotion not in found]
        if absent:
            raise UsageError(f"no utterance with emotion {', '.join(absent)} in {source}; found {', '.join(sorted(found))}")
        listing.utterances = [utterance for utterance in listing.utterances if utterance.emotion in recipe.emotions]
    return listing


def output_names(utterances: Sequence[Utterance]) -> list[str]:
    """Where each utterance goes: the corpus's own tree below `audio/`, as WAV."""
    return wav_names([str(Path("audio", utterance.name)) for utterance in utterances])


def prepare(recipe: PrepareRecipe, listing: Listing, folder: Path, output: Output) -> dict[str, Any]:
    """Read, unify and write every utterance of `listing` below `folder`.

    A file that cannot be read is reported and left out; all others are done.

    Returns:
        The summary for `metrics.json`.
    """
    from staa_cli.audio.files import SAMPLE_RATE, AudioError, read_audio, write_wav
    from staa_cli.audio.length import repeat_or_cut

    splits = assign_splits(listing.utterances, recipe.splits, recipe.seed)
    problems = list(listing.problems)
    rows = []
    names = output_names(listing.utterances)
    with output.progress("prepare", len(names)) as step:
        for utterance, name in zip(listing.utterances, names, strict=True):
            try:
                audio = read_audio(utterance.path)
            except AudioError as error:
                problems.append(str(error))
                continue
            finally:
                step.advance()
            samples = audio.samples
            if recipe.seconds is not None:
                samples = repeat_or_cut(samples, round(recipe.seconds * SAMPLE_RATE))
            write_wav(folder / name, samples, "PCM_16")
            split, seconds = splits[utterance.speaker], len(samples) / SAMPLE_RATE
            rows.append(Row(name, utterance.emotion, utterance.speaker, utterance.gender, utterance.language, split, seconds))
    for problem in problems:
        output.error(problem)
    if not rows:
        raise StaaError("not one utterance could be prepared")
    write_manifest(folder, rows)
    summary = summarise(recipe.corpus, rows, problems)
    for name, speakers in summary["speakers"].items():
        output.message(f"speakers of {name}: {', '.join(speakers)}")
    return summary


def summarise(corpus: str, rows: Sequence[Row], problems: Sequence[str]) -> dict[str, Any]:
    """Split × emotion × speaker counts."""
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    speakers: dict[str, dict[str, str]] = defaultdict(dict)
    seconds: Counter[str] = Counter()
    for row in rows:
        counts[row.split][row.emotion][row.speaker] += 1
        speakers[row.split][row.speaker] = row.gender
        seconds[row.split] += row.seconds  # type: ignore[assignment]
    order = [split for split in ("train", "val", "test") if split in counts]
    return {
        "corpus": corpus,
        "utterances": len(rows),
        "failed": len(problems),
        "problems": list(problems),
        "emotions": sorted({row.emotion for row in rows}),
        "seconds": {split: round(seconds[split], 3) for split in order},
        "speakers": {split: dict(sorted(speakers[split].items())) for split in order},
        "counts": {split: {emotion: dict(sorted(by.items())) for emotion, by in sorted(counts[split].items())} for split in order},
    }
