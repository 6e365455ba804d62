"""The recipes that come with staa: one folder for each kind, implied by the command."""

from __future__ import annotations

from pathlib import Path, PurePath

from staa_cli.runtime.errors import UsageError, suggestion

# Inside the wheel the recipes lie beside this module; in a checkout they stand at the top level.
PLACES = (Path(__file__).parent / "shipped", Path(__file__).parents[2] / "recipes")

FOLDERS = {
    "prepare": ("corpora",),
    "train-victim": ("victims",),
    "train-generator": ("generators",),
    "baseline": ("attacks", "presets"),
}
"""Where the recipes of each command lie."""


def place() -> Path:
    """The folder of the shipped recipes."""
    return next((place for place in PLACES if place.is_dir()), PLACES[0])


def keys_page() -> Path:
    """The page that lists the keys of all recipes."""
    return place() / "README.md"


def shipped(step: str) -> dict[str, Path]:
    """The shipped recipes of a command by their names, in the order of its folders."""
    paths = [path for folder in FOLDERS[step] for path in sorted((place() / folder).glob("*.yaml"), key=lambda path: path.stem)]
    return {path.stem: path for path in paths}


def summary(path: Path) -> str:
    """The comment that a recipe opens with: what it is. Empty without one."""
    with path.open(encoding="utf-8") as file:
        line = file.readline()
    return line[1:].strip() if line.startswith("#") else ""


def find_recipe(name: str, step: str) -> Path:
    """A recipe's file, by path or by the name of a shipped one.

    Raises:
        UsageError: neither exists; the command that has a recipe of that name is said, or the nearest name of this one, or all of them.
    """
    path, stem, known = Path(name), name.removesuffix(".yaml"), shipped(step)
    if path.is_file():
        return path
    if stem in known:
        return known[stem]
    if path.is_dir():
        raise UsageError(f"{name} is a folder, expected a recipe: a YAML file or one of {', '.join(known)}")
    other = next((other for other in FOLDERS if stem in shipped(other)), None)
    if other:
        raise UsageError(f"'{stem}' is a recipe of 'staa {other}', not of 'staa {step}'; expected a file or one of {', '.join(known)}")
    near = suggestion(name, known) or suggestion(PurePath(name).name, known) or f", neither a file nor one of {', '.join(known)}"
    raise UsageError(f"there is no recipe '{name}'{near}")
