"""Worker processes: every item once, whatever happens to them, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from staa_cli.runtime.workers import WorkerDied, map_in_processes


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as usual, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def square(number: int) -> int:
    return number * number


def die_of_13(number: int) -> int:
    """Crash on one number, as a library might, and be killed on another, as the system does without memory."""
    if number == 13:
        os._exit(139)
    if number == 14:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.002)
    return number


def refuse(number: int) -> int:
    raise OSError(28, "No space left on device")


def large(number: int) -> bytes:
    """More than a pipe holds."""
    return bytes([number]) * 1_000_000


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_every_item_once(workers: int, count: int) -> None:
    assert dict(map_in_processes(square, range(count), workers, __name__)) == {number: number**2 for number in range(count)}
    assert multiprocessing.active_children() == []


def test_only_the_deadly_items_are_lost() -> None:
    results = dict(map_in_processes(die_of_13, range(60), 2, __name__))
    dead = {place for place, result in results.items() if isinstance(result, WorkerDied)}
    assert dead == {13, 14}
    assert all(results[place] == place for place in range(60) if place not in dead)


def test_errors_of_the_machine_come_through() -> None:
    with pytest.raises(OSError, match="No space left"):
        list(map_in_processes(refuse, range(5), 2, __name__))
    assert multiprocessing.active_children() == []


def test_large_results() -> None:
    assert dict(map_in_processes(large, range(8), 2, __name__)) == {number: large(number) for number in range(8)}


def test_items_are_taken_as_they_are_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1_000):
            taken.append(number)
            yield number

    with closing(map_in_processes(square, items(), 2, __name__)) as results:
        next(results)
    assert len(taken) == 2
    assert multiprocessing.active_children() == []


def interrupted(delay: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, delay)
    with closing(map_in_processes(die_of_13, [1] * 10_000, 2, __name__)) as results:
        for _ in results:
            pass


@pytest.mark.parametrize("delay", [0.0001, 0.001, 0.003, 0.01, 0.1, 0.3])
def test_ctrl_c_at_any_moment(delay: float) -> None:
    """Also while workers start. The workers are gone then, and others can be started."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        interrupted(delay)
    assert multiprocessing.active_children() == []
    assert dict(map_in_processes(square, range(5), 2, __name__)) == {number: number**2 for number in range(5)}
