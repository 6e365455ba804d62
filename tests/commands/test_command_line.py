"""The command line as a shell sees it: exit codes, streams, interrupts, lists of files, reruns."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from types import SimpleNamespace

import pytest
import torch

from staa_cli import __version__
from staa_cli.evaluation import hand, task
from staa_cli.runtime import folders, training

from ..conftest import Outcome, Staa, World, run_main
from .conftest import Doomed, contents, in_process, make_waves, results, run_process, trap, without_torch, work_of

COMMANDS = ("prepare", "train-victim", "train-generator", "attack", "baseline", "report")


def kill(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


# --- No torch where there is no work


@pytest.mark.parametrize("command", [(), *[(name,) for name in COMMANDS]], ids=lambda command: "".join(command) or "staa")
def test_help_needs_no_torch(command: tuple[str, ...]) -> None:
    outcome = without_torch(*command, "--help")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("Usage: staa")
    assert outcome.err == ""
    assert max(map(len, outcome.out.splitlines())) <= 80, "a terminal would break a line"
    if not command:
        assert all(name in outcome.out for name in COMMANDS)
        assert "..." not in outcome.out.split("Commands:")[1], "a summary is cut"


@pytest.mark.parametrize("start", [("-m", "staa_cli"), ("-c", "from staa_cli.app import main; main()")])
def test_version(start: tuple[str, ...]) -> None:
    outcome = run_process(sys.executable, *start, "--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"staa {__version__}\n", "")


def dry_runs(world: World) -> dict[str, tuple[object, ...]]:
    return {
        "prepare": ("prepare", world.recipes["prepare"], "--source", world.tones),
        "train-victim": ("train-victim", world.recipes["emo18"], "--data", world.data),
        "train-generator": ("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.emo18),
        "attack": ("attack", world.generator, world.data, "--split", "test", "--victim", world.zhao19),
        "baseline": ("baseline", world.recipes["pgd"], world.data, "--threat", world.emo18),
    }


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "report"])
def test_dry_run_needs_no_torch_and_writes_nothing(world: World, tmp_path: Path, command: str) -> None:
    # An attack's settings stand in its own file, beside its tensors.
    run = run_process if command == "baseline" else without_torch
    program = (sys.executable, "-m", "staa_cli") if command == "baseline" else ()
    # What `auto` is, torch is asked where a GPU's driver is.
    device = () if command == "prepare" else ("--device", "cpu")
    outcome = run(*program, *dry_runs(world)[command], *device, "--dry-run", "--json", "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    plan = json.loads(outcome.out)
    assert plan["dry_run"] is True
    assert plan["recipe"]["step"] == command
    assert str(tmp_path / "out") in plan["plan"]
    assert list(tmp_path.iterdir()) == []


def test_dry_run_finds_what_a_run_would_refuse(staa: Staa, world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name, command in dry_runs(world).items():
        assert staa(*command, "--dry-run", "-o", tmp_path / "file" / "out").code == 2, name


def test_completion_needs_no_torch() -> None:
    outcome = without_torch(_STAA_COMPLETE="complete_bash", COMP_WORDS="staa train-", COMP_CWORD="1")
    assert outcome.code == 0, outcome.err
    assert outcome.out.split() == ["train-victim", "train-generator"]


def test_help_starts_fast() -> None:
    """At most twice the time of importing what draws the tables. A ratio of two times taken in turns."""
    commands = {"staa": ["-m", "staa_cli", "--help"], "imports": ["-c", "import typer, rich"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(9):
        for name, command in commands.items():
            start = perf_counter()
            subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
            times[name].append(perf_counter() - start)
    assert median(times["staa"]) <= 2 * median(times["imports"]), times


# --- Streams


def test_json_is_one_document(staa: Staa, world: World, tmp_path: Path) -> None:
    made = {"attack": tmp_path / "attack", "baseline": tmp_path / "baseline"}
    commands: dict[str, tuple[object, ...]] = {
        name: (*command, "-o", made.get(name) or {"prepare": world.data, "train-victim": world.emo18}.get(name, world.generator))
        for name, command in dry_runs(world).items()
    }
    commands["attack"] += ("--split", "test")
    commands["baseline"] += ("--split", "test")
    commands["report"] = ("report", world.data, world.emo18, made["attack"])
    for name, command in commands.items():
        outcome = staa(*command, "--json")
        assert outcome.code == 0, outcome.err
        document = json.loads(outcome.out, parse_constant=pytest.fail)
        if name != "report":
            assert document["command"] == name
            assert {"schema", "key", "recipe", "recipe_sha256", "inputs", "versions", "device", "summary", "run"} <= document.keys()


def test_quiet_leaves_the_data_alone(staa: Staa, world: World, tmp_path: Path) -> None:
    command = ("attack", world.generator, world.data, "--split", "test")
    quiet, normal = staa(*command, "-q", "-o", tmp_path / "a"), staa(*command, "-o", tmp_path / "b")
    assert quiet.err == ""
    assert normal.err.endswith(f"done: {tmp_path / 'b'}\n")
    assert "emo18" in quiet.out.lower()
    assert staa("attack", tmp_path / "gone", world.data, "-q", "-o", tmp_path / "c").err.startswith("error: ")


def test_a_pipe_never_cuts(staa: Staa, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = staa("report", world.data, world.emo18)
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "3")
    assert staa("report", world.data, world.emo18).out == wide.out
    assert "…" not in wide.out
    assert "\x1b" not in wide.out


SINKS = ["closed pipe", "/dev/full", "closed"]


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("what", ["help", "report", "json"])
def test_output_that_nobody_takes(world: World, tmp_path: Path, what: str, sink: str) -> None:
    """`staa … | head -1`, a full disk behind `>`, and `>&-`: no traceback, no complaint of Python's own at its exit."""
    arguments = {"help": ["--help"], "report": ["report", world.data], "json": ["report", world.data, "--json"]}[what]
    command = [sys.executable, "-m", "staa_cli", *map(str, arguments)]
    if sink == "closed":
        command = ["sh", "-c", '"$@" >&-', "sh", *command]
    if sink == "/dev/full":
        target = os.open(sink, os.O_WRONLY)
    else:
        reader, target = os.pipe()
        os.close(reader)
    done = subprocess.run(command, stdout=target, stderr=subprocess.PIPE, text=True, check=False)
    os.close(target)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode == (0 if sink == "closed" else 1)
    words = "no space left" if what == "help" else "could not be printed (No space left on device)"
    assert (words in done.stderr) == (sink == "/dev/full")


def test_markup_in_names_is_text(staa: Staa, world: World, tmp_path: Path) -> None:
    out = tmp_path / "[bold]x[" / ":smile:"
    outcome = staa("attack", world.generator, world.data, "--split", "test", "--dry-run", "-o", out)
    assert outcome.code == 0, outcome.err
    assert str(out) in outcome.out


# --- Exit codes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Usage: staa"),
        (("atack",), "No such command 'atack'"),
        (("attack",), "Missing argument 'GENERATOR'"),
        (("attack", "g"), "Missing option '--out'"),
        (("attack", "g", "--splti", "test"), "No such option"),
        (("prepare", "emodbb", "-o", "x"), "did you mean 'emodb'?"),
        (("prepare", "emodb", "-o", "x"), "--source"),
        (("prepare", "emodb", "--source", "gone", "-o", "x"), "gone does not exist"),
        (("report", "gone"), "gone is no finished staa run: there is no such folder"),
    ],
)
def test_wrong_usage(staa: Staa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = staa(*arguments)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.out == ""
    assert list(tmp_path.iterdir()) == []


def test_defects_and_debugging(staa: Staa, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("staa_cli.runtime.folders.read_metrics", fail)
    outcome = staa("report", world.data)
    assert outcome.code == 1
    assert "RuntimeError: boom" in outcome.err
    assert "STAA_DEBUG=1" in outcome.err
    assert "Traceback" not in outcome.err
    monkeypatch.setenv("STAA_DEBUG", "1")
    with pytest.raises(RuntimeError, match="boom"):
        staa("report", world.data)


# --- Interrupted and killed runs

INTERRUPTS = {
    "train-victim": (torch.optim.Adam, "step", 8, "after epoch 1 of 3"),
    "train-generator": (training, "save_module", 1, "after epoch 1 of 2"),
    "attack": (hand, "work", 2, "after 8 of 12 utterances"),
}


def command_for(name: str, world: World) -> tuple[object, ...]:
    return (*dry_runs(world)[name], *(("--split", "test") if name in ("attack", "baseline") else ()))


@pytest.fixture(scope="session")
def undisturbed(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each command makes when it is left alone."""
    out = tmp_path_factory.mktemp("undisturbed") / "attack"
    assert run_main(*command_for("attack", world), "-o", out) == 0
    return {"train-victim": world.emo18, "train-generator": world.generator, "attack": out}


@pytest.mark.parametrize("name", INTERRUPTS)
def test_interrupted_runs_go_on(staa: Staa, doomed: Doomed, world: World, undisturbed: dict[str, Path], tmp_path: Path, name: str) -> None:
    owner, function, call, words = INTERRUPTS[name]
    command = (*command_for(name, world), "-o", tmp_path / "run" / "out")
    ending = doomed(lambda: trap(owner, function, call, kill(signal.SIGINT)), *command)
    assert ending.code == 130
    assert words in ending.err
    assert "run the same command again to go on" in ending.err
    assert ending.out == ""
    assert "Traceback" not in ending.err
    assert not (tmp_path / "run" / "out").exists()
    again = staa(*command)
    assert again.code == 0, again.err
    assert "going on after epoch 1" in again.err or " of 12 utterances were finished before" in again.err
    assert work_of(tmp_path / "run" / "out") == work_of(undisturbed[name])
    assert in_process(tmp_path / "run" / "out") == []


def test_interrupt_before_the_work(doomed: Doomed, world: World, tmp_path: Path) -> None:
    command = (*command_for("attack", world), "-o", tmp_path / "out")
    ending = doomed(lambda: trap(task, "hash_readable", 2, kill(signal.SIGINT)), *command)
    assert ending.code == 130
    assert "interrupted; run the same command again to go on" in ending.err


KILLS = {
    "in the second WAV": ("attack", Path, "write_bytes", 3, True),
    "after the third WAV": ("attack", Path, "replace", 4, True),
    "in the recipe": ("attack", Path, "write_bytes", 15, True),
    "before the metrics": ("attack", Path, "replace", 16, False),
    "before the folder appears": ("attack", Path, "rename", 1, False),
    "as the folder appears": ("attack", Path, "rename", 1, True),
    "in the state of an epoch": ("train-victim", Path, "write_bytes", 4, True),
    "between weights and state": ("train-victim", training, "save_module", 1, True),
    "after the last epoch": ("train-generator", training, "fit", 1, True),
}


@pytest.mark.parametrize("moment", KILLS)
def test_killed_runs_go_on(staa: Staa, doomed: Doomed, world: World, undisturbed: dict[str, Path], tmp_path: Path, moment: str) -> None:
    name, owner, function, call, after = KILLS[moment]
    if function == "fit":
        from staa_cli.generator import training as owner
    command = (*command_for(name, world), "-o", tmp_path / "run" / "out")
    ending = doomed(lambda: trap(owner, function, call, kill(signal.SIGKILL), after=after), *command)
    assert ending.code == -signal.SIGKILL
    assert (tmp_path / "run" / "out").exists() == (moment == "as the folder appears")
    again = staa(*command)
    assert again.code == 0, again.err
    if function == "fit":
        assert "going on after epoch 2 of 2" in again.err
    assert work_of(tmp_path / "run" / "out") == work_of(undisturbed[name])
    assert in_process(tmp_path / "run" / "out") == []


@pytest.mark.parametrize(("call", "after"), [(1, False), (1, True), (2, False), (2, True)])
def test_a_kill_while_extending_loses_nothing(staa: Staa, doomed: Doomed, world: World, tmp_path: Path, call: int, after: bool) -> None:
    """The moments around the renames that put the new folder in the old one's place."""
    folder = make_waves(tmp_path / "in", "a.wav", "b.wav")
    command = ("attack", world.generator, folder, "-o", tmp_path / "run" / "out")
    assert staa(*command).code == 0
    (tmp_path / "run" / "out" / "notes.txt").write_text("mine")
    make_waves(folder, "c.wav", "d.wav", "e.wav")
    make_waves(folder, "a.wav", "b.wav")
    ending = doomed(lambda: trap(Path, "rename", call, kill(signal.SIGKILL), after=after), *command)
    assert ending.code == -signal.SIGKILL
    assert staa(*command).code == 0
    assert (tmp_path / "run" / "out" / "notes.txt").read_text() == "mine"
    assert len(results(tmp_path / "run" / "out")) == 5
    assert in_process(tmp_path / "run" / "out") == []


def test_two_processes_never_share_a_folder(staa: Staa, world: World, tmp_path: Path) -> None:
    with folders.locked(tmp_path / "out"):
        outcome = staa("attack", world.generator, world.data, "--split", "test", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "another staa process is writing" in outcome.err


# --- Lists of files

STRANGE = ["with space.wav", "quo\"te's.wav", "ünï.wav", b"bytes-\xff\xfe.wav", "-dash.wav", "[bold]*?.wav", "tab\t.wav"]


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))


@pytest.mark.parametrize("form", ["-", "--files-from", "-0", "--files-from -0"])
def test_lists_equal_folders(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    names = STRANGE + (["line\nbreak.wav"] if "-0" in form else [])
    folder = make_waves(tmp_path / "in", *names, "sub/deep.wav")
    entries = [os.fsencode(path) for path in sorted(folder.rglob("*.wav"), reverse=True)]
    listing = (b"\0" if "-0" in form else b"\n").join([*entries, b""])
    if "--files-from" in form:
        (tmp_path / "list").write_bytes(listing)
        arguments = ["--files-from", tmp_path / "list"]
    else:
        feed(monkeypatch, listing)
        arguments = ["-"]
    if "-0" in form:
        arguments.append("-0")
    listed = staa("attack", world.generator, *arguments, "-v", "-o", tmp_path / "listed")
    assert listed.code == 0, listed.err
    assert staa("attack", world.generator, folder, "-o", tmp_path / "folder").code == 0
    assert work_of(tmp_path / "listed") == work_of(tmp_path / "folder")
    assert len(results(tmp_path / "listed")) == len(entries)


def test_a_missing_entry_fails_alone(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_waves(tmp_path / "in", "a.wav")
    feed(monkeypatch, f"{folder}/a.wav\n{folder}/gone.wav\n{folder}\n".encode())
    outcome = staa("attack", world.generator, "-", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "gone.wav does not exist" in outcome.err
    assert f"{folder} is a folder, expected an audio file" in outcome.err
    assert [record["output"] for record in results(tmp_path / "out") if "output" in record] == ["in/a.wav"]


def test_an_empty_list(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, b"\n\n")
    outcome = staa("attack", world.generator, "-", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "the list of inputs is empty" in outcome.err


def test_a_corpus_with_strange_names(staa: Staa, world: World, tmp_path: Path) -> None:
    """Through `prepare`, training data and back: the names survive, also in `metrics.json`."""
    names = [*STRANGE, "line\nbreak.wav", "car\rriage.wav"]
    folder = make_waves(tmp_path / "in", *names)
    rows = [b'"%s",calm,ann,train' % os.fsencode(name).replace(b'"', b'""') for name in names] + [b"gone-\xff.wav,calm,ann,train"]
    (folder / "t.csv").write_bytes(b"file,emotion,speaker,split\n" + b"\n".join(rows) + b"\n")
    command = ("prepare", world.recipes["prepare"], "--source", folder / "t.csv", "-o", tmp_path / "data")
    assert staa(*command).code == 1
    (folder / os.fsdecode(b"gone-\xff.wav")).write_bytes((folder / "ünï.wav").read_bytes())
    assert staa(*command, "--overwrite").code == 0
    assert staa("attack", world.generator, tmp_path / "data", "-o", tmp_path / "out").code == 0
    assert {os.fsencode(record["file"]) for record in results(tmp_path / "out")} == {
        b"audio/" + os.fsencode(name) for name in [*names, b"gone-\xff.wav"]
    }


# --- Order, extension, replacement


def random_pgd(world: World, *rest: object) -> tuple[object, ...]:
    """An attack that draws random numbers."""
    return ("baseline", world.recipes["pgd"], "--set", "positions.select=random", "--threat", world.emo18, *rest)


def test_order_of_inputs_changes_nothing(staa: Staa, world: World, tmp_path: Path) -> None:
    folder = make_waves(tmp_path / "in", "c.wav", "a.wav", "b.wav")
    files = [folder / "a.wav", folder / "b.wav", folder / "c.wav"]
    for name, order in {"one": files, "two": files[::-1]}.items():
        assert staa(*random_pgd(world, *order, "-o", tmp_path / name)).code == 0
    assert work_of(tmp_path / "one") == work_of(tmp_path / "two")
    assert staa(*random_pgd(world, folder / "b.wav", "-o", tmp_path / "alone")).code == 0
    assert (tmp_path / "alone" / "b.wav").read_bytes() == (tmp_path / "one" / "b.wav").read_bytes()
    assert staa(*random_pgd(world, *files, "--seed", 1, "-o", tmp_path / "seed")).code == 0
    assert (tmp_path / "seed" / "b.wav").read_bytes() != (tmp_path / "one" / "b.wav").read_bytes()


def test_more_files_extend_a_finished_run(staa: Staa, world: World, tmp_path: Path) -> None:
    folder, out = make_waves(tmp_path / "in", "a.wav", "b/b.wav"), tmp_path / "out"
    assert staa(*random_pgd(world, folder, "-o", out)).code == 0
    first = {record["file"]: record for record in results(out)}
    (out / "b" / "notes.txt").write_text("mine")
    (out / "link").symlink_to(tmp_path)
    (folder / "0.flac").write_bytes((folder / "a.wav").read_bytes())
    outcome = staa(*random_pgd(world, folder, "-o", out))
    assert outcome.code == 0, outcome.err
    assert "2 of 3 utterances were finished before" in outcome.err
    second = {record["file"]: record for record in results(out)}
    assert {name: second[name] for name in first} == first, "finished utterances were attacked again"
    assert (out / "b" / "notes.txt").read_text() == "mine"
    assert (out / "link").readlink() == tmp_path
    assert staa(*random_pgd(world, folder, "-o", tmp_path / "whole")).code == 0
    (out / "b" / "notes.txt").unlink()
    (out / "link").unlink()
    assert work_of(out) == work_of(tmp_path / "whole")


def test_limit_is_spread_over_the_inputs_and_can_be_raised(staa: Staa, world: World, tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(7)]
    folder, out = make_waves(tmp_path / "in", *names), tmp_path / "out"
    for limit, expected in {2: [0, 3], 4: [0, 1, 3, 5], 7: range(7), 9: range(7)}.items():
        outcome = staa(*random_pgd(world, folder, "--limit", limit, "-o", out))
        assert outcome.code == 0, outcome.err
        assert [record["file"] for record in results(out)] == [names[number] for number in expected]
    assert staa(*random_pgd(world, folder, "-o", tmp_path / "whole")).code == 0
    assert work_of(out) == work_of(tmp_path / "whole")
    assert staa(*random_pgd(world, folder, "--limit", 0, "-o", out)).code == 2


def test_a_name_that_changed_hands(staa: Staa, doomed: Doomed, world: World, tmp_path: Path) -> None:
    """While a.flac and a.wav are both there, a.wav is the latter's; when a.wav goes, the WAV of that name must be a.flac's."""
    folder = make_waves(tmp_path / "in", "a.flac", "a.wav", "b.wav")
    command = ("attack", world.generator, folder, "-o", tmp_path / "out")
    assert doomed(lambda: trap(hand, "work", 3, kill(signal.SIGKILL)), *command).code == -signal.SIGKILL
    (folder / "a.wav").unlink()
    assert staa(*command).code == 0
    assert staa("attack", world.generator, folder, "-o", tmp_path / "fresh").code == 0
    assert work_of(tmp_path / "out") == work_of(tmp_path / "fresh")


@pytest.mark.parametrize(
    "change",
    [("--set", "steps=2"), ("--seed", "9"), ("--batch-size", "2"), "input", "fewer"],
    ids=lambda change: change if isinstance(change, str) else change[0],
)
def test_another_run_is_refused_then_replaces(staa: Staa, world: World, tmp_path: Path, change: str | tuple[str, str]) -> None:
    folder, out = make_waves(tmp_path / "in", "a.wav", "b.wav"), tmp_path / "out"
    command: tuple[object, ...] = ("baseline", world.recipes["pgd"], folder, "--threat", world.emo18, "-o", out)
    assert staa(*command).code == 0
    before = contents(out)
    if change == "input":
        make_waves(folder, "b.wav")
    elif change == "fewer":
        (folder / "b.wav").unlink()
    else:
        command += change
    outcome = staa(*command)
    assert outcome.code == 2
    assert f"{out} is finished, with another recipe, input, checkpoint, seed, device or version" in outcome.err
    assert "--overwrite" in outcome.err
    assert contents(out) == before
    assert staa(*command, "--overwrite").code == 0
    assert staa(*command).err.startswith(f"{out} is finished: nothing to do")
    fresh = tuple(tmp_path / "fresh" if word == out else word for word in command)
    assert staa(*fresh).code == 0
    assert work_of(out) == work_of(tmp_path / "fresh")


def test_an_output_folder_of_another_command(staa: Staa, world: World) -> None:
    before = contents(world.emo18)
    outcome: Outcome = staa("attack", world.generator, world.data, "--split", "test", "-o", world.emo18, "--overwrite")
    assert outcome.code == 2
    assert "is the result of 'staa train-victim', not of 'staa attack'" in outcome.err
    assert contents(world.emo18) == before


def test_output_through_a_link(staa: Staa, world: World, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert staa("attack", world.generator, make_waves(tmp_path / "in", "a.wav"), "-o", tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.wav").is_file()
