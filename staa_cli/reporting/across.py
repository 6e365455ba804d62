"""Attacks on several corpora side by side, as the second paper compares languages and speakers."""

from __future__ import annotations

from collections.abc import Sequence

from staa_cli.reporting.attack_notes import PLACEBO, notes_on_runs
from staa_cli.reporting.attackers import attack_labels, ordered
from staa_cli.reporting.measures import HEADINGS, LEGENDS, OF_LABELS, measured_on, protocol_notes
from staa_cli.reporting.model import RUNS, Column, Table
from staa_cli.reporting.names import in_order
from staa_cli.reporting.pooling import Entry, pool
from staa_cli.reporting.runs import FinishedRun

NO_ATTACK = "no attack"


def build_across(runs: Sequence[FinishedRun], measure: str = "asr") -> list[Table]:
    """One table: a row for each threat model and attacker, a column for each corpus. All is of the threat model itself."""
    corpora = in_order(map(corpus_of, runs), ())
    numbers = [place(corpus, corpora) for corpus in corpora]
    clean = unattacked(runs, measure) if measure in OF_LABELS else []
    rows, averaged = pool([*clean, *(attacked(run, measure) for run in runs)], "attacker", numbers)
    told = {key: {row[key] for row in rows if row["attacker"] != NO_ATTACK} for key in ("split", "budget")}
    columns = [
        Column("threat_model", "Threat model"),
        Column("attacker", "Attacker"),
        *(Column(key, key.capitalize(), shown=len(values) > 1) for key, values in told.items()),
        *numbers,
        Column(RUNS, "Run", shown=False),
    ]
    inputs = [note for corpus in corpora for note in notes_on_runs([run for run in runs if corpus_of(run) == corpus])]
    notes = [LEGENDS[measure], PLACEBO, *protocol_notes(runs, measure), *averaged, *inputs]
    return [Table(HEADINGS[measure].format("the threat model"), columns, ordered(rows), notes, "across", ("threat_model",))]


def corpus_of(run: FinishedRun) -> str:
    return run.corpus or "audio files"


def place(corpus: str, corpora: Sequence[str]) -> Column:
    """A corpus's column; the parts of one corpus stand under its name."""
    name, _, part = corpus.partition(" (")
    together = sum(other.partition(" (")[0] == name for other in corpora) > 1
    return Column(corpus, part.rstrip(")") or "all", name, kind="decimal") if together else Column(corpus, corpus, kind="decimal")


def attacked(run: FinishedRun, measure: str) -> Entry:
    corpus, (value, beside) = corpus_of(run), measured_on(run, run.threat, measure)
    return Entry(run, labels(run), corpus, {corpus: value}, run.settings, {corpus: beside})


def unattacked(runs: Sequence[FinishedRun], measure: str) -> list[Entry]:
    """What a threat model is without an attack, once for all attacks of one seed on the same inputs."""
    found: dict[tuple[object, ...], Entry] = {}
    for run in runs:
        value = run.number("victims", run.threat, f"{measure}_percent", "clean")
        entry = Entry(run, {**labels(run), "attacker": NO_ATTACK, "budget": None}, corpus_of(run), {corpus_of(run): value})
        found.setdefault((run.threat, corpus_of(run), run.inputs, str(run.seed), value), entry)
    return list(found.values())


def labels(run: FinishedRun) -> dict[str, str | None]:
    return {"split": run.text("split"), **attack_labels(run)}
