"""Finding the layout of a corpus by name. One is imported when it is asked for, the others are not.

A layout is a module, or what another package registers under the entry points `staa.corpora`:

    [project.entry-points."staa.corpora"]
    my-corpus = "my_package.staa"

The contract:
- `read(source, recipe)` lists what lies at `source`; the audio is read later. A file that cannot be an utterance is one of the listing's
  `problems`, a source of another layout a `UsageError`;
- `Options`, if there, is the schema of the recipe's key of the layout's name; `read` finds its values as `recipe.options`;
- `SOURCE`, if there, says what `source` is where it is no folder: `"CSV file"`;
- `fetch(source, recipe, folder)`, if there, is called first and returns the `source` to read: what the user gave, or what the layout gets
  by itself, into the empty `folder` if need be; None where the user has to say more.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from staa_cli.runtime.errors import UsageError, unknown
from staa_cli.runtime.plugins import module_names, registered

if TYPE_CHECKING:
    from staa_cli.corpora.recipe import PrepareRecipe
    from staa_cli.corpora.utterance import Listing

PACKAGE = "staa_cli.corpora.layouts"
GROUP = "staa.corpora"


class Layout(Protocol):
    """What every layout has."""

    def read(self, source: Path, recipe: PrepareRecipe) -> Listing: ...


@cache
def plugins() -> dict[str, EntryPoint]:
    """What other packages register, by name: looked up once, for a recipe asks often."""
    return registered(GROUP)


def layout_names() -> tuple[str, ...]:
    """The names of all layouts: our modules, and what other packages register."""
    own = module_names(PACKAGE)
    return (*own, *sorted(plugins().keys() - set(own)))


def find_layout(name: str) -> Layout:
    """The layout of that name.

    Raises:
        UsageError: there is none, or what a package registers is none.
    """
    if name not in layout_names():
        raise unknown("corpus", name, layout_names())
    if (point := plugins().get(name)) is None:
        own: Any = import_module(f"{PACKAGE}.{name}")
        layout: Layout = own
        return layout
    found: Any = point.load()
    options = getattr(found, "Options", BaseModel)
    if not callable(getattr(found, "read", None)) or not isinstance(options, type) or not issubclass(options, BaseModel):
        raise UsageError(f"the corpus '{name}' of another package ({point.value}) is {found!r}, expected 'read' and a schema 'Options'")
    return found  # type: ignore[no-any-return]


def options_of(name: str) -> type[BaseModel] | None:
    """The schema of a layout's own options, if it has any."""
    return getattr(find_layout(name), "Options", None)
