"""Table 1: how emotions are distributed over the splits of a corpus; and the same speaker by speaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from staa_cli.reporting.model import Column, Number, Row, Table, filled
from staa_cli.reporting.names import corpus_name, in_order
from staa_cli.reporting.published import Source, sources_for
from staa_cli.reporting.runs import FinishedRun, as_number

SPLITS = ("train", "val", "test")
EXTRA = (Column("speakers", "Speakers", kind="count"), Column("minutes", "Min.", kind="decimal"))


Counts = dict[str, dict[str, dict[str, int]]]
"""Split → emotion → speaker → utterances."""


def counts_of(run: FinishedRun) -> Counts:
    """
    Raises:
        UsageError: they are damaged.
    """
    counts = run.mapping("counts")
    groups = [by for emotions in counts.values() for by in (emotions.values() if isinstance(emotions, dict) else [None])]
    if not counts or not all(isinstance(by, dict) and None not in map(as_number, by.values()) for by in groups):
        raise run.damaged("its 'counts' are no numbers by split, emotion and speaker")
    return counts


def labelled(runs: Sequence[FinishedRun]) -> list[tuple[FinishedRun, str]]:
    """Each run with its corpus's name; the folder tells apart several of one name."""
    names = [corpus_name(run.text("corpus") or "corpus") for run in runs]
    times = Counter(names)
    return [(run, name if times[name] == 1 else f"{name} ({run.path})") for run, name in zip(runs, names, strict=True)]


def build_corpus(runs: Sequence[FinishedRun], published: bool) -> list[Table]:
    """One table for each prepared corpus."""
    tables = [prepared(run, label) for run, label in labelled(runs)]
    return tables + [printed_table(source) for source in sources_for("corpus", ()) if published]


def build_speakers(runs: Sequence[FinishedRun], published: bool) -> list[Table]:
    """Split × speaker × gender × emotion, one table for each prepared corpus. No paper prints such a table."""
    return [speakers(run, label) for run, label in labelled(runs)]


def speakers(run: FinishedRun, label: str) -> Table:
    counts, emotions = counts_of(run), run.words("emotions")
    rows: list[Row] = []
    for split in in_order(counts, SPLITS):
        for speaker in run.mapping("speakers", split):
            by_emotion = {emotion: counts[split].get(emotion, {}).get(speaker, 0) for emotion in emotions}
            total = Number(sum(by_emotion.values()))
            cells = {emotion: Number(count) for emotion, count in by_emotion.items()}
            gender = run.text("speakers", split, speaker)
            rows.append({"corpus": label, "split": split, "speaker": speaker, "gender": gender, **cells, "total": total})
    columns = [
        Column("corpus", "Corpus", shown=False),
        Column("split", "Split"),
        Column("speaker", "Speaker"),
        Column("gender", "Gender"),
        *emotion_columns(emotions),
        Column("total", "Total", kind="count"),
    ]
    return Table(f"Speakers of {label}", columns, rows, name="speakers", sections=("split",))


def emotion_columns(emotions: Sequence[str]) -> list[Column]:
    return [Column(emotion, emotion[:1].upper() + emotion[1:], kind="count") for emotion in emotions]


def distribution(label: str, rows: list[Row], emotions: Sequence[str], notes: list[str]) -> Table:
    columns = [
        Column("corpus", "Corpus", shown=False),
        Column("split", "Split"),
        *emotion_columns(emotions),
        Column("total", "Total", kind="count"),
        *filled(EXTRA, rows),
    ]
    return Table(f"Emotion distribution of {label}", columns, rows, notes, "corpus")


def prepared(run: FinishedRun, label: str) -> Table:
    """Utterances by split and emotion, with speakers and minutes, and their sums."""
    counts = {split: {emotion: sum(by.values()) for emotion, by in emotions.items()} for split, emotions in counts_of(run).items()}
    splits = in_order(counts, SPLITS)
    emotions = run.words("emotions") or sorted({emotion for by in counts.values() for emotion in by})
    speakers = {split: set(run.mapping("speakers", split)) for split in splits}

    def row(name: str, members: Sequence[str]) -> Row:
        by_emotion = {emotion: sum(counts[split].get(emotion, 0) for split in members) for emotion in emotions}
        seconds = [run.number("seconds", split) for split in members]
        return {
            "corpus": label,
            "split": name,
            **{emotion: Number(count) for emotion, count in by_emotion.items()},
            "total": Number(sum(by_emotion.values())),
            "speakers": Number(len(set[str]().union(*(speakers[split] for split in members)))),
            "minutes": Number(sum(value for value in seconds if value is not None) / 60) if None not in seconds else None,
        }

    rows = [row(split, [split]) for split in splits]
    if len(splits) > 1:
        rows.append(row("total", splits))
    failed = run.number("failed")
    notes = [f"{failed:g} files could not be prepared and are not counted"] if failed else []
    return distribution(label, rows, emotions, notes)


def printed_table(source: Source) -> Table:
    rows = source.rows()
    emotions = [key for key in rows[0] if key not in ("corpus", "budget", "split", "total")]
    return distribution(f"{source.corpus} (published)", rows, emotions, [source.note])
