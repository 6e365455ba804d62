"""`staa attack`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from staa_cli.commands import options as opt


def attack(
    generator: Annotated[Path, typer.Argument(metavar="GENERATOR", help="A folder made by 'staa train-generator'.", show_default=False)],
    out: opt.Out,
    inputs: opt.InputPaths = None,
    victim: opt.Victims = None,
    labels: opt.LabelMap = None,
    split: opt.Split = None,
    limit: opt.Limit = None,
    files_from: opt.FilesFrom = None,
    null: opt.Null = False,
    device: opt.Device = "auto",
    seed: opt.Seed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Attack audio with a trained STAA-Net. One forward pass per utterance, a WAV for every file."""
    from staa_cli.attacks.inputs import collect
    from staa_cli.commands.campaigns import Campaign, hash_inputs
    from staa_cli.commands.jury import Jury
    from staa_cli.recipes import load_recipe
    from staa_cli.recipes.schema import TrainGeneratorRecipe
    from staa_cli.runtime.device import check_device_name
    from staa_cli.runtime.errors import UsageError
    from staa_cli.runtime.folders import model_file
    from staa_cli.runtime.provenance import hash_file

    output = opt.make_output(json, quiet, verbose)
    check_device_name(device)
    checkpoint = hash_file(model_file(generator))
    if not (generator / "recipe.yaml").is_file() or not (generator / "threat").is_dir():
        raise UsageError(f"{generator} is no generator, expected a folder made by 'staa train-generator'")
    settings = load_recipe(str(generator / "recipe.yaml"), TrainGeneratorRecipe, [], seed)
    files = collect(*opt.listed_paths(inputs or [], files_from, null), opt.check_split(split), out, limit)
    jury = Jury(str(generator / "threat"), victim or [], opt.read_label_map(labels), files, device, output)
    campaign = Campaign(
        "attack",
        settings,
        files,
        hash_inputs(files),
        jury,
        out,
        output,
        checkpoints={"generator": checkpoint},
        overwrite=overwrite,
    )
    if campaign.finished(dry_run):
        return 0
    from staa_cli.attacks.attackers import GeneratorAttacker
    from staa_cli.generator.checkpoint import load_generator

    loaded = load_generator(generator, jury.device, jury.threat)
    if loaded.recipe != settings.model_copy(update={"seed": loaded.recipe.seed}):
        raise UsageError(
            f"{generator / 'recipe.yaml'} is not the recipe that the weights beside it were trained with; copy the whole folder again"
        )
    attacker = GeneratorAttacker(loaded)
    facts = {"attacker": "STAA-Net", "ablation": settings.ablation}
    return campaign.run(attacker, facts)
