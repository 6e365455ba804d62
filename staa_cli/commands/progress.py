"""How far a piece of work is, and how long the rest will take: as a bar, or as lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from rich.progress import Progress

from staa_cli.runtime.listener import Step

EVERY = 60.0
"""Seconds between two lines, at least."""


class Bar(Step):
    """A progress bar."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress, self._task = progress, task

    def advance(self, count: int = 1) -> None:
        self._progress.advance(self._task, count)

    def skip(self, count: int) -> None:
        # An advance that takes no time would promise more of its kind.
        self._progress.reset(self._task, completed=count)

    def note(self, text: str) -> None:
        self._progress.update(self._task, note=text)


class Bulletin(Step):
    """A line now and then, in a log: every minute, or every tenth of the work where that takes longer.

    Args:
        say: prints a line.
        clock: in seconds.
    """

    def __init__(self, description: str, total: int, say: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self.description, self.total, self.say, self.clock = description, total, say, clock
        self.before = self.done = self.told = 0
        self.start = self.last = clock()
        self.noted = ""

    def skip(self, count: int) -> None:
        self.before = self.done = self.told = count

    def note(self, text: str) -> None:
        self.noted = text

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = self.clock()
        if now - self.last < EVERY or self.done - self.told < self.total / 10 or self.done >= self.total:
            return
        self.last, self.told = now, self.done
        left = (now - self.start) / (self.done - self.before) * (self.total - self.done)
        noted = f" ({self.noted})" if self.noted else ""
        self.say(f"{self.description}: {self.done} of {self.total}{noted}, {in_words(left)} left")


def in_words(seconds: float) -> str:
    """A duration as one says it: `40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
