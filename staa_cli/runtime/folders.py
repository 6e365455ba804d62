"""Output folders that appear whole or not at all, and unfinished ones that can be taken up again."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.runtime.provenance import SCHEMA

METRICS = "metrics.json"
MODEL = "model.safetensors"
KEY = ".key"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole: under a temporary name first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".staa-{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


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
    return metrics


def model_file(folder: Path) -> Path:
    """The weights in a checkpoint's folder.

    Raises:
        UsageError: there are none.
    """
    path = folder / MODEL
    if not path.is_file():
        what = "does not exist" if not folder.exists() else f"holds no {MODEL}" if folder.is_dir() else "is a file"
        raise UsageError(f"{folder} {what}, expected a folder made by 'staa train-victim' or 'staa train-generator'")
    return path


@dataclass(frozen=True)
class State:
    """What is at an output path before a run."""

    finished: bool
    """A run with the same key, nothing failed: no work is left."""
    replaceable: dict[str, Any] | None
    """The metrics of a `staa` run made with other settings or inputs, or with failures."""


def inspect_output(folder: Path, command: str, key: str) -> State:
    """Look at an output path and refuse what is not ours to replace.

    Raises:
        UsageError: the path is a file, or a folder that `staa` did not make.
    """
    if folder.is_symlink() and not folder.exists():
        raise UsageError(f"{folder} is a broken symbolic link, expected a new or empty folder")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return State(finished=False, replaceable=None)
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file, expected a new or empty folder")
    try:
        metrics = read_metrics(folder)
    except UsageError:
        raise UsageError(f"{folder} holds files that staa did not write; choose a new or empty folder with -o") from None
    if metrics.get("command") != command:
        raise UsageError(
            f"{folder} is the result of 'staa {metrics.get('command')}', not of 'staa {command}'; choose another folder with -o"
        )
    finished = metrics.get("key") == key and not metrics["summary"].get("failed")
    return State(finished=finished, replaceable=None if finished else metrics)


def refuse_overwrite(folder: Path, metrics: dict[str, Any], key: str, overwrite: bool) -> None:
    """Refuse to replace a finished run made with other settings, unless told to."""
    if not overwrite and metrics.get("key") != key:
        raise UsageError(
            f"{folder} is finished, with another recipe, input, checkpoint or seed; "
            "choose another folder with -o, or replace it with --overwrite"
        )


@contextmanager
def workspace(folder: Path, key: str, *, keep: bool = True) -> Iterator[Path]:
    """A hidden folder beside `folder` that becomes `folder` when the block ends well.

    After a failure or a kill it stays, and the next run with the same `key` finds it as it was; a run with another key starts it anew.

    Raises:
        StaaError: another process is writing it.
    """
    target = Path(os.path.abspath(folder))
    partial = target.parent / f".{target.name}.partial"
    partial.mkdir(parents=True, exist_ok=True)
    lock = os.open(partial, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StaaError(f"another staa process is writing {folder}; wait for it or choose another folder with -o") from None
        marker = partial / KEY
        if not marker.exists() or marker.read_text() != key:
            clear(partial)
            write_text(marker, key)
        yield partial
        marker.unlink()
        publish(partial, target, keep=keep)
    finally:
        os.close(lock)
        if partial.exists() and {entry.name for entry in partial.iterdir()} <= {KEY}:
            shutil.rmtree(partial, ignore_errors=True)


def publish(partial: Path, target: Path, *, keep: bool) -> None:
    """Put the finished folder in its place; what stood there is removed only once the new one stands.

    With `keep`, files of the old folder that the new one does not have (a user's notes, say) move into it.
    """
    old = target.parent / f".{target.name}.old"
    if target.exists():
        if old.exists():
            shutil.rmtree(old)
        if target.is_symlink():
            target = target.resolve()
        target.rename(old)
        for path in old.rglob("*") if keep else ():
            heir = partial / path.relative_to(old)
            if not path.is_dir() and not heir.exists():
                heir.parent.mkdir(parents=True, exist_ok=True)
                path.rename(heir)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def clear(folder: Path) -> None:
    """Empty a folder without removing it (its lock must stay)."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
