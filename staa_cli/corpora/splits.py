"""Dealing whole speakers to train, val and test."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from staa_cli.corpora.utterance import Utterance
from staa_cli.recipes.schema import SplitRecipe
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.seeds import derive_seed

SPLITS = ("train", "val", "test")


def assign_splits(utterances: Sequence[Utterance], recipe: SplitRecipe | None, seed: int) -> dict[str, str]:
    """The split of every speaker.

    Raises:
        UsageError: a speaker is in no split or in two, or a wanted split stays empty.
    """
    if recipe is None:
        return from_column(utterances)
    if recipe.speakers is not None:
        chosen = recipe.speakers.model_dump()
        assigned = {speaker: split for split in SPLITS for speaker in chosen[split]}
        missing = sorted({utterance.speaker for utterance in utterances} - set(assigned))
        absent = sorted(set(assigned) - {utterance.speaker for utterance in utterances})
        if missing or absent:
            parts = [f"in no split of the recipe: {', '.join(missing)}"] * bool(missing) + [
                f"not in the corpus: {', '.join(absent)}"
            ] * bool(absent)
            raise UsageError(f"the recipe's speakers do not fit the corpus ({'; '.join(parts)})")
        return assigned
    assert recipe.ratios is not None
    return by_ratio(utterances, recipe.ratios.model_dump(), seed)


def from_column(utterances: Sequence[Utterance]) -> dict[str, str]:
    """Splits that the source fixes."""
    found: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        found[utterance.speaker].add(utterance.split)
    without = sorted(speaker for speaker, splits in found.items() if "" in splits)
    if without:
        raise UsageError(
            f"no split for speaker(s) {', '.join(without[:10])}: "
            "give the recipe 'splits', or the CSV a column 'split' with train, val or test"
        )
    shared = sorted(speaker for speaker, splits in found.items() if len(splits) > 1)
    if shared:
        raise UsageError(f"speaker(s) {', '.join(shared[:10])} stand in more than one split: splits must be speaker-independent")
    return {speaker: splits.pop() for speaker, splits in found.items()}


def by_ratio(utterances: Sequence[Utterance], ratios: dict[str, float], seed: int) -> dict[str, str]:
    """Deal speakers gender by gender in a seeded order, each to the split that lacks most of its share."""
    sizes = Counter(utterance.speaker for utterance in utterances)
    gender = {utterance.speaker: utterance.gender for utterance in utterances}
    wanted = [split for split in SPLITS if ratios[split] > 0]
    if len(sizes) < len(wanted):
        raise UsageError(
            f"{len(sizes)} speaker(s) cannot fill {len(wanted)} splits without sharing a speaker; set the ratio of a split to 0"
        )
    order = sorted(sizes)
    random.Random(derive_seed(seed, "splits")).shuffle(order)
    order.sort(key=lambda speaker: gender[speaker])
    assigned: dict[str, str] = {}
    held: Counter[str] = Counter()
    done = 0
    for index, speaker in enumerate(order):
        done += sizes[speaker]
        empty = [split for split in wanted if not held[split]]
        # The last speakers must not leave a split empty.
        candidates = empty if len(order) - index <= len(empty) else wanted
        split = max(candidates, key=lambda name: ratios[name] * done - held[name])
        assigned[speaker] = split
        held[split] += sizes[speaker]
    return assigned
