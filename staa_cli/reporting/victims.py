"""Tables 2 and 3: accuracy and UAR of the victims."""

from __future__ import annotations

import json
from collections.abc import Sequence

from staa_cli.reporting.model import Column, Row, Table
from staa_cli.reporting.names import VICTIMS, corpus_name, in_order, victim_name
from staa_cli.reporting.published import sources_for
from staa_cli.reporting.runs import Record, Run, pool

SCORES = {"accuracy": "Accuracy (%)", "uar": "UAR (%)"}
SPLITS = ("val", "test")


def build_victims(runs: Sequence[Run], published: bool) -> list[Table]:
    """One table over all corpora: a row for each victim on each corpus."""
    rows, notes = pool([record(run) for run in runs], "model")
    corpora = in_order((str(row["corpus"] or "") for row in rows), ())
    rows = ordered(rows, corpora)
    for source in sources_for("victims", corpora) if published else ():
        rows += source.rows()
        notes.append(source.note)
    scores = [
        Column(f"{split}_{score}", heading, split.capitalize(), split, "decimal")
        for split in SPLITS
        for score, heading in SCORES.items()
        if any(row.get(f"{split}_{score}") is not None for row in rows)
    ]
    columns = [Column("corpus", "Corpus", shown=len({row.get("corpus") for row in rows}) > 1), Column("model", "Model"), *scores]
    title = "Victim performance" + (f" on {corpora[0]}" if len(corpora) == 1 and corpora[0] else "")
    return [Table(title, columns, rows, notes, "victims", ("corpus",))]


def record(run: Run) -> Record:
    labels = {"corpus": corpus_name(run.text("corpus") or "") or None, "model": victim_name(run.text("model") or run.path.name)}
    values = {f"{split}_{score}": run.number(split, f"{score}_percent") for split in SPLITS for score in SCORES}
    return Record(run, labels, "", values, run.settings, json.dumps(run.inputs, sort_keys=True))


def ordered(rows: Sequence[Row], corpora: Sequence[str]) -> list[Row]:
    """Corpora as they came, victims as in the papers."""
    models = in_order((str(row["model"]) for row in rows), VICTIMS.values())
    return sorted(rows, key=lambda row: (corpora.index(str(row["corpus"] or "")), models.index(str(row["model"]))))
