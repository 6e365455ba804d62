"""The command that a recipe opens with works: it is typed with the world's folders in place of its own."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from staa_cli.recipes.shipped import FOLDERS, shipped

from ..conftest import Staa, World

WORKED_ON = [(step, name) for step in FOLDERS if step != "prepare" for name in shipped(step)]


def commands(path: Path) -> list[list[str]]:
    lines = [line.lstrip("# ").rstrip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return [shlex.split(line) for line in lines if re.match(r"staa [a-z]", line)]


@pytest.mark.parametrize(("step", "name"), WORKED_ON, ids=lambda word: word)
def test_the_command_passes_a_dry_run(staa: Staa, world: World, tmp_path: Path, step: str, name: str) -> None:
    typed = [words for words in commands(shipped(step)[name]) if words[1:3] == [step, name]]
    assert typed
    for words in typed:
        made: list[object] = []
        for before, word in pairwise(words):
            if before in ("--threat", "--victim"):
                made.append(world.emo18 if before == "--threat" else world.zhao19)
            elif before == "-o":
                made.append(tmp_path / "out")
            else:
                made.append(world.data if word.endswith("/data") else word)
        outcome = staa(*made, "--dry-run")
        assert outcome.code == 0, outcome.err
        assert "would " in outcome.out
