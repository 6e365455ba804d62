"""The one output sink: data to stdout, everything else to stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from staa_cli.commands.progress import Bar, Bulletin
from staa_cli.runtime.errors import StaaError
from staa_cli.runtime.listener import Listener, Step

# A pipe has no width. Rich needs one, and a table must never be cut in a pipe.
PIPE_WIDTH = 10_000


def harmless(text: str) -> str:
    """Text whose control characters (a file may be called so) are shown and do nothing to the terminal; lines stay lines."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda sign: f"\\x{ord(sign[0]):02x}", text)


@contextmanager
def printing() -> Iterator[None]:
    """A full disk behind `>` is no failure of the run that is printed.

    Raises:
        StaaError: stdout takes nothing.
        BrokenPipeError: nor does anybody want it.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"the output could not be printed ({error.strerror}); nothing else is lost: a finished run is in its folder"
        raise StaaError(message) from None


class Output(Listener):
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
            with printing():
                for renderable in renderables:
                    self.stdout.print(Text(renderable) if isinstance(renderable, str) else renderable)

    def text(self, text: str) -> None:
        """Print data as it is."""
        with printing():
            sys.stdout.write(text)
            sys.stdout.flush()

    def message(self, text: str) -> None:
        if self.verbosity >= 0:
            self.stderr.print(Text(harmless(text)))

    def detail(self, text: str) -> None:
        if self.verbosity >= 1:
            self.stderr.print(Text(harmless(text), style="dim"))

    def warning(self, text: str) -> None:
        if self.verbosity >= 0:
            self.stderr.print(Text("warning: ", style="yellow").append(harmless(text), style="default"))

    def error(self, text: str) -> None:
        self.stderr.print(Text("error: ", style="bold red").append(harmless(text), style="not bold default"))

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Step]:
        """A bar on stderr; now and then a line without a terminal, or on one that several processes share (`TTY_INTERACTIVE=0`)."""
        if self.verbosity < 0:
            yield Step()
            return
        description = harmless(description)
        if not self.stderr.is_interactive:
            yield Bulletin(description, total, self.message)
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self.stderr, transient=True) as progress:
            yield Bar(progress, progress.add_task(description, total=total, note=""))
