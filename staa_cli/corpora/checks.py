"""What a prepared corpus's user should know before training: leaks between splits, counts that differ from the published ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staa_cli.corpora.manifest import Row
from staa_cli.corpora.utterance import Utterance, lies_in


@dataclass(frozen=True, slots=True)
class Prepared:
    """An utterance and what it became; see `convert.Converted` for `audio`."""

    utterance: Utterance
    rows: list[Row]
    audio: str

    @property
    def split(self) -> str:
        return self.rows[0].split


def duplicates(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """Utterances whose audio is sample for sample the same."""
    groups: dict[str, list[Prepared]] = defaultdict(list)
    for one in prepared:
        groups[one.audio].append(one)
    return [group for group in groups.values() if len(group) > 1]


def shared_texts(prepared: Sequence[Prepared]) -> tuple[int, int]:
    """How many texts stand in more than one split, and how many there are; 0 of 0 where the corpus does not tell."""
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in prepared:
        if one.utterance.text:
            splits[one.utterance.language, one.utterance.text].add(one.split)
    return sum(len(found) > 1 for found in splits.values()), len(splits)


def unexpected(expected: Mapping[str, int], prepared: Sequence[Prepared]) -> list[str]:
    """One sentence for each split whose number of utterances is not the published one."""
    counts = Counter(one.split for one in prepared)
    return [
        f"{split} has {counts[split]} utterances, published are {number}" for split, number in expected.items() if counts[split] != number
    ]


def outside(source: Path, utterances: Sequence[Utterance]) -> list[Utterance]:
    """Utterances that lie outside the source, by `..`, an absolute path or a symbolic link."""
    root = source if source.is_dir() else source.parent
    return [utterance for utterance in utterances if not lies_in(utterance.path, root)]


def findings(prepared: Sequence[Prepared], expected: Mapping[str, int]) -> tuple[dict[str, Any], list[str]]:
    """The part of the summary that these checks fill, and warnings for the user."""
    groups = duplicates(prepared)
    across = [group for group in groups if len({one.split for one in group}) > 1]
    contrary = [group for group in groups if len({one.utterance.emotion for one in group}) > 1]
    shared, texts = shared_texts(prepared)
    warnings = []
    if across:
        warnings.append(
            f"{len(across)} recording(s) stand in more than one split under different names, such as {names(across[0])}: "
            "what is tested there was trained on"
        )
    if contrary:
        warnings.append(f"{len(contrary)} recording(s) have different emotions under different names, such as {names(contrary[0])}")
    if groups and not across and not contrary:
        warnings.append(f"{len(groups)} recording(s) stand in the corpus more than once, such as {names(groups[0])}")
    if shared:
        warnings.append(f"{shared} of {texts} texts are spoken in more than one split: a model may know them by heart")
    warnings += unexpected(expected, prepared)
    summary = {
        "duplicates": [[one.utterance.name for one in group] for group in groups],
        "duplicates_across_splits": len(across),
        "texts": texts,
        "texts_in_several_splits": shared,
    }
    return summary, warnings


def names(group: Sequence[Prepared]) -> str:
    return " = ".join(one.utterance.name for one in group[:3])
