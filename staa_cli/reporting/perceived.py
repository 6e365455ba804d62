"""What is perceived of attacks, measured from their files when they are reported, where it was not with the attack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from staa_cli.metrics.means import perceived
from staa_cli.reporting.outcomes import outcomes
from staa_cli.reporting.runs import FinishedRun, LoadedRun
from staa_cli.reporting.sounds import Pair, load_pair


def with_perception(run: LoadedRun, prepared: Sequence[Path], said: Callable[[str], None]) -> LoadedRun:
    """The same run, its summary with `perception`, as it would stand there had it been asked for with the attack.

    Args:
        prepared: where the clean files of older runs may lie.
        said: is told of each utterance that cannot be scored, which is missing from the means alone.
    """
    from staa_cli.metrics.perception import perceive

    path, metrics = run
    finished = FinishedRun(path, metrics)
    if finished.mapping("perception"):
        return run
    scored: list[tuple[dict[str, float | None], bool]] = []
    for one in outcomes(finished):
        if one.victim == finished.threat:
            pair = load_pair(finished, one, prepared)
            if isinstance(pair, Pair):
                scored.append((perceive(pair.clean, pair.adversarial), one.success))
            else:
                said(f"{path}: {one.name} is not scored: {pair}")
    return path, {**metrics, "summary": {**metrics["summary"], **perceived(scored)}}
