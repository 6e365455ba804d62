from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from staa_cli.runtime.workers import AHEAD, WorkerDied, map_in_processes


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


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_every_item_once(workers: int, count: int) -> None:
    assert dict(map_in_processes(square, range(count), workers, __name__)) == {number: number**2 for number in range(count)}


def test_only_the_deadly_items_are_lost() -> None:
    results = dict(map_in_processes(die_of_13, range(60), 2, __name__))
    dead = {place for place, result in results.items() if isinstance(result, WorkerDied)}
    assert dead == {13, 14}
    assert all(results[place] == place for place in range(60) if place not in dead)


def test_errors_of_the_machine_come_through() -> None:
    with pytest.raises(OSError, match="No space left"):
        list(map_in_processes(refuse, range(5), 2, __name__))


def test_items_are_taken_as_they_are_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1_000):
            taken.append(number)
            yield number

    results = map_in_processes(square, items(), 2, __name__)
    next(results)
    assert len(taken) <= 2 * AHEAD + 2
    results.close()  # type: ignore[attr-defined]


def interrupted(seen: list[int], at: int) -> None:
    """Ctrl-C while one result is looked at. `seen` gets a 1 when a result arrives, and a 2 when it has been looked at."""
    for _ in map_in_processes(square, range(100), 2, __name__):
        seen.append(1)
        if seen.count(1) == at:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        seen.append(2)


@pytest.mark.parametrize("at", [1, 40, 100])
def test_ctrl_c_is_raised_between_results(at: int) -> None:
    """Not within the code that looks at a result; also behind the last one; and afterwards Ctrl-C is what it was."""
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(seen, at)
    assert seen.count(1) == seen.count(2)
    assert at <= seen.count(1) <= min(100, at + 2 * AHEAD), "what is ready is handed over, and no more"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert dict(map_in_processes(square, range(5), 2, __name__)) == {number: number**2 for number in range(5)}
