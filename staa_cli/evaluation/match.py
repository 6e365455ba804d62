"""`match: RUN`: an attack moves as large a share of the samples as another attacker was measured to move."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import read_metrics

SHARES = ("percent", "positions.percent")
"""Where recipes of attacks have k, as a share of the utterance."""


def share_key(schema: type[BaseModel]) -> str | None:
    """Where an attack's recipes have k; None for an attack that has none."""
    return next((key for key in SHARES if key.split(".")[0] in schema.model_fields), None)


def fill(data: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A recipe with the share of the run that it names under `match`; `place`: where its share stands.

    Raises:
        UsageError: it gives a share as well, or the run has none.
    """
    above, _, key = place.rpartition(".")
    around: Any = (data.get(above) or {}) if above else data
    if not isinstance(around, Mapping):
        return dict(data)
    if around.get(key) is not None:
        raise UsageError(f"'match: {data['match']}' stands beside '{place}: {around[key]}', expected one of the two")
    filled = {**around, key: measured_percent(Path(data["match"]), data.get("space", "waveform"))}
    return {**data, above: filled} if above else filled


def measured_percent(folder: Path, space: str) -> float:
    """The share of samples that a finished run changed on disk, in percent to four digits.

    It is the mean over all utterances: k is moved in all of them too, whoever is fooled by it. Of files that kept their own rate
    it is the share before that.

    Raises:
        UsageError: there is no such run, or it measured no such thing.
    """
    metrics = read_metrics(folder)
    if metrics.get("command") not in ("attack", "baseline"):
        raise UsageError(f"{folder} is a run of 'staa {metrics.get('command')}', expected one of 'staa attack' or 'staa baseline'")
    summary = metrics["summary"]
    other = summary.get("space", "waveform")
    if other != space:
        raise UsageError(f"{folder} attacked the space '{other}', expected '{space}'")
    # Where files kept their own rate, resampling spread what was moved.
    sparsity = (summary.get("memory", {}) if summary.get("own_rate") else summary).get("sparsity_percent")
    percent = sparsity.get("all") if isinstance(sparsity, dict) else None
    if not isinstance(percent, int | float) or not 0 < percent <= 100:
        raise UsageError(f"the sparsity of {folder} is {percent!r}, expected a share of the samples in percent")
    return float(f"{percent:.4g}")
