"""`staa prepare`"""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from staa_cli.commands import options as opt
from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from staa_cli.corpora.utterance import Listing

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
    list_: opt.ListRecipes = False,
    explain: opt.Explain = None,
    seed: opt.Seed = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> int:
    """Turn a corpus into a manifest and 16 kHz mono audio. Splits never share a speaker.

    \b
    Examples:
      staa prepare emodb --source path/to/emodb -o runs/emodb/data
      staa prepare folders --source my-corpus \\
          --set folders.pattern='{speaker}/{emotion}/*' -o runs/mine/data
    """
    from staa_cli.commands.show import conclude, settled
    from staa_cli.corpora.checks import outside
    from staa_cli.corpora.listing import kind_of_source, list_corpus, locate, output_names
    from staa_cli.corpora.recipe import PrepareRecipe
    from staa_cli.corpora.splits import assign_splits
    from staa_cli.corpora.utterance import protect
    from staa_cli.recipes import load_recipe
    from staa_cli.runtime.run import Run

    output = opt.make_output(json, quiet, verbose)
    settings = load_recipe(recipe, PrepareRecipe, set_ or [], seed)
    if card:
        from staa_cli.reporting.card import check_figures

        check_figures()
    with TemporaryDirectory(prefix="staa-corpus-") as folder:
        place = locate(settings, source, Path(folder))
        if place is None:
            raise UsageError(f"the corpus '{settings.corpus}' needs --source: the {kind_of_source(settings)} that it lies in")
        protect(place, out)
        listing = list_corpus(settings, place, without=out)
        # A split that cannot be made, or a name that two files claim, is said before any audio is read.
        output_names(listing.utterances, pieces=settings.longer == "split")
        assign_splits(listing.utterances, settings.splits, settings.seed)
        away = outside(place, listing.utterances)
        if away:
            output.warning(
                f"{len(away)} file(s) lie outside {place} and are read all the same, such as {away[0].name}: {away[0].path.resolve()}"
            )
        run, code = Run("prepare", settings, identify(listing), out, overwrite=overwrite), 0
        plan = f"prepare {len(listing.utterances)} utterances of {settings.corpus}" + (f" from {source}" if source is not None else "")
        if not settled(run, plan, dry_run, output):
            from staa_cli.corpora import prepare as corpora

            code = conclude(run, run.execute(lambda made: corpora.prepare(settings, listing, made, output, jobs)), output)
    if card and not dry_run:
        from staa_cli.reporting.card import write_card

        output.message(f"dataset card: {write_card(out)}")
    return code


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
