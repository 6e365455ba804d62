"""How long a run takes and how much it writes: some of its lots are done for a trial, in a folder that is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from staa_cli.audio.files import SAMPLE_RATE, AudioError, write_wav
from staa_cli.evaluation.hand import Due, Hand
from staa_cli.evaluation.loop import divide, size_of
from staa_cli.evaluation.pipeline import Bench
from staa_cli.evaluation.task import Task
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.listener import Listener

SECONDS = 10.0
"""No lot is begun later than that."""
PLACES = (0.5, 0.1, 0.9, 0.3, 0.7)
"""Which lots are tried, of all by size: the middle one first, should there be time for no other."""


@dataclass(frozen=True)
class Estimate:
    """
    Attributes:
        utterances, tried: of the run, and of the trial.
        ready_seconds: until the models were loaded and looked at.
        each_seconds: of an utterance, in one process.
        seconds: of the whole run; with several processes at best, as if none were in another's way.
        bytes: of the files and their records.
    """

    utterances: int
    tried: int
    ready_seconds: float
    each_seconds: float
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Trial:
    """What a lot cost. `weight`: bytes of its audio as it was."""

    attacked: int
    weight: int
    seconds: float
    bytes: int


def estimate(bench: Bench, tasks: Sequence[Task], batch_size: int, jobs: int, ready: float, listener: Listener) -> Estimate:
    """What work on all tasks costs.

    Args:
        ready: seconds that it took to make the bench.

    Raises:
        UsageError: nothing that was tried could be attacked.
    """
    lots, size = divide(bench, tasks, batch_size)
    by_size = sorted(lots, key=weigh)
    places = dict.fromkeys(int(place * len(by_size)) for place in PLACES)
    trials: list[Trial] = []
    with TemporaryDirectory(prefix="staa-") as folder:
        hand = Hand(lambda: replace(bench, folder=Path(folder) / "out"), size, listener=listener)
        begun = perf_counter()
        for place in [next(iter(places)), *places]:
            if trials and perf_counter() - begun > SECONDS:
                break
            lot = [as_whole(task, Path(folder) / f"{len(trials)}-{row}.wav") for row, task in enumerate(by_size[place])]
            trials.append(attempt(hand, lot, weigh(by_size[place]), listener))
    trials = trials[1:] or trials  # the first one pays for what happens once, and is tried again where there is time
    tried, weight, seconds, written = (sum(column) for column in zip(*map(astuple, trials), strict=True))
    if not tried:
        raise UsageError("nothing can be foretold: none of the inputs that were tried could be attacked")
    share = sum(map(weigh, by_size)) / max(1, weight)
    return Estimate(len(tasks), tried, ready, seconds / tried, ready + seconds * share / jobs, int(written * share))


def weigh(lot: Sequence[Task]) -> int:
    return sum(map(size_of, lot))


def as_whole(task: Task, path: Path) -> Task:
    """A segment as a file of its own, which it is like to the bit: that of a recording would be hours long."""
    if task.segment is None:
        return task
    with suppress(AudioError):
        audio = task.read()
        samples, rate = (audio.samples, SAMPLE_RATE) if audio.original is None else (audio.original, audio.rate)
        write_wav(path, samples, audio.subtype, rate)
        return replace(task, input=replace(task.input, path=path), output=path.with_suffix(task.form.suffix).name, segment=None)
    return task


def attempt(hand: Hand, lot: Sequence[Task], weight: int, listener: Listener) -> Trial:
    start = perf_counter()
    results = [one for batch in hand.work([Due(task) for task in lot]) for one in batch]
    seconds = perf_counter() - start
    assert hand.bench is not None
    attacked = written = 0
    for task, result in results:
        if isinstance(result, str):
            listener.error(result)
        else:
            attacked += 1
            written += (hand.bench.folder / task.output).stat().st_size + sum(len(record.to_json()) for record in result)
    return Trial(attacked, weight, seconds, written)
