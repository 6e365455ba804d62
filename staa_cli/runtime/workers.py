"""A function over many items in worker processes, so that neither a crash nor a kill loses more than the item in hand."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from typing import Generic, TypeVar

from staa_cli.runtime.errors import StaaError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Items handed out per worker: enough that none waits, few enough that the memory does not grow with the number of items.
AHEAD = 8
PATIENCE = 0.2
"""Seconds until Ctrl-C is looked for again."""


class WorkerDied(StaaError):
    """The process that had an item in hand is gone: killed, out of memory, or crashed in a library."""


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_processes(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, preload: str
) -> Iterator[tuple[int, Result | WorkerDied]]:
    """Apply a function of a module to all items.

    Args:
        function: defined at the top of a module, as its arguments and results travel between processes.
        items: taken one after the other, a little ahead of the work.
        workers: processes; 1 does the work in this one.
        preload: the module that holds `function`, imported once for all workers.

    Yields:
        The place of an item and its result, in the order in which they are ready. An item that kills its worker yields `WorkerDied`.
    """
    if workers <= 1:
        for place, item in enumerate(items):
            yield place, function(item)
        return
    with interrupts_noted() as check:
        pool = Pool[Item, Result](function, workers, preload, check)
        try:
            yield from pool.map(enumerate(items))
        finally:
            pool.close()


@contextmanager
def interrupts_noted() -> Iterator[Callable[[], None]]:
    """Ctrl-C is noted, and raised where the block asks for it by the function that it gets.

    Raised anywhere, it may leave a future locked whose result the pool's own thread then waits to set, and so the process would never end.
    """
    noted: list[bool] = []
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: None
        return

    def check() -> None:
        if noted:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, lambda *_: noted.append(True))
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    check()


class Pool(Generic[Item, Result]):
    """Worker processes that are started anew after one of them died."""

    def __init__(self, function: Callable[[Item], Result], workers: int, preload: str, check: Callable[[], None]) -> None:
        self.function, self.workers, self.check = function, workers, check
        # A fork of this process would take along its threads' locks (the progress bar's, a library's).
        self.context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
        if self.context.get_start_method() == "forkserver":
            self.context.set_forkserver_preload([preload])
        self.executor: ProcessPoolExecutor | None = None

    def start(self, workers: int) -> ProcessPoolExecutor:
        self.close()
        self.executor = ProcessPoolExecutor(workers, self.context, initializer=prepare_worker)
        return self.executor

    def close(self) -> None:
        if self.executor is not None:
            self.executor.shutdown(wait=False, cancel_futures=True)
            self.executor = None

    def map(self, todo: Iterator[tuple[int, Item]]) -> Iterator[tuple[int, Result | WorkerDied]]:
        executor = self.start(self.workers)
        running: dict[Future[Result], tuple[int, Item]] = {}
        while True:
            suspects: list[tuple[int, Item]] = []
            for place, item in todo:
                try:
                    running[executor.submit(self.function, item)] = place, item
                except BrokenProcessPool:
                    suspects.append((place, item))
                    break
                if len(running) >= AHEAD * self.workers:
                    break
            if not running and not suspects:
                return
            for future in self.wait(running):
                place, item = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    suspects.append((place, item))
                else:
                    yield place, future.result()
            if suspects:
                # All that was in hand failed with the one that killed its worker: alone, each shows whether it was the one.
                suspects += running.values()
                running.clear()
                yield from self.one_by_one(sorted(suspects, key=lambda suspect: suspect[0]))
                executor = self.start(self.workers)

    def one_by_one(self, items: Sequence[tuple[int, Item]]) -> Iterator[tuple[int, Result | WorkerDied]]:
        executor = self.start(1)
        for place, item in items:
            try:
                (future,) = self.wait([executor.submit(self.function, item)])
                yield place, future.result()
            except BrokenProcessPool:
                yield place, WorkerDied("the process that worked on it died (killed, out of memory, or crashed in a library)")
                executor = self.start(1)

    def wait(self, futures: Iterable[Future[Result]]) -> set[Future[Result]]:
        """Those that are ready, at least one."""
        futures, done = list(futures), set[Future[Result]]()
        while not done:
            self.check()
            done = wait(futures, timeout=PATIENCE, return_when=FIRST_COMPLETED).done
        return done


def prepare_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it, even where it was killed and could not say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
