"""What can be named: modules of a package of ours, and what other packages register. Nothing is imported here."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files


def module_names(package: str) -> list[str]:
    """The modules that lie directly in a package, sorted."""
    names = (path.name for path in files(package).iterdir())
    return sorted(name.removesuffix(".py") for name in names if name.endswith(".py") and name != "__init__.py")


def registered(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group, by name."""
    return {point.name: point for point in entry_points(group=group)}
