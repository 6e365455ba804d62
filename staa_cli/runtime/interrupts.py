"""Ctrl-C where it does no harm.

Python raises KeyboardInterrupt between any two of its instructions. While torch is imported that is in the middle of native code, which
swallows it (a training then goes on for hours) or crashes; in the middle of a step it leaves half of one behind. So whatever works with
torch holds Ctrl-C back, and takes it at the places made for it: `breathe`, between steps, utterances and looks at a victim.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Waiting:
    """A handler of SIGINT that remembers the first one and does at the second what `before` does.

    Args:
        patient: the second one waits too.
    """

    def __init__(self, before: Callable[[int, FrameType | None], Any], *, patient: bool) -> None:
        self.before, self.patient, self.came = before, patient, False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        again, self.came = self.came, True
        if again and not self.patient:
            self.came = False
            self.before(number, frame)

    def release(self) -> None:
        """
        Raises:
            KeyboardInterrupt: Ctrl-C came in the meantime.
        """
        came, self.came = self.came, False
        if came:
            self.before(signal.SIGINT, None)


@contextmanager
def held(*, patient: bool = False) -> Iterator[None]:
    """Ctrl-C waits for `breathe`, or for the end of the block; a second one does not wait, unless `patient`.

    Blocks nest: the outermost one counts, but for a patient one. Where Ctrl-C is ignored, and in other threads, nothing is done.
    """
    before = signal.getsignal(signal.SIGINT)
    inside = isinstance(before, Waiting) and not patient
    if inside or not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting = Waiting(before, patient=patient)
    signal.signal(signal.SIGINT, waiting)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        waiting.release()


WATCHES: list[Callable[[], None]] = []


def watch(look: Callable[[], None]) -> None:
    """Have something looked after at each `breathe` of this process."""
    WATCHES.append(look)


def breathe() -> None:
    """A place where Ctrl-C may be raised that came since the last one, and where a worker ends that works for nobody any more.

    Raises:
        KeyboardInterrupt: it came.
    """
    for look in WATCHES:
        look()
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(handler, Waiting):
        handler.release()
