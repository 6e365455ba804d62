"""Tables 4 and 5: attackers compared on one corpus. Table 6: STAA-Net without one of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from staa_cli.reporting.attack_notes import legend, notes_on_runs
from staa_cli.reporting.attackers import STAA_NET, attack_labels, ordered
from staa_cli.reporting.measures import HEADINGS, LEGENDS, OF_LABELS, measured_on_all, protocol_notes
from staa_cli.reporting.model import RUNS, Column, Kind, Row, Table, filled
from staa_cli.reporting.names import VICTIMS, in_order, victim_name
from staa_cli.reporting.pooling import Entry, pool
from staa_cli.reporting.published import Source, sources_for
from staa_cli.reporting.runs import FinishedRun

MEASURES: dict[str, tuple[str, Kind, tuple[str, ...]]] = {
    "snr": ("SNR (dB)", "decimal", ("snr_peak_db", "successful")),
    "sparsity": ("Sparsity (%)", "decimal", ("sparsity_percent", "successful")),
    "seconds": ("Speed (s)", "seconds", ("seconds_per_utterance",)),
    "queries": ("Queries", "count", ("queries", "all")),
    "stoi": ("STOI", "decimal", ("perception", "stoi", "successful")),
    "estoi": ("ESTOI", "decimal", ("perception", "estoi", "successful")),
    "audible": ("Audible (%)", "decimal", ("perception", "audible_percent", "successful")),
    **{name.lower(): (name, "decimal", ("perception", name.lower(), "successful")) for name in ("PESQ", "Zimtohrli")},
}
"""Column → heading, kind, place in the summary."""
ALWAYS = ("snr", "sparsity", "seconds")
"""Measures whose columns stand there also when they are empty."""
CLEAN = "clean_"
"""How the columns of what is without an attack begin."""
SPLITS = ("", "train", "val", "test")
TITLES = {"attacks": "Attack performance", "ablation": f"Ablation of {STAA_NET}"}


def build_attacks(runs: Sequence[FinishedRun], published: bool, measure: str = "asr") -> list[Table]:
    return build("attacks", runs, published, measure)


def build_ablation(runs: Sequence[FinishedRun], published: bool, measure: str = "asr") -> list[Table]:
    return build("ablation", runs, published, measure)


def build(name: str, runs: Sequence[FinishedRun], published: bool, measure: str = "asr") -> list[Table]:
    """One table for each corpus, with the paper's rows below ours; without runs the paper's alone. The paper prints success rates only."""
    if not runs:
        return [comparison(name, source.corpus, [], [source]) for source in sources_for(name, ())]
    corpora = in_order((run.corpus for run in runs), ())
    return [
        comparison(
            name,
            corpus,
            [run for run in runs if run.corpus == corpus],
            sources_for(name, (corpus,)) if published and measure == "asr" else [],
            measure,
        )
        for corpus in corpora
    ]


def comparison(name: str, corpus: str, runs: Sequence[FinishedRun], sources: Sequence[Source], measure: str = "asr") -> Table:
    """Threat models and attackers on one corpus ("" for audio that belongs to none)."""
    measured = [pair for run in runs for pair in measured_by(run)]
    rows, averaged = pool(entries(name, corpus, runs, measure), "attacker", number_columns(measured, measure))
    rows = ordered(rows)
    budgets = {row["budget"] for row in rows}
    printed = [row for source in sources for row in source.rows()]
    rows += printed
    numbers = number_columns([*measured, *measured_in(printed)], measure)
    present = filled(numbers, rows)
    columns = [
        Column("corpus", "Corpus", shown=len({row.get("corpus") for row in rows}) > 1),
        Column("threat_model", "Threat model"),
        Column("attacker", "Attacker"),
        Column("budget", "Budget", shown=len(budgets) > 1),
        *(column for column in numbers if column in present or column.key.split("_")[0] in ALWAYS),
        Column(RUNS, "Run", shown=False),
    ]
    title = f"{TITLES[name]} on {corpus or 'audio files'}"
    about = [LEGENDS[measure], *legend(runs), *protocol_notes(runs, measure)]
    notes = [*about, *averaged, *notes_on_runs(runs), *(source.note for source in sources)]
    return Table(title, columns, rows, notes, name, ("corpus", "threat_model"))


def number_columns(measured: Sequence[tuple[str, str]], measure: str = "asr") -> list[Column]:
    """Measures, then victims, each for every split that occurs; with accuracy and UAR also what they are without an attack."""
    splits = in_order((split for _, split in measured), SPLITS)
    victims = in_order((measure for measure, _ in measured if measure not in MEASURES), VICTIMS)
    columns = []
    clean = [f"{CLEAN}{victim}" for victim in victims if measure in OF_LABELS]
    headings = {f"{CLEAN}{victim}": f"Clean {measure} of {victim_name(victim)} (%)" for victim in victims}
    headings |= {victim: HEADINGS[measure].format(victim_name(victim)) for victim in victims}
    for name in (*MEASURES, *(one for pair in zip(clean or victims, victims, strict=True) for one in dict.fromkeys(pair))):
        heading, kind = MEASURES[name][:2] if name in MEASURES else (headings[name], "decimal")
        for split in splits:
            columns.append(Column(key_of(name, split), split.capitalize() or heading, heading if split else "", split, kind))
    return columns


def measured_by(run: FinishedRun) -> list[tuple[str, str]]:
    """What a run has numbers for: measures and victims, with its split ("" for none)."""
    return [(measure, run.text("split") or "") for measure in (*MEASURES, *run.mapping("victims"))]


def measured_in(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """The same of the paper's rows, from the names of their columns."""
    keys = dict.fromkeys(key for row in rows for key in row if key.endswith(("_val", "_test")))
    return [(measure, split) for measure, _, split in (key.rpartition("_") for key in keys)]


def key_of(measure: str, split: str) -> str:
    return f"{measure}_{split}" if split else measure


def entries(name: str, corpus: str, runs: Sequence[FinishedRun], measure: str) -> list[Entry]:
    """What each run says."""
    found = []
    for run in runs:
        split, victims = run.text("split") or "", run.mapping("victims")
        values = {key_of(one, split): run.number(*place) for one, (_, _, place) in MEASURES.items()}
        scored, beside = measured_on_all(run, measure)
        values |= {key_of(victim, split): value for victim, value in scored.items()}
        for victim in victims if measure in OF_LABELS else ():
            values[key_of(f"{CLEAN}{victim}", split)] = run.number("victims", victim, f"{measure}_percent", "clean")
        labels = {"corpus": corpus or None, **attack_labels(run, name)}
        found.append(Entry(run, labels, split, values, run.settings, {key_of(victim, split): noted for victim, noted in beside.items()}))
    return found
