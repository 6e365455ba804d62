"""Success against what it costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from staa_cli.commands.report import report
from staa_cli.evaluation.request import refined
from staa_cli.reporting.curve import draw_curve
from staa_cli.reporting.figures import draw, encode
from staa_cli.reporting.runs import FinishedRun
from staa_cli.reporting.sweep import AXES, Line, clean_scores, in_models_order, trace
from staa_cli.runtime.errors import UsageError


@pytest.fixture
def run(attack: Any) -> Any:
    """run(attacker, sparsity, rate, …): an attack with what a picture needs."""

    def make(attacker: str, sparsity: float | None, rate: float = 50.0, mean: float | None = None, **extra: Any) -> FinishedRun:
        more = {"sparsity_percent": {"all": sparsity, "successful": 77.0}, "seconds_mean": mean}
        return FinishedRun(*attack(attacker, asr={"emo18": rate, "zhao19": rate / 2}, placebo=rate / 10, more=more, **extra))

    return make


def guided(run: Any, percent: float, rate: float, seed: int = 0, refine: int = 0, **extra: Any) -> FinishedRun:
    name = f"STAA-Net guided {percent:g} %" + (f" {refined(refine)}" if refine else "")
    recipe = {"sparsity": float(percent), "refine": refine, "generator": {"guide": "gradient", "seed": seed}}
    found: FinishedRun = run(name, 0.99 * percent + seed, rate, seed=seed, recipe=recipe, name=f"{name}{seed}", **extra)
    return found


def numbers(line: Line, victim: str = "emo18") -> list[tuple[float, float]]:
    return [(cost.value, rates[victim].value) for cost, rates in line.points]


def test_a_sweep_is_one_line_and_others_are_points(run: Any) -> None:
    runs = [guided(run, 10, 90), guided(run, 1, 30), guided(run, 5, 60), run("STAA-Net (paper)", 20.0, 80), run("sPGD 3 %", 3.0, 99)]
    lines = {line.attacker: line for line in trace(runs, AXES["sparsity"])}
    assert list(lines) == ["STAA-Net guided", "STAA-Net (paper)", "sPGD"]
    assert numbers(lines["STAA-Net guided"]) == [(0.99, 30), (pytest.approx(4.95), 60), (pytest.approx(9.9), 90)]
    assert numbers(lines["STAA-Net (paper)"], "zhao19") == [(20.0, 40.0)]


def test_seeds_are_one_point_with_a_deviation(run: Any) -> None:
    (line,) = trace([guided(run, percent, 10 * percent + seed, seed) for seed in range(3) for percent in (5, 2)], AXES["sparsity"])
    assert numbers(line) == [(pytest.approx(2.98), 21), (pytest.approx(5.95), 51)]
    ((cost, rates), _) = line.points
    assert (cost.std, rates["emo18"].std, rates["emo18"].runs) == (pytest.approx(1.0), pytest.approx(1.0), 3)
    assert rates["emo18"].beside.placebo == pytest.approx(2.1)  # type: ignore[union-attr]


def test_seeds_with_threat_models_of_their_own_are_one_line_as_in_tables(run: Any) -> None:
    """Unless one seed followed several: those are lines apart, as they are rows apart."""

    def of(seed: int, threat: str, percent: float) -> FinishedRun:
        return guided(run, percent, 10 * percent + seed, seed, checkpoints={"victims": [threat * 64]})

    (line,) = trace([of(seed, threat, percent) for seed, threat in enumerate("abc") for percent in (5, 2)], AXES["sparsity"])
    assert (line.attacker, numbers(line)) == ("STAA-Net guided", [(pytest.approx(2.98), 21), (pytest.approx(5.95), 51)])
    lines = trace([of(0, threat, percent) for threat in "ab" for percent in (5, 2)], AXES["sparsity"])
    assert [line.attacker for line in lines] == [f"STAA-Net guided (threat model {7 * threat})" for threat in "ab"]
    assert [len(line.points) for line in lines] == [2, 2]


def test_seconds_join_the_refinements_and_not_the_sparsities(run: Any) -> None:
    runs = [guided(run, percent, 50, refine=refine, seconds=0.1 * (1 + refine)) for percent in (5, 2) for refine in (0, 5, 1)]
    lines = trace(runs, AXES["seconds"])
    assert [line.attacker for line in lines] == ["STAA-Net guided 5 %", "STAA-Net guided 2 %"]
    assert [cost for cost, _ in numbers(lines[0])] == pytest.approx([0.1, 0.2, 0.6])
    assert len(trace(runs, AXES["sparsity"])) == 3


def test_what_takes_long_counts_in_the_mean(run: Any) -> None:
    """An attack that stops at success looks cheap by its median; summaries of older versions have no other."""
    runs = [guided(run, 2, 50, refine=refine, seconds=0.1, mean=0.1 + refine) for refine in (1, 5)]
    (line,) = trace([*runs, guided(run, 2, 50, refine=0, seconds=0.2)], AXES["seconds"])
    assert [cost for cost, _ in numbers(line)] == pytest.approx([0.2, 1.1, 5.1])


def test_baselines_of_one_name_are_a_line_over_what_they_set(run: Any) -> None:
    def pgd(percent: float, steps: int) -> FinishedRun:
        recipe = {"positions": {"percent": percent}, "steps": steps}
        made: FinishedRun = run("PGD", percent, 10 * percent, seconds=steps / 10, recipe=recipe, name=f"{percent} {steps}")
        return made

    (line,) = trace([pgd(5.0, 20), pgd(2.0, 20)], AXES["sparsity"])
    assert numbers(line) == [(2.0, 20.0), (5.0, 50.0)]
    (line,) = trace([pgd(5.0, 20), pgd(5.0, 1)], AXES["seconds"])
    assert numbers(line) == [(0.1, 50.0), (2.0, 50.0)]
    assert [line.attacker for line in trace([pgd(5.0, 20), pgd(5.0, 1)], AXES["sparsity"])] == ["PGD (steps 20)", "PGD (steps 1)"]


def test_folders_of_one_model_stand_together_in_the_papers_order() -> None:
    assert in_models_order(["mine", "zhao19:a", "emo18:b", "zhao19:b", "mine"]) == ["emo18:b", "zhao19:a", "zhao19:b", "mine"]


def test_what_is_no_sweep_is_told_apart(run: Any) -> None:
    other = guided(run, 5, 60, seed=1)
    other.metrics["recipe"]["generator"]["guide"] = "none"
    lines = trace([guided(run, 2, 50), other], AXES["sparsity"])
    assert [line.attacker for line in lines] == ["STAA-Net guided (generator.guide gradient)", "STAA-Net guided (generator.guide none)"]
    lines = trace([guided(run, 2, 50), guided(run, 5, 50, budget={"peak_snr_db": 30})], AXES["sparsity"])
    assert [line.attacker for line in lines] == ["STAA-Net guided 20 dB", "STAA-Net guided 30 dB"]
    splits = [run("PGD", 9.0, split="val"), run("PGD", 9.0, split="test"), run("PGD", 9.0, threat="zhao19")]
    assert [line.panel for line in trace(splits, AXES["sparsity"])] == [
        "EmoDB val\nthreat model Emo18",
        "EmoDB test\nthreat model Emo18",
        "EmoDB val\nthreat model Zhao19",
    ]


def test_a_cost_that_a_logarithm_has_no_place_for_is_left_out(run: Any) -> None:
    assert trace([run("PGD", 0.0), run("BIM", None)], AXES["sparsity"]) == []
    pytest.importorskip("matplotlib")
    with pytest.raises(UsageError, match="nothing to draw"):
        draw_curve([run("PGD", 0.0)])


def test_the_picture_shows_lines_placebos_and_equal_scales(run: Any) -> None:
    pytest.importorskip("matplotlib")
    figure = draw_curve([*(guided(run, percent, rate, seed) for percent, rate in ((1, 30), (10, 90)) for seed in (0, 1)), run("BIM", 90.0)])
    panels = figure.axes
    assert [axes.get_title() for axes in panels] == ["Emo18 (threat model)", "Zhao19"]
    assert {(axes.get_xscale(), axes.get_xlim(), axes.get_ylim()) for axes in panels} == {("log", panels[0].get_xlim(), (-3, 103))}
    drawn = {line.get_linestyle(): line for line in panels[0].lines if list(line.get_xdata()) == pytest.approx([1.49, 10.4])}
    assert (list(drawn["-"].get_ydata()), list(drawn["--"].get_ydata())) == ([30.0, 90.0], [3.0, 9.0])
    assert drawn["-"].get_color() == drawn["--"].get_color()
    names = ["BIM", "STAA-Net guided (area 60)", "placebo (its attacker's colour)", "worst of all attackers"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names
    assert [text.get_text() for text in panels[0].get_xticklabels()] == ["2", "5", "10", "20", "50", "100"]
    assert len(panels[0].containers) == 2


def test_an_accuracy_is_drawn_beside_the_clean_one_and_a_lift_beside_none(run: Any) -> None:
    pytest.importorskip("matplotlib")
    runs = [guided(run, percent, 50) for percent in (1, 10)]
    for one, accuracy in zip(runs, (80.0, 20.0), strict=True):
        for victim in one.metrics["summary"]["victims"].values():
            victim["accuracy_percent"] = {"clean": 90.0, "adversarial": accuracy}
    (line,) = trace(runs, AXES["sparsity"], "accuracy")
    assert [value for _, value in numbers(line)] == [80.0, 20.0]
    assert clean_scores(runs, "accuracy") == {(line.panel, "emo18"): 90.0, (line.panel, "zhao19"): 90.0}
    assert clean_scores(runs, "lift") == {}

    def drawn(measure: str) -> tuple[list[str], list[float]]:
        figure = draw_curve(runs, measure=measure)
        dotted = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_linestyle() == ":"]
        return [text.get_text() for text in figure.legends[0].get_texts()], dotted

    names, dotted = drawn("accuracy")
    assert dotted == [90.0]
    assert names == ["STAA-Net guided (area 50)", "placebo (its attacker's colour)", "without an attack", "worst of all attackers"]
    names, dotted = drawn("lift")
    assert dotted == [0.0]
    assert names == ["STAA-Net guided (area 45)", "placebo", "worst of all attackers"]
    with pytest.raises(UsageError, match=r"the runs hold no UAR \(%\) with samples changed"):
        draw_curve(runs, measure="uar")


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_equal_numbers_give_equal_pictures(run: Any, format: str) -> None:
    pytest.importorskip("matplotlib")
    one, other = (encode(draw_curve([guided(run, 2, 50), guided(run, 5, 60)]), format) for _ in range(2))
    assert one == other


def test_what_is_drawn_follows_from_the_table(run: Any, victim: Any) -> None:
    pytest.importorskip("matplotlib")
    attacked, trained = run("PGD", 5.0), FinishedRun(*victim())
    trained.metrics["summary"]["test"]["confusion"] = [[4, 0], [1, 3]]
    runs = [(one.path, one.metrics) for one in (trained, attacked)]

    def titles(*tables: str, runs: Any = runs) -> list[str]:
        return [axes.get_title() for axes in draw(runs, tables, "sparsity").axes]

    curve, matrix = ["Emo18 (threat model)", "Zhao19"], ["Emo18, EmoDB test"]
    assert titles() == titles("victims") == titles("attacks", "confusion") == curve
    assert titles("victims", "confusion", "attacks") == titles(runs=runs[:1]) == matrix
    with pytest.raises(UsageError, match="the table 'attacks' needs"):
        titles("attacks", runs=runs[:1])


def test_the_command(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(guided(run, 5, 60).metrics))
    assert report([folder], figure=tmp_path / "a.png") == report([folder], figure=tmp_path / "b.png", x="seconds") == 0
    assert capsys.readouterr().out == ""
    a, b = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert a.startswith(b"\x89PNG")
    assert a != b
    with pytest.raises(UsageError, match="unknown value of --x 'second', expected one of 'seconds', 'snr', 'sparsity'; did you"):
        report([folder], figure=tmp_path / "c.png", x="second")
    with pytest.raises(UsageError, match="there is no --figure"):
        report([folder], x="seconds")
