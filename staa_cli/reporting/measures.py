"""What an attack is measured by on a victim: success, what is left of the victim, or what is above the placebo."""

from __future__ import annotations

from collections.abc import Sequence

from staa_cli.metrics.classification import accuracy_percent, uar_percent
from staa_cli.metrics.intervals import wilson_percent
from staa_cli.reporting.model import Beside
from staa_cli.reporting.outcomes import Judgement, by_victim, outcomes
from staa_cli.reporting.runs import FinishedRun, as_number

HEADINGS = {"asr": "ASR on {} (%)", "accuracy": "Accuracy of {} (%)", "uar": "UAR of {} (%)", "lift": "Lift on {} (points)"}
LABELS = {"asr": "ASR (%)", "accuracy": "accuracy (%)", "uar": "UAR (%)", "lift": "lift (points)"}
LEGENDS = {
    "asr": "ASR, attack success rate: share of all utterances whose prediction changes",
    "accuracy": "Accuracy under attack, in brackets under the placebo: lower is a stronger attack",
    "uar": "UAR, mean recall of the emotions, under attack, in brackets under the placebo: lower is a stronger attack",
    "lift": "Lift: points by which the attack success rate lies above the placebo's, which stands in brackets",
}
SECOND_PAPER = (
    "The second paper (Facchinetti et al., 2024) copies utterances before it deals them to training and test: on EmoDB a CNN-LSTM so gets "
    "86 %, with 311 of 428 test utterances heard in training, and 61 % on other speakers. Trained as there, it minds any noise: read its "
    "accuracy under attack beside that under the placebo, not beside the clean one"
)
GAINS = {"asr": "lift over the placebo (points)", "accuracy": "below the placebo's (points)", "uar": "below the placebo's (points)"}
"""How far an attack leads away from its placebo; the lift says that itself."""
OF_LABELS = ("accuracy", "uar")
"""Measures that need labels, and have a value without an attack."""
Scored = tuple[float | None, Beside]


def protocol_notes(runs: Sequence[FinishedRun], measure: str) -> list[str]:
    """What is to be known of accuracies of the second paper's victim."""
    return [SECOND_PAPER] if measure in OF_LABELS and any(run.text("threat_model") == "cnn-lstm" for run in runs) else []


def score(found: Sequence[Judgement], measure: str) -> Scored:
    """The measure over utterances of one victim, with the placebo's; None where labels or older placebos are missing.

    Args:
        measure: of `HEADINGS`.
    """
    whole = all(one.placebo is not None for one in found)
    if measure in OF_LABELS:
        value, noise = scores(found, "adversarial", measure), scores(found, "placebo", measure) if whole else None
    else:
        hits, quiet = (sum(bool(getattr(one, name)) for one in found) for name in ("success", "placebo_success"))
        value, noise = 100 * hits / len(found) if found else None, 100 * quiet / len(found) if found and whole else None
    lift = None if value is None or noise is None else value - noise
    if measure == "lift":
        return lift, Beside(noise, lift)
    rate = {"asr": lambda one: one.success, "accuracy": lambda one: one.label == one.adversarial}.get(measure)
    interval = wilson_percent(sum(map(rate, found)), len(found)) if rate and value is not None else None
    return value, Beside(noise, lift, *(interval or ()))


def scores(found: Sequence[Judgement], of: str, measure: str) -> float | None:
    """Accuracy or UAR of predictions: `clean`, `adversarial` or `placebo`."""
    if not found or any(one.label is None for one in found):
        return None
    labels, predictions = [str(one.label) for one in found], [str(getattr(one, of)) for one in found]
    return {"accuracy": accuracy_percent, "uar": uar_percent}[measure](labels, predictions)


def measured_on(run: FinishedRun, victim: str, measure: str) -> Scored:
    """What a run says of a victim by one measure; of older runs the placebo's accuracy and UAR are counted from single utterances."""
    if measure == "asr":
        return run.number("victims", victim, "asr_percent"), beside(run, victim)
    if measure == "lift":
        lift = run.number("victims", victim, "lift_points")
        return lift, Beside(run.number("victims", victim, "placebo_percent"), lift)
    told, noise = (run.number("victims", victim, f"{measure}_percent", of) for of in ("adversarial", "placebo"))
    count = run.number("utterances")
    if told is None or noise is None or count is None:
        value, noted = score(by_victim(outcomes(run)).get(victim, []), measure)
        return (value, noted) if told is None else (told, noted if value is not None else Beside())
    interval = wilson_percent(round(told * count / 100), int(count)) if measure == "accuracy" else None
    return told, Beside(noise, told - noise, *(interval or ()))


def measured_on_all(run: FinishedRun, measure: str) -> tuple[dict[str, float | None], dict[str, Beside]]:
    """What a run says of each of its victims by one measure, and what stands beside it."""
    scored = {victim: measured_on(run, victim, measure) for victim in run.mapping("victims")}
    return {victim: value for victim, (value, _) in scored.items()}, {victim: beside for victim, (_, beside) in scored.items()}


def gain(measure: str, noted: Beside) -> float | None:
    """How far an attack leads away from its placebo, in points: more success, or less accuracy."""
    return -noted.lift if noted.lift is not None and measure in OF_LABELS else noted.lift


def beside(run: FinishedRun, victim: str) -> Beside:
    """What a run says of the success rate on a victim."""
    interval = run.get("victims", victim, "asr_interval_percent")
    low, high = map(as_number, interval) if isinstance(interval, list) and len(interval) == 2 else (None, None)
    return Beside(run.number("victims", victim, "placebo_percent"), run.number("victims", victim, "lift_points"), low, high)
