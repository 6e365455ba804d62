"""What one process does with a lot, a few tasks that lie together: read, attack or only judge, and say what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from staa_cli.audio.files import AudioError
from staa_cli.evaluation.again import judge_again
from staa_cli.evaluation.pipeline import Bench, Clip, work
from staa_cli.evaluation.portions import HOPELESS, Portions
from staa_cli.evaluation.record import Record
from staa_cli.evaluation.task import Task
from staa_cli.runtime.device import limit_threads
from staa_cli.runtime.interrupts import breathe
from staa_cli.runtime.listener import Listener

TOGETHER = 2**18
"""Samples that are judged and measured together where they need not be: of longer batches nothing is gained but size."""

Result = list[Record] | str
"""A task's records, one for each victim; or why there are none."""


@dataclass(frozen=True)
class Due:
    """A task to be done.

    Attributes:
        known: records of it by some of the victims, where its file is there: then it is judged by the others only.
    """

    task: Task
    known: Sequence[Record] = ()


Results = list[tuple[Task, Result]]


@dataclass(frozen=True)
class Done:
    """What became of a lot. `warnings`: what its process had to say."""

    results: Results
    warnings: list[str]


class Hand:
    """Works on lots, in this process or in another one.

    Args:
        build: makes the bench when the first lot comes: models do not travel between processes.
        batch_size: utterances of one length at once, fewer where memory runs out.
        threads: of torch; None leaves them as they are.
        listener: None keeps warnings for who gets the results.
    """

    def __init__(
        self, build: Callable[[], Bench], batch_size: int = 1, threads: int | None = None, listener: Listener | None = None
    ) -> None:
        self.build, self.batch_size, self.threads, self.listener = build, batch_size, threads, listener
        self.bench: Bench | None = None
        self.notes = Notebook()

    def __call__(self, lot: Sequence[Due]) -> Done:
        """A whole lot, as it is sent for."""
        if self.threads is not None:
            limit_threads(self.threads)
        return Done([one for results in self.work(lot) for one in results], self.notes.take())

    def work(self, lot: Sequence[Due]) -> Iterator[Results]:
        """What is done of a lot, batch by batch."""
        if self.bench is None:
            self.bench = self.build()
            self.portions = Portions(self.bench.attacker, self.batch_size, self.bench.device, self.listener or self.notes)
        bench = self.bench
        for batch in self.batches(bench, lot):
            breathe()
            if isinstance(batch, tuple):
                yield [batch]
                continue
            with breathing(bench):
                results = self.portions.run(batch, lambda portion: judge_or_attack(bench, portion))
            yield [
                (one.task, result if isinstance(result, list) else f"{one.task}: {result or HOPELESS}")
                for one, result in zip(batch, results, strict=True)
            ]

    def batches(self, bench: Bench, lot: Sequence[Due]) -> Iterator[list[Clip] | tuple[Task, str]]:
        """Read the audio of a lot and group neighbours of equal length. A file that cannot be used stands alone, with the reason."""
        group: list[Clip] = []
        for due in lot:
            try:
                clip = Clip(due.task, due.task.read(), due.known)
            except AudioError as error:
                yield due.task, str(error)
                continue
            length = len(clip.audio.samples)
            most = max(1, TOGETHER // length) if bench.attacker.one_by_one else self.batch_size
            alike = group and len(group[0].audio.samples) == length and bool(group[0].known) == bool(clip.known)
            if group and not (alike and len(group) < most):
                yield group
                group = []
            group.append(clip)
        if group:
            yield group


def judge_or_attack(bench: Bench, batch: Sequence[Clip]) -> list[list[Record] | str]:
    """A file that was to be judged only, and was damaged since, is made again."""
    if batch[0].known:
        with suppress(AudioError):
            return [*judge_again(bench, batch)]
    return work(bench, batch)


class Notebook(Listener):
    """Keeps warnings until they are taken to where somebody hears them."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def warning(self, text: str) -> None:
        self.notes.append(text)

    def take(self) -> list[str]:
        taken, self.notes = self.notes, []
        return taken


@contextmanager
def breathing(bench: Bench) -> Iterator[None]:
    """Ctrl-C is also taken between two looks at a victim: some attacks spend minutes on an utterance."""
    hooks = [victim.victim.register_forward_pre_hook(lambda *_: breathe()) for victim in bench.victims.values()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
