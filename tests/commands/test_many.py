"""Many files: worker processes, shards, victims that come later. Whoever does the work, it is the same work."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from staa_cli.audio.files import write_wav
from staa_cli.evaluation import again, hand, pipeline
from staa_cli.evaluation.shards import run_of_shards
from staa_cli.runtime import folders

from ..conftest import Staa, World, run_main, tone
from .conftest import contents, in_process, results, work_of

KILLS = int(os.environ.get("STAA_KILLS", "1"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of two lengths in a tree, one of them damaged."""
    made = tmp_path_factory.mktemp("many")
    for number in range(21):
        write_wav(made / f"{number % 3}/{number:02}.wav", tone(200 + 30 * number, 2_000 if number % 5 else 2_700, number))
    (made / "1/10.wav").write_bytes(b"RIFF")
    return made


@pytest.fixture(params=["attack", "baseline"])
def command(request: pytest.FixtureRequest, world: World, folder: Path) -> tuple[object, ...]:
    """Both kinds of attackers; PGD moves every sample, so that what is written differs from what was in memory."""
    if request.param == "attack":
        return ("attack", world.generator, folder, "--victim", world.zhao19)
    dense = ("--set", "positions=null", "--batch-size", "2")
    return ("baseline", world.recipes["pgd"], folder, "--threat", world.emo18, "--victim", world.zhao19, *dense)


def made_of(out: Path) -> dict[str, Any]:
    """The work, without the accuracies of the look beforehand: a shard looks at other utterances."""
    made = work_of(out)
    made["metrics.json"].pop("preflight")
    return made


@pytest.mark.parametrize("jobs", [2, 3])
def test_workers_do_the_same_work(staa: Staa, command: tuple[object, ...], tmp_path: Path, jobs: int) -> None:
    alone = staa(*command, "-o", tmp_path / "alone")
    together = staa(*command, "-o", tmp_path / "together", "--jobs", jobs)
    assert (alone.code, together.code) == (1, 1), "one file is damaged"
    assert "20 of" not in alone.err
    assert work_of(tmp_path / "together") == work_of(tmp_path / "alone")
    assert sorted(line for line in alone.err.splitlines() if "1/10.wav" in line) == [
        line for line in together.err.splitlines() if "1/10.wav" in line
    ]


def test_shards_make_the_one_run(staa: Staa, command: tuple[object, ...], tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert staa(*command, "-o", whole).code == 1
    codes = [staa(*command, "-o", out, "--shard", f"{number}/3").code for number in (3, 1, 2)]
    assert sorted(codes) == [0, 0, 1]
    shards = tmp_path / "out.shards"
    assert sorted(path.name for path in shards.iterdir()) == ["1-of-3", "2-of-3", "3-of-3"]
    counts = [json.loads((path / "metrics.json").read_text())["inputs"]["count"] for path in shards.iterdir()]
    assert sum(counts) == 21
    assert max(counts) - min(counts) <= 2, "a batch"
    # Their report gives the numbers of the one run.
    together, alone = run_of_shards(shards), work_of(whole)["metrics.json"]
    assert together is not None
    for seconds in ("seconds_per_utterance", "seconds_mean"):
        assert together["summary"].pop(seconds) > 0
    assert together["summary"] == alone["summary"]
    assert staa("report", shards).out.count("Emo18") == staa("report", whole).out.count("Emo18")
    merged = staa(*command, "-o", out)
    assert merged.code == 1
    assert "20 of 21 utterances were finished before" in merged.err
    assert made_of(out) == made_of(whole)
    assert work_of(out)["metrics.json"] == work_of(whole)["metrics.json"]


def test_a_shard_that_is_missing_is_done_by_the_whole(staa: Staa, world: World, folder: Path, tmp_path: Path) -> None:
    out, calls = tmp_path / "out", []
    command = ("attack", world.generator, folder, "-o", out)
    assert staa(*command, "--shard", "1/2").code in (0, 1)
    refused = staa("report", tmp_path / "out.shards")
    assert refused.code == 2
    assert "lacks 1 of 2 shards, such as 2/2" in refused.err
    with pytest.MonkeyPatch.context() as patch:
        real = hand.work
        patch.setattr(hand, "work", lambda bench, batch: (calls.extend(batch), real(bench, batch))[1])
        assert staa(*command).code == 1
    assert len(calls) == 10
    assert staa("attack", world.generator, folder, "-o", tmp_path / "whole").code == 1
    assert made_of(out) == made_of(tmp_path / "whole")


def test_shards_are_no_inputs_and_foreign_ones_are_named(staa: Staa, world: World, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "0", tmp_path / "in")
    command = ("attack", world.generator, tmp_path / "in", "-o", tmp_path / "in/out")
    assert staa(*command, "--sparsity", "20", "--shard", "1/1").code == 0
    other = staa(*command, "--sparsity", "30")
    assert "1-of-1 is of other inputs, settings or checkpoints than this run" in other.err
    assert json.loads((tmp_path / "in/out/metrics.json").read_text())["inputs"]["count"] == 7


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/2/3", "-1/2"])
def test_a_wrong_shard_is_refused(staa: Staa, world: World, folder: Path, tmp_path: Path, text: str) -> None:
    refused = staa("attack", world.generator, folder, "-o", tmp_path / "out", f"--shard={text}")
    assert refused.code == 2
    assert "expected K/N" in refused.err


def test_more_shards_than_inputs(staa: Staa, world: World, folder: Path, tmp_path: Path) -> None:
    assert "nothing is left for shard 22/22" in staa("attack", world.generator, folder, "-o", tmp_path / "out", "--shard", "22/22").err


# --- Victims that come later


def unable(*_: object) -> None:
    raise AssertionError("attacked again")


def test_a_victim_added_later_judges_what_is_there(
    staa: Staa, command: tuple[object, ...], world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, later = tmp_path / "at-once", tmp_path / "later"
    # Beside a damaged file, whose batch is tried again, there is nothing to be judged only.
    command = (*command, "--batch-size", "1") if command[0] == "baseline" else command
    assert staa(*command, "-o", at_once).code == 1
    without = tuple(word for word in command if word not in ("--victim", world.zhao19))
    assert staa(*without, "-o", later).code == 1
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "perturb", unable)
        judged = staa(*command, "-o", later)
    assert "20 of 21 utterances were attacked before, and lack the verdicts of some victims" in judged.err
    assert f"1 of 21 files failed; the others are in {later}" in judged.err
    wanted, found = work_of(at_once), work_of(later)
    for one, other in zip(wanted["results.jsonl"], found["results.jsonl"], strict=True):
        if "victim" in one and one["victim"] == "zhao19" and not one["memory"]["exact"]:
            assert other["memory"].pop("adversarial") is None, "what was in memory is gone"
            assert other["memory"].pop("success") is None
            del one["memory"]["adversarial"], one["memory"]["success"]
    for made in (wanted, found):
        made["metrics.json"]["summary"].pop("memory")
    assert found == wanted
    if command[0] == "attack":
        assert all(line["memory"]["exact"] for line in results(later) if "victim" in line)
    assert "Zhao19" in staa("report", later).out


def test_a_retrained_victim_costs_its_own_passes(staa: Staa, world: World, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(world.zhao19, tmp_path / "judge")
    command = ("attack", world.generator, folder, "--victim", tmp_path / "judge", "-o", tmp_path / "out")
    assert staa(*command).code == 1
    before = {name: data for name, data in contents(tmp_path / "out").items() if name.endswith(".wav")}
    retrain = ("train-victim", world.recipes["zhao19"], "--data", world.data, "--seed", "5", "--overwrite", "-o", tmp_path / "judge")
    assert staa(*retrain).code == 0
    refused = staa(*command)
    assert refused.code == 2, "verdicts would be lost"
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        real = again.judge
        patch.setattr(pipeline, "perturb", unable)
        patch.setattr(again, "judge", lambda victim, *rest: (asked.append(victim.model), real(victim, *rest))[1])
        assert staa(*command, "--overwrite").code == 1
    assert {*asked} == {"zhao19"}
    assert {name: data for name, data in contents(tmp_path / "out").items() if name.endswith(".wav")} == before
    fresh = tmp_path / "fresh"
    assert staa(*command[:-1], fresh).code == 1
    assert work_of(tmp_path / "out") == work_of(fresh)


def test_a_file_that_was_damaged_meanwhile_is_made_again(staa: Staa, world: World, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("attack", world.generator, folder, "-o", out)
    assert staa(*command).code == 1
    (out / "0/03.wav").write_bytes(b"RIFF")
    assert staa(*command, "--victim", world.zhao19).code == 1
    assert staa(*command[:-1], tmp_path / "fresh", "--victim", world.zhao19).code == 1
    assert work_of(out) == work_of(tmp_path / "fresh")


# --- Processes that die


def launch(command: tuple[object, ...], *more: object) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "staa_cli", *map(str, (*command, *more))]
    return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def family(process: int) -> set[int]:
    """The processes below one, at any depth."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, size = {process}, 0
    while len(found) > size:
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {process}


def slow(world: World, folder: Path) -> tuple[object, ...]:
    """An attack that lasts for some seconds."""
    return ("baseline", world.recipes["pgd"], folder, "--threat", world.emo18, "--set", "steps=25")


@pytest.fixture(scope="module")
def whole(world: World, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What becomes of it undisturbed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert run_main(*slow(world, folder), "-o", out) == 1
    return work_of(out)


def wait_for_lines(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    log = folders.places(out)[1] / "results.jsonl"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if log.exists() and log.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes")
@pytest.mark.parametrize("kill", range(KILLS))
def test_killed_with_workers_and_resumed(staa: Staa, world: World, folder: Path, whole: dict[str, Any], tmp_path: Path, kill: int) -> None:
    command = slow(world, folder)
    out, draw = tmp_path / "out", random.Random(kill)
    process = launch(command, "-o", out, "--jobs", 2)
    wait_for_lines(out, draw.randint(1, 12), process)
    time.sleep(draw.random() * 0.2)
    workers = family(process.pid)
    process.kill()
    process.communicate()
    assert not out.exists()
    resumed = staa(*command, "-o", out, "--jobs", 3)
    assert resumed.code == 1, resumed.err
    assert work_of(out) == whole
    assert in_process(out) == []
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()], "they work for nobody"


class Deadly:
    """Kills the worker that has a certain file in hand, so many times. It travels to the workers in place of the attack's builder."""

    def __init__(self, build: Any, name: str, marks: Path, times: int) -> None:
        self.build, self.name, self.marks, self.times = build, name, marks, times

    def __call__(self, folder: Path) -> Any:
        bench, real = self.build(folder), hand.work

        def work(bench: Any, batch: Any) -> Any:
            if any(clip.task.input.name == self.name for clip in batch) and len([*self.marks.iterdir()]) < self.times:
                (self.marks / str(os.getpid())).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return real(bench, batch)

        hand.work = work
        return bench


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_dies_costs_its_utterance_at_most(
    staa: Staa, world: World, folder: Path, tmp_path: Path, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from staa_cli.evaluation import loop

    marks, out = tmp_path / "marks", tmp_path / "out"
    marks.mkdir()
    real, here = loop.Crew, os.getpid()
    monkeypatch.setattr(loop, "Crew", lambda jobs, build, threads: real(jobs, partial_of(build, marks, times), threads))
    command = ("attack", world.generator, folder)
    died = staa(*command, "-o", out, "--jobs", 2)
    assert died.code == 1
    assert os.getpid() == here
    assert "died (killed, out of memory, or crashed in a library)" in died.err
    failed = [line["file"] for line in results(out) if "error" in line]
    assert failed == (["1/10.wav"] if times == 1 else ["0/06.wav", "1/10.wav"])
    monkeypatch.undo()
    assert staa(*command, "-o", out).code == 1
    assert staa(*command, "-o", tmp_path / "whole").code == 1
    assert work_of(out) == work_of(tmp_path / "whole")


def partial_of(build: Any, marks: Path, times: int) -> Any:
    from functools import partial

    return partial(Deadly(build.func, "0/06.wav", marks, times), *build.args)


@pytest.mark.parametrize("delay", [0.0, 0.1])
def test_ctrl_c_with_workers(staa: Staa, world: World, folder: Path, whole: dict[str, Any], tmp_path: Path, delay: float) -> None:
    command, out = slow(world, folder), tmp_path / "out"
    process = launch(command, "-o", out, "--jobs", 2)
    wait_for_lines(out, 2, process)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to go on" in err
    assert staa(*command, "-o", out).code == 1
    assert work_of(out) == whole


def test_the_second_of_two_is_told(staa: Staa, world: World, folder: Path, tmp_path: Path) -> None:
    command = (*slow(world, folder), "-o", tmp_path / "out", "--shard", "1/2")
    process = launch(command, "--jobs", 2)
    wait_for_lines(tmp_path / "out.shards/1-of-2", 1, process)
    second = staa(*command)
    assert second.code == 1
    assert "another staa process is writing" in second.err
    process.communicate()
    assert (tmp_path / "out.shards/1-of-2/metrics.json").exists()


def test_workers_on_a_gpu_are_refused(staa: Staa, world: World, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from staa_cli.evaluation import jury

    monkeypatch.setattr(jury, "device_type", lambda name: "cuda")
    refused = staa("attack", world.generator, folder, "-o", tmp_path / "out", "--device", "cuda", "--jobs", "2")
    assert refused.code == 2
    assert "expected one process for each GPU" in refused.err
