from __future__ import annotations

from pathlib import Path

import pytest

from staa_cli.corpora.splits import assign_splits
from staa_cli.corpora.utterance import Utterance
from staa_cli.recipes.corpus import Lists, Ratios, SplitRecipe
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
