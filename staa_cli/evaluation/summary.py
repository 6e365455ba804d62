"""From records of utterances to the summary in `metrics.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from staa_cli.evaluation.record import Failure, Record
from staa_cli.metrics.classification import accuracy_percent, asr_correct_percent, asr_percent, uar_percent
from staa_cli.metrics.intervals import wilson_percent
from staa_cli.metrics.means import mean, means, perceived
from staa_cli.runtime.version import __version__

RATIOS = ("sparsity_percent", "snr_peak_db", "snr_energy_db", "snr_segmental_db")


def summarise(records: Sequence[Record | Failure], threat: str, device: str | None = None) -> dict[str, Any]:
    """Summarise a run.

    Sparsity and SNR are means over all utterances and, as in the paper, over those that fool the threat model. All is taken from the
    files as written; `memory` repeats it for the tensors before rounding.

    A targeted attack (its records name the `target`) succeeds where the prediction is the target; utterances that were there from the
    start are among them, and `target_percent.clean` is their share. A query attack adds how often it asked the threat model.

    Args:
        threat: the threat model's name among the victims.
        device: what the run calls its own, where other runs may have had a part in it.
    """
    done = [record for record in records if isinstance(record, Record)]
    on_threat = [record for record in done if record.victim == threat]
    victims = {name: [record for record in done if record.victim == name] for name in dict.fromkeys(record.victim for record in done)}
    linf = [record.perturbation.linf for record in on_threat]
    seconds = [record.run["seconds"] for record in on_threat]
    return {
        "utterances": len(on_threat),
        "failed": len(records) - len(done),
        **means(RATIOS, [(vars(record.perturbation), record.success) for record in on_threat]),
        **perceived([(record.perception, record.success) for record in on_threat if record.perception is not None]),
        "linf_max": max((value for value in linf if value is not None), default=None),
        "seconds_per_utterance": median(seconds) if seconds else None,
        # What an attack costs that stops at success: the few that it never has take the longest.
        "seconds_mean": fmean(seconds) if seconds else None,
        **asked(on_threat),
        **makers(on_threat, device),
        "victims": {name: judge(members) for name, members in victims.items()},
        "memory": {
            **means(RATIOS, [(vars(record.in_memory), bool(record.in_memory_success)) for record in on_threat]),
            "asr_percent": {name: in_memory_asr(members) for name, members in victims.items()},
        },
    }


def in_memory_asr(records: Sequence[Record]) -> float | None:
    """None for a victim that was asked when only the files were left."""
    known = [record.in_memory_success for record in records]
    return None if None in known else mean(100.0 * bool(success) for success in known)


def asked(records: Sequence[Record]) -> dict[str, Any]:
    """Queries per utterance, of all and of those that succeeded; nothing for a white-box attack."""
    queries = [record.queries for record in records if record.queries is not None]
    if not queries:
        return {}
    successful = mean(record.queries for record in records if record.success)
    return {"queries": {"all": fmean(queries), "median": median(queries), "max": max(queries), "successful": successful}}


def judge(records: Sequence[Record]) -> dict[str, Any]:
    """One victim. Accuracy and UAR need labels, and under the placebo also its predictions; without them they are None."""
    labels = [record.label for record in records if record.label is not None]
    labelled = len(labels) == len(records) > 0
    said = {name: [getattr(record, name) for record in records] for name in ("clean", "adversarial", "placebo")}
    scores = {"accuracy_percent": accuracy_percent, "uar_percent": uar_percent}
    success = [record.success for record in records]
    return {
        **(away(records) if records[0].target is None else towards(records)),
        "asr_interval_percent": wilson_percent(sum(success), len(success)),
        **beside_placebo(records),
        **{
            name: {of: score(labels, predictions) if labelled and None not in predictions else None for of, predictions in said.items()}
            for name, score in scores.items()
        },
    }


def makers(records: Sequence[Record], device: str | None) -> dict[str, Any]:
    """By which versions and on which devices, where that was not this run alone: it extended another one."""
    made = Counter((str(record.run.get("version")), str(record.run.get("device"))) for record in records)
    if device is None or made.keys() <= {(__version__, device)}:
        return {}
    return {"made": [{"version": version, "device": device, "utterances": count} for (version, device), count in made.items()]}


def beside_placebo(records: Sequence[Record]) -> dict[str, Any]:
    """What the placebo changes, and the attack's lift over it in points; None where an older version's records have none."""
    known = [record for record in records if record.placebo_success is not None]
    hits = sum(bool(record.placebo_success) for record in known)
    whole = len(known) == len(records)
    return {
        "placebo_percent": 100 * hits / len(known) if whole else None,
        "placebo_interval_percent": wilson_percent(hits, len(known)) if whole else None,
        "lift_points": 100 * (sum(record.success for record in known) - hits) / len(known) if whole else None,
    }


def away(records: Sequence[Record]) -> dict[str, Any]:
    """Success of an untargeted attack: the prediction changes."""
    clean, adversarial = [record.clean for record in records], [record.adversarial for record in records]
    labels = [record.label for record in records if record.label is not None]
    return {
        "asr_percent": asr_percent(clean, adversarial),
        "asr_correct_percent": asr_correct_percent(labels, clean, adversarial) if len(labels) == len(records) else None,
    }


def towards(records: Sequence[Record]) -> dict[str, Any]:
    """Success of a targeted attack: the prediction is the target."""
    reached = mean(100.0 * (record.adversarial == record.target) for record in records)
    return {
        "asr_percent": reached,
        "asr_correct_percent": mean(100.0 * (record.adversarial == record.target) for record in records if record.label == record.clean),
        "target_percent": {"clean": mean(100.0 * (record.clean == record.target) for record in records), "adversarial": reached},
    }
