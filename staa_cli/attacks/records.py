"""What identifies a result, and the records that a campaign leaves. No torch here: dry runs need it too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staa_cli.attacks.inputs import Input, Inputs
from staa_cli.runtime.folders import write_text
from staa_cli.runtime.provenance import hash_json
from staa_cli.runtime.seeds import derive_seed

RESULTS = "results.jsonl"

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One input with what identifies its result.

    Attributes:
        output: the path of the WAV, or of what is written in its place, relative to the output folder.
        key: hash of input, recipe, checkpoints and seed: equal keys mean equal results.
    """

    input: Input
    output: str
    key: str
    seed: int


def make_jobs(inputs: Inputs, hashes: Sequence[str], identity: Mapping[str, Any], seed: int, suffix: str = ".wav") -> list[Job]:
    """Jobs in the order of the inputs.

    Args:
        identity: recipe, checkpoints and seed, all that the result depends on beside the file.
        suffix: of what is written.
    """
    jobs = []
    for file, output, sha256 in zip(inputs.files, inputs.output_names(), hashes, strict=True):
        key = hash_json({**identity, "name": ascii(file.name), "label": file.label, "sha256": sha256})
        jobs.append(Job(file, output.removesuffix(".wav") + suffix, key, derive_seed(seed, file.name)))
    return jobs


def read_records(folder: Path) -> dict[str, list[Record]]:
    """The finished records of a folder by key; a last line that a kill cut short is left out."""
    finished: dict[str, list[Record]] = {}
    try:
        lines = (folder / RESULTS).read_text().splitlines()
    except FileNotFoundError:
        return {}
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "error" not in record:
            finished.setdefault(record["key"], []).append(record)
    return finished


def write_records(folder: Path, records: Iterable[Record]) -> None:
    write_text(folder / RESULTS, "".join(json.dumps(record, allow_nan=False) + "\n" for record in records))
