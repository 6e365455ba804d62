"""`staa train-victim`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from staa_cli.commands import options as opt


def train_victim(
    recipe: opt.Recipe,
    data: opt.Data,
    out: opt.Out,
    device: opt.Device = "auto",
    set_: opt.Overrides = None,
    seed: opt.Seed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Train a speech emotion model on a prepared corpus. Run it again after an interrupt: it goes on."""
    from staa_cli.commands.jobs import Job
    from staa_cli.corpora.manifest import corpus_name, read_manifest
    from staa_cli.recipes import load_recipe
    from staa_cli.recipes.schema import TrainVictimRecipe
    from staa_cli.runtime.device import check_device_name
    from staa_cli.victims.hub import hash_folder

    output = opt.make_output(json, quiet, verbose)
    check_device_name(device)
    settings = load_recipe(recipe, TrainVictimRecipe, set_ or [], seed)
    manifest = read_manifest(data)
    identity: dict[str, Any] = {"inputs": manifest.identity()}
    if settings.pretrained is not None and Path(settings.pretrained).is_dir():
        identity["checkpoints"] = {"pretrained": hash_folder(Path(settings.pretrained))}
    job = Job("train-victim", settings, identity, out, output, overwrite=overwrite)
    if job.finished(
        dry_run,
        plan=f"train {settings.model} for {settings.epochs} epochs on {len(manifest.split('train'))} utterances of {data}",
    ):
        return 0
    from staa_cli.runtime.device import resolve_device
    from staa_cli.victims.training import train_victim

    place = resolve_device(device)
    corpus = corpus_name(data)
    return job.run(lambda folder: {"corpus": corpus, **train_victim(settings, manifest, folder, place, output)}, str(place))
