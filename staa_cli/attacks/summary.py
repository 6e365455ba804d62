"""From records of utterances to the summary in `metrics.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import Any

from staa_cli.metrics.classification import accuracy_percent, asr_correct_percent, asr_percent, uar_percent

Record = dict[str, Any]


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the finite values; None where there is none."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def summarise(records: Sequence[Record], threat: str) -> dict[str, Any]:
    """Summarise a campaign.

    Sparsity and SNR are means over all utterances and, as in the paper, over those that fool the threat model. All is taken from the
    files as written; `memory` repeats it for the tensors before rounding.

    A targeted attack (its records name the `target`) succeeds where the prediction is the target; utterances that were there from the
    start are among them, and `target_percent.clean` is their share. A query attack adds how often it asked the threat model.

    Args:
        records: as `run_campaign` returns them.
        threat: the threat model's name among the victims.
    """
    done = [record for record in records if "error" not in record]
    on_threat = [record for record in done if record["victim"] == threat]
    return {
        "utterances": len(on_threat),
        "failed": len(records) - len(done),
        **perturbation(on_threat, lambda record: record),
        "linf_max": max((record["linf"] for record in on_threat), default=None),
        "seconds_per_utterance": median(record["run"]["seconds"] for record in on_threat) if on_threat else None,
        **asked(on_threat),
        "victims": {
            name: judge([record for record in done if record["victim"] == name])
            for name in dict.fromkeys(record["victim"] for record in done)
        },
        "memory": {
            **perturbation(on_threat, lambda record: record["memory"]),
            "asr_percent": {
                name: mean(100.0 * record["memory"]["success"] for record in done if record["victim"] == name)
                for name in dict.fromkeys(record["victim"] for record in done)
            },
        },
    }


def perturbation(records: Sequence[Record], form: Callable[[Record], Record]) -> dict[str, Any]:
    forms = [form(record) for record in records]
    return {
        name: {
            "all": mean(values[name] for values in forms),
            "successful": mean(values[name] for values in forms if values["success"]),
        }
        for name in ("sparsity_percent", "snr_peak_db", "snr_energy_db", "snr_segmental_db")
    }


def asked(records: Sequence[Record]) -> dict[str, Any]:
    """Queries per utterance, of all and of those that succeeded; nothing for a white-box attack."""
    counted = [record for record in records if "queries" in record]
    if not counted:
        return {}
    successful = [record["queries"] for record in counted if record["success"]]
    queries = [record["queries"] for record in counted]
    return {"queries": {"all": fmean(queries), "median": median(queries), "max": max(queries), "successful": mean(successful)}}


def judge(records: Sequence[Record]) -> dict[str, Any]:
    """One victim. Accuracy and UAR need labels; without them they are None."""
    labels = [record["label"] for record in records]
    clean = [record["clean"] for record in records]
    adversarial = [record["adversarial"] for record in records]
    labelled = None not in labels and bool(labels)
    targets = {record["target"] for record in records if "target" in record}
    return {
        **(towards(targets.pop(), labels, clean, adversarial) if targets else away(labels, clean, adversarial)),
        "accuracy_percent": {
            "clean": accuracy_percent(labels, clean) if labelled else None,
            "adversarial": accuracy_percent(labels, adversarial) if labelled else None,
        },
        "uar_percent": {
            "clean": uar_percent(labels, clean) if labelled else None,
            "adversarial": uar_percent(labels, adversarial) if labelled else None,
        },
    }


def away(labels: Sequence[Any], clean: Sequence[str], adversarial: Sequence[str]) -> dict[str, Any]:
    """Success of an untargeted attack: the prediction changes."""
    labelled = None not in labels and bool(labels)
    return {
        "asr_percent": asr_percent(clean, adversarial),
        "asr_correct_percent": asr_correct_percent(labels, clean, adversarial) if labelled else None,
    }


def towards(target: str, labels: Sequence[Any], clean: Sequence[str], adversarial: Sequence[str]) -> dict[str, Any]:
    """Success of a targeted attack: the prediction is the target."""
    rows = list(zip(labels, clean, adversarial, strict=True))
    before, after = ([prediction == target for prediction in form] for form in (clean, adversarial))
    return {
        "asr_percent": mean(100.0 * hit for hit in after),
        "asr_correct_percent": mean(100.0 * (found == target) for label, right, found in rows if label == right),
        "target_percent": {"clean": mean(100.0 * hit for hit in before), "adversarial": mean(100.0 * hit for hit in after)},
    }
