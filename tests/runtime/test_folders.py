"""Output folders: whole or not at all, one writer, nothing of the user's touched."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from staa_cli.commands.advice import advised
from staa_cli.runtime import folders
from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.runtime.folders import (
    KEY,
    SCHEMA,
    inspect_output,
    locked,
    places,
    read_metrics,
    runs_of,
    workspace,
    write_bytes,
    write_json,
    write_text,
)


@contextmanager
def work(out: Path, key: str, *, keep: bool = True) -> Iterator[Path]:
    with locked(out, make=True), workspace(out, key, keep=keep) as folder:
        yield folder


def look(out: Path, command: str = "attack") -> dict[str, object] | None:
    with locked(out):
        return inspect_output(out, command)


def interrupted(out: Path, key: str, *files: str, keep: bool = True) -> set[str]:
    """A run that writes files, then fails. Returns what it found in its workspace."""
    with suppress(KeyboardInterrupt), work(out, key, keep=keep) as folder:
        found = names(folder)
        for name in files:
            write_text(folder / name, key)
        raise KeyboardInterrupt
    return found


def finish(out: Path, key: str = "k", files: tuple[str, ...] = ("a.wav",)) -> Path:
    """A finished run."""
    with work(out, key) as folder:
        for name in files:
            write_text(folder / name, key)
        write_json(folder / "metrics.json", {"schema": SCHEMA, "command": "attack", "key": key, "summary": {}})
    return out


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with work(out, "k") as folder:
        write_text(folder / "sub" / "a", "1")
        assert not out.exists()
    assert names(out) == {"sub", "sub/a"}
    assert names(tmp_path / "new") == {"out", "out/sub", "out/sub/a"}


def test_a_failure_leaves_its_work_to_the_same_run_only(tmp_path: Path) -> None:
    def fail(key: str, name: str) -> set[str]:
        return interrupted(tmp_path / "out", key, name) - {KEY}

    assert fail("k", "a") == set()
    assert fail("k", "b") == {"a"}
    assert fail("other", "c") == set()
    assert fail("other", "d") == {"c"}
    assert not (tmp_path / "out").exists()


def test_a_failure_without_work_leaves_nothing(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", "k")
    assert names(tmp_path) == set()


def test_remnants_of_a_killed_write_go(tmp_path: Path) -> None:
    interrupted(tmp_path / "out", "k", "sub/a")
    (places(tmp_path / "out")[1] / "sub" / ".staa-123.tmp").write_text("half")
    with work(tmp_path / "out", "k"):
        pass
    assert names(tmp_path / "out") == {"sub", "sub/a"}


def test_one_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "PATIENCE", 0.05)
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with work(tmp_path / "out", "k") as folder:
        write_text(folder / "a", "1")
        for out in (tmp_path / "out", tmp_path / "link"):
            with pytest.raises(StaaError, match="another staa process is writing") as told, locked(out):
                pytest.fail("two writers")
            assert told.value.advice == "wait"
        assert (folder / "a").exists(), "the second took the first one's workspace away"
    assert names(tmp_path) == {"link", "out", "out/a"}


def test_a_lock_that_a_kill_left_behind_blocks_nobody(tmp_path: Path) -> None:
    (tmp_path / ".out.staa-lock").touch()
    finish(tmp_path / "out")
    assert names(tmp_path) == {"out", "out/a.wav", "out/metrics.json"}


def test_a_lock_file_that_was_removed_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first writer removes the file that the second has opened already: a third must not make another beside it."""
    lock = folders.fcntl.flock

    def late(file: int, how: int) -> None:
        (tmp_path / ".out.staa-lock").unlink()
        monkeypatch.setattr(folders.fcntl, "flock", lock)
        lock(file, how)

    monkeypatch.setattr(folders.fcntl, "flock", late)
    with locked(tmp_path / "out"):
        assert folders.try_lock(tmp_path / ".out.staa-lock") is None
    assert names(tmp_path) == set()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def without(file: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(folders.fcntl, "flock", without)
    with pytest.raises(UsageError, match="its file system has no locks") as refusal, locked(tmp_path / "out"):
        pass
    assert advised(refusal.value).endswith("; choose another folder with -o")
    assert names(tmp_path) == set()


def test_a_look_leaves_nothing(tmp_path: Path) -> None:
    assert look(tmp_path / "new" / "out") is None
    assert look(tmp_path / "out") is None
    assert names(tmp_path) == set()


def test_no_folder_can_be_made_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot be made: .*file is a file"), locked(tmp_path / "file" / "out", make=True):
        pytest.fail("made")
    with pytest.raises(UsageError, match=r"cannot be made \(No such file or directory\)"), locked(Path("/proc/staa-out"), make=True):
        pytest.fail("made")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match=r"cannot be made: .* is not writable"):
        look(tmp_path / "out")
    assert names(tmp_path) == {"file"}


def test_files_of_the_user_stay(tmp_path: Path) -> None:
    out = finish(tmp_path / "out", files=("a.wav", "sub/b.wav"))
    (out / "sub" / "notes.txt").write_text("mine")
    (out / "link").symlink_to("sub")
    (out / "dangling").symlink_to("gone")
    finish(out, "new", files=("a.wav",))
    assert (out / "a.wav").read_text() == "new"
    assert (out / "sub" / "notes.txt").read_text() == "mine"
    assert os.readlink(out / "link") == "sub"
    assert os.readlink(out / "dangling") == "gone"
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_replacing_keeps_nothing(tmp_path: Path) -> None:
    out = finish(tmp_path / "out", files=("a.wav", "b.wav"))
    with work(out, "new", keep=False) as folder:
        write_text(folder / "a.wav", "new")
    assert names(out) == {"a.wav"}


def test_a_failure_while_replacing_keeps_the_old(tmp_path: Path) -> None:
    out = finish(tmp_path / "out")
    before = (out / "a.wav").read_bytes()
    interrupted(out, "new", "a.wav", keep=False)
    assert (out / "a.wav").read_bytes() == before


@pytest.mark.parametrize("hidden", [".out.old", ".out.partial", ".key"])
def test_hidden_neighbours_of_the_user_stay(tmp_path: Path, hidden: str) -> None:
    (tmp_path / hidden).mkdir()
    (tmp_path / hidden / "mine").write_text("x")
    out = finish(tmp_path / "out")
    look(out)
    finish(out, "new")
    assert (tmp_path / hidden / "mine").read_text() == "x"


def test_half_done_publication_is_finished(tmp_path: Path) -> None:
    out = finish(tmp_path / "out")
    target, _, old = places(out)
    target.rename(old)
    assert look(out) is not None
    assert names(tmp_path) == {"out", "out/a.wav", "out/metrics.json"}
    old.mkdir()
    (target / KEY).touch()
    assert look(out) is not None
    assert names(tmp_path) == {"out", "out/a.wav", "out/metrics.json"}


@pytest.mark.parametrize("interrupt", [1, 2])
def test_ctrl_c_while_publishing_leaves_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupt: int) -> None:
    out, rename, calls = finish(tmp_path / "out"), Path.rename, iter(range(1, 9))

    def interrupting(path: Path, target: Path) -> Path:
        if next(calls) == interrupt:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupting)
    with pytest.raises(KeyboardInterrupt):
        finish(out, "new")
    assert (out / "a.wav").read_text() == "k"
    assert interrupted(out, "new") == {KEY, "a.wav", "metrics.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".out.staa-partial"}


def test_what_stands_at_an_output(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert look(tmp_path / "empty") is None
    out = finish(tmp_path / "out")
    found = look(out)
    assert found is not None
    assert found["key"] == "k"
    with pytest.raises(UsageError, match="is the result of 'staa attack', not of 'staa baseline'"):
        look(out, "baseline")
    with pytest.raises(UsageError, match="is a file"):
        look(out / "a.wav")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(UsageError, match="is a broken symbolic link"):
        look(tmp_path / "dangling")
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "out", "dangling"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds no metrics.json"),
        ("{", "cannot be read"),
        ("[]", "has schema 'list'"),
        ('{"schema": 99}', "has schema 99, expected 1"),
        ('{"schema": 1}', "has no 'summary'"),
        (b"\xff", "cannot be read"),
    ],
)
def test_runs_that_cannot_be_read(tmp_path: Path, content: str | bytes | None, words: str) -> None:
    (tmp_path / "other").touch()
    if content is not None:
        (tmp_path / "metrics.json").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError, match="holds files that staa did not write"):
        look(tmp_path)
    with pytest.raises(UsageError, match=words.replace("[", r"\[")):
        read_metrics(tmp_path)


def test_a_write_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "a", b"old")

    def fail(path: Path, data: bytes) -> int:
        path.open("wb").write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == {"a"}


def test_json_holds_any_file_name(tmp_path: Path) -> None:
    value = {"file": os.fsdecode(b"\xff.wav"), "ü": "→"}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_bytes()) == value
    assert "ü" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert names(tmp_path) == set()


def test_a_folder_of_runs_stands_for_them(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / "sweep" / name).mkdir(parents=True)
    for name in ("b", "a"):
        (tmp_path / "sweep" / name / "metrics.json").write_text("{}")
    assert runs_of(tmp_path / "sweep") == [tmp_path / "sweep/a", tmp_path / "sweep/b"]
    assert runs_of(tmp_path / "sweep/a") == [tmp_path / "sweep/a"]
    assert runs_of(tmp_path / "sweep/c") == [tmp_path / "sweep/c"], "what is none is named as it was given"
    assert runs_of(tmp_path / "absent") == [tmp_path / "absent"]
