"""Output folders that appear whole or not at all, unfinished ones that can be taken up again, and the lock of each."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from staa_cli.runtime.errors import StaaError, UsageError

SCHEMA = 1
"""Of `metrics.json`."""
METRICS = "metrics.json"
MODEL = "model.safetensors"
STATE = "state.safetensors"
KEY = ".staa-key"
PARTIAL = ".staa-partial"
PATIENCE = 1.0
"""Seconds in which a process that only looks at a folder is done: who holds it for longer is at work in it."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`. The file that the block writes there becomes `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".staa-{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole."""
    with written_whole(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A byte of a file name that is no UTF-8 stands as a surrogate, whose backslash form is JSON's own.
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def read_metrics(folder: Path) -> dict[str, Any]:
    """The `metrics.json` of a folder that `staa` made.

    Raises:
        UsageError: there is none, it is damaged, or another schema wrote it.
    """
    path = folder / METRICS
    try:
        metrics = json.loads(path.read_bytes())
    except FileNotFoundError:
        what = "there is no such folder" if not folder.exists() else f"it holds no {METRICS}"
        raise UsageError(f"{folder} is no finished staa run: {what}") from None
    except NotADirectoryError:
        raise UsageError(f"{folder} is a file, expected the folder of a staa run") from None
    except (ValueError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    if not isinstance(metrics, dict) or metrics.get("schema") != SCHEMA:
        found = metrics.get("schema") if isinstance(metrics, dict) else type(metrics).__name__
        raise UsageError(f"{path} has schema {found!r}, expected {SCHEMA}: it was not written by this version of staa")
    if not isinstance(metrics.get("summary"), dict):
        raise UsageError(f"{path} is damaged: it has no 'summary'; run the command that made it again")
    return metrics


def runs_of(folder: Path) -> list[Path]:
    """The folder itself; or the finished runs right below it, where it is none and holds some, as those of a preset or a sweep lie."""
    below = [] if (folder / METRICS).exists() else sorted(path.parent for path in folder.glob(f"*/{METRICS}"))
    return below or [folder]


def model_file(folder: Path, kind: str) -> Path:
    """The weights in a checkpoint's folder; `kind` is `victim` or `generator`.

    Raises:
        UsageError: there are none.
    """
    path = folder / MODEL
    if not path.is_file():
        what = "does not exist" if not folder.exists() else f"holds no {MODEL}" if folder.is_dir() else "is a file"
        seeds = sorted(path.parent for path in folder.glob(f"seed-*/{MODEL}"))
        raise UsageError(f"{folder} {what}, expected a folder made by 'staa train-{kind}'" + (f", such as {seeds[0]}" if seeds else ""))
    return path


def places(folder: Path) -> tuple[Path, Path, Path]:
    """Where an output folder stands (symbolic links followed), where it is made, and where its predecessor waits to be removed."""
    target = Path(os.path.realpath(folder))
    return target, target.parent / f".{target.name}{PARTIAL}", target.parent / f".{target.name}.staa-old"


@contextmanager
def locked(folder: Path, *, make: bool = False) -> Iterator[None]:
    """Keep other processes from looking at an output folder and from changing it. Nothing of the lock stays, but after a kill.

    Args:
        make: the parents of the folder, without which there is nothing to look at and nothing to lock.

    Raises:
        StaaError: another process is writing it.
        UsageError: no folder can be made there.
    """
    target, lock = places(folder)[0], None
    path = target.parent / f".{target.name}.staa-lock"
    parent = next(above for above in path.parents if above.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        what = "not writable" if parent.is_dir() else "a file"
        raise UsageError(f"{folder} cannot be made: {parent} is {what}", "out")
    try:
        try:
            if make:
                path.parent.mkdir(parents=True, exist_ok=True)
            deadline = monotonic() + PATIENCE
            while path.parent.exists() and (lock := try_lock(path)) is None:
                if monotonic() > deadline:
                    raise StaaError(f"another staa process is writing {folder}", "wait")
                sleep(0.01)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise UsageError(f"{folder} cannot be made ({error.strerror})", "out") from None
        yield
    finally:
        if lock is not None:
            path.unlink(missing_ok=True)
            os.close(lock)


def try_lock(path: Path) -> int | None:
    """The open file with its lock. None where another process has it, or had it when we opened it and has removed it since."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only who holds the lock of the file that stands there removes it: then others who wait for that file hold nothing.
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        os.close(lock)
        path.unlink(missing_ok=True)
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        raise UsageError(
            f"nothing can be made in {path.parent}: its file system has no locks ({error.strerror}), which keep two processes from writing "
            "one folder",
            "out",
        ) from None
    os.close(lock)
    return None


def inspect_output(folder: Path, command: str) -> dict[str, Any] | None:
    """Look at a locked output path and refuse what is not ours to replace.

    Returns:
        The metrics of the run of the same command that stands there; None where nothing does.

    Raises:
        UsageError: the path is a file, a folder that `staa` did not make, or one that cannot be replaced.
    """
    recover(folder)
    if folder.is_symlink() and not folder.exists():
        raise UsageError(f"{folder} is a broken symbolic link, expected a new or empty folder")
    if places(folder)[0].is_mount():
        raise UsageError(f"{folder} is a mount point, which cannot be replaced as a whole", "inside")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file, expected a new or empty folder")
    try:
        metrics = read_metrics(folder)
    except UsageError:
        raise UsageError(f"{folder} holds files that staa did not write", "new") from None
    if metrics.get("command") != command:
        raise UsageError(f"{folder} is the result of 'staa {metrics.get('command')}', not of 'staa {command}'", "out")
    return metrics


def recover(folder: Path) -> None:
    """Finish what `publish` left to do, or a kill in the middle of it. The folder is locked."""
    target, _, old = places(folder)
    if old.exists() and not target.exists():
        old.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    if target.is_dir():
        (target / KEY).unlink(missing_ok=True)


@contextmanager
def workspace(folder: Path, key: str, *, keep: bool = True) -> Iterator[Path]:
    """A hidden folder beside a locked `folder` that becomes `folder` when the block ends well.

    After a failure or a kill it stays, and the next run with the same `key` finds it as it was; a run with another key starts it anew.
    """
    target, partial, old = places(folder)
    marker = partial / KEY
    try:
        if partial.exists() and not (marker.exists() and marker.read_text() == key):
            marker.unlink(missing_ok=True)  # first: nobody goes on with what a kill leaves of the rest
            shutil.rmtree(partial)
        if not partial.exists():
            partial.mkdir()
            write_text(marker, key)
        for remnant in partial.rglob(".staa-*.tmp"):
            remnant.unlink()  # a kill hit `write_bytes`
        yield partial
        publish(partial, target, old, keep=keep)
    finally:
        recover(folder)
        if partial.exists() and {entry.name for entry in partial.iterdir()} <= {KEY}:
            shutil.rmtree(partial, ignore_errors=True)


def publish(partial: Path, target: Path, old: Path, *, keep: bool) -> None:
    """Put the finished folder in its place; what stood there waits for `recover` to remove it.

    With `keep`, files of the old folder that the new one does not have (a user's notes, say) are copied into it.
    """
    if target.exists():
        if keep:
            copy_missing(target, partial)
        if old.exists():
            shutil.rmtree(old)
        target.rename(old)
    partial.rename(target)


def copy_missing(source: Path, target: Path) -> None:
    """Copy the files and symbolic links below `source` that `target` does not have."""
    for path in source.rglob("*"):
        heir = target / path.relative_to(source)
        if (path.is_symlink() or not path.is_dir()) and not os.path.lexists(heir):
            with written_whole(heir) as temporary:
                shutil.copy2(path, temporary, follow_symlinks=False)
