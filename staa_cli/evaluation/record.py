"""Records: what became of one utterance under one victim, a line of `results.jsonl`. No torch here: dry runs need it too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from staa_cli.runtime.folders import written_whole

RESULTS = "results.jsonl"


@dataclass(frozen=True)
class Perturbation:
    """How much was changed, and how loudly; a ratio with nothing to compare is None. `linf` in the units of ε."""

    sparsity_percent: float | None
    snr_peak_db: float | None
    snr_energy_db: float | None
    snr_segmental_db: float | None
    linf: float | None


@dataclass(frozen=True)
class Record:
    """One utterance, judged by one victim.

    Attributes:
        file, output: paths below the inputs and below the output folder.
        key: of the task.
        label: the emotion, where a manifest tells.
        clean, adversarial: the predictions for x and for x_adv as written.
        success: whether the prediction is as the attack wishes.
        epsilon: ε of this utterance.
        perturbation: of the file as written.
        in_memory, in_memory_adversarial, in_memory_success: the same before rounding to the file's bits; what a victim makes of it is None
            where only the file was left when it was asked.
        exact: whether the file holds x_adv bit for bit.
        victim_sha256: of the victim.
        placebo, placebo_success: the same for the placebo, as large a change that means nothing; None where an older version left it out.
        audio: of the file: samples, subtype, source_rate, source_channels; where the perturbation was added to the file at its own rate, so
            that sparsity holds in memory only, also written_rate and written_channels.
        run: what differs between equal runs: seconds of the attack, utterances in its batch, the device and the version that made it, and
            `source`, the clean file's path from the output folder.
        target: of a targeted attack.
        queries: how often an attack by queries asked the threat model.
        segment: of the recording, where that was cut: its number, and its start and end in seconds.
        gender, language: of the speaker, where a manifest tells.
        margins: how far x and x_adv as written lie beyond the boundary of the clean prediction, in the victim's logits: negative before,
            and positive where another class is predicted. None in older results.
        perception: of the file as written, where it was asked for: see `perceive`.
    """

    file: str
    output: str
    key: str
    victim: str
    label: str | None
    clean: str
    adversarial: str
    success: bool
    epsilon: float
    perturbation: Perturbation
    in_memory: Perturbation
    in_memory_adversarial: str | None
    in_memory_success: bool | None
    audio: dict[str, Any]
    run: dict[str, Any]
    placebo: str | None = None
    placebo_success: bool | None = None
    target: str | None = None
    space: str = "waveform"
    queries: int | None = None
    segment: dict[str, Any] | None = None
    exact: bool = False
    victim_sha256: str = ""
    gender: str | None = None
    language: str | None = None
    margins: tuple[float, float] | None = None
    perception: dict[str, float | None] | None = None

    @property
    def judge(self) -> str:
        """Which victim it was, whatever it is called."""
        return self.victim_sha256 or self.victim

    def to_json(self) -> str:
        """One line."""
        content = {
            **{name: getattr(self, name) for name in ("file", "output", "key", "victim", "label", "clean", "adversarial", "success")},
            **({} if self.segment is None else {"segment": self.segment}),
            **({} if self.target is None else {"target": self.target}),
            **({} if self.space == "waveform" else {"space": self.space}),
            **({} if self.queries is None else {"queries": self.queries}),
            **{name: text for name in ("gender", "language") if (text := getattr(self, name)) is not None},
            **({} if self.margins is None else {"margin": dict(zip(("clean", "adversarial"), self.margins, strict=True))}),
            "epsilon": self.epsilon,
            **vars(self.perturbation),
            **({} if self.perception is None else {"perception": self.perception}),
            "memory": {
                "exact": self.exact,
                "adversarial": self.in_memory_adversarial,
                "success": self.in_memory_success,
                **vars(self.in_memory),
            },
            **({} if self.placebo is None else {"placebo": {"adversarial": self.placebo, "success": self.placebo_success}}),
            "audio": self.audio,
            "victim_sha256": self.victim_sha256,
            "run": self.run,
        }
        return json.dumps(content, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Record:
        """
        Raises:
            KeyError, TypeError, AttributeError: something is missing or of another type.
        """
        memory, noise, margin = content["memory"], content.get("placebo", {}), content.get("margin")
        names = {field.name for field in fields(cls)} & content.keys() - {"placebo"}
        texts = [content[name] for name in ("file", "output", "key", "victim", "clean", "adversarial")]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a name that is no text")
        return cls(
            **{name: content[name] for name in names},
            perturbation=measured(content),
            in_memory=measured(memory),
            in_memory_adversarial=memory["adversarial"],
            in_memory_success=memory["success"],
            exact=memory.get("exact", False),
            placebo=noise.get("adversarial"),
            placebo_success=noise.get("success"),
            margins=None if margin is None else (margin["clean"], margin["adversarial"]),
        )


def measured(content: dict[str, Any]) -> Perturbation:
    return Perturbation(**{field.name: content[field.name] for field in fields(Perturbation)})


@dataclass(frozen=True)
class Failure:
    """A file that could not be attacked."""

    file: str
    key: str
    error: str

    def to_json(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def read_records(folder: Path) -> tuple[dict[str, list[Record]], int]:
    """The finished records of a folder by key, one for each victim; and how many of its lines are none (a kill cut the last one short, or
    somebody else wrote there): what they stood for is done again."""
    finished: dict[str, dict[str, Record]] = {}
    strange = 0
    try:
        lines = (folder / RESULTS).open("rb")
    except FileNotFoundError:
        return {}, 0
    with lines:
        for line in lines:
            try:
                content = json.loads(line)
                if "error" not in content:
                    record = Record.from_json(content)
                    finished.setdefault(record.key, {})[record.judge] = record
            except (ValueError, KeyError, TypeError, AttributeError):
                strange += 1
    return {key: list(records.values()) for key, records in finished.items()}, strange


def read_failures(folder: Path) -> list[Failure]:
    """The failures of a finished folder."""
    contents = [json.loads(line) for line in (folder / RESULTS).read_bytes().splitlines() if b'"error"' in line]
    return [Failure(**content) for content in contents if content.keys() == {"file", "key", "error"}]


def write_records(folder: Path, records: Iterable[Record | Failure]) -> None:
    with written_whole(folder / RESULTS) as temporary, temporary.open("w", encoding="ascii") as file:
        file.writelines(record.to_json() for record in records)
