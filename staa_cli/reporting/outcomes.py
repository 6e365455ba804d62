"""What became of single utterances: the lines of a run's `results.jsonl`, as far as reports need them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from staa_cli.reporting.runs import FinishedRun, as_number

Found = TypeVar("Found")

RESULTS = "results.jsonl"
MEASURES = ("sparsity_percent", "snr_peak_db", "snr_energy_db", "snr_segmental_db", "linf", "epsilon")


@dataclass(frozen=True)
class Judgement:
    """One utterance under one victim.

    Attributes:
        file, output: its path below the inputs, and of what was written below the run's folder.
        clean, adversarial, placebo: predictions.
        success, placebo_success: whether they are as the attack wishes.
        measures: of the change: `MEASURES`.
        margins: before and after, beyond the clean prediction.
        samples: of the utterance.
        source: the clean file's path from the run's folder.
        span: start and end in seconds of a segment of a recording; None for a whole file.
        perception: what is perceived of the change, where that was measured with the attack.
        exact: whether the file holds what the measures say; the perturbation of a file at its own rate is measured at 16 kHz alone.

    What older results lack is None.
    """

    file: str
    output: str
    victim: str
    label: str | None
    clean: str
    adversarial: str
    success: bool
    placebo: str | None = None
    placebo_success: bool | None = None
    gender: str | None = None
    language: str | None = None
    measures: dict[str, float | None] = field(default_factory=dict)
    margins: tuple[float, float] | None = None
    samples: int | None = None
    source: str | None = None
    span: tuple[float, float] | None = None
    exact: bool = True
    perception: dict[str, float | None] | None = None

    @property
    def name(self) -> str:
        """The file, and the place of a segment in it."""
        return self.file if self.span is None else f"{self.file}, {self.span[0]:g} to {self.span[1]:g} s"


def outcomes(run: FinishedRun) -> list[Judgement]:
    """What the run's folder holds of its utterances."""
    return read_lines(run, read_line)


def read_lines(run: FinishedRun, read: Callable[[dict[str, Any]], Found | None]) -> list[Found]:
    """What is read of the lines of a run's folder, the last one of each utterance and victim; a line that is no result, as a kill may have
    cut it short, counts as none.

    Args:
        read: what a line says; None where nothing is wanted of it. It may raise a `KeyError`, `TypeError` or `AttributeError`.
    """
    try:
        lines = (run.path / RESULTS).read_bytes().splitlines()
    except OSError:
        return []
    found = {}
    for line in lines:
        try:
            content = json.loads(line)
            if "error" not in content and (one := read(content)) is not None:
                found[content["key"], content["victim"]] = one
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return list(found.values())


def read_line(content: dict[str, Any]) -> Judgement:
    """
    Raises:
        KeyError, TypeError, AttributeError: the line is damaged.
    """
    names = ("file", "output", "victim", "clean", "adversarial")
    if not all(isinstance(content[name], str) for name in names) or not isinstance(content["success"], bool):
        raise TypeError("a name that is no text")
    noise, margin, samples = content.get("placebo") or {}, content.get("margin"), content.get("audio", {}).get("samples")
    segment = content.get("segment")
    return Judgement(
        content["file"],
        content["output"],
        content["victim"],
        content.get("label"),
        content["clean"],
        content["adversarial"],
        content["success"],
        noise.get("adversarial"),
        noise.get("success"),
        content.get("gender"),
        content.get("language"),
        {name: as_number(content.get(name)) for name in MEASURES},
        None if margin is None else (margin["clean"], margin["adversarial"]),
        samples if isinstance(samples, int) else None,
        content.get("run", {}).get("source"),
        None if segment is None else (float(segment["start"]), float(segment["end"])),
        "written_rate" not in content.get("audio", {}),
        None if (heard := content.get("perception")) is None else {name: as_number(value) for name, value in heard.items()},
    )


def by_victim(found: Sequence[Judgement]) -> dict[str, list[Judgement]]:
    """Each victim's."""
    victims: dict[str, list[Judgement]] = {}
    for one in found:
        victims.setdefault(one.victim, []).append(one)
    return victims
