"""`staa report`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from staa_cli.commands import options as opt


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders made by the other subcommands.", show_default=False)],
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="TABLE",
            help="corpus, victims, attacks or ablation; all that fit by default.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help="rich, markdown, latex, csv or json.")] = "rich",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write to a file instead of stdout.", show_default=False),
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="The STAA-Net paper's rows beside ours.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    quiet: opt.Quiet = False,
) -> int:
    """Render the papers' tables from any set of runs."""
    from staa_cli.reporting.formats import FORMATS, as_rich, render
    from staa_cli.reporting.tables import TABLES, build_tables
    from staa_cli.runtime.errors import UsageError, unknown
    from staa_cli.runtime.folders import read_metrics, write_text

    output = opt.make_output(json, quiet, False)
    if table is not None and table not in TABLES:
        raise unknown("table", table, TABLES)
    if format_ not in FORMATS:
        raise unknown("format", format_, FORMATS)
    format_ = "json" if json else format_
    tables = build_tables([(run, read_metrics(run)) for run in runs], table, published)
    if out is not None:
        if out.exists() and not overwrite:
            raise UsageError(f"{out} exists; choose another file with -o, or replace it with --overwrite")
        write_text(out, render(tables, "markdown" if format_ == "rich" else format_))
        output.message(f"done: {out}")
    elif format_ == "rich":
        output.result({}, *map(as_rich, tables))
    else:
        output.text(render(tables, format_))
    return 0
