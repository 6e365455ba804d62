"""`staa baseline`"""

from __future__ import annotations

from typing import Annotated

import typer

from staa_cli.commands import audio_options as audio
from staa_cli.commands import many
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
    known_labels: opt.KnownLabels = False,
    split: opt.Split = None,
    limit: opt.Limit = None,
    segment: audio.Segment = None,
    segment_by: audio.SegmentBy = "length",
    subtype: audio.Subtype = None,
    format_: audio.Format = "wav",
    keep_rate: audio.KeepRate = False,
    perception: opt.Perception = False,
    files_from: opt.FilesFrom = None,
    null: opt.Null = False,
    batch_size: opt.BatchSize = 1,
    jobs: many.Jobs = 1,
    shard: many.ShardOption = None,
    device: opt.Device = "auto",
    threads: many.Threads = None,
    set_: opt.Overrides = None,
    list_: opt.ListRecipes = False,
    explain: opt.Explain = None,
    seed: opt.Seed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    estimate: many.EstimateOption = False,
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
    from staa_cli.commands.several import Planned, attack_with, gather
    from staa_cli.evaluation.builders import OfAttack
    from staa_cli.evaluation.evaluation import Evaluation
    from staa_cli.evaluation.inputs import collect
    from staa_cli.evaluation.jury import Jury
    from staa_cli.evaluation.recipe import BaselineRecipe
    from staa_cli.recipes import load_preset
    from staa_cli.runtime.errors import UsageError
    from staa_cli.runtime.folders import METRICS

    output = opt.make_output(json, quiet, verbose)
    many.use_threads(jobs, threads)
    form = audio.read_form(format_, subtype, keep_rate)
    recipes = load_preset(recipe, BaselineRecipe, set_ or [], seed)  # type: ignore[type-abstract]
    if "" not in recipes and (out / METRICS).exists():
        raise UsageError(f"{out} is a finished run itself, expected a folder for the runs of a preset", "out")
    files = collect(*opt.listed_paths(inputs or [], files_from, null), opt.check_split(split), out, limit)
    jury = Jury(threat, victim or [], opt.read_label_map(labels), device, output, fetch=estimate or not dry_run)
    if known_labels:
        files = jury.known(files)
    material = gather(files, jury, many.shard_of(shard), batch_size, segment, segment_by, output)

    # All recipes and folders are looked at before the first attack, which may take hours.
    attackers = {
        name: Planned(
            Evaluation(
                "baseline",
                settings,
                material,
                jury,
                out / name,
                budget=settings.budget,
                seed=settings.seed,
                batch_size=batch_size,
                space=settings.space,
                target=settings.target,
                follows=settings.needs == "gradients",
                form=form,
                perception=perception,
                jobs=jobs,
                threads=threads or 1,
                overwrite=overwrite,
                listener=output,
            ),
            OfAttack(settings.model_dump()),
            {"attacker": settings.attacker, "ablation": "", **({} if settings.match is None else {"match": settings.match})},
        )
        for name, settings in recipes.items()
    }
    for settings in recipes.values():
        if settings.needs == "gradients":
            jury.references[0].require_gradients(f"'staa baseline' with the attack '{settings.attack}'")
    return attack_with(attackers, jury, dry_run, estimate, output)
