"""What a run attacks. No torch here: dry runs need it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from staa_cli.audio.form import Cutting
from staa_cli.evaluation.inputs import Inputs
from staa_cli.evaluation.recordings import Recording
from staa_cli.evaluation.shards import Shard


@dataclass(frozen=True)
class Material:
    """
    Attributes:
        hashes: of the inputs' files; see `hash_inputs`.
        cutting, recordings: how long inputs were cut, and into what; see `cut_all`.
        shard: which part of a run the inputs are; it is written beside OUT.
    """

    inputs: Inputs
    hashes: list[str]
    cutting: Cutting | None = None
    recordings: Sequence[Recording | None] = ()
    shard: Shard | None = None
