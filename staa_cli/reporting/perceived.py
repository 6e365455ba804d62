"""What is heard of attacks, measured from their files when they are reported: it costs about 0.15 s an utterance, the attack far less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from staa_cli.reporting.outcomes import outcomes
from staa_cli.reporting.pairs import threat_of
from staa_cli.reporting.runs import FinishedRun, LoadedRun
from staa_cli.reporting.sounds import Pair, load_pair


def with_perception(run: LoadedRun, prepared: Sequence[Path], said: Callable[[str], None]) -> LoadedRun:
    """The same run, its summary with `perception`: each measure's mean over all and over the successful, and how many were scored.

    Args:
        prepared: where the clean files of older runs may lie.
        said: is told of each utterance that cannot be scored, which is missing from the means alone.
    """
    from staa_cli.metrics.perception import MEASURES, perceive

    path, metrics = run
    finished = FinishedRun(path, metrics)
    scored: list[tuple[bool, dict[str, float | None]]] = []
    for one in outcomes(finished):
        if one.victim == threat_of(finished):
            pair = load_pair(finished, one, prepared)
            if isinstance(pair, Pair):
                scored.append((one.success, perceive(pair.clean, pair.adversarial)))
            else:
                said(f"{path}: {one.name} is not scored: {pair}")
    measured = {
        name: {
            "all": mean([values[name] for _, values in scored]),
            "successful": mean([values[name] for success, values in scored if success]),
            "scored": sum(values[name] is not None for _, values in scored),
        }
        for name in MEASURES
    }
    summary: dict[str, Any] = {**metrics["summary"], "perception": measured}
    return path, {**metrics, "summary": summary}


def mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
