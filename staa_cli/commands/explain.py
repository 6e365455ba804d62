"""What the keys of recipes mean: all of them as a page (`python -m staa_cli.commands.explain`), or those of one recipe.

Everything is read from the schemas, so that it cannot differ from what is checked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

from staa_cli.recipes.load import load_preset, read_recipe
from staa_cli.recipes.shipped import FOLDERS, shipped, summary
from staa_cli.runtime.schema import Strict
from staa_cli.runtime.yaml_text import Dumper

if TYPE_CHECKING:
    from annotated_types import BaseMetadata
    from pydantic.fields import FieldInfo

    from staa_cli.commands.output import Output

WORDS = {bool: "on or off", int: "whole number", float: "number", str: "text"}
BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
REQUIRED = "required"

INTRODUCTION = """\
# Recipes

One YAML file describes one step. The folder tells the kind, the command implies it: `staa baseline pgd` reads `attacks/pgd.yaml`,
`staa baseline --list` names all that it could read, `staa baseline --explain pgd` tells what is in one. A path works as well.

Every key can be replaced on the command line, `--set budget.linf=0.01` or `--set 'budget={linf: 0.01}'`. A dot leads to the keys of a
mapping. Beside its own keys a recipe may have `extends: NAME`, the name of another recipe of the same command or a path beside the file:
the keys given replace those of that recipe, each as a whole.

The keys, as the schemas have them; `make completions` writes this page.
"""
PRESETS = """\
A preset has `attackers` in place of `attack`: a mapping of names to the keys of each. Its other keys hold for all, and so does `--set`,
unless the key begins with `attackers.NAME.`.
"""


@dataclass(frozen=True)
class Key:
    """One key: dotted where it belongs to a mapping."""

    name: str
    type: str
    default: str
    meaning: str


def explain(schema: type[BaseModel], above: str = "") -> list[Key]:
    """The keys of a schema with those of its mappings, in its order. `above`: what the keys begin with."""
    keys = []
    for name, field in schema.model_fields.items():
        default = REQUIRED if field.is_required() else as_yaml(field.get_default(call_default_factory=True))
        keys.append(Key(above + name, type_words(field), default, field.description or ""))
        for inner in mappings(field.annotation):
            keys += explain(inner, f"{above}{name}.")
    return keys


def mappings(annotation: Any) -> Iterator[type[BaseModel]]:
    """The schemas of mappings that a value may be."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part


def type_words(field: FieldInfo) -> str:
    """Type and range of a field, such as `number > 0 or null`."""
    parts = get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else (field.annotation,)
    words = " or ".join(plain(part) for part in parts if part is not NoneType)
    bounds = [f"{sign} {value:g}" for name, sign in BOUNDS.items() if (value := limit(field.metadata, name)) is not None]
    length = limit(field.metadata, "max_length")
    if length is not None and length == limit(field.metadata, "min_length"):
        words = words.replace("list of ", f"list of {length} ") + "s"
    return words + " and".join(f" {bound}" for bound in bounds) + " or null" * (NoneType in parts)


def limit(metadata: list[BaseMetadata], name: str) -> float | None:
    """The bound of that name, None without one."""
    return next((getattr(part, name) for part in metadata if hasattr(part, name)), None)


def plain(annotation: Any) -> str:
    """A type in plain words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"'{part}'" for part in parts)
    if origin is Annotated:
        return plain(parts[0])
    if origin is list:
        return f"list of {plain(parts[0])}"
    if origin is dict:
        return f"mapping of {plain(parts[0])} to {plain(parts[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def as_yaml(value: Any) -> str:
    """A value in one line, as a recipe would have it."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    text = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=True, width=sys.maxsize)
    return text.removesuffix("\n").removesuffix("\n...")


def schemas() -> dict[str, type[Strict]]:
    """The schema of each command's recipes: what they share, where they have variants."""
    from staa_cli.corpora.recipe import PrepareRecipe
    from staa_cli.evaluation.recipe import BaselineRecipe
    from staa_cli.generator.recipe import TrainGeneratorRecipe
    from staa_cli.victims.recipe import TrainVictimRecipe

    kinds = (PrepareRecipe, TrainVictimRecipe, TrainGeneratorRecipe, BaselineRecipe)
    return dict(zip(FOLDERS, kinds, strict=True))


VARIANTS = {"prepare": "corpus", "baseline": "attack"}
"""The key that decides what other keys a recipe may have."""


def sections() -> Iterator[tuple[str, list[Key]]]:
    """All keys, by command and by variant: what a variant has beside the keys that all of its command share."""
    from staa_cli.attacks.core.registry import own_names

    # Every corpus has a recipe; not every attack needs one. Attacks of other packages are not ours to document.
    variants = {"prepare": shipped("prepare"), "baseline": own_names()}
    for step, schema in schemas().items():
        shared = explain(schema)
        yield f"`staa {step}`", shared
        for name in variants.get(step, ()):
            own = [key for key in explain(schema.schema_for({VARIANTS[step]: name})) if key not in shared]
            if own:
                yield f"`{VARIANTS[step]}: {name}`", own


def page() -> str:
    """recipes/README.md."""
    parts = [INTRODUCTION]
    for title, keys in sections():
        parts.append(f"{'##' if title.startswith('`staa') else '###'} {title}\n")
        if title == "`staa baseline`":
            parts.append(PRESETS)
        parts.append("\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *map(table_line, keys)]) + "\n")
    return "\n".join(parts)


def table_line(key: Key) -> str:
    """A key as a row in Markdown, where `|δ|` would end a cell."""
    default = key.default if key.default == REQUIRED else f"`{key.default}`"
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in (f"`{key.name}`", key.type, default, key.meaning)) + " |"


def list_recipes(step: str, output: Output) -> None:
    """Print the shipped recipes of a command, one a line: its name and what it is."""
    from rich.table import Table
    from rich.text import Text

    found = {name: summary(path) for name, path in shipped(step).items()}
    table = Table.grid("name", "summary", padding=(0, 2))
    table.columns[0].no_wrap = True
    for name, what in found.items():
        table.add_row(name, Text(what))
    output.result({"recipes": [{"name": name, "summary": what} for name, what in found.items()]}, table)


def explain_recipe(name: str, step: str, output: Output) -> None:
    """Print the keys of one recipe: what each is set to, its default and its meaning.

    Raises:
        UsageError: there is no such recipe, or it has mistakes.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    path, data = read_recipe(name, step)
    keys = list(valued(data, load_preset(name, schemas()[step]), schemas()[step]))
    table = Table("key", "value", "default", "meaning", box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for key, value in keys:
        # The cells hold brackets, which are not rich's markup.
        table.add_row(*(Text(cell, overflow="fold") for cell in (key.name, value, key.default, key.meaning)))
    output.result({"recipe": name, "keys": [{**asdict(key), "value": value} for key, value in keys]}, summary(path) or path.name, table)


def valued(data: Mapping[str, Any], recipes: Mapping[str, Strict], schema: type[Strict]) -> Iterator[tuple[Key, str]]:
    """The keys of a recipe, or of all of a preset: what holds for all, and then what each attacker sets itself.

    Args:
        data: what the file says.
        recipes: the same, checked: by the names of a preset's attackers, or by "".
        schema: what all recipes of the command share.
    """
    if "" in recipes:
        yield from filled(explain(type(recipes[""])), recipes[""].model_dump())
        return
    defaults = {name: field.default for name, field in schema.model_fields.items() if not field.is_required()}
    yield from filled(explain(schema), {**defaults, **data})
    for name, own in data["attackers"].items():
        for key, value in filled(explain(type(recipes[name])), own):
            yield replace(key, name=f"attackers.{name}.{key.name}"), value


def filled(keys: list[Key], data: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """The keys that `data` has, with their values. A mapping is told by its keys, unless it is null."""
    for key in keys:
        *above, last = key.name.split(".")
        place: Any = data
        for part in above:
            place = place.get(part) if isinstance(place, Mapping) else None
        if isinstance(place, Mapping) and last in place:
            told = place[last] is not None and any(other.name.startswith(f"{key.name}.") for other in keys)
            if not told:
                yield key, as_yaml(place[last])


if __name__ == "__main__":
    sys.stdout.write(page())
