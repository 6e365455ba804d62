"""Figure 3 of the STAA-Net paper: one utterance before and after an attack, and the difference. Needs the extra `figures` to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from staa_cli.audio.files import SAMPLE_RATE
from staa_cli.reporting.attackers import row_name
from staa_cli.reporting.names import victim_name
from staa_cli.reporting.outcomes import Judgement, outcomes
from staa_cli.reporting.runs import FinishedRun
from staa_cli.reporting.sounds import MELS, RANGE_DB, Pair, load_pair, log_mel
from staa_cli.runtime.errors import UsageError, suggestion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = ("original", "adversarial", "difference")
MEL_TICKS = (0, 500, 1000, 2000, 4000, 8000)
CLEAN, ATTACKED = "#0072B2", "#D55E00"


def draw_utterance(runs: Sequence[FinishedRun], name: str) -> Figure:
    """Waveforms above, log-Mel spectrograms below; originals, adversarial versions and differences side by side.

    Waveforms share one scale, spectrograms another. The difference of two spectrograms is in dB, point by point.

    Args:
        runs: one attack, and prepared corpora in which the clean file may lie.
        name: as `results.jsonl` calls the file, or the end of it.

    Raises:
        UsageError: there is not exactly one attack, it has no such file, or its sound is gone.
    """
    attacks = [run for run in runs if run.command in ("attack", "baseline")]
    if len(attacks) != 1:
        raise UsageError(f"an utterance is drawn of one attack, and {len(attacks)} are given")
    judged = of_file(attacks[0], name)
    threat = attacks[0].threat
    first = next((one for one in judged if one.victim == threat), judged[0])
    pair = load_pair(attacks[0], first, [run.path for run in runs if run.command == "prepare"])
    if isinstance(pair, str):
        raise UsageError(f"{first.name} cannot be drawn: {pair}")
    return draw_pair(pair, title(attacks[0], first, judged))


def of_file(run: FinishedRun, name: str) -> list[Judgement]:
    """What became of one file under each victim."""
    found = outcomes(run)
    files = {one.name: one.file for one in found}
    fitting = [known for known in files if known == name]
    fitting = fitting or [known for known, file in files.items() if Path(file).match(name) or Path(file).stem == name]
    if len(fitting) != 1:
        what = f"{len(fitting)} files called" if fitting else "no result of"
        raise UsageError(f"{run.path} has {what} '{name}', expected one of its {len(files)} files{suggestion(name, files)}")
    return [one for one in found if one.name == fitting[0]]


def title(run: FinishedRun, first: Judgement, judged: Sequence[Judgement]) -> str:
    """Three lines: what was attacked and how, how much changed, and what victims make of it."""
    told = (("sparsity_percent", "sparsity {:.2f} %"), ("snr_peak_db", "peak SNR {:.1f} dB"), ("snr_energy_db", "energy SNR {:.1f} dB"))
    measures = [words.format(value) for key, words in told if (value := first.measures.get(key)) is not None]
    label = f", labelled {first.label}" if first.label else ""
    verdicts = [
        f"{victim_name(one.victim)}: {one.clean} → {one.adversarial}" + (f" (placebo: {one.placebo})" if one.placebo else "")
        for one in judged
    ]
    lines = ["; ".join(verdicts[start : start + 2]) for start in range(0, len(verdicts), 2)]
    return "\n".join([f"{first.name}{label}, under {row_name(run, 'attacks')}", ", ".join(measures), *lines])


def draw_pair(pair: Pair, heading: str) -> Figure:
    from matplotlib.figure import Figure

    forms = (pair.clean, pair.adversarial, pair.perturbation)
    edge = 1.05 * float(max(np.abs(form).max(initial=0) for form in forms)) or 1.0
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True)
    times = np.arange(len(pair.clean)) / SAMPLE_RATE
    for axes, form, name, colour in zip(panels[0], forms, TITLES, (CLEAN, ATTACKED, "black"), strict=True):
        axes.plot(times, form, color=colour, linewidth=0.4, rasterized=True)
        axes.set(title=name, ylim=(-edge, edge), xlim=(0, pair.seconds))
        axes.grid(color="0.92", linewidth=0.6)
    panels[0][0].set_ylabel("amplitude")
    clean, adversarial = log_mel(forms[:2])
    box = (0.0, pair.seconds, 0.0, float(len(clean)))
    for axes, picture in zip(panels[1], (clean, adversarial), strict=False):
        image = axes.imshow(
            picture, origin="lower", aspect="auto", extent=box, cmap="magma", vmin=-RANGE_DB, vmax=0, interpolation="nearest"
        )
    figure.colorbar(image, ax=panels[1][1], label="dB below the loudest", pad=0.02)
    change = adversarial - clean
    limit = max(10.0, float(np.abs(change).max(initial=0)))
    image = panels[1][2].imshow(
        change, origin="lower", aspect="auto", extent=box, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest"
    )
    figure.colorbar(image, ax=panels[1][2], label="dB more (red) or less", pad=0.02)
    for axes in panels[1]:
        axes.set_xlabel("seconds")
        axes.set_yticks([band_of(hertz) for hertz in MEL_TICKS], [f"{hertz / 1000:g}" for hertz in MEL_TICKS])
    panels[1][0].set_ylabel("kHz (Mel)")
    figure.suptitle(heading, fontsize=10)
    return figure


def band_of(hertz: float) -> float:
    """Where a frequency lies on the axis of Mel bands: Slaney's scale, linear to 1 kHz and logarithmic above."""

    def slaney(value: float) -> float:
        return value * 3 / 200 if value < 1000 else 15 + 27 * float(np.log(value / 1000)) / float(np.log(6.4))

    return MELS * slaney(hertz) / slaney(SAMPLE_RATE / 2)
