"""A training, or one for each of several seeds in folders of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from staa_cli.commands import options as opt
from staa_cli.commands.output import Output
from staa_cli.commands.show import conclude, settled, show_plans, show_together
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.recipes import load_recipe
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import METRICS
from staa_cli.runtime.run import Run
from staa_cli.victims.recipe import TrainVictimRecipe

Recipe = TypeVar("Recipe", bound=TrainVictimRecipe | TrainGeneratorRecipe)


def places(out: Path, seed: int | None, seeds: str | None) -> dict[Path, int | None]:
    """The folder of each training, with what replaces the recipe's seed.

    Raises:
        UsageError: contradicting options, or OUT is the result of a single training.
    """
    if seeds is None:
        return {out: seed}
    if seed is not None:
        raise UsageError("--seed and --seeds exclude each other")
    if (out / METRICS).exists():
        raise UsageError(f"{out} is a finished run itself, expected a folder for the runs seed-N", "out")
    return {out / f"seed-{number}": number for number in opt.parse_seeds(seeds)}


def load_recipes(
    name: str, kind: type[Recipe], overrides: Sequence[str], out: Path, seed: int | None, seeds: str | None
) -> dict[Path, Recipe]:
    """The recipe of each training by its folder.

    Raises:
        UsageError: see `places` and `load_recipe`.
    """
    return {folder: load_recipe(name, kind, overrides, number) for folder, number in places(out, seed, seeds).items()}


class Trainings(Generic[Recipe]):
    """All folders are looked at before the first training, which may take hours.

    Args:
        command: such as `train-victim`.
        recipes: of each folder.
        several: whether seeds were asked for, be it one: then what was made is shown together.
        identity, device, overwrite: see `Run`.
        table: what shows them together.

    Raises:
        StaaError: see `Run`.
    """

    def __init__(
        self,
        command: str,
        recipes: Mapping[Path, Recipe],
        several: bool,
        identity: dict[str, Any],
        device: str,
        overwrite: bool,
        table: str,
    ) -> None:
        self.recipes, self.several, self.table = recipes, several, table
        self.runs = {
            folder: Run(command, recipe, identity, folder, device=device, overwrite=overwrite) for folder, recipe in recipes.items()
        }
        self.made = {folder: run.found for folder, run in self.runs.items() if run.found is not None}

    def settled(self, plan: str, dry_run: bool, output: Output) -> bool:
        """Whether there is nothing to do: see the function of this name. Of several it tells which are finished."""
        if not self.several:
            (run,) = self.runs.values()
            return settled(run, plan, dry_run, output)
        if dry_run:
            show_plans([(run, plan) for run in self.runs.values()], output)
            return True
        for folder in self.made:
            conclude(self.runs[folder], self.runs[folder].confirm(), output, shown=False)
        return self.complete(output)

    def execute(self, train: Callable[[Recipe, Path], dict[str, Any]], device: str, output: Output, **extra: Any) -> None:
        """Train what is not finished, and show it.

        Args:
            train: a recipe, into a workspace. Returns the summary.
            device, extra: see `Run.execute`.
        """
        todo = [folder for folder in self.runs if folder not in self.made]
        for number, folder in enumerate(todo, 1):
            if self.several:
                output.message(f"seed {self.recipes[folder].seed} ({number} of {len(todo)})")
            self.made[folder] = self.runs[folder].execute(partial(train, self.recipes[folder]), device, **extra)
            conclude(self.runs[folder], self.made[folder], output, shown=not self.several)
        if self.several:
            self.complete(output)

    def complete(self, output: Output) -> bool:
        """Whether all are made; then they are shown together."""
        if len(self.made) < len(self.runs):
            return False
        show_together([(folder, self.made[folder]) for folder in self.runs], self.table, output)
        return True
