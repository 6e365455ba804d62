"""`staa prepare`"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from staa_cli.commands import options as opt
from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from staa_cli.corpora.utterance import Listing
    from staa_cli.recipes.corpus import PrepareRecipe


HASHED_AT_ONCE = 256


def prepare(
    recipe: opt.Recipe,
    out: opt.Out,
    source: Annotated[
        Path | None,
        typer.Option("--source", metavar="DIR", help="Where the corpus lies (a CSV file for 'corpus: csv').", show_default=False),
    ] = None,
    card: Annotated[bool, typer.Option("--card", help="Also write a dataset card: card.md and card.png.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", min=1, help="Worker processes; by default as many as cores.", show_default=False),
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
    from staa_cli.corpora.checks import outside
    from staa_cli.corpora.listing import list_corpus, output_names
    from staa_cli.corpora.splits import assign_splits
    from staa_cli.corpora.utterance import protect
    from staa_cli.recipes import load_recipe
    from staa_cli.recipes.corpus import PrepareRecipe

    output = opt.make_output(json, quiet, verbose)
    settings = load_recipe(recipe, PrepareRecipe, set_ or [], seed)
    if card:
        from staa_cli.reporting.card import check_figures

        check_figures()

    def work(job: Job, listing: Callable[[], Listing], plan: str) -> int:
        code = 0
        if not job.finished(dry_run, plan=plan):
            from staa_cli.corpora import prepare as corpora

            code = job.run(lambda folder: corpora.prepare(settings, listing(), folder, output, jobs))
        if card and not dry_run:
            from staa_cli.reporting.card import write_card

            output.message(f"dataset card: {write_card(out)}")
        return code

    if settings.corpus == "demo":
        if source is not None:
            raise UsageError("the corpus 'demo' is built in and takes no --source")
        job = Job("prepare", settings, {"inputs": {"corpus": "demo"}}, out, output, overwrite=overwrite)
        with TemporaryDirectory(prefix="staa-demo-") as folder:
            from staa_cli.corpora.demo import synthesise

            plan = f"synthesise the demo corpus: {settings.demo.speakers} speakers × {settings.demo.utterances} utterances"
            return work(job, lambda: synthesise(Path(folder), settings.demo), plan)
    place = find_source(settings, source)
    protect(place, out)
    found = list_corpus(settings, place, without=out)
    # A split that cannot be made, or a name that two files claim, is said before any audio is read.
    output_names(found.utterances, pieces=settings.longer == "split")
    assign_splits(found.utterances, settings.splits, settings.seed)
    away = outside(place, found.utterances)
    if away:
        output.warning(
            f"{len(away)} file(s) lie outside {place} and are read all the same, such as {away[0].name}: {away[0].path.resolve()}"
        )
    job = Job("prepare", settings, identify(found), out, output, overwrite=overwrite)
    return work(job, lambda: found, f"prepare {len(found.utterances)} utterances of {settings.corpus} from {place}")


def find_source(settings: PrepareRecipe, source: Path | None) -> Path:
    """Where the corpus lies."""
    if settings.corpus == "audformat" and settings.audformat.name is not None:
        from staa_cli.corpora.audformat import fetch

        if source is not None:
            raise UsageError(f"audb fetches the database '{settings.audformat.name}': expected no --source, or 'audformat.name: null'")
        return fetch(settings.audformat)
    if source is None:
        kind = "CSV file" if settings.corpus == "csv" else "folder"
        raise UsageError(f"the corpus '{settings.corpus}' needs --source: the {kind} that it lies in")
    return source


def identify(listing: Listing) -> dict[str, Any]:
    """What the result depends on beside the recipe: the recordings and all that is known of them."""
    from concurrent.futures import ThreadPoolExecutor
    from hashlib import sha256

    from staa_cli.runtime.provenance import hash_readable

    utterances, total = sorted(listing.utterances, key=lambda utterance: utterance.name), sha256()
    with ThreadPoolExecutor() as pool:
        # One sum over all, block by block: memory must not grow with the corpus.
        for start in range(0, len(utterances), HASHED_AT_ONCE):
            block = utterances[start : start + HASHED_AT_ONCE]
            for utterance, digest in zip(block, pool.map(hash_readable, [utterance.path for utterance in block]), strict=True):
                total.update(repr((*astuple(utterance)[1:], digest)).encode("ascii", "backslashreplace"))
    return {"inputs": {"count": len(utterances), "sha256": total.hexdigest()}}
