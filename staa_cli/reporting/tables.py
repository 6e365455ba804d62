"""From runs to the papers' tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from staa_cli.reporting.across import build_across
from staa_cli.reporting.attackers import PAPER
from staa_cli.reporting.attacks import build_ablation, build_attacks
from staa_cli.reporting.corpus import build_corpus, build_speakers
from staa_cli.reporting.emotions import build_emotions
from staa_cli.reporting.generators import build_generators
from staa_cli.reporting.model import Table
from staa_cli.reporting.paired import Rival, build_paired
from staa_cli.reporting.pairs import build_pairs, has_target
from staa_cli.reporting.recognition import build_confusion, build_groups, has_confusion, has_groups
from staa_cli.reporting.runs import FinishedRun, LoadedRun
from staa_cli.reporting.speakers import build_speakers_attacked
from staa_cli.reporting.victims import build_victims
from staa_cli.runtime.errors import UsageError, unknown

ATTACKS = ("attack", "baseline")


@dataclass(frozen=True)
class TableKind:
    """A kind of table.

    Attributes:
        needs: what it is made of, in words.
        accepts: whether a run fits it.
        build: makes it of runs that fit, with the paper's numbers or without.
    """

    needs: str
    accepts: Callable[[FinishedRun], bool]
    build: Callable[[Sequence[FinishedRun], bool], list[Table]]


def is_attack(run: FinishedRun) -> bool:
    return run.command in ATTACKS


def is_paper(run: FinishedRun) -> bool:
    return is_attack(run) and (run.text("attacker") or "").startswith(PAPER)


TABLES = {
    "corpus": TableKind("'staa prepare'", lambda run: run.command == "prepare", build_corpus),
    "speakers": TableKind("'staa prepare'", lambda run: run.command == "prepare", build_speakers),
    "victims": TableKind("'staa train-victim'", lambda run: run.command == "train-victim", build_victims),
    "confusion": TableKind("'staa train-victim' that hold a confusion matrix", has_confusion, build_confusion),
    "groups": TableKind("'staa train-victim' on a corpus that knows languages or genders", has_groups, build_groups),
    "generators": TableKind("'staa train-generator'", lambda run: run.command == "train-generator", build_generators),
    "attacks": TableKind("'staa attack' or 'staa baseline'", is_attack, build_attacks),
    "ablation": TableKind(f"'staa attack' with {PAPER}", is_paper, build_ablation),
    "attacked": TableKind("'staa attack' or 'staa baseline'", is_attack, lambda runs, published: build_speakers_attacked(runs)),
    "across": TableKind("'staa attack' or 'staa baseline'", is_attack, lambda runs, published: build_across(runs)),
    "emotions": TableKind("'staa attack' or 'staa baseline'", is_attack, build_emotions),
    "pairs": TableKind("targeted attacks", lambda run: is_attack(run) and has_target(run), build_pairs),
    # Of a rival, which `build_tables` brings.
    "paired": TableKind("'staa attack' or 'staa baseline'", is_attack, lambda runs, published: []),
}

ON_REQUEST = ("speakers", "confusion", "groups", "attacked", "across", "emotions", "pairs", "paired")
"""Tables of detail, which stay out until they are asked for."""
MEASURED: dict[str, Callable[[Sequence[FinishedRun], bool, str], list[Table]]] = {
    "attacks": build_attacks,
    "ablation": build_ablation,
    "attacked": lambda runs, published, measure: build_speakers_attacked(runs, measure),
    "across": lambda runs, published, measure: build_across(runs, measure),
}
"""Tables that can be had by another measure than the success rate."""
NO_RUNS = "no runs to report, expected the folders of finished staa runs"


def build_tables(
    runs: Sequence[LoadedRun], which: str | None = None, published: bool = False, rival: Rival | None = None, measure: str = "asr"
) -> list[Table]:
    """The tables that `runs` can fill, or the one kind that is asked for.

    Any set of runs will do (a shell's `runs/*/`): each table takes those that fit it, and a run given twice, also as a copy, counts once.
    Without `which`, tables of detail are left out, and ablated runs go to the ablation table alone, where the whole STAA-Net joins
    them. With `published` and no runs at all, the paper's tables stand alone. With a `rival`, attackers are compared with it.
    `measure`: what attackers are measured by, of `measures.HEADINGS`.

    Raises:
        UsageError: an unknown table, no run that fits a table, or nothing to show.
    """
    if which is not None and which not in TABLES:
        raise unknown("table", which, TABLES)
    if which == "paired" and rival is None:
        raise UsageError("the table 'paired' compares with another run, and none is given", "against")
    if rival is not None and not is_attack(rival.run):
        raise UsageError(misfit(rival.run, "paired"))
    kinds = TABLES if which is None else {which: TABLES[which]}
    loaded, notes = fitting(runs, which)
    if not loaded and not published:
        raise UsageError(NO_RUNS)
    tables = []
    for name, kind in kinds.items():
        chosen = [run for run in loaded if kind.accepts(run)]
        if which is None and name == "attacks":
            chosen = [run for run in chosen if run.text("ablation") is None]
        if which is None and name == "ablation" and all(run.text("ablation") is None for run in chosen):
            chosen = []
        if name == "paired" and rival is not None:
            tables += build_paired(chosen, rival)
        elif which is None and name in ON_REQUEST:
            continue
        elif chosen or not loaded:
            tables += MEASURED[name](chosen, published, measure) if name in MEASURED else kind.build(chosen, published)
    if not tables:
        raise UsageError(f"there are no runs, and the paper prints no table '{which}'")
    return [replace(table, notes=[*table.notes, *notes]) for table in tables]


def accepted(runs: Sequence[LoadedRun], which: str) -> list[FinishedRun]:
    """The runs that one table takes.

    Raises:
        UsageError: there is none.
    """
    loaded, _ = fitting(runs, which)
    if not loaded:
        raise UsageError(NO_RUNS)
    return [run for run in loaded if TABLES[which].accepts(run)]


def fitting(runs: Sequence[LoadedRun], which: str | None) -> tuple[list[FinishedRun], list[str]]:
    """Each run once, if any fits the table, or one of all; with notes on copies.

    Raises:
        UsageError: none of them does.
    """
    loaded, notes = distinct([FinishedRun(path, metrics) for path, metrics in runs])
    kinds = TABLES.values() if which is None else [TABLES[which]]
    if loaded and not any(kind.accepts(run) for run in loaded for kind in kinds):
        raise UsageError(misfit(loaded[0], which))
    return loaded, notes


def distinct(runs: Sequence[FinishedRun]) -> tuple[list[FinishedRun], list[str]]:
    """Each run once, with notes on copies of a run in other folders: the same work again is no repetition."""
    known: dict[object, FinishedRun] = {}
    notes = []
    for run in reversed({run.path.resolve(): run for run in reversed(runs)}.values()):
        key = run.metrics.get("key")
        first = known.setdefault(key if isinstance(key, str) else run.path, run)
        if first is not run:
            notes.append(f"{run.path} is the same run as {first.path} and counts once")
    return list(known.values()), notes


def misfit(run: FinishedRun, which: str | None) -> str:
    attacker = f" with {run.text('attacker')}" if run.text("attacker") else ""
    found = f"{run.path} is the result of 'staa {run.command}'{attacker}"
    if which is not None:
        return f"{found}, but the table '{which}' needs results of {TABLES[which].needs}"
    return f"{found}, which fills no table; expected results of " + ", ".join(
        f"{kind.needs} ({name})" for name, kind in TABLES.items() if name not in ON_REQUEST
    )
