"""What two runs differ in, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

NAMED = 5
"""At most so many differences are named."""


def differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """`: recipe steps 20 → 5, seed 0 → 1, inputs 12 → 13 files`, or nothing.

    Args:
        old, new: the recipes and identities of two runs; the old one as it stands in its `metrics.json`.
    """
    before, after = known(old), known(json.loads(json.dumps(new)))
    names = [name for name in {**after, **before} if before.get(name) != after.get(name)]
    if "inputs.count" in names:  # then the hash over them says nothing more
        names = [name for name in names if name != "inputs.sha256"]
    found = [f"{label(name)} {brief(before.get(name))} → {brief(after.get(name))}" for name in names]
    found = [words + " files" if words.startswith("inputs ") else words for words in found]
    if not found:
        return ""
    return ": " + ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")


def leaves(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`{"a": {"b": 1}}` → `a.b` and 1; an empty mapping is a leaf."""
    for key, value in mapping.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def known(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves that say something."""
    return {name: value for name, value in leaves(mapping) if value is not None and value != {}}


def label(name: str) -> str:
    """What a value is called."""
    return {"recipe.seed": "seed", "inputs.count": "inputs"}.get(name, name.replace("recipe.", "recipe ", 1))


def brief(value: Any) -> str:
    """A value in a few letters; of a hash the last ones."""
    if isinstance(value, list):
        return ", ".join(map(brief, value)) or "none"
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value)
    if re.fullmatch("[0-9a-f]{64}", text):
        return f"…{text[-6:]}"
    return text if len(text) <= 40 else f"{text[:39]}…"
