"""`staa prepare`"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from staa_cli.commands import options as opt


def prepare(
    recipe: opt.Recipe,
    out: opt.Out,
    source: Annotated[
        Path | None,
        typer.Option("--source", metavar="DIR", help="Where the corpus lies (a CSV file for 'corpus: csv').", show_default=False),
    ] = None,
    set_: opt.Overrides = None,
    seed: opt.Seed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Turn a corpus into a manifest and 16 kHz mono audio. Splits never share a speaker."""
    from staa_cli.commands.jobs import Job
    from staa_cli.corpora import prepare as corpora
    from staa_cli.corpora.splits import assign_splits
    from staa_cli.corpora.utterance import protect
    from staa_cli.recipes import load_recipe
    from staa_cli.recipes.schema import PrepareRecipe
    from staa_cli.runtime.errors import UsageError
    from staa_cli.runtime.provenance import hash_json, hash_readable

    output = opt.make_output(json, quiet, verbose)
    settings = load_recipe(recipe, PrepareRecipe, set_ or [], seed)
    if settings.corpus == "demo":
        if source is not None:
            raise UsageError("the corpus 'demo' is built in and takes no --source")
        job = Job("prepare", settings, {"inputs": {"corpus": "demo"}}, out, output, overwrite=overwrite)
        if job.finished(
            dry_run,
            plan=f"synthesise the demo corpus: {settings.demo.speakers} speakers × {settings.demo.utterances} utterances",
        ):
            return 0
        from staa_cli.corpora.demo import synthesise

        with TemporaryDirectory(prefix="staa-demo-") as folder:
            listing = synthesise(Path(folder), settings.demo)
            return job.run(lambda work: corpora.prepare(settings, listing, work, output))
    if source is None:
        raise UsageError(
            f"the corpus '{settings.corpus}' needs --source: the {'CSV file' if settings.corpus == 'csv' else 'folder'} that it lies in"
        )
    protect(source, out)
    listing = corpora.list_corpus(settings, source, without=out)
    # A split that cannot be made, or a name that two files claim, is said before any audio is read.
    corpora.output_names(listing.utterances)
    assign_splits(listing.utterances, settings.splits, settings.seed)
    files = [(u.name, u.emotion, u.speaker, u.split, hash_readable(u.path)) for u in listing.utterances]
    identity = {
        "inputs": {
            "count": len(files),
            "sha256": hash_json([[ascii(part) for part in file] for file in sorted(files, key=str)]),
        }
    }
    job = Job("prepare", settings, identity, out, output, overwrite=overwrite)
    if job.finished(dry_run, plan=f"prepare {len(files)} utterances of {settings.corpus} from {source}"):
        return 0
    return job.run(lambda work: corpora.prepare(settings, listing, work, output))
