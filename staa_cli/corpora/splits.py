"""Dealing whole speakers to train, val and test."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from staa_cli.corpora.recipe import Folds, Lists, SplitRecipe
from staa_cli.corpora.utterance import Utterance
from staa_cli.runtime.errors import UsageError

SPLITS = ("train", "val", "test")


def assign_splits(utterances: Sequence[Utterance], recipe: SplitRecipe | None, seed: int) -> dict[str, str]:
    """The split of every speaker.

    Raises:
        UsageError: a speaker is in no split or in two, or a wanted split stays empty.
    """
    if recipe is None:
        found = [(utterance.speaker, utterance.split) for utterance in utterances]
        without = sorted({speaker for speaker, split in found if not split})
        if without:
            raise UsageError(
                f"no split for speaker(s) {shorten(without)}: give the recipe 'splits', or the CSV a column 'split' with train, val or test"
            )
        return one_split_each(found)
    if recipe.speakers is not None:
        by_list = listed(utterances, recipe.speakers, "speaker", lambda utterance: utterance.speaker)
    elif recipe.sessions is not None:
        by_list = listed(utterances, recipe.sessions, "session", session)
    elif recipe.folds is not None:
        by_list = by_fold(utterances, recipe.folds, seed)
    else:
        assert recipe.ratios is not None
        by_list = by_ratio(utterances, recipe.ratios.model_dump(), seed)
    return one_split_each([(utterance.speaker, by_list(utterance)) for utterance in utterances])


SplitOf = Callable[[Utterance], str]


def one_split_each(found: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Check that no speaker stands in two splits."""
    splits: dict[str, set[str]] = defaultdict(set)
    for speaker, split in found:
        splits[speaker].add(split)
    shared = sorted(speaker for speaker, several in splits.items() if len(several) > 1)
    if shared:
        raise UsageError(f"speaker(s) {shorten(shared)} stand in more than one split: splits must be speaker-independent")
    return {speaker: several.pop() for speaker, several in splits.items()}


def session(utterance: Utterance) -> str:
    if not utterance.session:
        raise UsageError("the corpus does not tell its sessions, expected them for splits by session; split by speakers instead")
    return utterance.session


def listed(utterances: Sequence[Utterance], lists: Lists, kind: str, group_of: Callable[[Utterance], str]) -> SplitOf:
    """Splits by the recipe's lists. A name that the corpus does not have does no harm: a part of a corpus is one too."""
    split = {name: split for split, names in lists.model_dump().items() for name in names}
    groups = {group_of(utterance) for utterance in utterances}
    missing = sorted(groups - set(split))
    if missing:
        absent = sorted(set(split) - groups)
        hint = f"; listed, but not in the corpus: {shorten(absent)}" if absent else ""
        raise UsageError(f"the recipe's lists do not fit the corpus: {kind}(s) in no split of the recipe: {shorten(missing)}{hint}")
    empty = [name for name in SPLITS if lists.model_dump()[name] and not any(split[group] == name for group in groups)]
    if empty:
        raise UsageError(f"no {kind} of the recipe's list for {' and '.join(empty)} is in the corpus, which has {shorten(sorted(groups))}")
    return lambda utterance: split[group_of(utterance)]


def traits(utterances: Sequence[Utterance], group_of: Callable[[Utterance], str]) -> dict[str, Counter[str]]:
    """What is to be alike in all splits: emotions and genders."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for utterance in utterances:
        groups[group_of(utterance)].update(("", f"emotion {utterance.emotion}", f"gender {utterance.gender}"))
    return groups


def by_ratio(utterances: Sequence[Utterance], ratios: dict[str, float], seed: int) -> SplitOf:
    from staa_cli.corpora.dealing import deal

    groups = traits(utterances, lambda utterance: utterance.speaker)
    wanted = {split: ratios[split] for split in SPLITS if ratios[split] > 0}
    if len(groups) < len(wanted):
        raise UsageError(
            f"{len(groups)} speaker(s) ({shorten(sorted(groups))}) cannot fill {len(wanted)} splits without sharing a speaker; "
            "set the ratio of a split to 0, or tell the speakers apart ('folders.pattern' with {speaker}, a CSV's column)"
        )
    split = deal(groups, wanted, seed)
    return lambda utterance: split[utterance.speaker]


def by_fold(utterances: Sequence[Utterance], folds: Folds, seed: int) -> SplitOf:
    """Cross-validation: fold i is the test set, the next `val` folds are the val set, the others the train set."""
    from staa_cli.corpora.dealing import deal

    group_of = session if folds.by == "session" else lambda utterance: utterance.speaker
    groups = traits(utterances, group_of)
    count = folds.count or len(groups)
    if count > len(groups) or folds.fold > count or folds.val > count - 2:
        raise UsageError(
            f"{len(groups)} {folds.by}(s) do not make fold {folds.fold} of {count} with {folds.val} fold(s) to validate on; "
            "expected at most as many folds as groups, and one to train on"
        )
    if count == len(groups):
        fold = {name: index for index, name in enumerate(sorted(groups))}  # leave one out: fold 1 is the first name
    else:
        fold = {name: int(part) for name, part in deal(groups, {str(index): 1 / count for index in range(count)}, seed).items()}

    def split(utterance: Utterance) -> str:
        distance = (fold[group_of(utterance)] - (folds.fold - 1)) % count
        return "test" if distance == 0 else "val" if distance <= folds.val else "train"

    return split


def shorten(names: Sequence[str], most: int = 10) -> str:
    """A list for a sentence."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
