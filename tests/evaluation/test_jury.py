"""What victims are called in results."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from staa_cli.evaluation.jury import names
from staa_cli.runtime.errors import UsageError


def victim(model: str, path: str) -> Any:
    return SimpleNamespace(model=model, reference=SimpleNamespace(path=Path(path)))


@pytest.mark.parametrize(
    ("victims", "expected"),
    [
        ([("emo18", "/runs/a"), ("zhao19", "/runs/b")], ["emo18", "zhao19"]),
        ([("emo18", "/runs/plain"), ("emo18", "/runs/noise"), ("zhao19", "/runs/x")], ["emo18:plain", "emo18:noise", "zhao19"]),
        ([("emo18", "/runs/seed-0/emo18"), ("emo18", "/runs/seed-1/emo18")], ["emo18:seed-0", "emo18:seed-1"]),
        ([("emo18", "/runs/emo18/seed-0"), ("emo18", "/runs/emo18-paper/seed-0")], ["emo18:emo18", "emo18:emo18-paper"]),
    ],
)
def test_the_nearest_folder_that_tells_them_apart_names_them(victims: list[tuple[str, str]], expected: list[str]) -> None:
    assert names([victim(*one) for one in victims]) == expected


def test_a_victim_that_is_given_twice() -> None:
    with pytest.raises(UsageError, match="two victims would both be called 'emo18:a'"):
        names([victim("emo18", "/runs/a"), victim("emo18", "/runs/a")])
