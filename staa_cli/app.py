"""The command line's wiring: subcommands, exit codes, the error table. No work, no heavy import."""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from staa_cli.commands.attack import attack
from staa_cli.commands.baseline import baseline
from staa_cli.commands.prepare import prepare
from staa_cli.commands.report import report
from staa_cli.commands.train_generator import train_generator
from staa_cli.commands.train_victim import train_victim
from staa_cli.runtime.parallel import world_size
from staa_cli.runtime.version import __version__

app = typer.Typer(
    name="staa",
    help="How easily is a speech emotion model fooled, and by how little?",
    no_args_is_help=True,
    # Rich panels in the help would cost more time than all the rest of the start.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all fine, 1 something failed (the rest was done), 2 wrong usage or recipe, 130 interrupted.",
)


class Command(TyperCommand):
    """Usage lines with `GENERATOR`, as in messages and manuals, where typer writes `{GENERATOR}`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


for command in (prepare, train_victim, train_generator, attack, baseline, report):
    app.command(command.__name__.replace("_", "-"), cls=Command)(command)


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"staa {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


def main() -> None:
    """The entry point: run a subcommand and exit with its code. `STAA_DEBUG=1` shows the traceback of any error."""
    open_streams()
    try:
        # With standalone_mode off, typer returns the command's own value: our exit code.
        code = app(prog_name="staa", standalone_mode=False)
        if code == 130:
            raise KeyboardInterrupt  # typer swallowed it
    except BaseException as error:
        if os.environ.get("STAA_DEBUG") and not isinstance(error, SystemExit):
            raise
        code = explain(error)
    let_go_of_stdout()
    leave(code if isinstance(code, int) else 0)


def leave(code: int) -> None:
    """End the process: at once where the interpreter's teardown may crash.

    After Ctrl-C torch and its threads are in the middle of something; and processes of torchrun that leave one after the other have threads
    that still listen to those gone.
    """
    if code == 130 or world_size() > 1:
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def open_streams() -> None:
    """Make the streams usable also where the shell closed them, and stdout able to print any file name, and any sign in ASCII."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - open as long as the process
    if isinstance(sys.stdout, TextIOWrapper):
        codecs.register_error("staa", bytes_or_escapes)
        sys.stdout.reconfigure(errors="staa")


def bytes_or_escapes(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a sign that an encoding lacks: the byte of a file name, else its code, as in `\\u2113`."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def let_go_of_stdout() -> None:
    """Keep Python from failing once more at exit where stdout took no more: its reader left (`staa … | head`), or its disk is full."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def explain(error: BaseException) -> int:
    """Say what went wrong on stderr.

    Returns:
        The exit code.
    """
    from staa_cli.commands.advice import advised
    from staa_cli.commands.output import Output
    from staa_cli.runtime.errors import StaaError, explain_os_error

    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if show := getattr(error, "show", None):  # a usage error of the command line itself
        show()
        return 2
    output = Output()
    match error:
        case KeyboardInterrupt() | typer.Abort():
            output.error("interrupted; run the same command again to go on")
            return 130
        case StaaError():
            output.error(advised(error))
            return error.exit_code
        case BrokenPipeError():
            return 1
        case OSError():
            output.error(explain_os_error(error))
            return 1
        case ModuleNotFoundError():
            output.error(f"the package '{error.name}' is not installed: install staa with the extra that needs it, see the README")
            return 1
        case _:
            output.error(f"a defect in staa ({type(error).__name__}: {error}); run again with STAA_DEBUG=1 and report the traceback")
            return 1
