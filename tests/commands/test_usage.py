"""How a command's arguments are shown."""

from __future__ import annotations

import pytest

from ..conftest import Staa


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("attack", "GENERATOR [INPUT...]"), ("baseline", "RECIPE [INPUT...]"), ("prepare", "RECIPE"), ("report", "[RUN...]")],
)
def test_arguments_have_no_braces(staa: Staa, command: str, arguments: str) -> None:
    for options in (("-h",), ("--no-such-option",)):
        outcome = staa(command, *options)
        assert f"Usage: staa {command} [OPTIONS] {arguments}\n" in outcome.out + outcome.err
