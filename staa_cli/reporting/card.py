"""A dataset card: what to look at before training. Needs the extra `figures`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from staa_cli.corpora.manifest import Manifest, read_manifest
from staa_cli.corpora.splits import SPLITS
from staa_cli.reporting.corpus import build_corpus, build_speakers
from staa_cli.reporting.figures import check_figures as check_figures  # 'staa prepare' asks here
from staa_cli.reporting.figures import encode
from staa_cli.reporting.formats import render
from staa_cli.reporting.names import corpus_name, in_order
from staa_cli.reporting.runs import FinishedRun, flatten
from staa_cli.runtime.folders import read_metrics, write_bytes, write_text

CARD, PICTURE = "card.md", "card.png"


def write_card(folder: Path) -> Path:
    """Write `card.md` and `card.png` into a prepared folder. Returns the card's path.

    Raises:
        UsageError: the folder is not prepared, or matplotlib is missing.
    """
    check_figures()
    manifest, run = read_manifest(folder), FinishedRun(folder, read_metrics(folder))
    write_bytes(folder / PICTURE, draw(manifest, run.mapping("recorded_seconds", "histogram")))
    write_text(folder / CARD, describe(manifest, run))
    return folder / CARD


def describe(manifest: Manifest, run: FinishedRun) -> str:
    """The card as Markdown."""
    name = corpus_name(run.text("corpus") or "corpus")
    seconds = [row.seconds for row in manifest.rows]
    languages = sorted({row.language for row in manifest.rows} - {""})
    genders = {row.speaker: row.gender or "unknown" for row in manifest.rows}
    by_gender = ", ".join(f"{list(genders.values()).count(gender)} {gender}" for gender in sorted(set(genders.values())))
    audio, recorded = run.mapping("audio"), run.mapping("recorded_seconds")
    facts = {
        "utterances": f"{len(seconds)}, from {run.get('recordings')} recordings; {run.get('failed')} recordings failed",
        "duration": f"{sum(seconds) / 60:.1f} min; an utterance {min(seconds):.2f} to {max(seconds):.2f} s",
        "as recorded": f"{recorded['min']:.2f} to {recorded['max']:.2f} s, median {recorded['median']:.2f} s, "
        f"mean {recorded['mean']:.2f} s, nine in ten up to {recorded['p90']:.2f} s",
        "speakers": f"{len(genders)} ({by_gender}), none of them in two splits",
        "languages": ", ".join(languages) or "unknown",
        "recordings": "; ".join(
            [f"{count} × {rate} Hz" for rate, count in audio.get("rates", {}).items()]
            + [f"{count} × {number} channel(s)" for number, count in audio.get("channels", {}).items()]
        ),
        "audio": f"16 kHz, mono, 16 bit; {audio.get('resampled')} recordings resampled by {audio.get('resampler')}",
        "left out": "; ".join(f"{count} × {reason}" for reason, count in run.mapping("left_out").items()) or "nothing",
    }
    warnings = run.get("warnings") or []
    problems = run.get("problems") or []
    return "\n".join(
        [
            f"# {name}",
            "",
            f"![durations and classes by split]({PICTURE})",
            "",
            "| | |",
            "| --- | --- |",
            *(f"| {key} | {value} |" for key, value in facts.items()),
            "",
            *section("Warnings", warnings),
            *section("Files that failed", problems),
            render([*build_corpus([run], False), *build_speakers([run], False)], "markdown").rstrip(),
            "",
            "## How it was made",
            "",
            *(f"- {key}: {value}" for key, value in flatten(run.metrics["recipe"]) if value is not None),
            f"- versions: {', '.join(f'{package} {version}' for package, version in run.metrics.get('versions', {}).items())}",
            f"- manifest: sha256 {manifest.sha256}",
            "",
        ]
    )


def section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "", *(f"- {line}" for line in lines), ""] if lines else []


def draw(manifest: Manifest, histogram: dict[str, list[float]]) -> bytes:
    """The histogram of the recorded durations and bars of the classes, by split, as a PNG."""
    from matplotlib.figure import Figure

    splits = in_order({row.split for row in manifest.rows}, SPLITS)
    emotions = manifest.labels
    figure = Figure(figsize=(11, 4), layout="constrained")
    durations, classes = figure.subplots(1, 2, width_ratios=(1, 1.3))
    edges = histogram["edges"]
    durations.hist([edges[:-1]] * len(splits), edges, weights=[histogram[split] for split in splits], stacked=True, label=splits)
    durations.set(xlabel="seconds", ylabel="recordings", title="Durations as recorded")
    durations.legend()
    width = 0.8 / len(splits)
    for number, split in enumerate(splits):
        counts: list[Any] = [sum(row.emotion == emotion for row in manifest.split(split)) for emotion in emotions]
        places = [place + (number - (len(splits) - 1) / 2) * width for place in range(len(emotions))]
        classes.bar(places, counts, width, label=split)
    classes.set_xticks(range(len(emotions)), emotions, rotation=30, ha="right")
    classes.set(ylabel="utterances", title="Classes")
    classes.legend()
    return encode(figure, "png")
