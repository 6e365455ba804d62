"""Finding attacks by name. One is imported when it is asked for, the others are not."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from inspect import isabstract
from typing import Any, TypeGuard

from staa_cli.attacks.core.attack import Attack
from staa_cli.runtime.errors import StaaError, UsageError, unknown
from staa_cli.runtime.plugins import module_names, registered

PACKAGE = "staa_cli.attacks"
GROUP = "staa.attacks"
"""The entry points of attacks in other packages: a name, and the class behind it."""


@cache
def attack_names() -> tuple[str, ...]:
    """The names of all attacks: the modules beside `core` with dashes for underscores, and what other packages register."""
    own = own_names()
    return (*own, *sorted(registered(GROUP).keys() - set(own)))


def own_names() -> list[str]:
    """Those of this package, of which no other package takes the place."""
    return sorted(module.replace("_", "-") for module in module_names(PACKAGE))


@cache
def find_attack(name: str) -> type[Attack]:
    """The attack of that name.

    Raises:
        UsageError: there is none, or what is there is none.
        StaaError: the package that registers it cannot be imported.
    """
    if name not in attack_names():
        raise unknown("attack", name, attack_names())
    return own_attack(name) if name in own_names() else foreign_attack(registered(GROUP)[name])


def own_attack(name: str) -> type[Attack]:
    """The one attack that a module of this package defines; those that it imports do not count."""
    module = import_module(f"{PACKAGE}.{name.replace('-', '_')}")
    found = [value for value in vars(module).values() if is_attack(value) and value.__module__ == module.__name__]
    if len(found) != 1:
        names = ", ".join(attack.__name__ for attack in found) or "none"
        raise UsageError(f"{module.__name__} defines these attacks: {names}; expected one that has a title and fills in what is abstract")
    return found[0]


def foreign_attack(point: EntryPoint) -> type[Attack]:
    """The attack that another package registers."""
    where = f"the attack '{point.name}' of another package ({point.value})"
    try:
        found: Any = point.load()
    except Exception as error:
        raise StaaError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not is_attack(found):
        raise UsageError(f"{where} is {found!r}, expected a subclass of Attack that has a title and fills in what is abstract")
    return found


def is_attack(value: Any) -> TypeGuard[type[Attack]]:
    """Whether it is a complete attack, no template of some."""
    return isinstance(value, type) and issubclass(value, Attack) and not isabstract(value) and hasattr(value, "title")
