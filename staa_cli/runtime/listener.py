"""What the rooms of the library tell about their work while it goes on. The command line prints it; others may listen as they like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Step:
    """A piece of work whose progress is followed."""

    def advance(self, count: int = 1) -> None:
        """So many more items are done."""

    def skip(self, count: int) -> None:
        """So many were done before: they say nothing of how long the others take."""

    def note(self, text: str) -> None:
        """What to show beside the progress, for example the loss of the last step."""


class Listener:
    """Hears all and says nothing. Override what you want to know."""

    def message(self, text: str) -> None:
        """What is being done."""

    def detail(self, text: str) -> None:
        """The same of a single file."""

    def warning(self, text: str) -> None:
        """Something that the user should know before trusting a result."""

    def error(self, text: str) -> None:
        """One item failed; the others go on."""

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Step]:
        """Work on `total` items."""
        yield Step()


SILENT = Listener()
