"""What the tests of the command line need: files of every sort, comparisons of whole folders, processes that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from staa_cli import app
from staa_cli.audio.files import encode_wav

from ..conftest import Outcome, tone

GOOD = encode_wav(tone(300, 3_000, 5), "PCM_16")

BAD = {
    "empty.wav": (b"", "empty file"),
    "nan.wav": (encode_wav(torch.tensor([0.1, float("nan")]), "FLOAT"), "NaN"),
    "no-samples.wav": (encode_wav(torch.empty(0), "PCM_16"), "0 samples"),
    "text.wav": (b"dear diary", "cannot be read as audio"),
    "truncated.wav": (GOOD[:-1_000], "truncated"),
}
"""Files that no command can use, with words that their message must hold."""


def make_good(folder: Path) -> list[str]:
    """One file of every kind that must work."""
    sound = tone(500, 3_000, 7).numpy()
    soundfile.write(folder / "8-bit.wav", sound, 16_000, "PCM_U8")
    soundfile.write(folder / "16-bit.wav", sound, 16_000, "PCM_16")
    soundfile.write(folder / "24-bit.wav", sound, 16_000, "PCM_24")
    soundfile.write(folder / "float.wav", sound, 16_000, "FLOAT")
    soundfile.write(folder / "flac.flac", sound, 16_000, "PCM_16")
    time = np.arange(9_000) / 48_000
    soundfile.write(folder / "48k-stereo.wav", np.stack([np.sin(3_000 * time), np.cos(2_000 * time)], axis=1) / 3, 48_000, "PCM_16")
    return sorted(path.name for path in folder.iterdir())


def make_mixture(folder: Path) -> list[str]:
    """Healthy and damaged files in one folder. Returns the names of the healthy ones."""
    folder.mkdir()
    good = make_good(folder)
    for name, (data, _) in BAD.items():
        (folder / name).write_bytes(data)
    return good


def make_waves(folder: Path, *names: str | bytes) -> Path:
    """WAVs of different content."""
    for number, name in enumerate(names):
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_wav(tone(200 + 90 * number, 2_000 + 100 * number, number), "PCM_16"))
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder with its bytes: what must not change."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def work_of(folder: Path) -> dict[str, Any]:
    """All that a run made, without what may differ between two equal runs: times and host."""
    made: dict[str, Any] = dict(contents(folder))
    metrics = json.loads(made["metrics.json"])
    for seconds in ("seconds_per_utterance", "seconds_mean"):
        metrics["summary"].pop(seconds, None)
    made["metrics.json"] = {key: value for key, value in metrics.items() if key != "run"}
    if "results.jsonl" in made:
        made["results.jsonl"] = [{key: value for key, value in record.items() if key != "run"} for record in results(folder)]
    return made


def in_process(folder: Path) -> list[str]:
    """Names beside an output folder that begin with a dot: unfinished work."""
    return sorted(path.name for path in folder.parent.iterdir() if path.name.startswith("."))


@dataclass
class Ending:
    """How a process ended: an exit code, or minus the signal that killed it."""

    code: int
    out: str
    err: str


Doomed = Callable[..., Ending]


@pytest.fixture
def doomed(tmp_path: Path) -> Doomed:
    """Run the command line in a child process after `prepare()`, which may set a trap there.

    A fork saves the seconds that a fresh process needs to import torch.
    """

    def run(prepare: Callable[[], None], *arguments: object) -> Ending:
        sys.stdout.flush()
        sys.stderr.flush()
        streams = [tmp_path / "child.out", tmp_path / "child.err"]
        child = os.fork()
        if child == 0:
            code = 99
            try:
                for number, path in enumerate(streams, 1):
                    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
                sys.stdout, sys.stderr = (os.fdopen(number, "w", errors="backslashreplace") for number in (1, 2))
                sys.argv = ["staa", *map(str, arguments)]
                # A test run in the background has Ctrl-C ignored, and so would its children.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                prepare()
                app.main()
            except SystemExit as stop:
                code = int(stop.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return Ending(os.waitstatus_to_exitcode(status), *(path.read_text() if path.exists() else "" for path in streams))

    return run


def trap(owner: Any, name: str, call: int, action: Callable[[], object], *, after: bool = False) -> None:
    """Do `action` before (or after) the `call`-th call of a function, counted from 1."""
    original, calls = getattr(owner, name), iter(range(1, 1_000_000))

    def trapped(*arguments: Any, **options: Any) -> Any:
        this = next(calls) == call
        if this and not after:
            action()
        value = original(*arguments, **options)
        if this and after:
            action()
        return value

    setattr(owner, name, trapped)


NO_TORCH = "import sys; sys.modules['torch'] = None; from staa_cli.app import main; sys.argv[0] = 'staa'; main()"


def without_torch(*arguments: object, **environment: str) -> Outcome:
    """Run the command line in a process in which `import torch` fails."""
    return run_process(sys.executable, "-c", NO_TORCH, *arguments, **environment)


def run_process(*command: object, **environment: str) -> Outcome:
    done = subprocess.run(
        [*map(str, command)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "COLUMNS": "200", **environment},
        timeout=120,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system of a size that can be changed: `tiny_disk("64k")`."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def resize(size: str) -> Path:
        nonlocal mounted
        options = f"remount,size={size}" if mounted else f"size={size}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("no file system can be mounted here")
        mounted = True
        return place

    yield resize
    if mounted:
        subprocess.run(["umount", "--lazy", place], check=False)
