"""What every command that makes a run shows: its plan, its result, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staa_cli.commands.output import Output
from staa_cli.commands.progress import in_words
from staa_cli.runtime.run import Run

if TYPE_CHECKING:
    from staa_cli.evaluation.estimate import Estimate


def settled(run: Run, plan: str, dry_run: bool, output: Output, estimate: Estimate | None = None) -> bool:
    """Whether there is nothing to do: the same run is finished (its result is shown again), or this is a dry run.

    Args:
        plan: what the run would do, such as `attack 3 files`.
        estimate: what that would cost, where it was tried.
    """
    if dry_run:
        text = planned(run, plan)
        data = {"dry_run": True, "plan": text, "recipe": run.recipe.model_dump()}
        data |= {} if estimate is None else {"estimate": asdict(estimate)}
        output.result(data, text if run.finished else f"would {text}", *in_short(estimate))
        return True
    if run.finished:
        conclude(run, run.confirm(), output)
    return run.finished


def in_short(estimate: Estimate | None) -> list[str]:
    """`about 12 min …`, and on what that rests; nothing where nothing was tried."""
    if estimate is None:
        return []
    one = estimate
    each = f"{one.each_seconds:.2f} s" if one.each_seconds >= 0.1 else f"{1000 * one.each_seconds:.0f} ms"
    return [
        f"  about {in_words(one.seconds)} for {one.utterances} utterances, results about {in_bytes(one.bytes)} "
        f"({one.tried} tried: {each} each in one process; models ready in {one.ready_seconds:.1f} s)"
    ]


def in_bytes(size: float) -> str:
    """An amount as disks are sold: `35 kB`, `1.2 GB`."""
    units = ["kB", "MB", "GB", "TB"]
    size /= 1000
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.2g} {units[0]}" if size < 10 else f"{size:.0f} {units[0]}"


def planned(run: Run, plan: str) -> str:
    """What is left of `plan`."""
    return f"nothing: {run.out} is finished" if run.finished else f"{plan} into {run.out}"


def conclude(run: Run, metrics: dict[str, Any], output: Output, *, shown: bool = True) -> int:
    """Show what a run made, or was found to have made before. Returns: the exit code, 1 where single files failed.

    Args:
        shown: whether its result is printed; not where it is one of several that are summed up together.
    """
    if shown:
        show(run, metrics, output)
    summary = metrics["summary"]
    if summary.get("failed"):
        total = summary["failed"] + summary["utterances"]
        others = f"the others are in {run.out}" if summary["utterances"] else f"there are no others in {run.out}"
        output.error(f"{summary['failed']} of {total} files failed; {others}")
        return 1
    output.message(f"{run.out} is finished: nothing to do" if run.finished else f"done: {run.out}")
    return 0


def show(run: Run, metrics: dict[str, Any], output: Output) -> None:
    from staa_cli.reporting.formats import as_rich
    from staa_cli.reporting.tables import build_tables

    tables = build_tables([(run.out, metrics)], None, False) if run.command != "train-generator" else []
    if run.command == "prepare":
        tables += build_tables([(run.out, metrics)], "speakers", False)
    output.result(metrics, *map(as_rich, tables))


def show_plans(plans: Sequence[tuple[Run, str]], output: Output, estimates: Sequence[Estimate | None] = ()) -> None:
    """The dry run of several runs.

    Args:
        estimates: of each, where that was asked for.
    """
    texts = [planned(run, plan) for run, plan in plans]
    data = {"dry_run": True, "plans": texts, "recipes": [run.recipe.model_dump() for run, _ in plans]}
    lines = [text if run.finished else f"would {text}" for text, (run, _) in zip(texts, plans, strict=True)]
    if any(estimates):
        data["estimates"] = [None if one is None else asdict(one) for one in estimates]
        lines = [line for text, one in zip(lines, estimates, strict=True) for line in (text, *in_short(one))]
    output.result(data, *lines)


def show_together(runs: Sequence[tuple[Path, dict[str, Any]]], table: str, output: Output) -> None:
    """The results of several runs in one table.

    Args:
        runs: folders, and what we know of them: another process may be putting something else in their places.
        table: its kind.
    """
    from staa_cli.reporting.formats import as_data, as_rich
    from staa_cli.reporting.tables import build_tables

    tables = build_tables(runs, table)
    data = {"runs": [{"folder": str(folder), **metrics} for folder, metrics in runs], "tables": as_data(tables)}
    output.result(data, *map(as_rich, tables))
