"""The words that models and corpora have for emotions, and maps between them. No torch here.

A map is a YAML mapping, the model's word on the left and the corpus's on the right:

    hap: happiness
    ang: anger

It is given for all victims of a run, or for one as `labels.yaml` inside its folder. Several words of a model
may mean one emotion of the corpus. The labels of a `.pt2` or `.onnx` file are a YAML list in the order of its outputs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from staa_cli.runtime.errors import UsageError, suggestion
from staa_cli.runtime.yaml_text import parse_yaml

SYNONYMS: tuple[frozenset[str], ...] = (
    frozenset({"anger", "angry", "ang"}),
    frozenset({"happiness", "happy", "hap", "joy", "joyful"}),
    frozenset({"sadness", "sad"}),
    frozenset({"neutral", "neu", "neutrality"}),
    frozenset({"fear", "fearful", "fea", "anxiety"}),
    frozenset({"surprise", "surprised", "sur"}),
    frozenset({"disgust", "disgusted", "dis"}),
    frozenset({"calm", "calmness"}),
    frozenset({"boredom", "bored"}),
    frozenset({"contempt", "contemptuous"}),
)
"""Words for one emotion. They are offered in errors, never applied: what a model means by a word is for its user to say."""


def read(path: Path) -> Any:
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is no readable YAML: {' '.join(str(error).split())}") from None


def read_labels(path: Path, model: Path) -> list[str]:
    """The labels of an exported model, in the order of its outputs.

    Raises:
        UsageError: there are none, or they are no list of different texts.
    """
    if not path.is_file():
        raise UsageError(f"{model} says nothing of its labels: write them to {path}, as a YAML list in the order of its outputs")
    labels = read(path)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UsageError(f"{path} holds {labels!r}, expected a YAML list of words in the order of the model's outputs (- anger)")
    if len(set(labels)) < max(2, len(labels)):
        raise UsageError(f"{path} lists {', '.join(labels)}, expected at least 2 different labels")
    return labels


def read_label_map(path: Path) -> dict[str, str]:
    """
    Raises:
        UsageError: the file is no mapping from text to text.
    """
    mapping = read(path)
    if not isinstance(mapping, dict) or not all(isinstance(word, str) for pair in mapping.items() for word in pair):
        raise UsageError(f"{path} holds {mapping!r}, expected a YAML mapping: the model's word, a colon, the corpus's word (ang: anger)")
    return mapping


def own_labels(path: Path) -> list[str] | None:
    """The labels that a model states, from its safetensors header or its `config.json`; None where they cannot be read: who loads the
    model says why."""
    try:
        if path.suffix == ".safetensors":
            with path.open("rb") as file:
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            return [str(label) for label in json.loads(header["__metadata__"]["staa"])["config"]["labels"]]
        names = json.loads(path.read_bytes())["id2label"]
        return [str(names[key]) for key in sorted(names, key=int)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError):
        return None


def merge(labels: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """Each label once, with the outputs that carry it."""
    groups = {label: [index for index, other in enumerate(labels) if other == label] for label in labels}
    return list(groups), list(groups.values())


def mismatch(corpus: Iterable[str], name: str, known: Sequence[str]) -> UsageError:
    """The error for a corpus whose labels a victim does not know, with the map that would probably help."""
    words = sorted(set(corpus))
    strange = [word for word in words if word not in known]
    spare = [label for label in known if label not in words]
    proposal = propose(strange, spare)
    text = (
        f"the inputs have the labels {', '.join(words)}, but victim '{name}' knows {', '.join(known)}: it cannot predict "
        f"{', '.join(strange)}"
    )
    if proposal:
        lines = "".join(f"\n  {model}: {corpus_word}" for model, corpus_word in proposal.items())
        return UsageError(text, "labels-perhaps", lines=lines)
    near = next((hint for word in strange if (hint := suggestion(word, spare))), "")
    return UsageError(text, "labels", near=near)


def propose(strange: Iterable[str], spare: Sequence[str]) -> dict[str, str]:
    """The model's word → the corpus's word, for synonyms only."""
    proposal = {}
    for word in strange:
        for label in spare:
            if label.lower() == word.lower() or any({label.lower(), word.lower()} <= group for group in SYNONYMS):
                proposal[label] = word
    return proposal
