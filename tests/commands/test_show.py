"""What commands show of their results."""

from __future__ import annotations

from pathlib import Path

import pytest

from staa_cli.commands.output import Output
from staa_cli.commands.show import show_together
from staa_cli.runtime.folders import read_metrics

from ..conftest import World


def test_results_are_shown_though_another_process_replaces_their_folder(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    show_together([(Path("just/gone"), read_metrics(world.emo18))], "victims", Output())
    assert "Emo18" in capsys.readouterr().out
