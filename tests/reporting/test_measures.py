"""What attacks are measured by, and for whom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staa_cli.commands.report import report
from staa_cli.reporting.measures import score
from staa_cli.reporting.model import Number
from staa_cli.reporting.outcomes import Judgement, by_victim, outcomes
from staa_cli.reporting.tables import build_tables
from staa_cli.runtime.errors import UsageError

from .test_page import Finished, finished

__all__ = ["finished"]


def judged(label: str, clean: str, adversarial: str, placebo: str) -> Judgement:
    return Judgement("f", "f", "emo18", label, clean, adversarial, clean != adversarial, placebo, clean != placebo)


FOUR = [judged("a", "a", "b", "a"), judged("a", "a", "a", "a"), judged("a", "b", "a", "a"), judged("b", "b", "a", "a")]


@pytest.mark.parametrize(("measure", "value", "placebo"), [("asr", 75, 50), ("lift", 25, 50), ("accuracy", 50, 75), ("uar", 100 / 3, 50)])
def test_each_measure_is_counted_as_it_is_defined(measure: str, value: float, placebo: float) -> None:
    found, beside = score(FOUR, measure)
    assert found == pytest.approx(value)
    assert beside.placebo == pytest.approx(placebo)
    assert beside.lift == pytest.approx(25 if measure in ("asr", "lift") else value - placebo)


def test_without_labels_there_is_no_accuracy() -> None:
    assert score([Judgement("f", "f", "v", None, "a", "b", True, "a", False)], "accuracy")[0] is None


@pytest.mark.parametrize("measure", ["accuracy", "uar"])
def test_accuracy_stands_beside_the_clean_one_and_the_placebos(finished: Finished, measure: str) -> None:
    run = finished()
    run.metrics["summary"]["victims"]["emo18"] |= {f"{measure}_percent": {"clean": 100.0, "adversarial": 36.0}}
    (table,) = build_tables([(run.path, run.metrics)], measure=measure)
    clean, attacked = table.rows[0]["clean_emo18_test"], table.rows[0]["emo18_test"]
    assert isinstance(clean, Number)
    assert isinstance(attacked, Number)
    assert (clean.value, attacked.value) == (100.0, 36.0)
    assert attacked.beside is not None
    assert attacked.beside.placebo == 100.0
    assert "ASR" not in " ".join(column.title for column in table.columns)


@pytest.mark.parametrize(("measure", "low"), [("accuracy", 16.34), ("uar", None)])
def test_a_summary_that_tells_the_placebos_needs_no_single_utterances(finished: Finished, measure: str, low: float | None) -> None:
    run = finished()
    (run.path / "results.jsonl").unlink()
    run.metrics["summary"] |= {"utterances": 14}
    run.metrics["summary"]["victims"]["emo18"] |= {f"{measure}_percent": {"clean": 100.0, "adversarial": 500 / 14, "placebo": 50.0}}
    (table,) = build_tables([(run.path, run.metrics)], measure=measure)
    attacked = table.rows[0]["emo18_test"]
    assert isinstance(attacked, Number)
    assert attacked.beside is not None
    assert (attacked.beside.placebo, attacked.beside.lift) == (50.0, pytest.approx(500 / 14 - 50))
    assert attacked.beside.low == (None if low is None else pytest.approx(low, abs=0.01))


def test_numbers_say_which_runs_they_come_from(finished: Finished, capsys: Any) -> None:
    run = finished()
    report([run.path], json=True)
    assert json.loads(capsys.readouterr().out)[0]["rows"][0]["runs"] == str(run.path)


def test_attacks_by_the_speaker_count_each_group(finished: Finished) -> None:
    run = finished()
    lines = [json.loads(line) for line in (run.path / "results.jsonl").read_text().splitlines()]
    for line in lines:
        line["gender"] = "male" if int(line["key"]) < 4 else "female"
    (run.path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (table,) = build_tables([(run.path, run.metrics)], "attacked")
    rows = {(row["by"], row["group"]): row for row in table.rows}
    assert set(rows) == {("gender", "female"), ("gender", "male"), ("language", "de")}
    mine = [one for one in by_victim(outcomes(run))["emo18"] if one.gender == "male"]
    male = rows["gender", "male"]
    assert male["utterances"] == Number(4.0)
    assert isinstance(male["emo18"], Number)
    assert male["emo18"].value == 100 * sum(one.success for one in mine) / 4


def test_speakers_that_are_not_known_are_said(attack: Any) -> None:
    with pytest.raises(UsageError, match="does not know its speakers: attack a prepared folder again"):
        build_tables([attack()], "attacked")


def test_accuracies_of_the_second_papers_victim_say_what_its_protocol_leaks(attack: Any) -> None:
    made = attack(threat="cnn-lstm", asr={"cnn-lstm": 50.0})
    (leaky,), (plain,) = (build_tables([made], measure=measure) for measure in ("accuracy", "asr"))
    assert any("heard in training" in note for note in leaky.notes)
    assert not any("heard in training" in note for note in plain.notes)
