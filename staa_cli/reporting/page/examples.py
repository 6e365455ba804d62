"""Utterances to look at and to listen to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from staa_cli.reporting.names import victim_name
from staa_cli.reporting.outcomes import Judgement
from staa_cli.reporting.page.choice import choose
from staa_cli.reporting.page.pictures import outline, spectrogram_png, wav_uri
from staa_cli.reporting.runs import FinishedRun
from staa_cli.reporting.sounds import Pair, load_pair, log_mel

HEARD = (
    *(("stoi", "STOI", "{:.3f}"), ("estoi", "ESTOI", "{:.3f}"), ("audible_percent", "audible", "{:.0f} %")),
    *(("pesq", "PESQ", "{:.2f}"), ("zimtohrli", "Zimtohrli", "{:.2f}")),
)


def examples(run: FinishedRun, victims: dict[str, list[Judgement]], threat: str, prepared: Sequence[Path]) -> list[dict[str, Any]]:
    """A card for each of about ten utterances of a run."""
    everything = [one for found in victims.values() for one in found]
    chosen = choose(victims, threat)
    return [card(run, [one for one in everything if one.name == file], why, threat, prepared) for file, why in chosen.items()]


def card(run: FinishedRun, judged: Sequence[Judgement], why: str, threat: str, prepared: Sequence[Path]) -> dict[str, Any]:
    """What the template shows of one utterance; without its sound, why there is none."""
    first = next((one for one in judged if one.victim == threat), judged[0])
    about = [first.label, first.gender, first.language]
    found = load_pair(run, first, prepared)
    return {
        "file": first.name,
        "why": why,
        "success": first.success,
        "about": ", ".join(filter(None, about)),
        "verdicts": [{**vars(one), "name": victim_name(one.victim), "threat": one.victim == threat} for one in judged],
        "measures": first.measures,
        "heard": heard(found, first) if isinstance(found, Pair) else [],
        "sound": sound(found) if isinstance(found, Pair) else None,
        "absent": found if isinstance(found, str) else None,
    }


def heard(pair: Pair, one: Judgement) -> list[tuple[str, str]]:
    """What is perceived of the change, as words and numbers."""
    from staa_cli.metrics.perception import perceive

    found = one.perception or perceive(pair.clean, pair.adversarial)
    return [(name, form.format(value)) for key, name, form in HEARD if (value := found.get(key)) is not None]


def sound(pair: Pair) -> dict[str, Any]:
    """Drawings on scales that the three have in common, and players' sources; the page makes the amplified change of the other two."""
    forms = (pair.clean, pair.adversarial, pair.perturbation)
    full = float(max(abs(pair.clean).max(initial=0), abs(pair.adversarial).max(initial=0)))
    return {
        "seconds": pair.seconds,
        "gain": pair.gain,
        "outlines": [outline(form, full) for form in forms],
        "amplified": outline(pair.perturbation * pair.gain, full),
        "spectrograms": [spectrogram_png(picture) for picture in log_mel(forms)],
        "clean": wav_uri(pair.clean),
        "adversarial": wav_uri(pair.adversarial),
    }
