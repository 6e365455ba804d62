"""Errors with facts: what was found, what was expected. What to type is the command line's to say; see `advice`."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable


class StaaError(Exception):
    """A failure at run time.

    Args:
        message: what was found and what was expected.
        advice: the name of what would help, for callers who know how their users do it: the command line has a sentence for each.
        facts: what such a sentence may quote.
    """

    exit_code = 1

    def __init__(self, message: str, advice: str = "", **facts: object) -> None:
        super().__init__(message)
        self.advice, self.facts = advice, facts


class UsageError(StaaError):
    """A wrong argument, recipe or output folder: nothing was started."""

    exit_code = 2


class Interrupted(StaaError):
    """Ctrl-C, with a word on how to go on."""

    exit_code = 130


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'pgd'?`, or nothing where no known name is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def unknown(kind: str, word: str, known: Iterable[str]) -> UsageError:
    """The error for a name that no registry holds."""
    names = sorted(known)
    listed = ", ".join(f"'{name}'" for name in names)
    return UsageError(f"unknown {kind} '{word}', expected one of {listed}{suggestion(word, names)}")


def explain_os_error(error: OSError) -> str:
    """One sentence for the operating system's refusals that users meet."""
    where = f" {error.filename}" if error.filename else ""
    colon = ":" if where else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"no space left on the disk while writing{where}: free some space, then run the same command again to go on"
        case errno.EFBIG:
            return f"a file would become larger than the file system or a limit of the shell (ulimit -f) allows{colon}{where}"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"not allowed to read or write{where}: choose another folder or change its permissions"
        case errno.ENOTDIR:
            return f"a part of the path is a file, expected a folder:{where}"
        case errno.ENAMETOOLONG:
            return f"the file name is too long for this file system:{where}"
        case errno.EPIPE:
            return "the program that read the output went away"
        case _:
            return f"{error.strerror or error}{colon}{where}"
