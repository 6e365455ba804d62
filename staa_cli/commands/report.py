"""`staa report`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from staa_cli.commands import options as opt

if TYPE_CHECKING:
    from staa_cli.runtime.output import Output


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders made by the other subcommands.", show_default=False)],
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="TABLE",
            help="corpus, victims, attacks or ablation; all that fit by default. In detail: speakers, confusion, groups.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help="rich, markdown, latex, csv or json.")] = "rich",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write to a file instead of stdout.", show_default=False),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE", help="Draw the victims' confusion matrices (.png, .pdf or .svg).", show_default=False),
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="The STAA-Net paper's rows beside ours.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    quiet: opt.Quiet = False,
) -> int:
    """Render the papers' tables from any set of runs."""
    from staa_cli.reporting.formats import FORMATS, as_rich, render
    from staa_cli.reporting.tables import TABLES, build_tables
    from staa_cli.runtime.errors import unknown
    from staa_cli.runtime.folders import read_metrics, write_text

    output = opt.make_output(json, quiet, False)
    if table is not None and table not in TABLES:
        raise unknown("table", table, TABLES)
    if format_ not in FORMATS:
        raise unknown("format", format_, FORMATS)
    format_ = "json" if json else format_
    if figure is not None:
        draw(runs, figure, overwrite, output)
        if table is None and out is None:
            return 0
    tables = build_tables([(run, read_metrics(run)) for run in runs], table, published)
    if out is not None:
        check_free(out, overwrite, "-o")
        write_text(out, render(tables, "markdown" if format_ == "rich" else format_))
        output.message(f"done: {out}")
    elif format_ == "rich":
        output.result({}, *map(as_rich, tables))
    else:
        output.text(render(tables, format_))
    return 0


def draw(runs: list[Path], path: Path, overwrite: bool, output: Output) -> None:
    """Write the picture of the confusion matrices."""
    from staa_cli.reporting.figures import check_figures, draw_confusion, encode, picture_format
    from staa_cli.reporting.tables import build_tables
    from staa_cli.runtime.folders import read_metrics, write_bytes

    format = picture_format(path)
    check_free(path, overwrite, "--figure")
    check_figures("--figure draws a picture")
    tables = build_tables([(run, read_metrics(run)) for run in runs], "confusion")
    write_bytes(path, encode(draw_confusion(tables), format))
    output.message(f"done: {path}")


def check_free(path: Path, overwrite: bool, option: str) -> None:
    """Refuse to replace a file, unless told to."""
    from staa_cli.runtime.errors import UsageError

    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; choose another file with {option}, or replace it with --overwrite")
