"""What is to be known before attacks are compared."""

from __future__ import annotations

from collections.abc import Sequence

from staa_cli.reporting.attackers import budget_text
from staa_cli.reporting.pooling import told_apart
from staa_cli.reporting.runs import FinishedRun

LEGEND = ("SNR: peak of the utterance over that of the change; sparsity: share of samples changed, lower is sparser; means over successes",)
PLACEBO = "In brackets: the placebo, random signs of the same size on as many random samples; (–) in older results, which have none"
IN_SAMPLE = "† attacked utterances that the generator was trained on: no result"
SPEED = "Speed: median seconds per utterance"
TARGETED = "An attacker with an arrow is targeted: it succeeds where the prediction is the label behind the arrow."
LOG_MEL = "An attacker on log-Mel changes the spectrogram behind the audio: no audio has it, so there is none, and no SNR."
SEGMENTS = "Long recordings were attacked and judged in segments: each counts as an utterance."
OWN_RATE = "Files at other rates were written at their own: sparsity and SNR are of what is heard of them at 16 kHz, no longer exact."
QUERIES = "Queries: how often an attacker that sees only answers asked the threat model about an utterance, on average."
PERCEPTION = (
    "STOI, ESTOI: intelligibility beside the original, 1 is as good; audible: share of the change's energy above the masking threshold "
    "(ISO 11172-3, model 1); PESQ (wideband) and Zimtohrli: opinion scores, 5 is as good as the original; means over successes"
)


def legend(runs: Sequence[FinishedRun]) -> list[str]:
    """What the words of the headings mean."""
    budgets = dict.fromkeys(words for run in runs if (words := budget_text(run, 1)))
    said = {PERCEPTION: "perception", TARGETED: "target", LOG_MEL: "space", QUERIES: "queries", SEGMENTS: "segments"}
    said |= {OWN_RATE: "own_rate", IN_SAMPLE: "in_sample"}
    return [
        *LEGEND,
        *([PLACEBO] if runs else []),
        *([f"Budget: {', or '.join(budgets)}"] if budgets else []),
        *(speed_notes(runs) or [SPEED]),
        *(note for note, key in said.items() if any(run.get(key) for run in runs)),
    ]


def speed_notes(runs: Sequence[FinishedRun]) -> list[str]:
    """On which device speed was measured: seconds of two devices do not compare."""
    devices = []
    for run in runs:
        device, batch = run.metrics.get("device"), run.number("batch_size") or 1
        if run.number("seconds_per_utterance") is not None and isinstance(device, str):
            devices.append((run, device + (f" in batches of {batch:g}" if batch != 1 else "")))
    return by_attacker(f"{SPEED}, the attack alone, on", devices)


def notes_on_runs(runs: Sequence[FinishedRun]) -> list[str]:
    """What to know before comparing them."""
    failed = [f"{run.path}: {n:g} utterance{'s' * (n != 1)} failed, not counted" for run in runs if (n := run.number("failed"))]
    made = [f"{run.path}: its utterances were made by {makers}" for run in runs if (makers := makers_of(run))]
    return [*input_notes(runs), *failed, *made, *filter(None, map(unscored_note, runs))]


def unscored_note(run: FinishedRun) -> str:
    """Of how many utterances a perceptual measure is, where that is not all."""
    total = run.number("utterances") or 0
    fewer = [f"{name} {count:g}" for name in run.mapping("perception") if (count := run.number("perception", name, "scored") or 0) < total]
    return f"{run.path}: not all of its {total:g} utterances could be scored: {', '.join(fewer)}" if fewer else ""


def input_notes(runs: Sequence[FinishedRun]) -> list[str]:
    """What was attacked, where the rows of one split do not rest on the same inputs."""
    splits: dict[str, list[FinishedRun]] = {}
    for run in runs:
        if run.count is not None:
            splits.setdefault(run.text("split") or "", []).append(run)
    notes = []
    for split, members in splits.items():
        words = told_apart(members)
        if len(words) > 1:
            notes += by_attacker(f"Inputs differ{split and f', {split}'}:", [(run, words[run.inputs]) for run in members])
    return notes


def makers_of(run: FinishedRun) -> str:
    """The versions and devices that made a run's utterances, where these are not the run's own alone."""
    made = run.get("made")
    makers = [one for one in made if isinstance(one, dict)] if isinstance(made, list) else []
    return ", ".join(f"{one.get('version')} on {one.get('device')} ({one.get('utterances')})" for one in makers)


def by_attacker(words: str, said: Sequence[tuple[FinishedRun, str]]) -> list[str]:
    """A note of what is said of the runs: alone where it is one thing of all, else with the attackers of each."""
    attackers: dict[str, dict[str, None]] = {}
    for run, text in said:
        attackers.setdefault(text, {})[run.text("attacker") or str(run.path)] = None
    if len(attackers) < 2:
        return [f"{words} {text}" for text in attackers]
    return [f"{words} " + "; ".join(f"{text} ({', '.join(names)})" for text, names in attackers.items())]
