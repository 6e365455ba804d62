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
    from staa_cli.commands.show import conclude, settled, show_plans, show_together
    from staa_cli.corpora.manifest import corpus_name, read_manifest
    from staa_cli.recipes import load_recipe
    from staa_cli.runtime.device import check_device_name, device_type
    from staa_cli.runtime.interrupts import held
    from staa_cli.runtime.parallel import joined
    from staa_cli.runtime.run import Run
    from staa_cli.victims.hub import NOT_FETCHED, hash_folder, not_fetched, revision
    from staa_cli.victims.recipe import TrainVictimRecipe

    output = opt.make_output(json, quiet, verbose)
    many.use_threads(1, threads)
    check_device_name(device)
    with joined(device) as (world, device):
        if not world.leader:
            world.follow(device)
            return 0
        folders = places(out, seed, seeds)
        recipes = {folder: load_recipe(recipe, TrainVictimRecipe, set_ or [], number) for folder, number in folders.items()}
        manifest = read_manifest(data)
        identity: dict[str, Any] = {"inputs": manifest.identity()}
        encoder = next(iter(recipes.values())).pretrained
        start = None if encoder is None else locate(encoder, fetch=not dry_run)
        if encoder is not None:
            identity["checkpoints"] = {"pretrained": NOT_FETCHED if start is None else hash_folder(start)}
            if start is None:
                output.warning(not_fetched(encoder))
        # All folders are looked at before the first training, which may take hours.
        kind = device_type(device)
        runs = {
            folder: Run("train-victim", settings, identity, folder, device=kind, overwrite=overwrite)
            for folder, settings in recipes.items()
        }
        settings = next(iter(recipes.values()))
        utterances = len(manifest.split(*settings.train_on.split("+")))
        plan = f"train {settings.model} for {settings.epochs} epochs on {utterances} utterances of {data}"
        made = {folder: run.found for folder, run in runs.items() if run.found is not None}
        if seeds is None:
            todo = [] if settled(runs[out], plan, dry_run, output) else [out]
        elif dry_run:
            show_plans([(run, plan) for run in runs.values()], output)
            todo = []
        else:
            todo = [folder for folder, run in runs.items() if not run.finished]
            for run in runs.values():
                if run.finished:
                    conclude(run, run.confirm(), output, shown=False)
        if todo:
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

                for number, folder in enumerate(todo, 1):
                    if seeds is not None:
                        output.message(f"seed {recipes[folder].seed} ({number} of {len(todo)})")
                    made[folder] = runs[folder].execute(partial(train, recipes[folder]), world.describe(place), **extra)
                    conclude(runs[folder], made[folder], output, shown=seeds is None)
        if seeds is not None and not dry_run:
            show_together([(folder, made[folder]) for folder in runs], "victims", output)
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


def places(out: Path, seed: int | None, seeds: str | None) -> dict[Path, int | None]:
    """The folder of each training, with what replaces the recipe's seed.

    Raises:
        UsageError: contradicting options, or OUT is the result of a single training.
    """
    from staa_cli.runtime.errors import UsageError
    from staa_cli.runtime.folders import METRICS

    if seeds is None:
        return {out: seed}
    if seed is not None:
        raise UsageError("--seed and --seeds exclude each other")
    if (out / METRICS).exists():
        raise UsageError(f"{out} is a finished run itself, expected a folder for the runs seed-N", "out")
    return {out / f"seed-{number}": number for number in opt.parse_seeds(seeds)}
