"""Two attackers on the same inputs: whether one is the better, or was lucky."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from staa_cli.metrics.intervals import mcnemar
from staa_cli.reporting.attack_notes import IN_SAMPLE
from staa_cli.reporting.attackers import budget_text, row_name
from staa_cli.reporting.model import Column, Number, Row, Table
from staa_cli.reporting.names import victim_name
from staa_cli.reporting.runs import FinishedRun
from staa_cli.runtime.errors import UsageError

Outcomes = dict[str, dict[tuple[Any, ...], bool]]
"""Victim → input → success. Inputs are known by name, segment, label and length: the keys of tasks depend on the attacker."""
LEGEND = (
    "Only here: inputs on which the row's attacker succeeds and the other one does not; only there: the reverse",
    "p: McNemar's exact test, two-sided; each row is a test of its own, with no correction for their number",
)
TEXTS = {"corpus": "Corpus", "split": "Split", "threat_model": "Threat model", "attacker": "Attacker", "budget": "Budget", "run": "Run"}
COUNTS = {"inputs": "n", "here": "Only here", "there": "Only there"}


class Judged(Protocol):
    """What became of an input under a victim."""

    @property
    def file(self) -> str: ...
    @property
    def label(self) -> str | None: ...
    @property
    def audio(self) -> Mapping[str, Any]: ...
    @property
    def victim(self) -> str: ...
    @property
    def success(self) -> bool: ...
    @property
    def segment(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True)
class Rival:
    """The run that others are compared with.

    Attributes:
        read: what a run's folder holds of its inputs.
    """

    run: FinishedRun
    read: Callable[[Path], Iterable[Judged]]

    def outcomes(self, run: FinishedRun) -> Outcomes:
        """
        Raises:
            UsageError: the folder holds none, or damaged ones.
        """
        found: Outcomes = {}
        for one in self.read(run.path):
            samples = one.audio.get("samples") if isinstance(one.audio, Mapping) else None
            if not (isinstance(samples, int) and isinstance(one.label, str | None) and isinstance(one.success, bool)):
                raise UsageError(f"{run.path} holds a damaged result of {one.file} under {one.victim}, so it cannot be paired")
            segment = (one.segment.get("start"), one.segment.get("end")) if isinstance(one.segment, Mapping) else None
            found.setdefault(one.victim, {})[one.file, segment, one.label, samples] = one.success
        if not found:
            raise UsageError(f"{run.path} holds no results of single inputs, so they cannot be paired")
        return found


def build_paired(runs: Sequence[FinishedRun], rival: Rival) -> list[Table]:
    """A row for each run and victim that judged both.

    Raises:
        UsageError: no run has an input and a victim in common with the rival's.
    """
    others = [run for run in runs if run.path.resolve() != rival.run.path.resolve()]
    there = rival.outcomes(rival.run)
    rows: list[Row] = []
    notes: list[str] = []
    for run in others:
        here = rival.outcomes(run)
        shared = {name: here[name].keys() & there[name].keys() for name in here if name in there and same_judge(name, run, rival.run)}
        rows += [{**labels(run), **cells(name, here[name], there[name])} for name, inputs in shared.items() if inputs]
        notes += left_out(run, rival.run, all_inputs(here), all_inputs(there), set().union(*shared.values()))
    if not rows:
        names = ", ".join(str(run.path) for run in others) or "no other run"
        raise UsageError(f"{names} and {rival.run.path} have no input under the same victim in common, so there is nothing to pair")
    varying = {key for key in TEXTS if len({str(row[key]) for row in rows}) > 1}
    columns = [
        *(Column(key, heading, shown=key in ("threat_model", "attacker") or key in varying) for key, heading in TEXTS.items()),
        Column("victim", "Victim"),
        *(Column(key, heading, kind="count") for key, heading in COUNTS.items()),
        Column("p", "p", kind="p"),
    ]
    title = f"Input by input against {row_name(rival.run, 'attacks')}"
    marked = [IN_SAMPLE] if any(run.number("in_sample") for run in (rival.run, *others)) else []
    legend = [f"Against: {rival.run.path}", *LEGEND, *marked]
    return [Table(title, columns, rows, [*legend, *notes], "paired", ("corpus", "threat_model"))]


def labels(run: FinishedRun) -> Row:
    return {
        "corpus": run.corpus or None,
        "split": run.text("split"),
        "threat_model": victim_name(run.threat),
        "attacker": row_name(run, "attacks"),
        "budget": budget_text(run, 0),
        "run": str(run.path),
    }


def cells(victim: str, here: Mapping[Any, bool], there: Mapping[Any, bool]) -> Row:
    """The test of one victim, on the inputs that both have."""
    pairs = [(success, there[one]) for one, success in here.items() if one in there]
    only_here, only_there = (sum(pair == wanted for pair in pairs) for wanted in ((True, False), (False, True)))
    counts = {"inputs": Number(len(pairs)), "here": Number(only_here), "there": Number(only_there)}
    return {"victim": victim_name(victim), **counts, "p": Number(mcnemar(only_here, only_there))}


def same_judge(victim: str, *runs: FinishedRun) -> bool:
    """Whether the victim of this name is the same checkpoint in both, as far as they say."""
    known = [dict(zip(run.mapping("victims"), run.checkpoints, strict=False)).get(victim) for run in runs]
    return None in known or len(set(known)) == 1


def all_inputs(outcomes: Outcomes) -> set[Any]:
    return set().union(*outcomes.values())


def left_out(run: FinishedRun, rival: FinishedRun, here: set[Any], there: set[Any], both: set[Any]) -> list[str]:
    """What of two runs could not be paired."""
    if not both:
        return [f"{run.path}: not compared, it has no input under the same victim in common with {rival.path}"]
    alone = {run.path: len(here - both), rival.path: len(there - both)}
    if not any(alone.values()):
        return []
    return [f"{run.path}: left out were {' and '.join(f'{count} inputs of {path} alone' for path, count in alone.items())}"]
