"""What victims take for what, and for whom they work: confusion matrices, and scores by language and gender."""

from __future__ import annotations

import json
from collections.abc import Sequence

from staa_cli.reporting.model import Column, Table
from staa_cli.reporting.names import corpus_name, in_order, victim_name
from staa_cli.reporting.runs import Record, Run, pool
from staa_cli.reporting.victims import SCORES, SPLITS, ordered

GROUPS = ("language", "gender")
CAPTION = "Utterances of each emotion by what they were recognised as"


def has_confusion(run: Run) -> bool:
    return run.command == "train-victim" and any(isinstance(run.get(split, "confusion"), list) for split in SPLITS)


def has_groups(run: Run) -> bool:
    return run.command == "train-victim" and any(run.mapping(split, f"by_{group}") for split in SPLITS for group in GROUPS)


def build_confusion(runs: Sequence[Run], published: bool) -> list[Table]:
    """One table for each corpus and set of emotions: emotions in rows, what they were taken for in columns. No paper prints one."""
    alike: dict[tuple[str, tuple[str, ...]], list[Run]] = {}
    for run in runs:
        alike.setdefault((corpus_of(run), tuple(run.get("labels") or ())), []).append(run)
    return [confusion(corpus, emotions, members) for (corpus, emotions), members in alike.items()]


def build_groups(runs: Sequence[Run], published: bool) -> list[Table]:
    """Accuracy and UAR by language and gender, one table over all corpora."""
    if not runs:
        return []
    rows, notes = pool([record for run in runs for record in group_records(run)], "model")
    rows = ordered(rows, in_order((str(row["corpus"] or "") for row in rows), ()))
    measures = {"utterances": "Utterances", **SCORES}
    columns = [
        Column("corpus", "Corpus", shown=len({row["corpus"] for row in rows}) > 1),
        Column("model", "Model"),
        Column("by", "By"),
        Column("group", "Group"),
        *(
            Column(f"{split}_{measure}", heading, split.capitalize(), split, "count" if measure == "utterances" else "decimal")
            for split in SPLITS
            for measure, heading in measures.items()
            if any(row.get(f"{split}_{measure}") is not None for row in rows)
        ),
    ]
    return [Table("Victim performance by language and gender", columns, rows, notes, "groups", ("corpus", "model", "by"))]


def corpus_of(run: Run) -> str:
    return corpus_name(run.text("corpus") or "")


def labels_of(run: Run) -> dict[str, str | None]:
    return {"corpus": corpus_of(run) or None, "model": victim_name(run.text("model") or run.path.name)}


def confusion(corpus: str, emotions: Sequence[str], runs: Sequence[Run]) -> Table:
    rows, notes = pool([record for run in runs for record in confusion_records(run, emotions)], "model")
    columns = [
        Column("corpus", "Corpus", shown=False),
        Column("model", "Model"),
        Column("split", "Split"),
        Column("emotion", "Emotion"),
        *(Column(f"as_{emotion}", emotion, "As", kind="count") for emotion in emotions),
        Column("recall", "Recall (%)", kind="decimal"),
    ]
    title = "Confusion" + (f" on {corpus}" if corpus else "")
    return Table(title, columns, ordered(rows, [corpus]), [CAPTION, *notes], "confusion", ("model", "split"))


def confusion_records(run: Run, emotions: Sequence[str]) -> list[Record]:
    """A record for each split and emotion."""
    inputs = json.dumps(run.inputs, sort_keys=True)
    found = []
    for split in SPLITS:
        matrix = run.get(split, "confusion") or []
        for row, emotion in enumerate(emotions if matrix else ()):
            counts = dict(zip(emotions, matrix[row], strict=True))
            total = sum(counts.values())
            values: dict[str, float | None] = {f"as_{other}": count for other, count in counts.items()}
            values["recall"] = 100 * counts[emotion] / total if total else None
            found.append(Record(run, {**labels_of(run), "split": split, "emotion": emotion}, "", values, run.settings, inputs))
    return found


def group_records(run: Run) -> list[Record]:
    """A record for each language and gender."""
    inputs = json.dumps(run.inputs, sort_keys=True)
    found = []
    for by in GROUPS:
        for group in in_order((name for split in SPLITS for name in run.mapping(split, f"by_{by}")), ()):
            values: dict[str, float | None] = {}
            for split in SPLITS:
                place = (split, f"by_{by}", group)
                values[f"{split}_utterances"] = run.number(*place, "utterances")
                values |= {f"{split}_{score}": run.number(*place, f"{score}_percent") for score in SCORES}
            found.append(Record(run, {**labels_of(run), "by": by, "group": group}, "", values, run.settings, inputs))
    return found
