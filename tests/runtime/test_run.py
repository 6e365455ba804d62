"""A run: when its work is needed, what it says of another one that stands in its place, its own clock."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from staa_cli.runtime import run as module
from staa_cli.runtime.errors import StaaError, UsageError, explain_os_error
from staa_cli.runtime.run import Run
from staa_cli.runtime.version import __version__

OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4


class Budget(BaseModel):
    linf: float = 0.1
    l2: float | None = None


class Recipe(BaseModel):
    seed: int = 0
    steps: int = 20
    attack: str = "pgd"
    budget: Budget | None = None


def make(out: Path, recipe: Recipe = Recipe(), count: int = 12, victims: tuple[str, ...] = (OLD,), **options: Any) -> Run:  # noqa: B008
    identity = {"inputs": {"count": count, "sha256": str(count)}, "checkpoints": {"victims": list(victims)}}
    return Run("attack", recipe, identity, out, **options)


def execute(run: Run, failed: int = 0) -> dict[str, Any]:
    return run.execute(lambda folder: {"failed": failed, "utterances": 1})


def metrics(out: Path) -> dict[str, Any]:
    return json.loads((out / "metrics.json").read_text())  # type: ignore[no-any-return]


def test_equal_work_is_done_once(tmp_path: Path) -> None:
    first = execute(make(tmp_path / "out"))
    again = make(tmp_path / "out")
    assert again.finished
    assert again.found == first
    assert not make(tmp_path / "out", Recipe(seed=1), overwrite=True).finished
    assert not make(tmp_path / "out", Recipe(seed=1), extendable=lambda: True).finished


def test_failures_are_tried_again(tmp_path: Path) -> None:
    execute(make(tmp_path / "out"), failed=1)
    again = make(tmp_path / "out")
    assert not again.finished
    execute(again)
    assert make(tmp_path / "out").finished


def test_who_comes_second_looks_again(tmp_path: Path) -> None:
    """All runs of a preset are looked at first. When their turn comes, another process may have been there."""
    first, second, third = make(tmp_path / "out"), make(tmp_path / "out"), make(tmp_path / "out", Recipe(seed=1))
    made = execute(first)
    assert not first.finished
    assert not second.finished
    assert second.execute(lambda _: pytest.fail("made twice")) == made
    assert second.finished
    with pytest.raises(UsageError, match="seed 0 → 1"):
        execute(third)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_the_clock_is_that_of_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [make(tmp_path / name) for name in ("one", "two")]
    time.sleep(0.3)
    for run in runs:
        assert execute(run)["run"]["seconds"] < 0.2
    slow = make(tmp_path / "slow").execute(lambda _: time.sleep(0.25) or {})
    assert 0.2 < slow["run"]["seconds"] < 2
    started = make(tmp_path / "late")
    real = module.datetime

    class Later(real):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, zone: Any = None) -> Any:
            return real(2050, 1, 1, tzinfo=zone)

    monkeypatch.setattr(module, "datetime", Later)
    assert execute(started)["run"]["started"].startswith("2050-01-01")


def test_a_finished_run_becomes_young_when_it_is_asked_for(tmp_path: Path) -> None:
    """`make` would call us for ever, where only a comment of the recipe is newer. A mere look changes nothing."""
    out = tmp_path / "out"
    execute(make(out))
    before = metrics(out)
    os.utime(out / "metrics.json", (1, 1))
    run = make(out)
    assert (out / "metrics.json").stat().st_mtime == 1
    assert run.confirm() == before == metrics(out)
    assert time.time() - (out / "metrics.json").stat().st_mtime < 60
    os.utime(out / "metrics.json", (1, 1))
    assert execute(run) == before
    assert (out / "metrics.json").stat().st_mtime > 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipe": Recipe(steps=5)}, "recipe steps 20 → 5"),
        ({"recipe": Recipe(seed=1, attack="bim")}, "seed 0 → 1, recipe attack pgd → bim"),
        ({"recipe": Recipe(budget=Budget())}, "recipe budget.linf none → 0.1"),
        ({"count": 13}, "inputs 12 → 13 files"),
        ({"victims": (NEW,)}, "checkpoints.victims …abcdef → …543210"),
        ({"victims": (OLD, NEW)}, "checkpoints.victims …abcdef → …abcdef, …543210"),
        ({"recipe": Recipe(attack="x" * 50)}, f"recipe attack pgd → {'x' * 39}…"),
        (
            {"recipe": Recipe(seed=1, steps=2, attack="a", budget=Budget(l2=1)), "count": 1, "victims": (NEW,)},
            "seed 0 → 1, recipe steps 20 → 2, recipe attack pgd → a, recipe budget.linf none → 0.1, recipe budget.l2 none → 1.0 and 2 more",
        ),
    ],
)
def test_another_run_is_refused_with_what_differs(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    execute(make(tmp_path / "out"))
    with pytest.raises(UsageError) as refusal:
        make(tmp_path / "out", **changes)
    assert str(refusal.value) == f"{tmp_path / 'out'} is finished, with another recipe, input, checkpoint, seed, device or version: {words}"
    assert refusal.value.advice == "overwrite"


def test_a_run_of_an_older_version_is_refused(tmp_path: Path) -> None:
    made = execute(make(tmp_path / "out"))
    path = tmp_path / "out" / "metrics.json"
    for versions, words in (({"staa": "0.0.1"}, f"version: staa 0.0.1 → {__version__}"), (made["versions"], "version")):
        path.write_text(json.dumps({**made, "key": "of old", "versions": versions}))
        with pytest.raises(UsageError) as refusal:
            make(tmp_path / "out")
        assert str(refusal.value).endswith(words)


def test_a_busy_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staa_cli.runtime.folders.PATIENCE", 0.05)
    waiting = make(tmp_path / "out")

    def work(_: Path) -> dict[str, Any]:
        for attempt in (lambda: make(tmp_path / "out"), lambda: execute(waiting)):
            with pytest.raises(StaaError, match="another staa process is writing"):
                attempt()
        return {}

    make(tmp_path / "out").execute(work)
    assert execute(waiting) == metrics(tmp_path / "out")


@pytest.mark.parametrize("number", [5, 27, 28])
def test_errors_of_the_system_are_sentences(number: int) -> None:
    assert "Errno" not in explain_os_error(OSError(number, os.strerror(number)))
    assert explain_os_error(OSError(number, os.strerror(number), "x.wav")).count("x.wav") == 1


def test_the_type_of_the_device_is_part_of_the_key(tmp_path: Path) -> None:
    made = make(tmp_path / "out", device="cuda").execute(lambda _: {}, "cuda:1")
    assert made["device"] == "cuda:1"
    assert make(tmp_path / "out", device="cuda").finished
    with pytest.raises(UsageError, match=r"or version: device cuda → cpu$"):
        make(tmp_path / "out", device="cpu")
    several = make(tmp_path / "several", device="cuda")
    several.execute(lambda _: {}, "cuda (2 processes)")
    with pytest.raises(UsageError, match=r"or version: seed 0 → 1, device cuda → cpu$"):
        make(tmp_path / "several", Recipe(seed=1), device="cpu")
    assert not make(tmp_path / "out", device="cpu", overwrite=True).finished


def test_unfinished_work_goes_on_on_another_device(tmp_path: Path) -> None:
    def stop(folder: Path) -> dict[str, Any]:
        (folder / "state").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "out", device="cuda").execute(stop, "cuda")
    made = make(tmp_path / "out", device="cpu").execute(lambda folder: {"found": (folder / "state").read_text()}, "cpu")
    assert made["summary"] == {"found": "half"}


@pytest.mark.parametrize("damage", [{"device": ""}, {"device": None}, {"versions": "0.1"}, {"versions": [1]}])
def test_a_damaged_result_is_refused_in_words(tmp_path: Path, damage: dict[str, Any]) -> None:
    made = execute(make(tmp_path / "out", device="cpu"))
    (tmp_path / "out" / "metrics.json").write_text(json.dumps({**made, "key": "of old", **damage}))
    with pytest.raises(UsageError, match="is finished, with another recipe"):
        make(tmp_path / "out", device="cpu")
