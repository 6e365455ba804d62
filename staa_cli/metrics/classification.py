"""Accuracy, unweighted average recall, confusion and attack success rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def accuracy_percent(targets: ArrayLike, predictions: ArrayLike) -> float | None:
    """Share of correct predictions in percent; None for no utterance. Both `(N,)` integers."""
    correct = np.asarray(targets) == np.asarray(predictions)
    return float(100 * correct.mean()) if correct.size else None


def uar_percent(targets: ArrayLike, predictions: ArrayLike) -> float | None:
    """Unweighted average recall: the mean over the classes that occur of their recall, in percent (Schuller et al., Interspeech 2009)."""
    targets, predictions = np.asarray(targets), np.asarray(predictions)
    recalls = [(predictions[targets == label] == label).mean() for label in np.unique(targets)]
    return float(100 * np.mean(recalls)) if recalls else None


def confusion_counts(targets: ArrayLike, predictions: ArrayLike, classes: int) -> list[list[int]]:
    """How many utterances of class i (row) were taken for class j (column), `classes` × `classes`. Both arguments `(N,)` integers."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (np.asarray(targets, dtype=np.int64), np.asarray(predictions, dtype=np.int64)), 1)
    matrix: list[list[int]] = counts.tolist()
    return matrix


def asr_percent(clean: ArrayLike, adversarial: ArrayLike) -> float | None:
    """Attack success rate: share of ALL utterances whose prediction changes, in percent."""
    changed = np.asarray(clean) != np.asarray(adversarial)
    return float(100 * changed.mean()) if changed.size else None


def asr_correct_percent(targets: ArrayLike, clean: ArrayLike, adversarial: ArrayLike) -> float | None:
    """The same over the utterances that were classified correctly before."""
    correct = np.asarray(targets) == np.asarray(clean)
    return asr_percent(np.asarray(clean)[correct], np.asarray(adversarial)[correct])
