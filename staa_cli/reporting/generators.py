"""Trained generators one by one, so that a seed can be chosen among several: on val."""

from __future__ import annotations

from collections.abc import Sequence

from staa_cli.generator.names import generator_name
from staa_cli.reporting.model import RUNS, Column, Number, Row, Table, filled
from staa_cli.reporting.names import in_order, victim_name
from staa_cli.reporting.runs import FinishedRun
from staa_cli.reporting.victims import ordered

SPLITS = ("train", "val")
TELLING = ("corpus", "threat_model", "generator", "train_on", "seed", "epochs")
"""Where rows agree in these, they differ in what no column says: then their folders are shown."""
LEGEND = (
    "ASR: on the first threat model, in memory and without a placebo: to choose among seeds on val; 'staa attack' measures what they do",
    "Sparsity: on which this was measured; lower is sparser",
)


def build_generators(runs: Sequence[FinishedRun], published: bool) -> list[Table]:
    """One table over all corpora, a row for each run: what is to be chosen from is not averaged. No paper prints such a table."""
    if not runs:
        return []
    corpora = in_order((run.corpus for run in runs), ())
    rows = ordered([row_of(run) for run in runs], corpora, "threat_model")
    numbers = [Column(f"{split}_asr", split.capitalize(), "ASR (%)", split, "decimal") for split in SPLITS]
    columns = [
        Column("corpus", "Corpus", shown=len(corpora) > 1),
        Column("threat_model", "Threat model"),
        Column("generator", "Generator"),
        Column("train_on", "Trained on", shown=any(row["train_on"] not in (None, "train") for row in rows)),
        Column("seed", "Seed"),
        Column("epochs", "Epochs", kind="count"),
        *filled([Column("sparsity", "Sparsity (%)", kind="decimal"), *numbers], rows),
        Column(RUNS, "Run", shown=len({tuple(str(row[key]) for key in TELLING) for row in rows}) < len(rows)),
    ]
    title = "Generators" + (f" trained on {corpora[0]}" if len(corpora) == 1 and corpora[0] else "")
    return [Table(title, columns, rows, list(LEGEND), "generators", ("corpus", "threat_model"))]


def row_of(run: FinishedRun) -> Row:
    guide, train_on = run.recipe.get("guide"), run.recipe.get("train_on")
    name = generator_name(guide if isinstance(guide, str) else "", run.recipe.get("threshold") is not None)
    threats = run.words("threat_models") or [run.threat]
    measured = {
        "epochs": run.number("epochs"),
        "sparsity": next((value for split in reversed(SPLITS) if (value := run.number(split, "sparsity_percent")) is not None), None),
        **{f"{split}_asr": run.number(split, "asr_percent") for split in SPLITS},
    }
    return {
        "corpus": run.corpus or None,
        "threat_model": " and ".join(map(victim_name, threats)),
        "generator": f"{name} → any" if run.recipe.get("target") else name,
        "train_on": train_on if isinstance(train_on, str) else None,
        "seed": None if run.seed is None else str(run.seed),
        **{key: None if value is None else Number(value) for key, value in measured.items()},
        RUNS: str(run.path),
    }
