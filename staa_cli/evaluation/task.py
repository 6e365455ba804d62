"""A task: one utterance of a run, with what identifies its result. No torch here: dry runs need it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from staa_cli.evaluation.inputs import Input, Inputs
from staa_cli.runtime.provenance import hash_json, hash_readable
from staa_cli.runtime.seeds import derive_seed


@dataclass(frozen=True)
class Task:
    """
    Attributes:
        output: the path of the WAV, or of what is written in its place, relative to the output folder.
        key: hash of input, recipe, checkpoints and seed: equal keys mean equal results.
    """

    input: Input
    output: str
    key: str
    seed: int


def make_tasks(inputs: Inputs, hashes: Sequence[str], identity: Mapping[str, Any], seed: int, suffix: str = ".wav") -> list[Task]:
    """Tasks in the order of the inputs.

    Args:
        hashes: of the inputs' files; see `hash_inputs`.
        identity: recipe, checkpoints and seed, all that the result depends on beside the file.
        suffix: of what is written.
    """
    tasks = []
    for file, output, sha256 in zip(inputs.files, inputs.output_names(), hashes, strict=True):
        key = hash_json({**identity, "name": ascii(file.name), "label": file.label, "sha256": sha256})
        tasks.append(Task(file, output.removesuffix(".wav") + suffix, key, derive_seed(seed, file.name)))
    return tasks


def hash_inputs(inputs: Inputs) -> list[str]:
    """The hash of every file. It reads them all, so the attackers of a preset share it."""
    return [hash_readable(file.path) for file in inputs.files]
