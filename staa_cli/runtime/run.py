"""A run: one command's work on one output folder. What it is made of, whether it is finished, how it is made."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from staa_cli.runtime.differences import differences
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import METRICS, SCHEMA, STATE, inspect_output, locked, workspace, write_json, write_text
from staa_cli.runtime.provenance import hash_json, versions
from staa_cli.runtime.version import __version__
from staa_cli.runtime.yaml_text import dump_yaml

RECIPE = "recipe.yaml"
ASKED = ("form", "segment", "perception")
"""What stands in an identity only where it was asked for."""


class Run:
    """Two runs of the same work differ in the object `run` of their `metrics.json` (times, host) and in measured speeds only.

    Args:
        recipe: resolved, with all its defaults.
        identity: all that the result depends on beside the recipe: hashes of inputs and checkpoints.
        extendable: whether the metrics of an older run may be replaced unasked, because the new run keeps all its work.
        device: the type of the device that the result depends on; None for work that does not.
        resume_key: which unfinished work of an interrupted run may be gone on with, also on another device; by default that of an equal
            run only.

    Attributes:
        found: the metrics of the same run, where it is finished already: then no work is left.

    Raises:
        StaaError: another process is writing OUT.
        UsageError: OUT holds something that must not be replaced.
    """

    def __init__(
        self,
        command: str,
        recipe: BaseModel,
        identity: dict[str, Any],
        out: Path,
        *,
        device: str | None = None,
        overwrite: bool = False,
        extendable: Callable[[], bool] = lambda: False,
        resume_key: str | None = None,
    ) -> None:
        self.command, self.recipe, self.identity, self.out, self.overwrite = command, recipe, identity, out, overwrite
        self.device, self.extendable, self.resume_key = device, extendable, resume_key or hash_json(self.work)
        # Hours may pass until `execute`, when a preset has many runs: the folder is free until then.
        with locked(out):
            self.found = self.look()

    @property
    def finished(self) -> bool:
        return self.found is not None

    @property
    def key(self) -> str:
        """Equal keys mean equal work: a finished folder with this key need not be made again."""
        return hash_json({**self.work, **({} if self.device is None else {"device": self.device})})

    @property
    def work(self) -> dict[str, Any]:
        """What is done, wherever."""
        return {"version": __version__, "command": self.command, "recipe": self.recipe.model_dump(), **self.identity}

    def execute(self, work: Callable[[Path], dict[str, Any]], device: str = "cpu", **extra: Any) -> dict[str, Any]:
        """Do `work` in a workspace that becomes OUT. `work` returns the summary.

        Args:
            extra: further entries of `metrics.json`.

        Returns:
            What `metrics.json` holds: of another process, where one has finished the same run since we looked.
        """
        with locked(self.out, make=True):
            self.found = self.look()
            if self.found is not None:
                return self.confirm()
            started = datetime.now(UTC)
            with workspace(self.out, self.resume_key, keep=not self.overwrite) as folder:
                summary = work(folder)
                (folder / STATE).unlink(missing_ok=True)
                write_text(folder / RECIPE, dump_yaml(self.recipe.model_dump()))
                metrics = self.metrics(summary, device, started, **extra)
                write_json(folder / METRICS, metrics)
            return metrics

    def look(self) -> dict[str, Any] | None:
        """The metrics of this run in the locked OUT, where it is finished; refuses another run's result, unless told to replace it."""
        metrics = inspect_output(self.out, self.command)
        if metrics is None:
            return None
        if metrics.get("key") == self.key:
            return None if metrics["summary"].get("failed") else metrics
        if not self.overwrite and not self.extendable():
            made_by = metrics.get("versions")
            here = {name: metrics.get(name) for name in ("recipe", *self.identity, *ASKED)}
            here |= {"staa": made_by.get("staa") if isinstance(made_by, dict) else None}
            there = {"staa": __version__, "recipe": self.recipe.model_dump(), **self.identity}
            if self.device is not None:
                # `cuda:1` and `cuda:0 (2 processes)` are of the type `cuda`.
                here["device"], there["device"] = str(metrics.get("device")).partition(":")[0].partition(" ")[0], self.device
            which = differences(here, there)
            raise UsageError(f"{self.out} is finished, with another recipe, input, checkpoint, seed, device or version{which}", "overwrite")
        return None

    def confirm(self) -> dict[str, Any]:
        """The metrics of the finished run that was found. Their file becomes as young as if we had made it: a recipe in which only a
        comment changed is no longer newer, and `make` is content."""
        assert self.found is not None
        with suppress(OSError):
            os.utime(self.out / METRICS)
        return self.found

    def metrics(self, summary: dict[str, Any], device: str, started: datetime, **extra: Any) -> dict[str, Any]:
        recipe = self.recipe.model_dump()
        return {
            "schema": SCHEMA,
            "command": self.command,
            "key": self.key,
            "recipe": recipe,
            "recipe_sha256": hash_json(recipe),
            **self.identity,
            "seed": getattr(self.recipe, "seed", None),
            "versions": versions("torch", "torchaudio", "transformers", "soundfile", "numpy"),
            "device": device,
            **extra,
            "summary": summary,
            "run": {
                "started": started.isoformat(timespec="seconds"),
                "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
                "host": socket.gethostname(),
                "platform": platform.platform(),
            },
        }
