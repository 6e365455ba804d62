"""The one output sink: data to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

# A pipe has no width. Rich needs one, and a table must never be cut in a pipe.
PIPE_WIDTH = 10_000


class Step:
    """One running progress bar. `advance` and `note` do nothing where no bar is shown."""

    def __init__(self, progress: Progress | None, task: Any) -> None:
        self._progress, self._task = progress, task

    def advance(self, count: int = 1) -> None:
        if self._progress is not None:
            self._progress.advance(self._task, count)

    def note(self, text: str) -> None:
        """Show `text` behind the bar, for example the loss of the last step."""
        if self._progress is not None:
            self._progress.update(self._task, note=text)


class Output:
    """Human, JSON and quiet output behind one interface.

    Args:
        as_json: print results as JSON instead of rich renderables.
        verbosity: -1 only errors, 0 messages, 1 also details.
    """

    def __init__(self, *, as_json: bool = False, verbosity: int = 0) -> None:
        self.as_json, self.verbosity = as_json, verbosity
        self.stdout = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
        self.stderr = Console(stderr=True, soft_wrap=True)

    def result(self, data: dict[str, Any], *renderables: Any) -> None:
        """Print a command's result: `data` with `--json`, else the renderables. Strings are printed as they are, they hold no markup."""
        if self.as_json:
            self.text(json.dumps(data, allow_nan=False) + "\n")
        else:
            for renderable in renderables:
                self.stdout.print(Text(renderable) if isinstance(renderable, str) else renderable)

    def text(self, text: str) -> None:
        """Print data as it is."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def message(self, text: str) -> None:
        if self.verbosity >= 0:
            self.stderr.print(Text(text))

    def detail(self, text: str) -> None:
        if self.verbosity >= 1:
            self.stderr.print(Text(text, style="dim"))

    def warning(self, text: str) -> None:
        if self.verbosity >= 0:
            self.stderr.print(Text("warning: ", style="yellow").append(text, style="default"))

    def error(self, text: str) -> None:
        self.stderr.print(Text("error: ", style="bold red").append(text, style="not bold default"))

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Step]:
        """A bar on stderr, on a terminal only."""
        if self.verbosity < 0 or not self.stderr.is_terminal:
            yield Step(None, None)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self.stderr, transient=True) as progress:
            yield Step(progress, progress.add_task(description, total=total, note=""))
