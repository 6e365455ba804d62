"""How long it will take, where there is no terminal to draw a bar on."""

from __future__ import annotations

import re

import pytest

from staa_cli.commands.output import Output
from staa_cli.commands.progress import Bar, Bulletin, in_words


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def follow(total: int, seconds: float, done: int = 0) -> list[str]:
    """What is said of work whose items take so many seconds each."""
    said: list[str] = []
    clock = Clock()
    step = Bulletin("attack", total, said.append, clock)
    step.skip(done)
    for _ in range(total - done):
        clock.now += seconds
        step.advance()
    return said


def test_a_line_every_tenth_of_long_work() -> None:
    said = follow(1_000, 1.2)
    assert len(said) == 9
    assert said[2] == "attack: 300 of 1000, 14 min left"


def test_a_line_every_minute_of_slow_items() -> None:
    assert len(follow(20, 45)) == 9, "a tenth takes longer than a minute"
    assert len(follow(200, 1)) == 3
    assert follow(100, 0.5) == [], "nobody waits for what takes less than a minute"


def test_what_was_done_before_promises_nothing() -> None:
    assert follow(1_000, 1.2, done=900) == []
    assert follow(1_000, 1.2, done=500)[0] == "attack: 600 of 1000, 8 min left"


@pytest.mark.parametrize(("seconds", "words"), [(5.4, "5 s"), (59, "59 s"), (61, "1 min"), (3_540, "59 min"), (12_100, "3 h 22 min")])
def test_durations_as_one_says_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staa_cli.commands.progress.EVERY", 0.0)
    for verbosity, lines in ((-1, 0), (0, 2)):
        with Output(verbosity=verbosity).progress("attack", 3) as step:
            for _ in range(3):
                step.advance()
        said = capfd.readouterr()
        assert said.out == ""
        assert len(re.findall(r"attack: [12] of 3, .* left", said.err)) == lines


def test_processes_that_share_a_terminal_draw_no_bars(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # as on a terminal
    with Output().progress("train [red]\a", 3) as step:
        assert isinstance(step, Bar)
    assert "train [red]\\x07" in capfd.readouterr().err, "a folder may be called so"
    monkeypatch.setenv("TTY_INTERACTIVE", "0")
    with Output().progress("train", 3) as step:
        assert isinstance(step, Bulletin)
