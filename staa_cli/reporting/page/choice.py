"""Ten utterances that are told apart: successes and failures, the most and the least audible."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from staa_cli.reporting.outcomes import Judgement

Chosen = dict[str, str]
"""Name of an utterance → why it was chosen."""


def audible(one: Judgement) -> float:
    """The lower, the louder the change is beside the speech around it: segmental SNR in dB."""
    value = one.measures.get("snr_segmental_db")
    return 99.0 if value is None else value


def choose(victims: dict[str, list[Judgement]], threat: str, count: int = 10) -> Chosen:
    """
    Args:
        victims: what became of each utterance under each victim.
        threat: the one whose successes count; the others say what transfers.
    """
    mine = victims.get(threat, [])
    others = {name: {one.name: one.success for one in found} for name, found in victims.items() if name != threat}
    reached = {one.name: sum(members.get(one.name, False) for members in others.values()) for one in mine}
    hits, misses = [one for one in mine if one.success], [one for one in mine if not one.success]
    clear = [one for one in hits if one.placebo_success is False]
    chosen: Chosen = {}

    def take(found: Sequence[Judgement], rank: Callable[[Judgement], float], why: str) -> None:
        """The first by `rank` that is not there yet."""
        left = [one for one in found if one.name not in chosen]
        if left and len(chosen) < count:
            chosen[min(left, key=rank).file] = why

    take(clear or hits, lambda one: -audible(one), "success, the least audible")
    take([one for one in clear if others and reached[one.name] == len(others)], lambda one: -audible(one), "success on every victim")
    take(hits, audible, "success, the most audible")
    take(misses, audible, "failure, though the most audible")
    take(misses, lambda one: -audible(one), "failure, the least audible")
    take([one for one in hits if one.placebo_success], audible, "success, but its placebo does as well")
    take([one for one in clear if others and not reached[one.name]], lambda one: -audible(one), "success on the threat model alone")
    take([one for one in clear if one.margins], lambda one: -one.margins[1] if one.margins else 0.0, "success, the surest")
    known = {(one.clean, one.adversarial) for one in mine if one.name in chosen}
    for one in sorted(clear, key=lambda one: -audible(one)):
        if (one.clean, one.adversarial) not in known:
            known.add((one.clean, one.adversarial))
            take([one], audible, f"success, from {one.clean} to {one.adversarial}")
    for found, why in ((hits, "success"), (misses, "failure")):
        for one in found:
            take([one], audible, why)
    order = [one.name for one in mine]
    return {file: chosen[file] for file in sorted(chosen, key=lambda file: (chosen[file].startswith("failure"), order.index(file)))}
