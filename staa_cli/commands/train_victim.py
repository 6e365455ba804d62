"""`staa train-victim`"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staa_cli.commands import many
from staa_cli.commands import options as opt

if TYPE_CHECKING:
    from staa_cli.corpora.manifest import Manifest
    from staa_cli.runtime.parallel import World
    from staa_cli.victims.recipe import TrainVictimRecipe


def train_victim(
    recipe: opt.Recipe,
    data: opt.Data,
    out: opt.Out,
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
    """Train a speech emotion model on a prepared corpus. Run it again after an interrupt: it goes on.

    Several GPUs share each batch under torchrun: torchrun --nproc-per-node 2 -m staa_cli train-victim ...

    \b
    Examples:
      staa train-victim emo18 --data runs/emodb/data -o runs/emodb/emo18
      staa train-victim cnn-lstm --data runs/emodb/data --seeds 0,1,2 \\
          --set 'augment={shift: 1.0}' -o runs/emodb/cnn-lstm
    """
    from staa_cli.commands.trainings import Trainings, load_recipes
    from staa_cli.corpora.manifest import corpus_name, read_manifest
    from staa_cli.runtime.device import check_device_name, device_type
    from staa_cli.runtime.interrupts import held
    from staa_cli.runtime.parallel import joined
    from staa_cli.victims.hub import NOT_FETCHED, hash_folder, not_fetched, revision
    from staa_cli.victims.recipe import TrainVictimRecipe

    output = opt.make_output(json, quiet, verbose)
    many.use_threads(1, threads)
    check_device_name(device)
    with joined(device) as (world, device):
        if not world.leader:
            world.follow(device)
            return 0
        recipes = load_recipes(recipe, TrainVictimRecipe, set_ or [], out, seed, seeds)
        manifest = read_manifest(data)
        identity: dict[str, Any] = {"inputs": manifest.identity()}
        encoder = next(iter(recipes.values())).pretrained
        start = None if encoder is None else locate(encoder, fetch=not dry_run)
        if encoder is not None:
            identity["checkpoints"] = {"pretrained": NOT_FETCHED if start is None else hash_folder(start)}
            if start is None:
                output.warning(not_fetched(encoder))
        trainings = Trainings("train-victim", recipes, seeds is not None, identity, device_type(device), overwrite, "victims")
        settings = next(iter(recipes.values()))
        utterances = len(manifest.split(*settings.train_on.split("+")))
        plan = f"train {settings.model} for {settings.epochs} epochs on {utterances} utterances of {data}"
        if trainings.settled(plan, dry_run, output):
            return 0
        with held():
            from staa_cli.runtime.device import resolve_device

            place = resolve_device(device)
            from staa_cli.victims.training import train_victim

            corpus = corpus_name(data)
            commit = None if start is None else revision(start)
            extra = {"revisions": {encoder: commit}} if commit else {}

            def train(settings: TrainVictimRecipe, workspace: Path) -> dict[str, Any]:
                if start is not None:  # the hub may have a newer revision by now
                    settings = settings.model_copy(update={"pretrained": str(start)})
                world.agree(partial(take_part, settings, manifest, workspace))
                return {"corpus": corpus, **train_victim(settings, manifest, workspace, place, output, world)}

            trainings.execute(train, world.describe(place), output, **extra)
    return 0


def take_part(settings: TrainVictimRecipe, manifest: Manifest, workspace: Path, world: World, device: str) -> None:
    """A training as the other processes of torchrun do it: it says and writes nothing."""
    from staa_cli.runtime.device import resolve_device
    from staa_cli.runtime.listener import SILENT
    from staa_cli.victims.training import train_victim

    train_victim(settings, manifest, workspace, resolve_device(device), SILENT, world)


def locate(encoder: str, *, fetch: bool) -> Path | None:
    """The folder of a pretrained encoder; None for one of the hub that is not here and is not to be fetched."""
    from staa_cli.victims.hub import cached, fetched

    if Path(encoder).is_dir():
        return Path(encoder)
    return fetched(encoder, "fetch") if fetch else cached(encoder)
