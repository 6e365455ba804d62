"""`staa baseline`"""

from __future__ import annotations

from typing import Annotated

import typer

from staa_cli.commands import options as opt


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
    """Attack audio with the attack that a recipe names."""
    from staa_cli.commands.campaigns import Campaign
    from staa_cli.recipes import load_recipe
    from staa_cli.recipes.schema import BaselineRecipe
    from staa_cli.runtime.device import check_device_name

    output = opt.make_output(json, quiet, verbose)
    check_device_name(device)
    settings = load_recipe(recipe, BaselineRecipe, set_ or [], seed)
    campaign = Campaign(
        "baseline",
        settings,
        opt.listed_paths(inputs or [], files_from, null),
        opt.check_split(split),
        threat,
        victim or [],
        out,
        output,
        checkpoints={},
        label_map=opt.read_label_map(labels),
        batch_size=batch_size,
        overwrite=overwrite,
    )
    if settings.FOLLOWS_GRADIENTS:
        campaign.threat.require_gradients(f"'staa baseline' with the attack '{settings.attack}'")
    if campaign.finished(dry_run):
        return 0
    from staa_cli.attacks.attackers import BaselineAttacker
    from staa_cli.attacks.registry import build_attack
    from staa_cli.runtime.device import resolve_device
    from staa_cli.victims.checkpoint import load_victim

    place = resolve_device(device)
    attacker = BaselineAttacker(build_attack(settings), load_victim(campaign.threat, place), settings.reference, settings.target)
    return campaign.run(attacker, place, {"attacker": settings.title, "ablation": ""})
