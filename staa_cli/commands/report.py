"""`staa report`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from staa_cli.commands import completion
from staa_cli.commands import options as opt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staa_cli.commands.output import Output
    from staa_cli.reporting.paired import Rival
    from staa_cli.reporting.runs import LoadedRun


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN...", help="Folders of the other subcommands, or folders of such.", show_default=False),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table",
            metavar="TABLE",
            help="corpus, victims, generators, attacks, ablation: all that fit. On request: speakers, confusion, groups, attacked, across, "
            "emotions, pairs. Repeatable",
            autocompletion=completion.tables,
            show_default=False,
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="rich, markdown, latex, csv, json, or html: a page with sound. By default what FILE's name ends in.",
            autocompletion=completion.formats,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write to a file instead of stdout.", show_default=False),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure",
            metavar="FILE",
            help="Draw success against sparsity, or with victims alone or --table confusion their matrices (.png, .pdf or .svg).",
            show_default=False,
        ),
    ] = None,
    what: Annotated[
        str | None,
        typer.Option(
            "--draw",
            metavar="PICTURE",
            help="What --figure draws: curve, map (attacker by victim), emotions (from which to which), bars (accuracy, seconds).",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="NAME", help="Let --figure draw this utterance of an attack, before and after.", show_default=False),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            "--measure",
            metavar="MEASURE",
            help="What tables and pictures of attacks show: asr, accuracy, uar or lift. By default asr; of bars accuracy.",
            show_default=False,
        ),
    ] = None,
    x: Annotated[str, typer.Option("--x", metavar="COST", help="What --figure draws it against: sparsity, snr or seconds.")] = "sparsity",
    perception: Annotated[
        bool,
        typer.Option(
            "--perception",
            help="What is heard of the change, measured from the files where the attack was made without it: 0.15 s each.",
        ),
    ] = False,
    intervals: Annotated[bool, typer.Option("--intervals", help="Show the 95 % interval of every success rate.")] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="RUN",
            help="Compare the attackers with this run's, input by input (the table 'paired').",
            show_default=False,
        ),
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="The STAA-Net paper's rows beside ours.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    quiet: opt.Quiet = False,
) -> int:
    """Render the papers' tables from any set of runs.

    \b
    Examples:
      staa report runs/emodb/*/ -o table.tex
      staa report runs/emodb/staa-net-test --against runs/emodb/pgd-test \\
          --intervals
      staa report runs/emodb/*-test --figure curve.png
      staa report runs/emodb/* -o report.html
      staa report runs/emodb/pgd-test runs/emodb/data --figure fig3.png \\
          --file 03a01Fa.wav
    """
    from staa_cli.reporting.formats import FORMATS, PAGE, as_rich, format_of, render
    from staa_cli.reporting.measures import HEADINGS
    from staa_cli.reporting.model import with_intervals
    from staa_cli.reporting.page.build import build_page
    from staa_cli.reporting.runs import FinishedRun
    from staa_cli.reporting.tables import TABLES, build_tables
    from staa_cli.runtime.errors import UsageError, unknown
    from staa_cli.runtime.folders import write_text

    output = opt.make_output(json, quiet, False)
    for name in table or ():
        if name not in TABLES:
            raise unknown("table", name, TABLES)
    if measure is not None and measure not in HEADINGS:
        raise unknown("measure", measure, HEADINGS)
    if format_ is not None and format_ not in (*FORMATS, PAGE):
        raise unknown("format", format_, (*FORMATS, PAGE))
    format_ = "json" if json else format_ or (format_of(out) if out else "rich")
    loaded = [one for given in runs or () for one in load(given)]
    if perception:
        loaded = heard(loaded, output)
    if figure is None and x != "sparsity":
        raise UsageError("--x says what --figure draws success against, and there is no --figure")
    if figure is None and file is not None:
        raise UsageError("--file names the utterance that --figure draws, and there is no --figure")
    if figure is None and what is not None:
        raise UsageError("--draw says what --figure draws, and there is no --figure")
    if figure is not None:
        draw_figure(loaded, table or (), x, measure, what, file, figure, overwrite, output)
        if not table and out is None:
            return 0
    shown = measure or "asr"
    rival = None if against is None else rival_of(against)
    wanted = dict.fromkeys([*table, *(["paired"] if rival else [])]) if table else (None,)
    tables = [found for name in wanted for found in build_tables(loaded, name, published, rival, shown)]
    if intervals:
        tables = [with_intervals(found) for found in tables]
    if format_ == PAGE:
        text = build_page([FinishedRun(*one) for one in loaded], tables, shown)
    else:
        text = "" if format_ == "rich" and out is None else render(tables, format_)
    if out is not None:
        check_free(out, overwrite, "-o")
        write_text(out, text)
        output.message(f"done: {out}")
    elif format_ == "rich":
        output.result({}, *map(as_rich, tables))
    else:
        output.text(text)
    return 0


def load(folder: Path) -> list[LoadedRun]:
    """A run; or those in a folder, which are one where they are the shards of one."""
    from staa_cli.evaluation.shards import run_of_shards
    from staa_cli.runtime.folders import read_metrics, runs_of

    together = run_of_shards(folder)
    return [(folder, together)] if together else [(run, read_metrics(run)) for run in runs_of(folder)]


def heard(runs: Sequence[LoadedRun], output: Output) -> list[LoadedRun]:
    """The same runs, attacks with what is perceived of them."""
    from staa_cli.reporting.perceived import with_perception
    from staa_cli.reporting.tables import ATTACKS

    prepared = [path for path, metrics in runs if metrics.get("command") == "prepare"]
    chosen = [run[1].get("command") in ATTACKS and run[1]["summary"].get("space") is None for run in runs]
    found = []
    with output.progress("listen", sum(chosen)) as step:
        for run, attack in zip(runs, chosen, strict=True):
            found.append(with_perception(run, prepared, output.warning) if attack else run)
            step.advance(attack)
    return found


def rival_of(folder: Path) -> Rival:
    """The run that others are compared with."""
    from staa_cli.evaluation.record import Record, read_records
    from staa_cli.reporting.paired import Rival
    from staa_cli.reporting.runs import FinishedRun
    from staa_cli.runtime.folders import read_metrics

    def read(run: Path) -> list[Record]:
        return [record for records in read_records(run)[0].values() for record in records]

    return Rival(FinishedRun(folder, read_metrics(folder)), read)


def draw_figure(
    runs: Sequence[LoadedRun],
    tables: Sequence[str],
    axis: str,
    measure: str | None,
    what: str | None,
    file: str | None,
    path: Path,
    overwrite: bool,
    output: Output,
) -> None:
    """Write the picture."""
    from staa_cli.reporting.figures import CURVE, PICTURES, check_figures, draw, encode, picture_format
    from staa_cli.reporting.runs import FinishedRun
    from staa_cli.reporting.sweep import AXES
    from staa_cli.reporting.utterance import draw_utterance
    from staa_cli.runtime.errors import unknown
    from staa_cli.runtime.folders import write_bytes

    if axis not in AXES:
        raise unknown("value of --x", axis, AXES)
    if what is not None and what not in (CURVE, *PICTURES):
        raise unknown("picture", what, (CURVE, *PICTURES))
    format = picture_format(path)
    check_free(path, overwrite, "--figure")
    check_figures("--figure draws a picture")
    picture = draw(runs, tables, axis, what, measure) if file is None else draw_utterance([FinishedRun(*run) for run in runs], file)
    write_bytes(path, encode(picture, format))
    output.message(f"done: {path}")


def check_free(path: Path, overwrite: bool, option: str) -> None:
    """Refuse to replace a file, unless told to."""
    from staa_cli.runtime.errors import UsageError

    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; choose another file with {option}, or replace it with --overwrite")
