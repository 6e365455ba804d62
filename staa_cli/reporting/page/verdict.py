"""What a set of attacks comes to: one sentence and four numbers, each beside its placebo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from staa_cli.reporting.attackers import row_name
from staa_cli.reporting.names import victim_name
from staa_cli.reporting.runs import FinishedRun, as_number

SPACE = "\N{NO-BREAK SPACE}"
"""A number stays beside its unit."""


@dataclass(frozen=True)
class Rate:
    """How often an attack succeeds on one victim, in percent.

    Attributes:
        low, high: the 95 % interval; None where the run does not say, as for its placebo.
    """

    run: FinishedRun
    victim: str
    value: float
    placebo: float | None
    low: float | None
    high: float | None
    placebo_high: float | None

    @property
    def lift(self) -> float:
        return self.value - (self.placebo or 0.0)

    @property
    def means_something(self) -> bool:
        """Whether the intervals of attack and placebo lie apart."""
        return self.low is not None and self.placebo_high is not None and self.low > self.placebo_high


@dataclass(frozen=True)
class Tile:
    """One number of four.

    Attributes:
        value, unit: the number in large type.
        says: what it is.
        share, placebo: percent, for its bar; None where it has none.
        beside: what to read it beside.
    """

    title: str
    value: str
    unit: str
    says: str
    share: float | None
    placebo: float | None
    beside: str


def rate(run: FinishedRun, victim: str) -> Rate | None:
    """What a run says of a victim."""
    value = run.number("victims", victim, "asr_percent")
    if value is None:
        return None
    ends = [run.get("victims", victim, name) for name in ("asr_interval_percent", "placebo_interval_percent")]
    low, high = map(as_number, ends[0]) if isinstance(ends[0], list) and len(ends[0]) == 2 else (None, None)
    placebo_high = as_number(ends[1][1]) if isinstance(ends[1], list) and len(ends[1]) == 2 else None
    return Rate(run, victim, value, run.number("victims", victim, "placebo_percent"), low, high, placebo_high)


def strongest(runs: Sequence[FinishedRun]) -> Rate | None:
    """The attack that is furthest above its placebo on its own threat model; what is no result, attacks on training data, is none."""
    found = (rate(run, run.threat) for run in runs if not run.number("in_sample"))
    return max((one for one in found if one is not None), key=lambda one: one.lift, default=None)


def furthest(runs: Sequence[FinishedRun]) -> Rate | None:
    """The attack that is furthest above its placebo on a victim whose model is not the threat model's."""
    found = [rate(run, name) for run in runs if not run.number("in_sample") for name in run.mapping("victims") if is_foreign(run, name)]
    return max((one for one in found if one is not None), key=lambda one: one.lift, default=None)


def is_foreign(run: FinishedRun, victim: str) -> bool:
    """Whether the victim is none of the models that the attack knew: a generator of several has them in its name."""
    return victim.partition(":")[0] not in [run.text("threat_model"), *(run.text("attacker") or "").split()]


def comparable(runs: Sequence[FinishedRun], to: FinishedRun) -> list[FinishedRun]:
    """The attacks on the same corpus, split and threat model."""
    return [run for run in runs if all(run.get(key) == to.get(key) for key in ("corpus", "split", "threat_model", "target"))]


def sentence(best: Rate, far: Rate | None) -> tuple[str, str]:
    """The verdict: what happens, and what it is worth."""
    run, target, who = best.run, best.run.text("target"), name_of(best.run)
    inputs = f"{count:g} " if (count := run.number("utterances")) else ""
    where = " of ".join(filter(None, (f"{inputs}utterances", run.corpus)))
    much = f"{best.value:.0f}{SPACE}% of the {where}"
    does = f"takes {much} for {target}" if target else f"changes its mind about {much}"
    sparsity = run.number("sparsity_percent", "all")
    by = f"under {who}" if sparsity is None else f"when {who} moves {shares(sparsity)} of the samples"
    first = f"{victim_name(best.victim)} {does} {by}."
    if best.placebo is None:
        return first, "These older results have no placebo, so how much of this noise alone would do is not known."
    noise = f"{best.placebo:.0f}{SPACE}%"
    if not best.means_something:
        return first, f"Noise of the same size does so about {noise} of the time: no attack here is told apart from noise."
    second = f"Noise of the same size, on as many samples, does so {noise} of the time."
    if far is None:
        return first, second
    if far.means_something:
        rates = f"{far.value:.0f}{SPACE}% under {name_of(far.run)} (noise: {far.placebo or 0:.0f}{SPACE}%)"
        return first, f"{second} {victim_name(far.victim)}, which that attack has never seen, changes its mind about {rates}."
    return first, f"{second} On models that no attack has seen, nothing here is told apart from noise."


def tiles(runs: Sequence[FinishedRun], best: Rate, far: Rate | None) -> list[Tile]:
    """How many, by how few samples, how quietly, how well it transfers."""
    return [many(best), few(runs, best), quiet(best), transfer(best, far)]


def many(best: Rate) -> Tile:
    interval = "" if best.low is None or best.high is None else f", 95 % interval {best.low:.0f} to {best.high:.0f}"
    says = f"of {victim_name(best.victim)}'s predictions changed by {name_of(best.run)}{interval}"
    return Tile("How many", f"{best.value:.1f}", "%", says, best.value, best.placebo, noise(best))


def few(runs: Sequence[FinishedRun], best: Rate) -> Tile:
    """The sparsest of the comparable attacks that still has half of the best one's lift."""
    found = [rate(run, best.victim) for run in comparable(runs, best.run) if not run.number("in_sample")]
    able = [one for one in found if one is not None and one.lift >= best.lift / 2 and one.run.number("sparsity_percent", "all") is not None]
    fewest = min(able, key=lambda one: one.run.number("sparsity_percent", "all") or 0.0, default=best)
    sparsity = fewest.run.number("sparsity_percent", "all")
    value, unit = shares(sparsity).split(SPACE) if sparsity is not None else ("–", "")
    rest = f"{name_of(fewest.run)} changes {fewest.value:.1f}{SPACE}% of the predictions"
    says = f"of the samples are enough for half of that lift: {rest}"
    return Tile("By how few samples", value, unit, says, fewest.value, fewest.placebo, noise(fewest))


def quiet(best: Rate) -> Tile:
    peak, segmental = (best.run.number(name, "successful") for name in ("snr_peak_db", "snr_segmental_db"))
    heard = best.run.number("perception", "audible_percent", "successful")
    words = ["below the speech's peak lies the change's, on average over successes"]
    words += [f"{segmental:.1f} dB in segmental SNR"] if segmental is not None else []
    words += [f"{heard:.0f} % of its energy is above the masking threshold"] if heard is not None else []
    beside = "its placebo is exactly as loud" + ("" if best.placebo is None else f" and changes {best.placebo:.1f}{SPACE}%")
    return Tile("How quietly", "–" if peak is None else f"{peak:.1f}", "dB", "; ".join(words), None, None, beside)


def transfer(best: Rate, far: Rate | None) -> Tile:
    if far is None:
        says = f"only {victim_name(best.victim)}, the threat model, was asked"
        return Tile("How well it transfers", "–", "", says, None, None, "no other victim")
    says = f"of {victim_name(far.victim)}'s predictions changed by {name_of(far.run)}, which never saw it"
    return Tile("How well it transfers", f"{far.value:.1f}", "%", says, far.value, far.placebo, noise(far))


def noise(one: Rate) -> str:
    return "no placebo in these older results" if one.placebo is None else f"placebo {one.placebo:.1f}{SPACE}%, lift {one.lift:.1f} points"


def shares(percent: float) -> str:
    """A share with the digits that it needs: `5 %`, `0.002 %`."""
    return f"{percent:.3g}{SPACE}%"


def name_of(run: FinishedRun) -> str:
    return row_name(run, "attacks").replace(" %", f"{SPACE}%")
