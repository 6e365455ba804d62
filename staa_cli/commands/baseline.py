"""`staa baseline`"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from staa_cli.commands import options as opt

if TYPE_CHECKING:
    from staa_cli.commands.campaigns import Campaign
    from staa_cli.commands.jury import Jury
    from staa_cli.runtime.output import Output


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
    split: opt.Split = None,
    limit: opt.Limit = None,
    files_from: opt.FilesFrom = None,
    null: opt.Null = False,
    batch_size: opt.BatchSize = 1,
    device: opt.Device = "auto",
    set_: opt.Overrides = None,
    seed: opt.Seed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Attack audio with the attack that a recipe names.

    A preset names several attackers: each writes a folder OUT/NAME.
    """
    from staa_cli.attacks.inputs import collect
    from staa_cli.commands.campaigns import Campaign, hash_inputs
    from staa_cli.commands.jury import Jury
    from staa_cli.recipes import load_attackers
    from staa_cli.runtime.device import check_device_name
    from staa_cli.runtime.errors import UsageError
    from staa_cli.runtime.folders import METRICS

    output = opt.make_output(json, quiet, verbose)
    check_device_name(device)
    recipes = load_attackers(recipe, set_ or [], seed)
    single = "" in recipes
    if not single and (out / METRICS).exists():
        raise UsageError(f"{out} is a finished run itself, expected a folder for the runs of a preset; choose another folder with -o")
    files = collect(*opt.listed_paths(inputs or [], files_from, null), opt.check_split(split), out, limit)
    jury = Jury(threat, victim or [], opt.read_label_map(labels), files, device, output)
    hashes = hash_inputs(files)
    # All recipes and folders are looked at before the first attack, which may take hours.
    campaigns = {
        name: Campaign(
            "baseline",
            settings,
            files,
            hashes,
            jury,
            out / name,
            output,
            checkpoints={},
            batch_size=batch_size,
            overwrite=overwrite,
            shown=single,
        )
        for name, settings in recipes.items()
    }
    for settings in recipes.values():
        if settings.FOLLOWS_GRADIENTS:
            jury.references[0].require_gradients(f"'staa baseline' with the attack '{settings.attack}'")
    if single:
        return attack_with(campaigns[""], dry_run)
    return attack_with_all(campaigns, jury, dry_run, output)


def attack_with(campaign: Campaign, dry_run: bool = False) -> int:
    """Run one attack, unless it is finished. Returns the exit code."""
    if campaign.finished(dry_run):
        return 0
    from staa_cli.attacks.attackers import BaselineAttacker
    from staa_cli.attacks.registry import build_attack
    from staa_cli.recipes.schema import BaselineRecipe

    settings = campaign.recipe
    assert isinstance(settings, BaselineRecipe)
    attacker = BaselineAttacker(build_attack(settings), campaign.jury.threat, settings.reference, settings.target)
    return campaign.run(attacker, {"attacker": settings.title, "ablation": ""})


def attack_with_all(campaigns: dict[str, Campaign], jury: Jury, dry_run: bool, output: Output) -> int:
    """Run the attackers of a preset one after the other. One that fails does not keep the others from their turn; a device or a victim
    that none of them could use stops them all at once.

    Returns:
        The exit code: 1 where one failed, or files did.
    """
    from staa_cli.commands.jobs import show_plans, show_together
    from staa_cli.runtime.errors import Interrupted, StaaError

    if dry_run:
        show_plans([(campaign.job, campaign.plan) for campaign in campaigns.values()], output)
        return 0
    if not all(campaign.job.state.finished for campaign in campaigns.values()):
        jury.load()
    failed, incomplete, done = [], [], []
    for number, (name, campaign) in enumerate(campaigns.items(), 1):
        output.message(f"{name} ({number} of {len(campaigns)})")
        try:
            if attack_with(campaign):
                incomplete.append(name)
            done.append(campaign.out)
        except (Interrupted, OSError):  # these would stop the next one as well
            raise
        except Exception as error:
            if os.environ.get("STAA_DEBUG"):
                raise
            output.error(f"{name}: " + (str(error) if isinstance(error, StaaError) else f"a defect ({type(error).__name__}: {error})"))
            failed.append(name)
    if done:
        show_together(done, "attacks", output)
    if incomplete:
        output.error(f"files failed under {', '.join(incomplete)}; the same command tries them again")
    if failed:
        output.error(f"{len(failed)} of {len(campaigns)} attackers failed: {', '.join(failed)}; run the same command again to go on")
    return int(bool(failed or incomplete))
