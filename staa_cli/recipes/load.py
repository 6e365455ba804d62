"""Finding, reading, overriding and checking recipes. All mistakes of a recipe are reported together.

What a recipe may say is a schema of the room that it describes; here it is only applied.
"""

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

from staa_cli.recipes.shipped import FOLDERS, find_recipe
from staa_cli.runtime.differences import leaves
from staa_cli.runtime.errors import UsageError, suggestion
from staa_cli.runtime.schema import Strict
from staa_cli.runtime.yaml_text import parse_yaml

RecipeType = TypeVar("RecipeType", bound=Strict)


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one `key.sub=value` in place; the value is read as YAML, and what is none (`{emotion}/*`) is text.

    Raises:
        UsageError: no `=`, or a key below something that is no mapping.
    """
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise UsageError(f"the override '{override}' was not understood, expected key=value or key.sub=value")
    try:
        value = parse_yaml(text)
    except (yaml.YAMLError, ValueError):
        value = text
    *parents, last = dotted.split(".")
    for parent in parents:
        if data.get(parent) is None:
            data[parent] = {}
        if not isinstance(data[parent], dict):
            raise UsageError(f"the override '{override}': '{parent}' is {data[parent]!r}, which has no keys of its own")
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
    path, data = read_recipe(name, step_of(kind), kind.rival_keys)
    edit(data, overrides, seed, kind.rival_keys)
    return check(path, {"": (data, kind)}, overrides)[""]


def load_preset(name: str, kind: type[RecipeType], overrides: Sequence[str] = (), seed: int | None = None) -> dict[str, RecipeType]:
    """Read and check one recipe, under the name "", or those of a preset by their names.

    A preset has `attackers`, a mapping of names to the keys of each, in place of `attack`; its other keys hold for all. An override holds
    for all too, also where an attacker has its own value, unless it begins with `attackers.NAME.`. A key that is of no use to an attacker
    is left to those that it is of use to; if there is none, it is a mistake.

    Raises:
        UsageError: as `load_recipe`; an override that an attacker does not know is a mistake in its recipe.
    """
    path, data = read_recipe(name, step_of(kind), kind.rival_keys)
    if "attackers" not in data:
        edit(data, overrides, seed, kind.rival_keys)
        return check(path, {"": (data, kind)}, overrides)
    single = [override for override in overrides if override.startswith("attackers.")]
    edit(data, single, rivals=kind.rival_keys)
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
        edit(merged[str(own_name)], [override for override in overrides if override not in single], seed, kind.rival_keys)
    idle = {own_name: kind.schema_for(own).idle_keys() for own_name, own in merged.items()}
    useless = frozenset[str].intersection(*idle.values())
    for (own_name, own), given in zip(merged.items(), attackers.values(), strict=True):
        for key in idle[own_name] - useless - given.keys():
            own.pop(key, None)
    return check(path, {own_name: (own, kind) for own_name, own in merged.items()}, overrides)


def step_of(kind: type[Strict]) -> str:
    """The step that a schema is for: the one value of its key `step`."""
    step: str = get_args(kind.model_fields["step"].annotation)[0]
    return step


def read_recipe(name: str, step: str, rivals: Sequence[str] = ()) -> tuple[Path, dict[str, Any]]:
    """The file of a recipe and what it says, together with what it extends; unchecked but for its step.

    Raises:
        UsageError: there is no such recipe, it is not for `step`, or cannot be read.
    """
    path = find_recipe(name, step)
    return path, read_file(path, step, rivals, ())


def read_file(path: Path, step: str, rivals: Sequence[str], heirs: tuple[Path, ...]) -> dict[str, Any]:
    """What a file says. With `extends`, its keys replace those of the recipe that it names, each as a whole.

    Args:
        heirs: the files that extend this one.
    """
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is no readable YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        what = "nothing" if data is None else f"a {type(data).__name__}"
        raise UsageError(f"{path} holds {what}, expected keys and values; see the shipped recipes for examples")
    if data.get("step", step) != step and data["step"] in list(FOLDERS):  # it may be of any type
        raise UsageError(f"{path} is a recipe for 'staa {data['step']}', expected one for 'staa {step}' (step: {step})")
    if "extends" not in data:
        return data
    base = data.pop("extends")
    if not isinstance(base, str):
        raise UsageError(f"{path}: 'extends' is {base!r}, expected the name or the path of a recipe")
    # A path is meant from where the recipe lies, a name is a shipped one's.
    beside = path.parent / base
    source = beside if beside.is_file() else find_recipe(base, step)
    if source.resolve() in {heir.resolve() for heir in (*heirs, path)}:
        raise UsageError(f"{path}: 'extends: {base}' leads back to where it came from")
    return overlay(read_file(source, step, rivals, (*heirs, path)), data, rivals)


def overlay(older: dict[str, Any], newer: dict[str, Any], rivals: Sequence[str]) -> dict[str, Any]:
    """Two layers of a recipe together: the newer one's keys replace the older one's, each as a whole."""
    make_way(older, newer, rivals)
    return {**older, **newer}


def make_way(older: dict[str, Any], newer: Mapping[str, Any], rivals: Sequence[str]) -> None:
    """Remove from the older layer, in place, the rivals of what the newer one says. Null says nothing."""
    said = {name for name, value in leaves(newer) if value is not None}
    for name in said:
        for key in rivals:
            if f".{name}".endswith(f".{key}"):
                for other in {name.removesuffix(key) + rival for rival in rivals} - said:
                    remove(older, other)


def remove(data: dict[str, Any], dotted: str) -> None:
    """Forget a key, if it is there."""
    *above, last = dotted.split(".")
    for key in above:
        if not isinstance(data := data.get(key, {}), dict):
            return
    data.pop(last, None)


def edit(data: dict[str, Any], overrides: Sequence[str], seed: int | None = None, rivals: Sequence[str] = ()) -> None:
    """Apply what the command line says to a recipe in place."""
    said: dict[str, Any] = {}
    for override in overrides:
        apply_override(said, override)
    make_way(data, said, rivals)
    for override in overrides:
        apply_override(data, override)
    if seed is not None:
        data["seed"] = seed


def check(path: Path, recipes: Mapping[str, tuple[dict[str, Any], type[RecipeType]]], overrides: Sequence[str]) -> dict[str, RecipeType]:
    """Recipes of one file, by name, against their schemas. All their mistakes are reported together, what all have in common once."""
    checked, mistakes, blamed = {}, defaultdict[str, list[str]](list), dict[str, str]()
    for name, (data, kind) in recipes.items():
        schema = kind.schema_for(data)
        try:
            checked[name] = schema.model_validate(data)
        except ValidationError as error:
            for mistake in error.errors(include_url=False):
                text = describe(mistake, schema)
                mistakes[text].append(name)
                for override in overrides:
                    if sets(override, name, mistake["loc"]):
                        blamed[text] = override
    if mistakes:
        shared = {text for text, names in mistakes.items() if len(names) == len(recipes)}
        problems = [text for text in mistakes if text in shared]
        problems += [f"attackers.{name}.{text}" for text, names in mistakes.items() if text not in shared for name in names]
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        given = ", ".join(dict.fromkeys(blamed.values()))
        where = f"{path}: {count} in the recipe" if blamed.keys() < mistakes.keys() else f"{path} with {given}: {count}"
        message = f"{where}\n" + "\n".join(f"  {problem}" for problem in problems)
        raise UsageError(message, *(["override"] if given else []), given=given)
    return checked


def sets(override: str, attacker: str, location: Sequence[Any]) -> bool:
    """Whether an override is what stands at `location` of the recipe of that attacker, or below or above it."""
    parts = override.partition("=")[0].removeprefix(f"attackers.{attacker}.").split(".")
    return all(part == str(other) for part, other in zip(parts, location, strict=False)) and bool(location)


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
