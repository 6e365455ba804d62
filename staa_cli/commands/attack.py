"""`staa attack`"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from staa_cli.commands import audio_options as audio
from staa_cli.commands import many
from staa_cli.commands import options as opt


def attack(
    generator: Annotated[Path, typer.Argument(metavar="GENERATOR", help="A folder made by 'staa train-generator'.", show_default=False)],
    out: opt.Out,
    inputs: opt.InputPaths = None,
    victim: opt.Victims = None,
    labels: opt.LabelMap = None,
    known_labels: opt.KnownLabels = False,
    split: opt.Split = None,
    sparsity: Annotated[
        str | None,
        typer.Option("--sparsity", metavar="P,P,...", help="Percent of the samples to move; several: a folder each.", show_default=False),
    ] = None,
    snr: Annotated[
        str | None,
        typer.Option("--snr", metavar="DB,DB,...", help="Peak SNR, of a generator trained for several; likewise.", show_default=False),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="LABEL", help="What every prediction shall become.", show_default=False),
    ] = None,
    refine: Annotated[
        int,
        typer.Option(
            "--refine", metavar="N", min=0, help="Further looks at the threat model, each where the last answer led, up to success."
        ),
    ] = 0,
    in_sample: opt.InSample = False,
    limit: opt.Limit = None,
    segment: audio.Segment = None,
    segment_by: audio.SegmentBy = "length",
    subtype: audio.Subtype = None,
    format_: audio.Format = "wav",
    keep_rate: audio.KeepRate = False,
    perception: opt.Perception = False,
    files_from: opt.FilesFrom = None,
    null: opt.Null = False,
    jobs: many.Jobs = 1,
    shard: many.ShardOption = None,
    device: opt.Device = "auto",
    threads: many.Threads = None,
    seed: opt.NoSeed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    estimate: many.EstimateOption = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Attack audio with a trained STAA-Net. One pass of the generator per utterance, a WAV for every file.

    \b
    Examples:
      staa attack runs/emodb/staa-net runs/emodb/data --split test \\
          --sparsity 1,2,5 -o runs/emodb/staa-net-test
      staa attack runs/emodb/staa-net my-recordings/ --victim runs/emodb/zhao19 \\
          -o adversarial
      find . -name '*.flac' -print0 | staa attack runs/emodb/staa-net - -0 -o out
      sbatch --array=1-16 --wrap 'staa attack runs/emodb/staa-net hours/ \\
          -o out --shard $SLURM_ARRAY_TASK_ID/16'
    """
    from staa_cli.commands.several import Planned, attack_with, gather
    from staa_cli.evaluation.builders import OfGenerator
    from staa_cli.evaluation.evaluation import Evaluation
    from staa_cli.evaluation.inputs import collect
    from staa_cli.evaluation.jury import Jury
    from staa_cli.evaluation.request import settle
    from staa_cli.generator.folder import THREAT, read_recipe, trained_on
    from staa_cli.runtime.errors import UsageError
    from staa_cli.runtime.folders import METRICS
    from staa_cli.runtime.provenance import hash_file

    output = opt.make_output(json, quiet, verbose)
    many.use_threads(jobs, threads)
    weights, settings = read_recipe(generator)
    files = collect(*opt.listed_paths(inputs or [], files_from, null), opt.check_split(split), out, limit)
    manifest, splits, pool = trained_on(generator)
    form = audio.read_form(format_, subtype, keep_rate)
    sparsities, snrs = opt.numbers("--sparsity", sparsity), opt.numbers("--snr", snr)
    jury = Jury(str(generator / THREAT), victim or [], opt.read_label_map(labels), device, output, fetch=estimate or not dry_run)
    if known_labels:
        files = jury.known(files)
    seen = sum(file.manifest == manifest and file.split in splits for file in files.files)
    if seen and not in_sample:
        raise UsageError(f"{seen} of {len(files.files)} inputs are of a split that the generator was trained on", "in-sample")
    material = gather(files, jury, many.shard_of(shard), 1, segment, segment_by, output)
    checkpoint = hash_file(weights)

    def planned(percent: float | None, decibels: float | None) -> Planned:
        recipe = settle(settings, percent, decibels, target, refine)
        values = {"sparsity": percent} if len(sparsities) > 1 else {}
        values |= {"snr": decibels} if len(snrs) > 1 else {}
        return Planned(
            Evaluation(
                "attack",
                recipe,
                material,
                jury,
                out / "-".join(f"{name}-{value:g}" for name, value in values.items()),
                budget=recipe.budget,
                seed=recipe.seed,
                checkpoints={"generator": checkpoint},
                target=target,
                follows=settings.guide == "gradient" or bool(refine),
                form=form,
                perception=perception,
                jobs=jobs,
                threads=threads or 1,
                overwrite=overwrite,
                listener=output,
            ),
            OfGenerator(generator, recipe),
            {"attacker": recipe.attacker(pool), "ablation": settings.ablation, **({"in_sample": seen} if seen else {})},
        )

    several = len(sparsities) > 1 or len(snrs) > 1
    if several and (out / METRICS).exists():
        raise UsageError(f"{out} is a finished run itself, expected a folder for one run for each value", "out")
    attackers = {}
    for percent, decibels in product(sparsities, snrs):
        one = planned(percent, decibels)
        attackers[one.evaluation.out.name if several else ""] = one
    return attack_with(attackers, jury, dry_run, estimate, output)
