"""Turning a corpus into a prepared folder: manifest, 16 kHz mono audio, counts."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from staa_cli.audio.files import RESAMPLER, SAMPLE_RATE
from staa_cli.corpora.checks import Prepared, findings
from staa_cli.corpora.convert import Converted, Failed, Order, convert, from_record, to_record
from staa_cli.corpora.listing import output_names
from staa_cli.corpora.manifest import Row, write_manifest
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.splits import SPLITS, assign_splits
from staa_cli.corpora.utterance import Listing, Utterance
from staa_cli.runtime.errors import Interrupted, StaaError
from staa_cli.runtime.folders import write_text
from staa_cli.runtime.listener import Listener
from staa_cli.runtime.workers import WorkerDied, available_cores, map_in_processes

JOURNAL = ".staa-prepared.jsonl"
# Below this many files a worker process takes longer to start than to save.
FILES_PER_WORKER = 50


def prepare(recipe: PrepareRecipe, listing: Listing, folder: Path, listener: Listener, workers: int | None = None) -> dict[str, Any]:
    """Read, shape and write every utterance of `listing` below `folder`, those that an earlier run has done excepted.

    A file that cannot be read is reported and left out; all others are done.

    Args:
        workers: processes; None takes one for each core where there is enough to do.

    Returns:
        The summary for `metrics.json`.

    Raises:
        Interrupted: Ctrl-C; what is finished is kept.
        StaaError: not one utterance could be prepared.
    """
    splits = assign_splits(listing.utterances, recipe.splits, recipe.seed)
    names = output_names(listing.utterances, pieces=recipe.longer == "split")
    converted = read_journal(folder)
    todo = [(utterance, name) for utterance, name in zip(listing.utterances, names, strict=True) if name not in converted]
    if converted:
        listener.message(f"{len(converted)} of {len(names)} utterances were finished before")
    workers = workers or min(available_cores(), 1 + len(todo) // FILES_PER_WORKER)
    failures = convert_all(recipe, todo, converted, folder, listener, workers)
    problems = [*listing.problems, *(failures[name] for name in names if name in failures)]
    for problem in problems:
        listener.error(problem)
    prepared = []
    for utterance, name in zip(listing.utterances, names, strict=True):
        if name in converted:
            shared = (utterance.emotion, utterance.speaker, utterance.gender, utterance.language, splits[utterance.speaker])
            rows = [Row(piece, *shared, samples / SAMPLE_RATE) for piece, samples in converted[name].pieces]
            prepared.append(Prepared(utterance, rows, converted[name].audio))
    if not prepared:
        raise StaaError("not one utterance could be prepared")
    manifest = [row for one in prepared for row in one.rows]
    write_manifest(folder, manifest)
    (folder / JOURNAL).unlink(missing_ok=True)
    checked, warnings = findings(prepared, {str(split): count for split, count in (recipe.expected or {}).items()})
    warnings += [*listing.warnings, *audio_warnings(converted)]
    for reason, count in sorted(listing.left_out.items()):
        listener.message(f"left out: {count} × {reason}")
    for warning in warnings:
        listener.warning(warning)
    return {
        **summarise(recipe.name, manifest, problems),
        "recordings": len(prepared),
        "left_out": dict(sorted(listing.left_out.items())),
        "audio": audio_summary(converted),
        "recorded_seconds": durations([one.split for one in prepared], [converted[name].seconds for name in names if name in converted]),
        **checked,
        "warnings": warnings,
    }


def convert_all(
    recipe: PrepareRecipe,
    todo: Sequence[tuple[Utterance, str]],
    converted: dict[str, Converted],
    folder: Path,
    listener: Listener,
    workers: int,
) -> dict[str, str]:
    """Do all and enter what comes out into `converted` and the journal. Returns the problems by name."""
    failures: dict[str, str] = {}
    total = len(todo) + len(converted)
    # The schema of a corpus's recipes is made in this process: what all corpora share travels.
    shared = PrepareRecipe.model_construct(**{name: getattr(recipe, name) for name in PrepareRecipe.model_fields})
    orders = (Order(utterance.path, utterance.start, utterance.end, folder, name, shared) for utterance, name in todo)
    try:
        with (
            (folder / JOURNAL).open("a") as journal,
            listener.progress("prepare", len(todo)) as step,
            closing(map_in_processes(convert, orders, workers, preload=convert.__module__)) as results,
        ):
            for place, result in results:
                utterance, name = todo[place]
                match result:
                    case Converted():
                        converted[name] = result
                        journal.write(json.dumps(to_record(name, result)) + "\n")
                        journal.flush()
                    case Failed(problem):
                        failures[name] = problem
                    case WorkerDied():
                        failures[name] = f"{utterance.path} cannot be read: {result}"
                step.advance()
    except KeyboardInterrupt:
        done = len(converted)
        raise Interrupted(f"interrupted after {done} of {total} utterances; run the same command again to go on") from None
    return failures


def read_journal(folder: Path) -> dict[str, Converted]:
    """What an earlier run finished, by name. A last line that a kill cut short is dropped from the file too."""
    try:
        lines = (folder / JOURNAL).read_text().splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        result = from_record(record)
        if all((folder / piece).is_file() for piece, _ in result.pieces):
            found[record["utterance"]] = result
    write_text(folder / JOURNAL, "".join(json.dumps(to_record(name, result)) + "\n" for name, result in found.items()))
    return found


def audio_summary(converted: dict[str, Converted]) -> dict[str, Any]:
    """What the recordings were and what was done to them."""
    rates = Counter(one.rate for one in converted.values())
    channels = Counter(one.channels for one in converted.values())
    return {
        "rates": {str(rate): count for rate, count in sorted(rates.items())},
        "channels": {str(number): count for number, count in sorted(channels.items())},
        "resampled": sum(rate != SAMPLE_RATE for rate in rates.elements()),
        "resampler": f"{RESAMPLER} {version(RESAMPLER)}, high quality",
        "trimmed_seconds": round(sum(one.trimmed for one in converted.values()), 3),
        "gain_limited": sum(one.limited for one in converted.values()),
        "clipped_recordings": sum(one.clipped > 0 for one in converted.values()),
    }


def durations(splits: Sequence[str], seconds: Sequence[float]) -> dict[str, Any]:
    """How long the recordings were before they were brought to one length: the numbers to choose that length by."""
    values = np.array(seconds)
    edges = np.histogram_bin_edges(values, bins=30)
    by_split = {split: values[[other == split for other in splits]] for split in SPLITS if split in splits}
    measures = {
        "min": values.min(),
        "median": np.median(values),
        "mean": values.mean(),
        "p90": np.quantile(values, 0.9),
        "max": values.max(),
    }
    return {
        **{name: round(float(value), 4) for name, value in measures.items()},
        "histogram": {
            "edges": [round(float(edge), 4) for edge in edges],
            **{split: np.histogram(part, edges)[0].tolist() for split, part in by_split.items()},
        },
    }


def audio_warnings(converted: dict[str, Converted]) -> list[str]:
    clipped = [name for name, one in converted.items() if one.clipped]
    limited = sum(one.limited for one in converted.values())
    warnings = []
    if clipped:
        warnings.append(f"{len(clipped)} recording(s) exceed full scale and were clipped, such as {min(clipped)}")
    if limited:
        warnings.append(f"{limited} recording(s) could not be made as loud as asked for without clipping; they are as loud as they can be")
    return warnings


def summarise(corpus: str, rows: Sequence[Row], problems: Sequence[str]) -> dict[str, Any]:
    """Split × emotion × speaker counts."""
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    speakers: dict[str, dict[str, str]] = defaultdict(dict)
    seconds: dict[str, float] = defaultdict(float)
    for row in rows:
        counts[row.split][row.emotion][row.speaker] += 1
        speakers[row.split][row.speaker] = speakers[row.split].get(row.speaker) or row.gender
        seconds[row.split] += row.seconds
    order = [split for split in SPLITS if split in counts]
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
