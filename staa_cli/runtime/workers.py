"""A function over many items in worker processes, so that neither a crash nor a kill loses more than the item in hand.

No thread and no lock is involved: Ctrl-C may come at any moment, also twice, and is raised at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from staa_cli.runtime.errors import StaaError
from staa_cli.runtime.interrupts import breathe, held, watch

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerDied(StaaError):
    """The process that had an item in hand is gone: killed, out of memory, or crashed in a library."""


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_processes(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, preload: str, *, apart: bool = False
) -> Generator[tuple[int, Result | WorkerDied]]:
    """Apply a function of a module to all items.

    Args:
        function: defined at the top of a module, as its arguments and results travel between processes; or an object of such a class, of
            which each worker has a copy to keep things in.
        items: taken one after the other, each when a worker is free.
        workers: processes; 1 does the work in this one, unless it is to be done `apart`.
        preload: the module that holds `function`, imported once for all workers.

    Yields:
        The place of an item and its result, in the order in which they are ready. An item that kills its worker yields `WorkerDied`.

    Raises:
        Exception: what `function` raised. The workers end with the iterator: close it where it is not used up.
    """
    if workers <= 1 and not apart:
        for place, item in enumerate(items):
            yield place, function(item)
        return
    # A fork of this process would take along its threads' locks (the progress bar's, a library's).
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    todo, crew, in_hand = enumerate(items), dict[Connection, BaseProcess](), dict[Connection, int]()
    try:
        while True:
            while len(in_hand) < workers and (following := next(todo, None)) is not None:
                place, item = following
                line = next((line for line in crew if line not in in_hand), None) or hire(context, function, crew)
                in_hand[line] = place
                with suppress(ConnectionError):  # the worker has died in the meantime, which is noticed below
                    line.send(item)
            if not in_hand:
                return
            ready: list[Any] = []
            while not ready:
                breathe()  # Ctrl-C, where it is held, does not wait until a worker is done
                ready = wait(list(in_hand), timeout=0.2)
            for line in ready:
                place = in_hand.pop(line)
                try:
                    result = line.recv()
                except (EOFError, OSError):
                    dismiss(line, crew)
                    result = WorkerDied("the process that worked on it died (killed, out of memory, or crashed in a library)")
                if isinstance(result, Exception) and not isinstance(result, WorkerDied):
                    raise result
                yield place, result
    finally:
        for line in list(crew):
            dismiss(line, crew)


def hire(context: ForkServerContext, function: Callable[[Any], Any], crew: dict[Connection, BaseProcess]) -> Connection:
    """Start a worker and return the line to it."""
    ours, theirs = context.Pipe()
    worker = context.Process(target=work, args=(function, theirs), daemon=True)
    with interrupts_held():
        worker.start()
        crew[ours] = worker
    theirs.close()
    return ours


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, as the server of the workers would not survive half a request.

    A terminal sends it to all processes, but it is this one's business: what starts within the block inherits the mask.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # which would undo the mask when it starts
    with held(patient=True):  # the mask alone would not do: another thread may take the signal in
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def dismiss(line: Connection, crew: dict[Connection, BaseProcess]) -> None:
    """End a worker, whatever it is doing."""
    worker = crew.pop(line)
    line.close()
    worker.kill()
    worker.join()


def work(function: Callable[[Any], Any], line: Connection) -> None:
    """What a worker does until it is dismissed, or the process that hired it is gone."""

    def leave_if_alone() -> None:
        if line.poll():  # nothing is sent to a worker with an item in hand: this is the end of the line
            os._exit(1)

    watch(leave_if_alone)
    with suppress(EOFError, ConnectionError):
        while True:
            item = line.recv()
            try:
                result = function(item)
            except Exception as error:
                result = error
            line.send(result)
