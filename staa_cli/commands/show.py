"""What every command that makes a run shows: its plan, its result, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from staa_cli.commands.output import Output
from staa_cli.runtime.run import Run


def settled(run: Run, plan: str, dry_run: bool, output: Output) -> bool:
    """Whether there is nothing to do: the same run is finished (its result is shown again), or this is a dry run.

    Args:
        plan: what the run would do, such as `attack 3 files`.
    """
    if dry_run:
        text = planned(run, plan)
        output.result({"dry_run": True, "plan": text, "recipe": run.recipe.model_dump()}, text if run.finished else f"would {text}")
        return True
    if run.finished:
        conclude(run, run.confirm(), output)
    return run.finished


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
        output.error(f"{summary['failed']} of {total} files failed; the others are in {run.out}")
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


def show_plans(plans: Sequence[tuple[Run, str]], output: Output) -> None:
    """The dry run of several runs."""
    texts = [planned(run, plan) for run, plan in plans]
    output.result(
        {"dry_run": True, "plans": texts, "recipes": [run.recipe.model_dump() for run, _ in plans]},
        *(text if run.finished else f"would {text}" for text, (run, _) in zip(texts, plans, strict=True)),
    )


def show_together(runs: Sequence[tuple[Path, dict[str, Any]]], table: str, output: Output) -> None:
    """The results of several runs in one table.

    Args:
        runs: folders, and what we know of them: another process may be putting something else in their places.
    """
    from staa_cli.reporting.formats import as_data, as_rich
    from staa_cli.reporting.tables import build_tables

    tables = build_tables(runs, table)
    data = {"runs": [{"folder": str(folder), **metrics} for folder, metrics in runs], "tables": as_data(tables)}
    output.result(data, *map(as_rich, tables))
