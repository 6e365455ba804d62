"""What the shell offers for a word that was begun. A shell asks at every TAB: no torch here, and no schema.

Where nothing is offered the shell completes the names of files, so that a recipe can be a path as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import typer

Offers = list[tuple[str, str]]
"""Words with what each means; a shell that can shows both."""

Completer = Callable[[typer.Context, str], Offers]

TABLES = {
    "corpus": "the prepared utterances",
    "victims": "how well victims recognise emotions",
    "generators": "STAA-Nets, a line for each seed",
    "attacks": "how attacks fool them",
    "ablation": "STAA-Net without its parts",
    "speakers": "the utterances of each speaker",
    "confusion": "which emotion is taken for which",
    "groups": "recognition by language and by gender",
    "attacked": "attacks by the gender and language of the speaker",
    "across": "attacks on several corpora side by side",
    "emotions": "from which emotion to which under attack",
    "paired": "input by input against another run (--against)",
    "pairs": "targeted attacks from class to class",
}


def offer(words: Mapping[str, str] | Iterable[str]) -> Completer:
    """A function for typer's `autocompletion=` that offers those of `words` that begin as the user did."""
    meanings = words if isinstance(words, Mapping) else dict.fromkeys(words, "")

    def complete(ctx: typer.Context, incomplete: str) -> Offers:
        return begun(meanings, incomplete)

    return complete


def begun(words: Mapping[str, str], incomplete: str) -> Offers:
    return [(word, meaning) for word, meaning in words.items() if word.startswith(incomplete)]


SPLITS = ("train", "val", "test")
splits = offer(SPLITS)
tables = offer(TABLES)
formats = offer(("rich", "markdown", "latex", "csv", "json", "html"))
devices = offer({"auto": "a GPU where there is one", "cpu": "", "cuda": "the first GPU"})


def recipes(ctx: typer.Context, incomplete: str) -> Offers:
    """The shipped recipes of the command."""
    from staa_cli.recipes.shipped import shipped, summary

    return begun({name: summary(path) for name, path in shipped(str(ctx.info_name)).items()}, incomplete)


def keys(ctx: typer.Context, incomplete: str) -> Offers:
    """`KEY=` for `--set`: the keys that the recipe on the line may have, of a preset those that its attackers share."""
    from staa_cli.recipes.load import read_recipe
    from staa_cli.runtime.errors import UsageError

    step = str(ctx.info_name)
    # A line that ends in an option without its value is not parsed to its end: its arguments are left over.
    name = ctx.params.get("recipe") or next(iter(ctx.args), "")
    try:
        _, data = read_recipe(name, step)
    except (UsageError, OSError):
        data = {}
    page = read_page()
    wanted = {f"staa {step}", *(f"{key}: {value}" for key, value in data.items())}
    return begun({f"{key}=": meaning for title, found in page.items() if title in wanted for key, meaning in found.items()}, incomplete)


def read_page() -> dict[str, dict[str, str]]:
    """What each key means, by the sections of recipes/README.md."""
    from staa_cli.recipes.shipped import keys_page

    page: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    try:
        text = keys_page().read_text(encoding="utf-8")
    except OSError:
        return page
    for line in text.splitlines():
        if title := re.match(r"##+ `(.*)`", line):
            section = page[title[1]] = {}
        elif row := re.match(r"\| `(.*?)` \| .* \| (.*) \|$", line):
            section[row[1]] = row[2].replace(r"\|", "|")
    return page
