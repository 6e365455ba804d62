"""Figure 3, and what is perceived of an attack."""

from __future__ import annotations

from pathlib import Path

import pytest

from staa_cli.commands.report import report
from staa_cli.reporting.model import Number
from staa_cli.reporting.perceived import with_perception
from staa_cli.reporting.tables import build_tables
from staa_cli.reporting.utterance import band_of, draw_utterance
from staa_cli.runtime.errors import UsageError

from .test_page import Finished, finished

__all__ = ["finished"]


def test_panels_that_are_compared_have_equal_scales(finished: Finished) -> None:
    figure = draw_utterance([finished()], "1.wav")
    waves, pictures = figure.axes[:3], figure.axes[3:5]
    assert len({axes.get_ylim() for axes in waves}) == 1
    assert len({axes.get_xlim() for axes in figure.axes[:6]}) == 1
    assert {axes.get_images()[0].get_clim() for axes in pictures} == {(-80.0, 0.0)}
    low, high = figure.axes[5].get_images()[0].get_clim()
    assert low == -high
    title = figure.get_suptitle()
    assert "Emo18: anger → fear (placebo: anger)" in title
    assert "peak SNR 20.0 dB" in title
    assert "sparsity 1.68 %" in title


def test_the_command_draws_each_format(finished: Finished, tmp_path: Path) -> None:
    run = finished()
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        assert report([run.path], figure=tmp_path / f"fig3{suffix}", file="1.wav") == 0
        assert (tmp_path / f"fig3{suffix}").read_bytes().startswith(start)


def test_what_cannot_be_drawn_is_said(finished: Finished, tmp_path: Path) -> None:
    run = finished()
    with pytest.raises(UsageError, match=r"has no result of '99.wav', expected one of its 14 files"):
        draw_utterance([run], "99.wav")
    with pytest.raises(UsageError, match="an utterance is drawn of one attack, and 0 are given"):
        draw_utterance([], "1.wav")
    (tmp_path / "in/1.wav").unlink()
    with pytest.raises(UsageError, match=r"1.wav cannot be drawn: the clean file is gone"):
        draw_utterance([run], "1.wav")


def test_the_axis_of_mel_bands_ends_at_half_the_rate() -> None:
    assert band_of(0) == 0
    assert band_of(8000) == pytest.approx(80)


def test_perception_stands_in_tables_and_what_is_gone_is_missing_alone(finished: Finished, tmp_path: Path) -> None:
    run = finished()
    (tmp_path / "in/0.wav").unlink()
    said: list[str] = []
    heard = with_perception((run.path, run.metrics), [], said.append)
    assert len(said) == 1
    assert "0.wav is not scored" in said[0]
    found = heard[1]["summary"]["perception"]
    assert found["audible_percent"]["scored"] == 13
    (table,) = build_tables([heard])
    cell = table.rows[0]["audible_test"]
    assert isinstance(cell, Number)
    assert cell.value == found["audible_percent"]["successful"]
    assert "perception" not in run.metrics["summary"], "the run itself is left as it is"
