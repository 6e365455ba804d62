"""How attacks are called in tables, and the order of their rows."""

from __future__ import annotations

from collections.abc import Iterable

from staa_cli.generator.names import generator_name
from staa_cli.reporting.model import Row
from staa_cli.reporting.names import NUMBER, PERCENT, REFINED, SETTING, VICTIMS, apart, in_order, victim_name
from staa_cli.reporting.runs import FinishedRun

STAA_NET, PAPER = generator_name("none", paper=False), generator_name("none", paper=True)
"""How the names of our attackers begin, and of those in the paper's form."""
BUDGETS = {
    "db": ("ε {:g} dB", "ε {:g} dB on the log-Mel spectrogram"),
    "peak_snr_db": ("{:g} dB", "peak SNR {:g} dB"),
    "linf": ("ε {:g}", "ε {:g} on the waveform in [-1, 1]"),
}
"""Key → how a column says it, how a legend does."""


def attack_labels(run: FinishedRun, table: str = "attacks") -> dict[str, str | None]:
    """What names an attack's row: threat model, attacker and budget."""
    return {"threat_model": victim_name(run.threat), "attacker": row_name(run, table), "budget": budget_text(run, 0)}


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
