"""One run on many machines: each attacks a shard of the inputs, and the run itself takes over what its shards have.

Beside OUT stands `OUT.shards`, with a folder for each shard, a run of its own. Where the machines have no file system in common, the
folders are copied there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from staa_cli.evaluation.inputs import Inputs, shards_of
from staa_cli.evaluation.record import Failure, Record, read_failures, read_records
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import METRICS, read_metrics


@dataclass(frozen=True)
class Shard:
    """`number` of `count`, from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`3/16`

        Raises:
            UsageError: something else.
        """
        found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            raise UsageError(f"the shard '{text}' was not understood, expected K/N with K from 1 to N, such as 3/16")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def folder(self, out: Path) -> Path:
        return shards_of(out) / f"{self.number}-of-{self.count}"

    def deal(self, inputs: Inputs, together: int) -> Inputs:
        """This shard's inputs: dealt out like cards, `together` at a time, which share a batch.

        Raises:
            UsageError: there are fewer than shards.
        """
        mine = [place for place in range(len(inputs.files)) if place // together % self.count == self.number - 1]
        if not mine:
            raise UsageError(f"nothing is left for shard {self} of {len(inputs.files)} input(s), expected fewer shards")
        names = inputs.output_names()
        return replace(inputs, files=[inputs.files[place] for place in mine], outputs=[names[place] for place in mine])


def finished_shards(out: Path) -> list[Path]:
    """Those that are whole."""
    return sorted(path.parent for path in shards_of(out).glob(f"*/{METRICS}"))


def run_of_shards(folder: Path) -> dict[str, Any] | None:
    """What the one run would say that the shards in a folder make up together; None where it holds no shards.

    Raises:
        UsageError: a shard is missing, or they are of different work.
    """
    found = [(path.parent, read_metrics(path.parent)) for path in sorted(folder.glob(f"*/{METRICS}"))]
    shards = [(path, metrics) for path, metrics in found if isinstance(metrics.get("shard"), dict)]
    if not shards or len(shards) < len(found):
        return None
    first = shards[0][1]
    count, work = first["shard"]["of"], work_of(first)
    missing = sorted({*range(1, count + 1)} - {metrics["shard"]["number"] for _, metrics in shards})
    if missing:
        raise UsageError(f"{folder} lacks {len(missing)} of {count} shards, such as {missing[0]}/{count}: run them first")
    strange = next((path for path, metrics in shards if work_of(metrics) != work), None)
    if strange is not None or len(shards) != count:
        raise UsageError(f"{strange or folder} is of other work than {shards[0][0]}, expected the shards of one command only")
    from staa_cli.evaluation.summary import summarise

    records = sorted((line for path, _ in shards for line in lines_of(path)), key=lambda line: line.file)
    known = {key: value for key, value in first["summary"].items() if key not in ("made", "queries")}
    threat = next(iter(first["summary"]["victims"]))
    seen = sum(metrics["summary"].get("in_sample", 0) for _, metrics in shards)
    cut = [metrics["summary"]["segments"] for _, metrics in shards if "segments" in metrics["summary"]]
    segments = {"segments": {name: sum(one[name] for one in cut) for name in ("recordings", "segments")}} if cut else {}
    summary = {**known, **({"in_sample": seen} if seen else {}), **segments, **summarise(records, threat, first["device"])}
    inputs = {"count": sum(metrics["inputs"]["count"] for _, metrics in shards), "sha256": None}
    return {**first, "inputs": inputs, "summary": summary}


def work_of(metrics: dict[str, Any]) -> list[Any]:
    """What all shards of a run have in common."""
    return [metrics.get(name) for name in ("command", "recipe_sha256", "checkpoints", "batch_size", "form", "segment", "perception")] + [
        metrics["shard"]["of"]
    ]


def lines_of(folder: Path) -> Sequence[Record | Failure]:
    return [*(record for records in read_records(folder)[0].values() for record in records), *read_failures(folder)]
