"""Pictures of attacks beside the curves, and the area under these."""

from __future__ import annotations

from pathlib import Path

import pytest

from staa_cli.commands.report import report
from staa_cli.reporting.area import area_percent, worst
from staa_cli.reporting.figures import draw
from staa_cli.reporting.maps import draw_bars, draw_flips, draw_map
from staa_cli.reporting.runs import FinishedRun
from staa_cli.runtime.errors import UsageError

from .test_page import Finished, finished

__all__ = ["finished"]


def test_the_area_is_the_mean_over_the_logarithm_of_the_cost() -> None:
    assert area_percent([(1, 40), (10, 40), (100, 40)]) == pytest.approx(40)
    assert area_percent([(1, 0), (100, 100)]) == pytest.approx(50)
    assert area_percent([(1, 0), (10, 100), (100, 100)]) == pytest.approx(75)
    assert area_percent([(1, 40)]) is None
    assert area_percent([(5, 40), (5, 50)]) is None


def test_the_worst_never_falls() -> None:
    assert worst([[(1, 10), (3, 50)], [(2, 30), (4, 20)]]) == [(1, 10), (2, 30), (3, 50), (4, 50)]


def test_of_an_accuracy_the_lowest_is_the_worst_and_of_an_snr_the_highest_costs_least() -> None:
    curves = [[(10, 40), (20, 60)], [(15, 30), (30, 80)]]
    assert worst(curves, lowest=True) == [(10, 40), (15, 30), (20, 30), (30, 30)]
    assert worst(curves, lowest=True, dear_first=True) == [(30, 80), (20, 60), (15, 30), (10, 30)]
    assert area_percent([(10, 0), (20, 100), (40, 100)], lambda decibels: decibels) == pytest.approx(250 / 3)


def test_success_and_lift_have_one_scale_and_say_their_numbers(finished: Finished) -> None:
    left, right = draw_map([finished()]).axes
    assert left.get_images()[0].get_clim() == right.get_images()[0].get_clim() == (0, 100)
    assert [text.get_text() for text in left.texts] == ["64◆", "28"]
    assert [text.get_text() for text in right.texts] == ["59◆", "23"]
    assert left.figure.get_supxlabel().startswith("◆ the threat model")


def test_a_map_tells_settings_apart_and_takes_seeds_together(finished: Finished) -> None:
    def swept(name: str, steps: int, seed: int) -> FinishedRun:
        run = finished(name)
        run.metrics["recipe"], run.metrics["seed"] = {"steps": steps}, seed
        return run

    left, _ = draw_map([swept("a", 1, 0), swept("b", 5, 0), swept("c", 5, 1)]).axes
    names = [text.get_text() for text in left.get_yticklabels()]
    assert len(names) == 2
    assert ["steps 1" in names[0], "steps 5" in names[1]] == [True, True]


def test_maps_of_accuracy_say_how_far_below_the_placebo_it_is_and_of_lift_there_is_one(finished: Finished) -> None:
    run = finished()
    run.metrics["summary"]["victims"]["emo18"]["accuracy_percent"] = {"clean": 100.0, "adversarial": 36.0, "placebo": 95.0}
    left, right = draw_map([run], "accuracy").axes
    assert left.texts[0].get_text() == "36◆"
    assert right.texts[0].get_text() == "59◆"
    (only,) = draw_map([run], "lift").axes
    assert [text.get_text() for text in only.texts] == ["59◆", "23"]


def test_from_which_emotion_to_which_counts_every_utterance(finished: Finished) -> None:
    (axes,) = draw_flips([finished()]).axes
    assert sum(int(text.get_text().split("\n")[0]) for text in axes.texts if text.get_text()) == 14
    assert sorted(text.get_text() for text in axes.texts if text.get_text()) == ["5\n(14)", "9\n(0)"]


def test_bars_need_labels_and_show_the_placebo(finished: Finished) -> None:
    run = finished()
    run.metrics["summary"]["victims"]["emo18"]["accuracy_percent"] = {"clean": 100.0, "adversarial": 36.0}
    weaker = finished("weaker")
    weaker.metrics["summary"]["victims"]["emo18"]["accuracy_percent"] = {"clean": 100.0, "adversarial": 80.0}
    above, below = draw_bars([run, weaker]).axes
    assert [patch.get_height() for patch in above.patches] == [36.0]
    assert [line.get_ydata()[0] for line in above.lines] == [100.0], "the placebo changes nothing here"
    assert [patch.get_height() for patch in below.patches] == [0.0123]
    above, _ = draw_bars([run, weaker], "asr").axes
    assert [patch.get_height() for patch in above.patches] == [run.number("victims", "emo18", "asr_percent")]
    assert len(above.lines) == 1, "a placebo, and nothing without an attack"
    other = finished("other")
    other.metrics["summary"]["victims"] = {"cnn-lstm": run.metrics["summary"]["victims"]["emo18"]}
    other.metrics["summary"]["threat_model"] = "cnn-lstm"
    other.metrics["summary"]["victims"]["cnn-lstm"] = {
        **run.metrics["summary"]["victims"]["emo18"],
        "accuracy_percent": {"clean": 100.0, "adversarial": 90.0},
    }
    figure = draw_bars([run, other])
    assert [patch.get_height() for patch in figure.axes[0].patches] == [36.0, 90.0], "each threat model has its bar, in the tables' order"
    assert [text.get_text().rsplit(", ")[-1] for text in figure.legends[0].get_texts()[:2]] == ["Emo18", "CNN-LSTM"]
    (run.path / "results.jsonl").unlink()
    del run.metrics["summary"]["victims"]["emo18"]["accuracy_percent"]
    with pytest.raises(UsageError, match=r"no accuracy \(%\), which needs labels"):
        draw_bars([run])


@pytest.mark.parametrize("what", ["curve", "map", "emotions", "bars"])
def test_the_command_draws_each(finished: Finished, tmp_path: Path, what: str) -> None:
    assert report([finished().path], figure=tmp_path / "f.svg", what=what) == 0
    assert (tmp_path / "f.svg").read_text().startswith("<?xml")


def test_no_table_is_spoken_of_that_nobody_asked_for(prepared: object, tmp_path: Path) -> None:
    run = prepared()  # type: ignore[operator]
    with pytest.raises(UsageError, match="nothing to draw, expected results of") as told:
        draw([run], (), "sparsity")
    assert "table" not in str(told.value)
    with pytest.raises(UsageError, match=r"unknown picture 'mop', .*did you mean 'map'"):
        report([], figure=tmp_path / "f.svg", what="mop")
