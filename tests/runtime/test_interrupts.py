"""Ctrl-C waits for the places made for it, and is never lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from staa_cli.evaluation.hand import breathing
from staa_cli.runtime.checkpoints import Header
from staa_cli.runtime.errors import Interrupted
from staa_cli.runtime.folders import STATE
from staa_cli.runtime.interrupts import breathe, held
from staa_cli.runtime.listener import SILENT
from staa_cli.runtime.training import fit


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as usual, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_it_waits_for_a_breath() -> None:
    done = []

    @held()
    def work() -> None:
        breathe()
        press()
        done.append("step")
        breathe()
        done.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["step"]
    breathe()


def test_it_waits_for_the_end_of_the_outermost_block() -> None:
    done = []

    @held()
    def work() -> None:
        with held():
            press()
        done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["outer"]


def test_a_second_one_does_not_wait() -> None:
    done = []

    @held()
    def work() -> None:
        press()
        done.append("once")
        press()
        done.append("twice")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["once"]


def test_in_a_patient_block_all_wait() -> None:
    done = []

    @held()
    def work() -> None:
        with held(patient=True):
            for _ in range(3):
                press()
            done.append("inner")
        done.append("outer")
        breathe()
        done.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"]


def test_an_error_does_not_hide_it() -> None:
    @held()
    def work() -> None:
        press()
        raise ValueError

    with pytest.raises(KeyboardInterrupt):
        work()


def test_an_ignored_one_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held():
        press()
        breathe()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_are_left_alone() -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with held():
                breathe()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failures == []


def test_a_training_ends_between_two_steps(tmp_path: Path) -> None:
    """In the middle of a step and of a save it waits; what was saved is an epoch's end."""
    module = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(module.parameters())
    steps: list[str] = []

    def run_epoch(epoch: int, _: object) -> dict[str, float]:
        for step in range(3):
            optimizer.zero_grad()
            module(torch.ones(1, 2)).sum().backward()
            if (epoch, step) == (1, 1):
                press()
            steps.append("begun")
            optimizer.step()
            steps.append("done")
        return {"loss": 0.0}

    with pytest.raises(Interrupted, match="after epoch 1 of 3"):
        fit(tmp_path, module, Header("victim", {}), optimizer, 3, run_epoch, SILENT)
    assert steps == ["begun", "done"] * 4 + ["begun"]
    assert (tmp_path / STATE).exists()
    optimizer.step()  # nobody listens any more
    breathe()


def test_an_attack_ends_between_two_looks() -> None:
    victim, looks = torch.nn.Identity(), []
    bench: Any = SimpleNamespace(victims={"one": SimpleNamespace(victim=victim)})

    @held()
    def work() -> None:
        with breathing(bench):
            press()
            looks.append("first")
            victim(torch.ones(1))
            looks.append("second")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert looks == ["first"]
    assert not victim._forward_pre_hooks


EARLY = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, {delay})
from staa_cli.runtime.device import resolve_device
try:
    resolve_device("cpu")
except KeyboardInterrupt:
    assert not hasattr(sys.modules.get("torch"), "nn") or sys.modules["torch"].ones(2).sum() == 2
    print("raised")
"""


@pytest.mark.parametrize("delay", [0.4, 0.7])
def test_the_import_of_torch_is_whole_or_not_begun(delay: float) -> None:
    done = subprocess.run([sys.executable, "-c", EARLY.format(delay=delay)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "raised\n"), done.stderr
