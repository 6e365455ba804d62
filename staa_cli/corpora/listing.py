"""Which utterances a corpus has, and where each will go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.registry import find_layout
from staa_cli.corpora.utterance import Listing, Utterance, lies_in, wav_names
from staa_cli.runtime.errors import UsageError

FOLDER = "folder"


def locate(recipe: PrepareRecipe, source: Path | None, folder: Path) -> Path | None:
    """Where the corpus lies: `source`, or what its layout gets by itself, into the empty `folder` if need be; None where nobody knows.

    Raises:
        UsageError: a source is given where there is none to give.
        StaaError: the corpus cannot be fetched.
    """
    fetch: Callable[[Path | None, PrepareRecipe, Path], Path | None] | None = getattr(find_layout(recipe.corpus), "fetch", None)
    return source if fetch is None else fetch(source, recipe, folder)


def kind_of_source(recipe: PrepareRecipe) -> str:
    """What has to be given as the source of a corpus."""
    return str(getattr(find_layout(recipe.corpus), "SOURCE", FOLDER))


def list_corpus(recipe: PrepareRecipe, source: Path, without: Path | None = None) -> Listing:
    """What the corpus holds, with the recipe's names of emotions, restricted to those it keeps.

    Args:
        without: a folder whose files are no part of the corpus: earlier output, say.

    Raises:
        UsageError: the source is missing, of the wrong layout, or holds nothing of what is wanted.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist, expected the corpus '{recipe.corpus}'", "source")
    if kind_of_source(recipe) == FOLDER and not source.is_dir():
        raise UsageError(f"{source} is a file, expected the folder of the corpus '{recipe.corpus}'")
    listing = find_layout(recipe.corpus).read(source, recipe)
    if without is not None:
        listing.utterances = [utterance for utterance in listing.utterances if not lies_in(utterance.path, without)]
    if not listing.utterances:
        hint = f"; for example: {listing.problems[0]}" if listing.problems else ""
        raise UsageError(f"{source} holds no utterance of the corpus '{recipe.corpus}'{hint}")
    return choose_genders(recipe, choose_emotions(recipe, listing, source), source)


def choose_emotions(recipe: PrepareRecipe, listing: Listing, source: Path) -> Listing:
    """Rename emotions and leave out those that the recipe does not keep."""
    found = Counter(utterance.emotion for utterance in listing.utterances)
    absent = [emotion for emotion in recipe.rename if emotion not in found]
    if absent:
        raise UsageError(f"'rename': no utterance with emotion {', '.join(absent)} in {source}; found {', '.join(sorted(found))}")
    if recipe.rename:
        listing.utterances = [replace(one, emotion=recipe.rename.get(one.emotion, one.emotion)) for one in listing.utterances]
        found = Counter(utterance.emotion for utterance in listing.utterances)
    if recipe.emotions is not None:
        absent = [emotion for emotion in recipe.emotions if emotion not in found]
        if absent:
            raise UsageError(f"no utterance with emotion {', '.join(absent)} in {source}; found {', '.join(sorted(found))}")
        leave_out(listing, recipe.emotions, lambda utterance: utterance.emotion, "emotions")
    return listing


def choose_genders(recipe: PrepareRecipe, listing: Listing, source: Path) -> Listing:
    """Leave out the speakers whose gender the recipe does not keep."""
    if recipe.genders is None:
        return listing
    found = {gender_of(utterance) for utterance in listing.utterances}
    absent = [gender for gender in recipe.genders if gender not in found]
    if absent:
        raise UsageError(f"'genders': no speaker is {', '.join(absent)} in {source}; found {', '.join(sorted(found))}")
    leave_out(listing, recipe.genders, gender_of, "genders")
    return listing


def gender_of(utterance: Utterance) -> str:
    return utterance.gender or "unknown"


def leave_out(listing: Listing, kept: Sequence[str], value: Callable[[Utterance], str], key: str) -> None:
    """Keep the utterances whose value the recipe names under `key`, and count the others."""
    for one, count in sorted(Counter(map(value, listing.utterances)).items()):
        if one not in kept:
            listing.left_out[f"{one} (not among the recipe's '{key}')"] += count
    listing.utterances = [utterance for utterance in listing.utterances if value(utterance) in kept]


def output_names(utterances: Sequence[Utterance], pieces: bool = False) -> list[str]:
    """Where each utterance goes: the corpus's own tree below `audio/`, as WAV.

    Args:
        pieces: whether long utterances will be numbered pieces.

    Raises:
        UsageError: two utterances would become one file.
    """
    names = wav_names([str(Path("audio", utterance.name)) for utterance in utterances])
    if pieces:
        known = set(names)
        for name in names:
            whole = re.sub(r"_\d+\.wav$", ".wav", name)
            if whole != name and whole in known:
                raise UsageError(f"a piece of {whole} may be called {name}, which is an utterance of its own; rename one of them")
    return names
