from __future__ import annotations

from pathlib import Path

import pytest

from staa_cli.corpora.recipe import Folds, Lists, Ratios, SplitRecipe
from staa_cli.corpora.splits import assign_splits
from staa_cli.corpora.utterance import Utterance
from staa_cli.runtime.errors import UsageError


def corpus(speakers: int, takes: int = 10) -> list[Utterance]:
    return [
        Utterance(Path("x"), f"{speaker}-{take}", "joy", f"s{speaker:02d}", ("female", "male")[speaker % 2])
        for speaker in range(speakers)
        for take in range(takes)
    ]


def ratios(train: float, val: float, test: float) -> SplitRecipe:
    return SplitRecipe(ratios=Ratios(train=train, val=val, test=test))


@pytest.mark.parametrize("speakers", [3, 5, 10, 24, 68])
@pytest.mark.parametrize("seed", range(5))
def test_ratios_are_met_as_nearly_as_whole_speakers_allow(speakers: int, seed: int) -> None:
    wanted = {"train": 0.6, "val": 0.2, "test": 0.2}
    assigned = assign_splits(corpus(speakers), ratios(**wanted), seed)
    for split, share in wanted.items():
        held = sum(value == split for value in assigned.values())
        assert held >= 1
        assert abs(held - share * speakers) < 2


@pytest.mark.parametrize("seed", range(5))
def test_genders_are_spread(seed: int) -> None:
    assigned = assign_splits(corpus(24), ratios(0.5, 0.25, 0.25), seed)
    for split in ("train", "val", "test"):
        males = [int(speaker[1:]) % 2 for speaker, where in assigned.items() if where == split]
        assert 0.3 <= sum(males) / len(males) <= 0.7


def test_seed_decides() -> None:
    splits = [assign_splits(corpus(24), ratios(0.5, 0.25, 0.25), seed) for seed in (1, 1, 2)]
    assert splits[0] == splits[1]
    assert splits[0] != splits[2]


def test_too_few_speakers() -> None:
    with pytest.raises(UsageError, match=r"2 speaker\(s\) \(s00, s01\) cannot fill 3 splits"):
        assign_splits(corpus(2), ratios(0.6, 0.2, 0.2), 0)


def test_listed_speakers_must_be_the_corpus() -> None:
    recipe = SplitRecipe(speakers=Lists(train=["s00"], test=["s09"]))
    with pytest.raises(UsageError, match=r"in no split of the recipe: s01, s02.*not in the corpus: s09"):
        assign_splits(corpus(3), recipe, 0)


def test_a_listed_speaker_stands_once() -> None:
    with pytest.raises(ValueError, match="s01 listed more than once"):
        Lists(train=["s01"], test=["s01"])


def test_column_with_a_speaker_in_two_splits() -> None:
    utterances = [Utterance(Path("x"), str(i), "joy", "ann", split=split) for i, split in enumerate(("train", "test"))]
    with pytest.raises(UsageError, match="ann stand in more than one split"):
        assign_splits(utterances, None, 0)


def test_column_missing() -> None:
    with pytest.raises(UsageError, match="no split for speaker"):
        assign_splits(corpus(3), None, 0)


def in_sessions(speakers: int = 10) -> list[Utterance]:
    """Two speakers a session, as in IEMOCAP."""
    return [
        Utterance(Path("x"), f"{speaker}-{take}", "joy", f"s{speaker:02d}", session=str(1 + speaker // 2))
        for speaker in range(speakers)
        for take in range(5)
    ]


def folds(count: int | None, fold: int = 1, val: int = 1, by: str = "speaker") -> SplitRecipe:
    return SplitRecipe(folds=Folds(count=count, fold=fold, val=val, by=by))  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "by", "groups"), [(5, "speaker", 10), (None, "speaker", 10), (5, "session", 5), (None, "session", 5)])
def test_every_speaker_is_tested_in_exactly_one_fold(count: int | None, by: str, groups: int) -> None:
    number = count or groups
    tests, vals = [], []
    for fold in range(1, number + 1):
        assigned = assign_splits(in_sessions(), folds(count, fold, by=by), 0)
        tests += [speaker for speaker, split in assigned.items() if split == "test"]
        vals += [speaker for speaker, split in assigned.items() if split == "val"]
    assert sorted(tests) == sorted(vals) == [f"s{speaker:02d}" for speaker in range(10)]


def test_leaving_one_out_goes_by_name() -> None:
    assigned = assign_splits(in_sessions(), folds(None, 3), 0)
    assert [speaker for speaker, split in assigned.items() if split == "test"] == ["s02"]
    assert [speaker for speaker, split in assigned.items() if split == "val"] == ["s03"]


def test_sessions_take_their_speakers_along() -> None:
    recipe = SplitRecipe(sessions=Lists(train=["1", "2", "5"], val=["4"], test=["3"]))
    assigned = assign_splits(in_sessions(), recipe, 0)
    assert {speaker for speaker, split in assigned.items() if split == "test"} == {"s04", "s05"}
    assert {speaker for speaker, split in assigned.items() if split == "val"} == {"s06", "s07"}


def test_a_speaker_in_two_sessions_is_refused() -> None:
    guest = Utterance(Path("x"), "guest", "joy", "s00", session="3")
    recipe = SplitRecipe(sessions=Lists(train=["1", "2", "5"], val=["4"], test=["3"]))
    with pytest.raises(UsageError, match="s00 stand in more than one split"):
        assign_splits([*in_sessions(), guest], recipe, 0)


def test_sessions_of_a_corpus_without_any() -> None:
    with pytest.raises(UsageError, match="does not tell its sessions"):
        assign_splits(corpus(4), SplitRecipe(sessions=Lists(train=["1"], test=["2"])), 0)


@pytest.mark.parametrize(("speakers", "count", "val"), [(2, None, 1), (4, 5, 1), (3, None, 2)])
def test_more_folds_than_speakers(speakers: int, count: int | None, val: int) -> None:
    with pytest.raises(UsageError, match=r"speaker\(s\) do not make fold"):
        assign_splits(corpus(speakers), folds(count, val=val), 0)


def test_a_part_of_a_corpus_may_lack_listed_speakers() -> None:
    recipe = SplitRecipe(speakers=Lists(train=["s00", "s07"], val=[], test=["s01"]))
    assert assign_splits(corpus(2), recipe, 0) == {"s00": "train", "s01": "test"}
    with pytest.raises(UsageError, match="for test is in the corpus"):
        assign_splits(corpus(1), recipe, 0)


@pytest.mark.parametrize("seed", range(3))
def test_emotions_are_spread(seed: int) -> None:
    """Half of the speakers are only ever angry: each split gets of both."""
    utterances = [
        Utterance(Path("x"), f"{speaker}-{take}", "joy" if speaker % 2 else "anger", f"s{speaker:02d}", "")
        for speaker in range(20)
        for take in range(10)
    ]
    assigned = assign_splits(utterances, ratios(0.6, 0.2, 0.2), seed)
    for split, share in (("train", 6), ("val", 2), ("test", 2)):
        angry = sum(int(speaker[1:]) % 2 == 0 for speaker, where in assigned.items() if where == split)
        assert angry == share
