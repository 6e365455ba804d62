"""Tables 2 and 3: accuracy and UAR of the victims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from staa_cli.reporting.model import Column, Row, Table, filled
from staa_cli.reporting.names import VICTIMS, in_order, victim_name
from staa_cli.reporting.pooling import Entry, pool
from staa_cli.reporting.published import sources_for
from staa_cli.reporting.runs import FinishedRun

SCORES = {"accuracy": "Accuracy (%)", "uar": "UAR (%)"}
SPLITS = ("val", "test")


def build_victims(runs: Sequence[FinishedRun], published: bool) -> list[Table]:
    """One table over all corpora: a row for each victim on each corpus."""
    columns = score_columns(SCORES)
    rows, notes = pool([entry(run) for run in runs], "model", columns)
    corpora = in_order((str(row["corpus"] or "") for row in rows), ())
    rows = ordered(rows, corpora)
    for source in sources_for("victims", corpora) if published else ():
        rows += source.rows()
        notes.append(source.note)
    columns = [
        Column("corpus", "Corpus", shown=len({row.get("corpus") for row in rows}) > 1),
        Column("model", "Model"),
        *filled(columns, rows),
    ]
    title = "Victim performance" + (f" on {corpora[0]}" if len(corpora) == 1 and corpora[0] else "")
    return [Table(title, columns, rows, notes, "victims", ("corpus",))]


def score_columns(measures: Mapping[str, str]) -> list[Column]:
    """A column for each split and measure (key → heading)."""
    return [
        Column(f"{split}_{measure}", heading, split.capitalize(), split, "count" if measure == "utterances" else "decimal")
        for split in SPLITS
        for measure, heading in measures.items()
    ]


def entry(run: FinishedRun) -> Entry:
    labels = {"corpus": run.corpus or None, "model": victim_name(run.text("model") or run.path.name)}
    values = {f"{split}_{score}": run.number(split, f"{score}_percent") for split in SPLITS for score in SCORES}
    return Entry(run, labels, "", values, run.settings)


def ordered(rows: Sequence[Row], corpora: Sequence[str], column: str = "model") -> list[Row]:
    """Corpora as they came, the victims that a column names as in the papers."""
    models = in_order((str(row[column]) for row in rows), VICTIMS.values())
    return sorted(rows, key=lambda row: (corpora.index(str(row["corpus"] or "")), models.index(str(row[column]))))
