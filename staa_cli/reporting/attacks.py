"""Tables 4 and 5: attackers compared on one corpus. Table 6: STAA-Net without one of its parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from staa_cli.reporting.model import Column, Kind, Row, Table
from staa_cli.reporting.names import VICTIMS, corpus_name, in_order, victim_name
from staa_cli.reporting.published import Source, sources_for
from staa_cli.reporting.runs import Record, Run, pool

STAA_NET = "STAA-Net"
MEASURES: dict[str, tuple[str, Kind, tuple[str, ...]]] = {
    "snr": ("SNR (dB)", "decimal", ("snr_peak_db", "successful")),
    "sparsity": ("Sparsity (%)", "decimal", ("sparsity_percent", "successful")),
    "seconds": ("Speed (s)", "seconds", ("seconds_per_utterance",)),
    "queries": ("Queries", "count", ("queries", "all")),
}
"""Column → heading, kind, place in the summary."""
ALWAYS = ("snr", "sparsity", "seconds")
"""Measures whose columns stand there also when they are empty."""
SPLITS = ("", "train", "val", "test")
CAPTION = (
    "A victim's column is its attack success rate: the share of all utterances whose prediction changes. "
    "SNR (peak ratio) and sparsity are means over successes."
)
TARGETED = "An attacker with an arrow is targeted: it succeeds where the prediction is the label behind the arrow."
LOG_MEL = "An attacker on log-Mel changes the spectrogram behind the audio: no audio has it, so there is none, and no SNR."
QUERIES = "Queries: how often an attacker that sees only answers asked the threat model about an utterance, on average."
TITLES = {"attacks": "Attack performance", "ablation": f"Ablation of {STAA_NET}"}


def build_attacks(runs: Sequence[Run], published: bool) -> list[Table]:
    return build("attacks", runs, published)


def build_ablation(runs: Sequence[Run], published: bool) -> list[Table]:
    return build("ablation", runs, published)


def build(name: str, runs: Sequence[Run], published: bool) -> list[Table]:
    """One table for each corpus, with the paper's rows below ours; without runs the paper's alone."""
    if not runs:
        return [comparison(name, source.corpus, [], [source]) for source in sources_for(name, ())]
    corpora = in_order((corpus_name(run.text("corpus") or "") for run in runs), ())
    return [
        comparison(
            name,
            corpus,
            [run for run in runs if corpus_name(run.text("corpus") or "") == corpus],
            sources_for(name, (corpus,)) if published else [],
        )
        for corpus in corpora
    ]


def comparison(name: str, corpus: str, runs: Sequence[Run], sources: Sequence[Source]) -> Table:
    """Threat models and attackers on one corpus ("" for audio that belongs to none)."""
    rows, notes = pool(records(name, corpus, runs), "attacker")
    rows = ordered(rows)
    budgets = {row["budget"] for row in rows}
    notes += [f"Budget: {budget}" for budget in budgets if budget and len(budgets) == 1]
    said = {TARGETED: "target", LOG_MEL: "space", QUERIES: "queries"}
    notes += [note for note, key in said.items() if any(run.get(key) for run in runs)]
    notes += [*count_notes(runs), *speed_notes(runs), *failures(runs)]
    printed = [row for source in sources for row in source.rows()]
    notes += [source.note for source in sources]
    rows += printed
    columns = [
        Column("corpus", "Corpus", shown=len({row.get("corpus") for row in rows}) > 1),
        Column("threat_model", "Threat model"),
        Column("attacker", "Attacker"),
        Column("budget", "Budget", shown=len(budgets) > 1),
        *number_columns(rows, [*(pair for run in runs for pair in measured_by(run)), *measured_in(printed)]),
    ]
    title = f"{TITLES[name]} on {corpus or 'audio files'}"
    return Table(title, columns, rows, [CAPTION, *notes], name, ("corpus", "threat_model"))


def number_columns(rows: Sequence[Row], measured: Sequence[tuple[str, str]]) -> list[Column]:
    """Measures, then victims, each for every split that occurs; a victim without a number in a split has no column there."""
    splits = in_order((split for _, split in measured), SPLITS)
    victims = in_order((measure for measure, _ in measured if measure not in MEASURES), VICTIMS)
    columns = []
    for measure in (*MEASURES, *victims):
        heading, kind = MEASURES[measure][:2] if measure in MEASURES else (f"{victim_name(measure)} (%)", "decimal")
        for split in splits:
            key = key_of(measure, split)
            if measure in ALWAYS or any(row.get(key) is not None for row in rows):
                columns.append(Column(key, split.capitalize() or heading, heading if split else "", split, kind))
    return columns


def measured_by(run: Run) -> list[tuple[str, str]]:
    """What a run has numbers for: measures and victims, with its split ("" for none)."""
    return [(measure, run.text("split") or "") for measure in (*MEASURES, *run.mapping("victims"))]


def measured_in(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """The same of the paper's rows, from the names of their columns."""
    keys = dict.fromkeys(key for row in rows for key in row if key.endswith(("_val", "_test")))
    return [(measure, split) for measure, _, split in (key.rpartition("_") for key in keys)]


def key_of(measure: str, split: str) -> str:
    return f"{measure}_{split}" if split else measure


def records(name: str, corpus: str, runs: Sequence[Run]) -> list[Record]:
    """What each run says; plain folders are told apart by their inputs."""
    folders: dict[str, str] = {}
    found = []
    for run in runs:
        split, settings = run.text("split") or "", run.settings
        if not split:
            settings["run"] = folders.setdefault(json.dumps(run.inputs, sort_keys=True), run.path.name)
        labels = {
            "corpus": corpus or None,
            "threat_model": victim_name(run.text("threat_model") or "unknown"),
            "attacker": row_name(run, name),
            "budget": budget_text(run),
        }
        values = {key_of(measure, split): run.number(*place) for measure, (_, _, place) in MEASURES.items()}
        values |= {key_of(victim, split): run.number("victims", victim, "asr_percent") for victim in run.mapping("victims")}
        found.append(Record(run, labels, split, values, settings, str(input_count(run))))
    return found


def input_count(run: Run) -> int | None:
    """How many files were attacked. The hash beside it depends on seed and checkpoints too, and says nothing of equal audio."""
    return run.inputs.get("count") if isinstance(run.inputs, dict) else None


def row_name(run: Run, table: str) -> str:
    """The attacker; an ablation by its own name among its like, and as STAA-Net's elsewhere."""
    attacker, ablation = run.text("attacker") or run.path.name, run.text("ablation")
    if ablation is None:
        return attacker
    return ablation if table == "ablation" else f"{attacker} {ablation}"


def budget_text(run: Run) -> str | None:
    """`20 dB` below each utterance's peak, `ε 0.05` on the waveform, or `ε 2 dB` on its log-Mel spectrogram."""
    peak, linf, log_mel = (run.number("budget", key) for key in ("peak_snr_db", "linf", "db"))
    if log_mel is not None:
        return f"ε {log_mel:g} dB"
    if peak is not None:
        return f"{peak:g} dB"
    return f"ε {linf:g}" if linf is not None else None


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Threat models as in the papers, attackers as they came with the whole STAA-Net last."""
    rows = list(rows)
    threats = in_order((str(row["threat_model"]) for row in rows), VICTIMS.values())
    return sorted(rows, key=lambda row: (threats.index(str(row["threat_model"])), str(row["attacker"]).startswith(STAA_NET)))


def speed_notes(runs: Sequence[Run]) -> list[str]:
    """On which device speed was measured: seconds of two devices do not compare."""
    devices = []
    for run in runs:
        if run.number("seconds_per_utterance") is not None and run.metrics.get("device"):
            batch = run.number("batch_size") or 1
            devices.append((run, str(run.metrics["device"]) + (f" in batches of {batch:g}" if batch != 1 else "")))
    return by_attacker("Speed measured on", devices)


def count_notes(runs: Sequence[Run]) -> list[str]:
    """How many utterances were attacked, where the rows of one split do not rest on the same number."""
    splits: dict[str, list[tuple[Run, str]]] = {}
    for run in runs:
        if (count := input_count(run)) is not None:
            splits.setdefault(run.text("split") or "", []).append((run, str(count)))
    uneven = {split: counts for split, counts in splits.items() if len({count for _, count in counts}) > 1}
    return [note for split, counts in uneven.items() for note in by_attacker(f"Utterances of a run{split and f', {split}'}:", counts)]


def by_attacker(words: str, said: Sequence[tuple[Run, str]]) -> list[str]:
    """A note of what is said of the runs: alone where it is one thing of all, else with the attackers of each."""
    attackers: dict[str, dict[str, None]] = {}
    for run, text in said:
        attackers.setdefault(text, {})[run.text("attacker") or str(run.path)] = None
    if len(attackers) < 2:
        return [f"{words} {text}" for text in attackers]
    return [f"{words} " + "; ".join(f"{text} ({', '.join(names)})" for text, names in attackers.items())]


def failures(runs: Sequence[Run]) -> list[str]:
    return [f"{run.path}: {failed:g} utterances failed and are not counted" for run in runs if (failed := run.number("failed"))]
