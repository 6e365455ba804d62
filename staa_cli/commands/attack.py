"""`staa attack`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from staa_cli.commands import options as opt

if TYPE_CHECKING:
    from staa_cli.evaluation.attackers import Attacker


def attack(
    generator: Annotated[Path, typer.Argument(metavar="GENERATOR", help="A folder made by 'staa train-generator'.", show_default=False)],
    out: opt.Out,
    inputs: opt.InputPaths = None,
    victim: opt.Victims = None,
    labels: opt.LabelMap = None,
    known_labels: opt.KnownLabels = False,
    split: opt.Split = None,
    in_sample: opt.InSample = False,
    limit: opt.Limit = None,
    files_from: opt.FilesFrom = None,
    null: opt.Null = False,
    device: opt.Device = "auto",
    seed: opt.NoSeed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Attack audio with a trained STAA-Net. One forward pass per utterance, a WAV for every file.

    \b
    Examples:
      staa attack runs/emodb/staa-net my-recordings/ --victim runs/emodb/zhao19 \\
          -o adversarial
      find . -name '*.flac' -print0 | staa attack runs/emodb/staa-net - -0 -o out
    """
    from staa_cli.commands.show import conclude, settled
    from staa_cli.evaluation.evaluation import Evaluation
    from staa_cli.evaluation.inputs import collect
    from staa_cli.evaluation.jury import Jury
    from staa_cli.evaluation.task import hash_inputs
    from staa_cli.generator.folder import THREAT, read_recipe, trained_on
    from staa_cli.runtime.errors import UsageError
    from staa_cli.runtime.provenance import hash_file

    output = opt.make_output(json, quiet, verbose)
    weights, settings = read_recipe(generator)
    files = collect(*opt.listed_paths(inputs or [], files_from, null), opt.check_split(split), out, limit)
    jury = Jury(str(generator / THREAT), victim or [], opt.read_label_map(labels), device, output, fetch=not dry_run)
    if known_labels:
        files = jury.known(files)
    manifest, splits = trained_on(generator)
    seen = sum(file.manifest == manifest and file.split in splits for file in files.files)
    if seen and not in_sample:
        raise UsageError(f"{seen} of {len(files.files)} inputs are of a split that the generator was trained on", "in-sample")
    evaluation = Evaluation(
        "attack",
        settings,
        files,
        hash_inputs(files),
        jury,
        out,
        budget=settings.budget,
        seed=settings.seed,
        checkpoints={"generator": hash_file(weights)},
        overwrite=overwrite,
        listener=output,
    )
    if settled(evaluation.run, evaluation.plan, dry_run, output):
        return 0

    def build() -> Attacker:
        from staa_cli.evaluation.attackers import GeneratorAttacker
        from staa_cli.generator.checkpoint import load_generator

        return GeneratorAttacker(load_generator(generator, jury.device, jury.threat))

    metrics = evaluation.execute(
        build,
        attacker="STAA-Net",
        ablation=settings.ablation,
        **({"in_sample": seen} if seen else {}),
    )
    return conclude(evaluation.run, metrics, output)
