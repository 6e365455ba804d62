"""Tables 4 and 5: attackers compared on one corpus. Table 6: STAA-Net without one of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from staa_cli.reporting.measures import HEADINGS, LEGENDS, OF_LABELS, measured_on, protocol_notes
from staa_cli.reporting.model import RUNS, Column, Kind, Row, Table, filled
from staa_cli.reporting.names import NUMBER, PERCENT, REFINED, SETTING, VICTIMS, apart, corpus_name, in_order, victim_name
from staa_cli.reporting.published import Source, sources_for
from staa_cli.reporting.runs import Entry, FinishedRun, pool, told_apart

STAA_NET, PAPER = "STAA-Net", "STAA-Net (paper)"
"""How the names of our attackers begin, and of those in the paper's form."""
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
LEGEND = ("SNR: peak of the utterance over that of the change; sparsity: share of samples changed, lower is sparser; means over successes",)
PLACEBO = "In brackets: the placebo, random signs of the same size on as many random samples; (–) in older results, which have none"
IN_SAMPLE = "† attacked utterances that the generator was trained on: no result"
SPEED = "Speed: seconds per utterance"
BUDGETS = {
    "db": ("ε {:g} dB", "ε {:g} dB on the log-Mel spectrogram"),
    "peak_snr_db": ("{:g} dB", "peak SNR {:g} dB"),
    "linf": ("ε {:g}", "ε {:g} on the waveform in [-1, 1]"),
}
"""Key → how a column says it, how a legend does."""
TARGETED = "An attacker with an arrow is targeted: it succeeds where the prediction is the label behind the arrow."
LOG_MEL = "An attacker on log-Mel changes the spectrogram behind the audio: no audio has it, so there is none, and no SNR."
SEGMENTS = "Long recordings were attacked and judged in segments: each counts as an utterance."
OWN_RATE = "Files at other rates were written at their own: sparsity and SNR are of what is heard of them at 16 kHz, no longer exact."
QUERIES = "Queries: how often an attacker that sees only answers asked the threat model about an utterance, on average."
PERCEPTION = (
    "STOI, ESTOI: intelligibility beside the original, 1 is as good; audible: share of the change's energy above the masking threshold "
    "(ISO 11172-3, model 1); PESQ (wideband) and Zimtohrli: opinion scores, 5 is as good as the original; means over successes"
)
TITLES = {"attacks": "Attack performance", "ablation": f"Ablation of {STAA_NET}"}


def build_attacks(runs: Sequence[FinishedRun], published: bool, measure: str = "asr") -> list[Table]:
    return build("attacks", runs, published, measure)


def build_ablation(runs: Sequence[FinishedRun], published: bool, measure: str = "asr") -> list[Table]:
    return build("ablation", runs, published, measure)


def build(name: str, runs: Sequence[FinishedRun], published: bool, measure: str = "asr") -> list[Table]:
    """One table for each corpus, with the paper's rows below ours; without runs the paper's alone. The paper prints success rates only."""
    if not runs:
        return [comparison(name, source.corpus, [], [source]) for source in sources_for(name, ())]
    corpora = in_order((corpus_name(run.text("corpus") or "") for run in runs), ())
    return [
        comparison(
            name,
            corpus,
            [run for run in runs if corpus_name(run.text("corpus") or "") == corpus],
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


def legend(runs: Sequence[FinishedRun]) -> list[str]:
    """What the words of the headings mean."""
    budgets = dict.fromkeys(words for run in runs if (words := budget_text(run, 1)))
    said = {PERCEPTION: "perception", TARGETED: "target", LOG_MEL: "space", QUERIES: "queries", SEGMENTS: "segments"}
    said |= {OWN_RATE: "own_rate", IN_SAMPLE: "in_sample"}
    return [
        *LEGEND,
        *([PLACEBO] if runs else []),
        *([f"Budget: {', or '.join(budgets)}"] if budgets else []),
        *(speed_notes(runs) or [SPEED]),
        *(note for note, key in said.items() if any(run.get(key) for run in runs)),
    ]


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
        labels = {
            "corpus": corpus or None,
            "threat_model": victim_name(run.threat),
            "attacker": row_name(run, name),
            "budget": budget_text(run, 0),
        }
        values = {key_of(one, split): run.number(*place) for one, (_, _, place) in MEASURES.items()}
        scored = {key_of(victim, split): measured_on(run, victim, measure) for victim in victims}
        values |= {key: value for key, (value, _) in scored.items()}
        for victim in victims if measure in OF_LABELS else ():
            values[key_of(f"{CLEAN}{victim}", split)] = run.number("victims", victim, f"{measure}_percent", "clean")
        found.append(Entry(run, labels, split, values, run.settings, {key: beside for key, (_, beside) in scored.items()}))
    return found


def row_name(run: FinishedRun, table: str) -> str:
    """The attacker; an ablation by its own name among its like, and as STAA-Net's elsewhere. What is no result is marked."""
    attacker, ablation = run.text("attacker") or run.path.name, run.text("ablation")
    name = attacker if ablation is None else ablation if table == "ablation" else f"{attacker} {ablation}"
    return f"{name} †" if run.number("in_sample") else name


def budget_text(run: FinishedRun, form: int) -> str | None:
    """The budget, in its short (0) or its long form (1)."""
    found = ((run.number("budget", key), forms[form]) for key, forms in BUDGETS.items())
    return next((words.format(value) for value, words in found if value is not None), None)


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Threat models as in the papers, attackers as they came with STAA-Net last, and the rows of one sweep together, by value."""
    rows = list(rows)
    threats = in_order((str(row["threat_model"]) for row in rows), VICTIMS.values())
    families, kinds = ([words for words, _ in places] for places in zip(*map(place_in_sweeps, rows), strict=True)) if rows else ([], [])

    def place(row: Row) -> tuple[object, ...]:
        (family, values), (kind, size) = place_in_sweeps(row)
        ours = str(row["attacker"]).startswith(STAA_NET)
        return threats.index(str(row["threat_model"])), ours, families.index(family), values, kinds.index(kind), size

    return sorted(rows, key=place)


def place_in_sweeps(row: Row) -> tuple[tuple[str, list[float]], tuple[str, list[float]]]:
    """The attacker and the budget, each as words and numbers."""
    return apart(str(row["attacker"]), REFINED, PERCENT, SETTING), apart(str(row["budget"]), NUMBER)


def speed_notes(runs: Sequence[FinishedRun]) -> list[str]:
    """On which device speed was measured: seconds of two devices do not compare."""
    devices = []
    for run in runs:
        device, batch = run.metrics.get("device"), run.number("batch_size") or 1
        if run.number("seconds_per_utterance") is not None and isinstance(device, str):
            devices.append((run, device + (f" in batches of {batch:g}" if batch != 1 else "")))
    return by_attacker(f"{SPEED}, the attack alone, on", devices)


def notes_on_runs(runs: Sequence[FinishedRun]) -> list[str]:
    """What to know before comparing them."""
    failed = [f"{run.path}: {failed:g} utterances failed and are not counted" for run in runs if (failed := run.number("failed"))]
    made = [f"{run.path}: its utterances were made by {makers}" for run in runs if (makers := makers_of(run))]
    return [*input_notes(runs), *failed, *made, *filter(None, map(unscored_note, runs))]


def unscored_note(run: FinishedRun) -> str:
    """Of how many utterances a perceptual measure is, where that is not all."""
    total = run.number("utterances") or 0
    fewer = [f"{name} {count:g}" for name in run.mapping("perception") if (count := run.number("perception", name, "scored") or 0) < total]
    return f"{run.path}: not all of its {total:g} utterances could be scored: {', '.join(fewer)}" if fewer else ""


def input_notes(runs: Sequence[FinishedRun]) -> list[str]:
    """What was attacked, where the rows of one split do not rest on the same inputs."""
    splits: dict[str, list[FinishedRun]] = {}
    for run in runs:
        if run.count is not None:
            splits.setdefault(run.text("split") or "", []).append(run)
    notes = []
    for split, members in splits.items():
        words = told_apart(members)
        if len(words) > 1:
            notes += by_attacker(f"Inputs differ{split and f', {split}'}:", [(run, words[run.inputs]) for run in members])
    return notes


def makers_of(run: FinishedRun) -> str:
    """The versions and devices that made a run's utterances, where these are not the run's own alone."""
    made = run.get("made")
    makers = [one for one in made if isinstance(one, dict)] if isinstance(made, list) else []
    return ", ".join(f"{one.get('version')} on {one.get('device')} ({one.get('utterances')})" for one in makers)


def by_attacker(words: str, said: Sequence[tuple[FinishedRun, str]]) -> list[str]:
    """A note of what is said of the runs: alone where it is one thing of all, else with the attackers of each."""
    attackers: dict[str, dict[str, None]] = {}
    for run, text in said:
        attackers.setdefault(text, {})[run.text("attacker") or str(run.path)] = None
    if len(attackers) < 2:
        return [f"{words} {text}" for text in attackers]
    return [f"{words} " + "; ".join(f"{text} ({', '.join(names)})" for text, names in attackers.items())]
