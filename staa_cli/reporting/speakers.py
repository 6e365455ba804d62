"""Attacks by the gender and the language of the speaker, from the results of single utterances."""

from __future__ import annotations

from collections.abc import Sequence

from staa_cli.reporting.attack_notes import PLACEBO
from staa_cli.reporting.attackers import attack_labels
from staa_cli.reporting.measures import HEADINGS, LEGENDS, score
from staa_cli.reporting.model import RUNS, Column, Table
from staa_cli.reporting.names import VICTIMS, in_order, victim_name
from staa_cli.reporting.outcomes import Judgement, outcomes
from staa_cli.reporting.pooling import Entry, pool
from staa_cli.reporting.runs import FinishedRun
from staa_cli.runtime.errors import UsageError

GROUPS = ("gender", "language")


def build_speakers_attacked(runs: Sequence[FinishedRun], measure: str = "asr") -> list[Table]:
    """One table over all corpora: a row for each attacker and group of speakers.

    Raises:
        UsageError: no run knows its speakers.
    """
    read = [(run, outcomes(run)) for run in runs]
    known = [(run, found) for run, found in read if any(one.gender or one.language for one in found)]
    if runs and not known:
        raise UsageError(f"{runs[0].path} does not know its speakers: attack a prepared folder again, whose manifest tells of them")
    victims = in_order((one.victim for _, found in known for one in found), VICTIMS)
    numbers = [Column("utterances", "n", kind="count")]
    numbers += [Column(name, HEADINGS[measure].format(victim_name(name)), kind="decimal") for name in victims]
    rows, notes = pool([entry for run, found in known for entry in entries(run, found, measure)], "attacker", numbers)
    labels = {"corpus": "Corpus", "split": "Split", "threat_model": "Threat model", "attacker": "Attacker", "budget": "Budget"}
    varying = {key for key in labels if len({str(row[key]) for row in rows}) > 1} | {"threat_model", "attacker"}
    columns = [
        *(Column(key, heading, shown=key in varying) for key, heading in labels.items()),
        *(Column("by", "By"), Column("group", "Group")),
        *numbers,
        Column(RUNS, "Run", shown=False),
    ]
    absent = [f"{run.path} is left out: it does not know its speakers" for run, found in read if run not in [one for one, _ in known]]
    notes = [LEGENDS[measure], PLACEBO, *notes, *absent]
    return [Table("Attacks by the speaker", columns, rows, notes, "attacked", ("corpus", "threat_model", "attacker"))]


def entries(run: FinishedRun, found: Sequence[Judgement], measure: str) -> list[Entry]:
    """An entry for each gender and language."""
    made = []
    for by in GROUPS:
        for group in sorted({value for one in found if (value := getattr(one, by))}):
            members = [one for one in found if getattr(one, by) == group]
            labels = {
                "corpus": run.corpus or None,
                "split": run.text("split"),
                **attack_labels(run),
                "by": by,
                "group": group,
            }
            scored = {name: score([one for one in members if one.victim == name], measure) for name in run.mapping("victims")}
            values = {"utterances": float(len({one.name for one in members}))} | {name: value for name, (value, _) in scored.items()}
            made.append(Entry(run, labels, "", values, run.settings, {name: beside for name, (_, beside) in scored.items()}))
    return made
