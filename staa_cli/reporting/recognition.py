"""What victims take for what, and for whom they work: confusion matrices, and scores by language and gender."""

from __future__ import annotations

from collections.abc import Sequence

from staa_cli.reporting.model import Column, Table, filled
from staa_cli.reporting.names import in_order, victim_name
from staa_cli.reporting.pooling import Entry, pool
from staa_cli.reporting.runs import FinishedRun, as_number
from staa_cli.reporting.victims import SCORES, SPLITS, ordered, score_columns

GROUPS = ("language", "gender")
CAPTION = "Utterances of each emotion by what they were recognised as"


def has_confusion(run: FinishedRun) -> bool:
    return run.command == "train-victim" and any(matrix_of(run, split) for split in SPLITS)


def matrix_of(run: FinishedRun, split: str) -> list[list[float]]:
    """What a split's emotions were taken for; empty where that was not counted, or not for each of them."""
    matrix, size = run.get(split, "confusion"), len(run.words("labels"))
    rows = [row for row in matrix if isinstance(row, list)] if isinstance(matrix, list) else []
    whole = len(rows) == size and all(len(row) == size and None not in map(as_number, row) for row in rows)
    return rows if whole else []


def has_groups(run: FinishedRun) -> bool:
    return run.command == "train-victim" and any(run.mapping(split, f"by_{group}") for split in SPLITS for group in GROUPS)


def build_confusion(runs: Sequence[FinishedRun], published: bool) -> list[Table]:
    """One table for each corpus and set of emotions: emotions in rows, what they were taken for in columns. No paper prints one."""
    alike: dict[tuple[str, tuple[str, ...]], list[FinishedRun]] = {}
    for run in runs:
        alike.setdefault((corpus_of(run), tuple(run.words("labels"))), []).append(run)
    return [confusion(corpus, emotions, members) for (corpus, emotions), members in alike.items()]


def build_groups(runs: Sequence[FinishedRun], published: bool) -> list[Table]:
    """Accuracy and UAR by language and gender, one table over all corpora."""
    if not runs:
        return []
    columns = score_columns({"utterances": "Utterances", **SCORES})
    rows, notes = pool([entry for run in runs for entry in group_entries(run)], "model", columns)
    rows = ordered(rows, in_order((str(row["corpus"] or "") for row in rows), ()))
    columns = [
        Column("corpus", "Corpus", shown=len({row["corpus"] for row in rows}) > 1),
        Column("model", "Model"),
        Column("by", "By"),
        Column("group", "Group"),
        *filled(columns, rows),
    ]
    return [Table("Victim performance by language and gender", columns, rows, notes, "groups", ("corpus", "model", "by"))]


def corpus_of(run: FinishedRun) -> str:
    return run.corpus


def labels_of(run: FinishedRun) -> dict[str, str | None]:
    return {"corpus": corpus_of(run) or None, "model": victim_name(run.text("model") or run.path.name)}


def confusion(corpus: str, emotions: Sequence[str], runs: Sequence[FinishedRun]) -> Table:
    columns = [
        Column("corpus", "Corpus", shown=False),
        Column("model", "Model"),
        Column("split", "Split"),
        Column("emotion", "Emotion"),
        *(Column(f"as_{emotion}", emotion, "As", kind="count") for emotion in emotions),
        Column("recall", "Recall (%)", kind="decimal"),
    ]
    rows, notes = pool([entry for run in runs for entry in confusion_entries(run, emotions)], "model", columns)
    title = "Confusion" + (f" on {corpus}" if corpus else "")
    return Table(title, columns, ordered(rows, [corpus]), [CAPTION, *notes], "confusion", ("model", "split"))


def confusion_entries(run: FinishedRun, emotions: Sequence[str]) -> list[Entry]:
    """An entry for each split and emotion."""
    found = []
    for split in SPLITS:
        matrix = matrix_of(run, split)
        for row, emotion in enumerate(emotions if matrix else ()):
            counts = dict(zip(emotions, matrix[row], strict=True))
            total = sum(counts.values())
            values: dict[str, float | None] = {f"as_{other}": count for other, count in counts.items()}
            values["recall"] = 100 * counts[emotion] / total if total else None
            found.append(Entry(run, {**labels_of(run), "split": split, "emotion": emotion}, "", values, run.settings))
    return found


def group_entries(run: FinishedRun) -> list[Entry]:
    """An entry for each language and gender."""
    found = []
    for by in GROUPS:
        for group in in_order((name for split in SPLITS for name in run.mapping(split, f"by_{by}")), ()):
            values: dict[str, float | None] = {}
            for split in SPLITS:
                place = (split, f"by_{by}", group)
                values[f"{split}_utterances"] = run.number(*place, "utterances")
                values |= {f"{split}_{score}": run.number(*place, f"{score}_percent") for score in SCORES}
            found.append(Entry(run, {**labels_of(run), "by": by, "group": group}, "", values, run.settings))
    return found
