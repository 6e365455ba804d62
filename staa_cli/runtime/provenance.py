"""What a result was made of: hashes, versions, seeds; times and host kept apart."""

from __future__ import annotations

import hashlib
import json
import platform
import socket
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from staa_cli import __version__

SCHEMA = 1


def hash_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_readable(path: Path) -> str:
    """As `hash_file`; empty for what cannot be read: who reads it later says why."""
    try:
        return hash_file(path) if path.is_file() else ""
    except OSError:
        return ""


def hash_json(value: Any) -> str:
    """The hash of a JSON value, independent of the order of its keys."""
    return hash_bytes(json.dumps(value, sort_keys=True, allow_nan=False).encode())


def versions(*packages: str) -> dict[str, str]:
    found = {"staa": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


class Run:
    """The clock and the fixed part of one command's `metrics.json`.

    Two runs of the same work differ in the object `run` (times, host) and in measured speeds only.

    Args:
        recipe: resolved, with all its defaults.
        identity: all that the result depends on beside the recipe.
        essence: the recipe without its defaults.
    """

    def __init__(self, command: str, recipe: dict[str, Any], identity: dict[str, Any], essence: dict[str, Any]) -> None:
        self.command, self.recipe, self.identity, self.essence = command, recipe, identity, essence
        self.started = datetime.now(UTC)

    @property
    def key(self) -> str:
        """Equal keys mean equal work: a finished folder with this key need not be made again."""
        return hash_json({"command": self.command, "recipe": self.essence, **self.identity})

    def metrics(self, summary: dict[str, Any], *, device: str = "cpu", **extra: Any) -> dict[str, Any]:
        seconds = (datetime.now(UTC) - self.started).total_seconds()
        return {
            "schema": SCHEMA,
            "command": self.command,
            "key": self.key,
            "recipe": self.recipe,
            "recipe_sha256": hash_json(self.recipe),
            **self.identity,
            "versions": versions("torch", "torchaudio", "transformers", "soundfile", "numpy"),
            "device": device,
            **extra,
            "summary": summary,
            "run": {
                "started": self.started.isoformat(timespec="seconds"),
                "seconds": round(seconds, 3),
                "host": socket.gethostname(),
                "platform": platform.platform(),
            },
        }
