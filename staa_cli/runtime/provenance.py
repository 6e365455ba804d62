"""What a result was made of: hashes and versions."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from staa_cli.runtime.version import __version__


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
