"""How the house is built: which room may import which, what a room may know, how large things are."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import staa_cli

HOUSE = Path(staa_cli.__file__).parent
FLOORS = (
    ("__main__",),
    ("app",),
    ("commands",),
    ("evaluation", "reporting"),
    ("attacks", "generator"),
    ("victims",),
    ("corpora",),
    ("recipes", "audio"),
    ("metrics",),
    ("runtime",),
)
"""From the top down. A room imports rooms of lower floors only, and itself."""
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
NEVER = {("attacks", "victims"), ("attacks", "corpora"), ("attacks", "recipes"), ("recipes", "metrics")}
"""What a room does without, though it lies below: attacks take any module, and recipes whatever schema they are handed."""
LIBRARY = [room for room in FLOOR if room not in ("app", "__main__", "commands")]
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+|(?<![\w-])-[o0v](?![\w\[-])")


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    """Every module with its room."""
    for path in sorted(HOUSE.rglob("*.py")):
        room = path.relative_to(HOUSE).parts[0].removesuffix(".py")
        if room != "__init__":
            yield room, path, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """The dotted names that a module imports, at the top or later; what only the type checker sees is among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def test_every_room_has_its_floor() -> None:
    assert {room for room, _, _ in modules()} == set(FLOOR)


def test_imports_run_downwards() -> None:
    wrong = []
    for room, path, tree in modules():
        for name in imported(tree):
            head, _, rest = name.partition(".")
            other = rest.split(".")[0]
            if head != "staa_cli" or other == room:
                continue
            # Whoever imports the library's face imports a floor above all.
            if not other or FLOOR[other] <= FLOOR[room] or (room, other) in NEVER:
                wrong.append(f"{path.relative_to(HOUSE)} imports {name}")
    assert not wrong, wrong


@pytest.mark.parametrize("room", LIBRARY)
def test_the_library_does_not_know_the_command_line(room: str) -> None:
    """Neither typer, nor rich but for the layout of tables, nor the names of flags."""
    wrong = []
    for other, path, tree in modules():
        if other != room:
            continue
        names = {name.split(".")[0] for name in imported(tree)}
        wrong += [f"{path.name} imports {name}" for name in names & {"typer", "click", *(() if room == "reporting" else ("rich",))}]
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        # What another program is to be told is its own affair.
        foreign = ("pip install", "hf download", "python -c")
        wrong += [f"{path.name}: {text!r}" for text in texts if FLAG.search(text) and not any(word in text for word in foreign)]
    assert not wrong, wrong


def test_modules_are_small() -> None:
    sizes = {str(path.relative_to(HOUSE)): len(path.read_text(encoding="utf-8").splitlines()) for _, path, _ in modules()}
    assert {path: size for path, size in sizes.items() if size > 250} == {}


def test_one_word_is_one_thing() -> None:
    """No two classes share a name, but for the options of the corpora's layouts."""
    classes = Counter(
        node.name for _, path, tree in modules() for node in tree.body if isinstance(node, ast.ClassDef) and path.parent.name != "layouts"
    )
    assert [name for name, count in classes.items() if count > 1] == []
