"""What every command that makes a folder does around its work: look at OUT, work beside it, save the provenance, show the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from staa_cli.recipes import dump_recipe
from staa_cli.recipes.base import essence
from staa_cli.runtime.folders import (
    METRICS,
    STATE,
    inspect_output,
    read_metrics,
    refuse_overwrite,
    workspace,
    write_json,
    write_text,
)
from staa_cli.runtime.output import Output
from staa_cli.runtime.provenance import Run

RECIPE = "recipe.yaml"


class Job:
    """One command's work on one output folder.

    Args:
        identity: all that the result depends on beside the recipe: hashes of inputs and checkpoints.
        extendable: whether the metrics of an older run may be replaced without --overwrite, because the new run keeps all its work.
        resume_key: which unfinished work of an interrupted run may be gone on with; by default that of an equal run only.
        shown: whether its result is printed; not where it is one of several that are summed up together.

    Raises:
        UsageError: OUT holds something that must not be replaced.
    """

    def __init__(
        self,
        command: str,
        recipe: BaseModel,
        identity: dict[str, Any],
        out: Path,
        output: Output,
        *,
        overwrite: bool,
        extendable: Callable[[], bool] = lambda: False,
        resume_key: str | None = None,
        shown: bool = True,
    ) -> None:
        self.shown = shown
        self.recipe, self.out, self.output, self.overwrite = recipe, out, output, overwrite
        seed = recipe.model_dump().get("seed")
        self.process = Run(command, recipe.model_dump(), {**identity, "seed": seed}, essence(recipe))
        self.resume_key = resume_key or self.process.key
        self.state = inspect_output(out, command, self.process.key)
        if self.state.replaceable is not None and not extendable():
            refuse_overwrite(out, self.state.replaceable, self.process.key, overwrite)

    def finished(self, dry_run: bool, plan: str) -> bool:
        """Whether there is nothing to do: the same run is finished (its result is shown again), or this is a dry run."""
        if dry_run:
            plan = self.plan(plan)
            self.output.result(
                {"dry_run": True, "plan": plan, "recipe": self.recipe.model_dump()},
                f"would {plan}" if not self.state.finished else plan,
            )
            return True
        if self.state.finished:
            self.output.message(f"{self.out} is finished: nothing to do")
            self.show(read_metrics(self.out))
        return self.state.finished

    def plan(self, plan: str) -> str:
        """What is left of `plan`."""
        return f"nothing: {self.out} is finished" if self.state.finished else f"{plan} into {self.out}"

    def run(self, work: Callable[[Path], dict[str, Any]], device: str = "cpu", **extra: Any) -> int:
        """Do `work` in a workspace that becomes OUT. `work` returns the summary.

        Args:
            extra: further entries of `metrics.json`.

        Returns:
            The exit code: 1 where single files failed.
        """
        with workspace(self.out, self.resume_key, keep=not self.overwrite) as folder:
            summary = work(folder)
            (folder / STATE).unlink(missing_ok=True)
            write_text(folder / RECIPE, dump_recipe(self.recipe))
            metrics = self.process.metrics(summary, device=device, **extra)
            write_json(folder / METRICS, metrics)
        self.show(metrics)
        if summary.get("failed"):
            self.output.error(
                f"{summary['failed']} of {summary['failed'] + summary['utterances']} files failed; the others are in {self.out}"
            )
            return 1
        self.output.message(f"done: {self.out}")
        return 0

    def show(self, metrics: dict[str, Any]) -> None:
        if not self.shown:
            return
        from staa_cli.reporting.formats import as_rich
        from staa_cli.reporting.tables import build_tables

        tables = build_tables([(self.out, metrics)], None, False) if metrics["command"] != "train-generator" else []
        if metrics["command"] == "prepare":
            tables += build_tables([(self.out, metrics)], "speakers", False)
        self.output.result(metrics, *map(as_rich, tables))


def show_plans(plans: Sequence[tuple[Job, str]], output: Output) -> None:
    """The dry run of several jobs."""
    texts = [job.plan(plan) for job, plan in plans]
    output.result(
        {"dry_run": True, "plans": texts, "recipes": [job.recipe.model_dump() for job, _ in plans]},
        *(text if job.state.finished else f"would {text}" for text, (job, _) in zip(texts, plans, strict=True)),
    )


def show_together(folders: Sequence[Path], table: str, output: Output) -> None:
    """The results of several jobs in one table."""
    from staa_cli.reporting.formats import as_data, as_rich
    from staa_cli.reporting.tables import build_tables

    runs = [(folder, read_metrics(folder)) for folder in folders]
    tables = build_tables(runs, table)
    data = {"runs": [{"folder": str(folder), **metrics} for folder, metrics in runs], "tables": as_data(tables)}
    output.result(data, *map(as_rich, tables))
