"""Finding, reading, overriding and checking recipes. All mistakes of a recipe are reported together."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from staa_cli.recipes.base import Strict
from staa_cli.recipes.schema import RECIPES, BaselineRecipe
from staa_cli.runtime.errors import UsageError, suggestion

RecipeType = TypeVar("RecipeType", bound=Strict)

# Inside the wheel the recipes lie beside this module; in a checkout they stand at the top level.
PLACES = (Path(__file__).parent / "shipped", Path(__file__).parents[2] / "recipes")

BOOL, FLOAT, TIMESTAMP = (f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "timestamp"))


class Loader(yaml.SafeLoader):
    """Safe YAML with the numbers and booleans of YAML 1.2: `1e-4` is a number, `off` and a date are text, a key stands once."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own form
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (BOOL, FLOAT, TIMESTAMP)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"key '{twice[0]}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Dumper(yaml.SafeDumper):
    """Safe YAML that quotes text which either our loader or one of YAML 1.1 would take for something else."""


Loader.add_implicit_resolver(BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
NUMBER = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$")
for reader_or_writer in (Loader, Dumper):
    reader_or_writer.add_implicit_resolver(FLOAT, NUMBER, list("-+.0123456789"))


def parse_yaml(text: str) -> Any:
    return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader


def shipped_names(step: str | None = None) -> list[str]:
    """The names of the recipes that come with staa, such as `demo/emo18`; those of one step only, where it is given."""
    for place in PLACES:
        if place.is_dir():
            paths = [path for path in place.rglob("*.yaml") if step is None or parse_yaml(path.read_text(encoding="utf-8"))["step"] == step]
            return sorted(str(path.relative_to(place).with_suffix("")) for path in paths)
    return []


def find_recipe(name: str, step: str | None = None) -> Path:
    """A recipe's file, by path or by the name of a shipped one.

    Raises:
        UsageError: neither exists; the nearest shipped name is offered, or those in the folder of that name, or all of the step.
    """
    path = Path(name)
    if path.is_file():
        return path
    if not path.is_absolute() and ".." not in path.parts:
        for place in PLACES:
            shipped = place / (name if path.suffix == ".yaml" else f"{name}.yaml")
            if shipped.is_file():
                return shipped
    known = shipped_names(step)
    inside = [other for other in known if other.startswith(f"{name}/")]
    if inside or path.is_dir():
        raise UsageError(f"{name} is a folder, expected a recipe: a YAML file or one of the shipped names {', '.join(inside or known)}")
    near = suggestion(name, known) or f", neither a file nor one of {', '.join(known)}"
    raise UsageError(f"there is no recipe '{name}'{near}")


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one `key.sub=value` in place; the value is read as YAML, and what is none (`{emotion}/*`) is text.

    Raises:
        UsageError: no `=`, or a key below something that is no mapping.
    """
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise UsageError(f"--set '{override}' was not understood, expected key=value or key.sub=value")
    try:
        value = parse_yaml(text)
    except (yaml.YAMLError, ValueError):
        value = text
    *parents, last = dotted.split(".")
    for parent in parents:
        if data.get(parent) is None:
            data[parent] = {}
        if not isinstance(data[parent], dict):
            raise UsageError(f"--set '{override}': '{parent}' is {data[parent]!r}, which has no keys of its own")
        data = data[parent]
    data[last] = value


def load_recipe(name: str, kind: type[RecipeType], overrides: Sequence[str] = (), seed: int | None = None) -> RecipeType:
    """Read and check a recipe.

    Args:
        name: a path, or the name of a shipped recipe.
        kind: the schema of the step that the command runs.
        overrides: `key.sub=value` texts.
        seed: replaces the recipe's seed.

    Raises:
        UsageError: every mistake of the recipe, each with the key, what was found and what was expected.
    """
    path, data = read_recipe(name, kind)
    edit(data, overrides, seed)
    return check(path, {"": (data, kind)})[""]


def load_attackers(name: str, overrides: Sequence[str] = (), seed: int | None = None) -> dict[str, BaselineRecipe]:
    """Read and check what `staa baseline` shall do: one recipe under the name "", or those of a preset by their names.

    A preset has `attackers`, a mapping of names to the keys of each, in place of `attack`; its other keys hold for all. An override holds
    for all too, also where an attacker has its own value, unless it begins with `attackers.NAME.`.

    Raises:
        UsageError: as `load_recipe`; an override that an attacker does not know is a mistake in its recipe.
    """
    path, data = read_recipe(name, BaselineRecipe)
    if "attackers" not in data:
        edit(data, overrides, seed)
        return check(path, {"": (data, BaselineRecipe)})
    single = [override for override in overrides if override.startswith("attackers.")]
    edit(data, single)
    attackers = data.pop("attackers")
    if not isinstance(attackers, dict) or not attackers:
        raise UsageError(f"{path}: 'attackers' is {attackers!r}, expected names with the keys of each")
    merged = {}
    for own_name, own in attackers.items():
        if not re.fullmatch(r"\w[\w.-]*", str(own_name)):
            raise UsageError(f"{path}: attacker '{own_name}' cannot be the name of a folder, expected letters, digits, '-', '_' and '.'")
        if not isinstance(own, dict) or "attack" not in own:
            near = suggestion(str(own_name), attackers.keys() - {own_name})
            raise UsageError(f"{path}: attacker '{own_name}' is {own!r}, expected keys and values with 'attack' among them{near}")
        merged[str(own_name)] = deepcopy({**data, **own})
        edit(merged[str(own_name)], [override for override in overrides if override not in single], seed)
    return check(path, {own_name: (own, BaselineRecipe) for own_name, own in merged.items()})


def read_recipe(name: str, kind: type[Strict]) -> tuple[Path, dict[str, Any]]:
    """The file of a recipe and what it says, unchecked but for its step."""
    wanted = next(step for step, schema in RECIPES.items() if issubclass(kind, schema))
    path = find_recipe(name, wanted)
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is no readable YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        what = "nothing" if data is None else f"a {type(data).__name__}"
        raise UsageError(f"{path} holds {what}, expected keys and values; see the shipped recipes for examples")
    if data.get("step") in RECIPES and data["step"] != wanted:
        raise UsageError(f"{path} is a recipe for 'staa {data['step']}', expected one for 'staa {wanted}' (step: {wanted})")
    return path, data


def edit(data: dict[str, Any], overrides: Sequence[str], seed: int | None = None) -> None:
    """Apply what the command line says to a recipe in place."""
    for override in overrides:
        apply_override(data, override)
    if seed is not None:
        data["seed"] = seed


def check(path: Path, recipes: Mapping[str, tuple[dict[str, Any], type[RecipeType]]]) -> dict[str, RecipeType]:
    """Recipes of one file, by name, against their schemas. All their mistakes are reported together, what all have in common once."""
    checked, mistakes = {}, defaultdict[str, list[str]](list)
    for name, (data, kind) in recipes.items():
        schema = kind.schema_for(data)
        try:
            checked[name] = schema.model_validate(data)
        except ValidationError as error:
            for mistake in error.errors(include_url=False):
                mistakes[describe(mistake, schema)].append(name)
    if mistakes:
        shared = {text for text, names in mistakes.items() if len(names) == len(recipes)}
        problems = [text for text in mistakes if text in shared]
        problems += [f"attackers.{name}.{text}" for text, names in mistakes.items() if text not in shared for name in names]
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise UsageError(f"{path}: {count} in the recipe\n" + "\n".join(f"  {problem}" for problem in problems))
    return checked


def describe(problem: Any, kind: type[BaseModel]) -> str:
    """One sentence for one of pydantic's errors."""
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location) or "recipe"
    if problem["type"] == "extra_forbidden":
        known = list(owner(kind, location[:-1]).model_fields)
        near = difflib.get_close_matches(location[-1], known, n=1)
        return f"{key}: unknown key" + (f"; did you mean '{near[0]}'?" if near else f", expected one of {', '.join(known)}")
    if problem["type"] == "missing":
        return f"{key}: missing, a value is required"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if problem["type"] == "value_error":
        return f"{key}: {message}"
    found = problem["input"]
    if problem["type"] == "model_type":
        return f"{key}: found {found!r}, expected keys and values ({', '.join(owner(kind, location).model_fields)})"
    near = difflib.get_close_matches(found, re.findall(r"'([^']*)'", message), n=1) if isinstance(found, str) else []
    return f"{key}: found {found!r}, expected {message.removeprefix('a valid ')}" + (f"; did you mean '{near[0]}'?" if near else "")


def owner(kind: type[BaseModel], location: Sequence[str]) -> type[BaseModel]:
    """The schema of the mapping at `location`."""
    for name in location:
        annotation = kind.model_fields[name].annotation
        kind = next(part for part in (annotation, *get_args(annotation)) if isinstance(part, type) and issubclass(part, BaseModel))
    return kind


def dump_recipe(recipe: BaseModel) -> str:
    """A resolved recipe as YAML that reads back to the same recipe."""
    return yaml.dump(recipe.model_dump(), Dumper=Dumper, sort_keys=False, allow_unicode=True)
