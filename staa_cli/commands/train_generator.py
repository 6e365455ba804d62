"""`staa train-generator`"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from staa_cli.commands import many
from staa_cli.commands import options as opt

if TYPE_CHECKING:
    from staa_cli.corpora.manifest import Manifest
    from staa_cli.generator.recipe import TrainGeneratorRecipe
    from staa_cli.runtime.parallel import World
    from staa_cli.victims.references import Reference


def train_generator(
    recipe: opt.Recipe,
    data: opt.Data,
    threat: Annotated[
        list[str],
        typer.Option(
            "--threat",
            metavar="VICTIM",
            help=f"The victim whose gradients train the generator; repeatable, the first one guides. {opt.VICTIM}",
            show_default=False,
        ),
    ],
    out: opt.Out,
    labels: opt.LabelMap = None,
    device: opt.Device = "auto",
    threads: many.Threads = None,
    set_: opt.Overrides = None,
    list_: opt.ListRecipes = False,
    explain: opt.Explain = None,
    seed: opt.Seed = None,
    seeds: opt.Seeds = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Train STAA-Net against a threat model. Run it again after an interrupt: it goes on.

    Several GPUs share each batch under torchrun: torchrun --nproc-per-node 2 -m staa_cli train-generator ...

    \b
    Examples:
      staa train-generator staa-net --data runs/emodb/data \\
          --threat runs/emodb/emo18 -o runs/emodb/staa-net
      staa train-generator staa-net --data runs/mine/data --threat hf:ORG/NAME \\
          --labels words.yaml --seeds 0,1,2 -o runs/mine/staa-net
    """
    from staa_cli.commands.trainings import Trainings, load_recipes
    from staa_cli.corpora.manifest import corpus_name, read_manifest
    from staa_cli.generator.recipe import TrainGeneratorRecipe
    from staa_cli.runtime.device import check_device_name, device_type
    from staa_cli.runtime.interrupts import held
    from staa_cli.runtime.parallel import joined
    from staa_cli.victims.references import resolve, used

    output = opt.make_output(json, quiet, verbose)
    many.use_threads(1, threads)
    check_device_name(device)
    with joined(device) as (world, device):
        if not world.leader:
            world.follow(device)
            return 0
        recipes = load_recipes(recipe, TrainGeneratorRecipe, set_ or [], out, seed, seeds)
        settings = next(iter(recipes.values()))
        manifest = read_manifest(data)
        label_map = opt.read_label_map(labels)
        references = [resolve(one, label_map, fetch=not dry_run) for one in threat]
        used(label_map, references)
        for reference in references:
            if reference.absent:
                output.warning(reference.absent)
            reference.require_gradients("'staa train-generator'")
        identity = {"inputs": manifest.identity(), "checkpoints": {"threats": [reference.sha256 for reference in references]}}
        trainings = Trainings("train-generator", recipes, seeds is not None, identity, device_type(device), overwrite, "generators")
        plan = (
            f"train a {settings.size} STAA-Net for {settings.epochs} epochs on {len(manifest.split(*settings.train_on.split('+')))} "
            f"utterances of {data} against {', '.join(threat)}"
        )
        if trainings.settled(plan, dry_run, output):
            return 0
        with held():
            from staa_cli.runtime.device import resolve_device

            place = resolve_device(device)
            from staa_cli.evaluation.jury import names
            from staa_cli.evaluation.preflight import corpus_probes, preflight
            from staa_cli.generator.training import train_generator
            from staa_cli.victims.checkpoint import load_victim

            models = [load_victim(reference, place) for reference in references]
            corpus = corpus_name(data)
            named = dict(zip(names(models), models, strict=True))
            probes = corpus_probes(manifest, settings.train_on)
            checks = preflight(named, probes, place, output, threat=next(iter(named)), budget=settings.budget)
            revisions = {str(reference.name): reference.revision for reference in references if reference.revision}

            def train(settings: TrainGeneratorRecipe, workspace: Path) -> dict[str, Any]:
                world.agree(partial(take_part, settings, manifest, references, workspace))
                return {"corpus": corpus, **train_generator(settings, manifest, models, workspace, place, output, world)}

            extra = {"revisions": revisions} if revisions else {}
            trainings.execute(train, world.describe(place), output, preflight=checks, **extra)
    return 0


def take_part(
    settings: TrainGeneratorRecipe, manifest: Manifest, references: Sequence[Reference], workspace: Path, world: World, device: str
) -> None:
    """The training as the other processes of torchrun do it: it says and writes nothing."""
    from staa_cli.runtime.device import resolve_device
    from staa_cli.runtime.listener import SILENT

    place = resolve_device(device)
    from staa_cli.generator.training import train_generator
    from staa_cli.victims.checkpoint import load_victim

    models = [load_victim(reference, place) for reference in references]
    train_generator(settings, manifest, models, workspace, place, SILENT, world)
