"""`staa baseline`"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from staa_cli.commands import options as opt

if TYPE_CHECKING:
    from staa_cli.commands.output import Output
    from staa_cli.evaluation.attackers import Attacker
    from staa_cli.evaluation.evaluation import Evaluation
    from staa_cli.evaluation.jury import Jury
    from staa_cli.evaluation.recipe import BaselineRecipe

    Attackers = Mapping[str, tuple[BaselineRecipe, Evaluation]]


def baseline(
    recipe: opt.Recipe,
    threat: Annotated[
        str,
        typer.Option(
            "--threat",
            metavar="VICTIM",
            help=f"The victim that steers the attack. {opt.VICTIM}",
            show_default=False,
        ),
    ],
    out: opt.Out,
    inputs: opt.InputPaths = None,
    victim: opt.Victims = None,
    labels: opt.LabelMap = None,
    known_labels: opt.KnownLabels = False,
    split: opt.Split = None,
    limit: opt.Limit = None,
    files_from: opt.FilesFrom = None,
    null: opt.Null = False,
    batch_size: opt.BatchSize = 1,
    device: opt.Device = "auto",
    set_: opt.Overrides = None,
    list_: opt.ListRecipes = False,
    explain: opt.Explain = None,
    seed: opt.Seed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Attack audio with the attack that a recipe names.

    A preset names several attackers: each writes a folder OUT/NAME.

    \b
    Examples:
      staa baseline pgd runs/emodb/data --split test \\
          --threat runs/emodb/emo18 -o runs/emodb/pgd
      staa baseline survey my-recordings/ --threat hf:ORG/NAME --limit 8 -o survey
    """
    from staa_cli.commands.show import conclude, settled
    from staa_cli.evaluation.evaluation import Evaluation
    from staa_cli.evaluation.inputs import collect
    from staa_cli.evaluation.jury import Jury
    from staa_cli.evaluation.recipe import BaselineRecipe
    from staa_cli.evaluation.task import hash_inputs
    from staa_cli.recipes import load_preset
    from staa_cli.runtime.errors import UsageError
    from staa_cli.runtime.folders import METRICS

    output = opt.make_output(json, quiet, verbose)
    recipes = load_preset(recipe, BaselineRecipe, set_ or [], seed)  # type: ignore[type-abstract]
    if "" not in recipes and (out / METRICS).exists():
        raise UsageError(f"{out} is a finished run itself, expected a folder for the runs of a preset", "out")
    files = collect(*opt.listed_paths(inputs or [], files_from, null), opt.check_split(split), out, limit)
    jury = Jury(threat, victim or [], opt.read_label_map(labels), device, output, fetch=not dry_run)
    if known_labels:
        files = jury.known(files)
    hashes = hash_inputs(files)
    # All recipes and folders are looked at before the first attack, which may take hours.
    attackers = {
        name: (
            settings,
            Evaluation(
                "baseline",
                settings,
                files,
                hashes,
                jury,
                out / name,
                budget=settings.budget,
                seed=settings.seed,
                batch_size=batch_size,
                space=settings.space,
                target=settings.target,
                follows=settings.needs == "gradients",
                overwrite=overwrite,
                listener=output,
            ),
        )
        for name, settings in recipes.items()
    }
    for settings in recipes.values():
        if settings.needs == "gradients":
            jury.references[0].require_gradients(f"'staa baseline' with the attack '{settings.attack}'")
    if "" not in recipes:
        return attack_with_all(attackers, jury, dry_run, output)
    settings, evaluation = attackers[""]
    if settled(evaluation.run, evaluation.plan, dry_run, output):
        return 0
    return conclude(evaluation.run, attack_with(settings, evaluation), output)


def attack_with(recipe: BaselineRecipe, evaluation: Evaluation) -> dict[str, Any]:
    """Run one attack. Returns: what `metrics.json` holds."""

    def build() -> Attacker:
        from staa_cli.evaluation.attackers import BaselineAttacker

        return BaselineAttacker(recipe, evaluation.jury.threat, recipe.reference, recipe.target)

    return evaluation.execute(build, attacker=recipe.attacker, ablation="")


def attack_with_all(attackers: Attackers, jury: Jury, dry_run: bool, output: Output) -> int:
    """Run the attackers of a preset one after the other. One that fails does not keep the others from their turn; a device or a victim
    that none of them could use stops them all at once.

    Returns:
        The exit code: 1 where one failed, or files did.
    """
    from staa_cli.commands.advice import advised
    from staa_cli.commands.show import conclude, show_plans, show_together
    from staa_cli.runtime.errors import Interrupted, StaaError

    if dry_run:
        show_plans([(evaluation.run, evaluation.plan) for _, evaluation in attackers.values()], output)
        return 0
    if not all(evaluation.run.finished for _, evaluation in attackers.values()):
        jury.load()
    failed, incomplete, done = [], [], []
    for number, (name, (recipe, evaluation)) in enumerate(attackers.items(), 1):
        output.message(f"{name} ({number} of {len(attackers)})")
        try:
            metrics = evaluation.run.confirm() if evaluation.run.finished else attack_with(recipe, evaluation)
            if conclude(evaluation.run, metrics, output, shown=False):
                incomplete.append(name)
            done.append((evaluation.out, metrics))
        except (Interrupted, OSError):  # these would stop the next one as well
            raise
        except Exception as error:
            if os.environ.get("STAA_DEBUG"):
                raise
            output.error(f"{name}: " + (advised(error) if isinstance(error, StaaError) else f"a defect ({type(error).__name__}: {error})"))
            failed.append(name)
    if done:
        show_together(done, "attacks", output)
    if incomplete:
        output.error(f"files failed under {', '.join(incomplete)}; the same command tries them again")
    if failed:
        output.error(f"{len(failed)} of {len(attackers)} attackers failed: {', '.join(failed)}; run the same command again to go on")
    return int(bool(failed or incomplete))
