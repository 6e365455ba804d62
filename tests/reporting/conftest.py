"""Runs as `staa` writes them, without running anything."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

Made = tuple[Path, dict[str, Any]]
Maker = Callable[..., Made]
NUMBERS = count()
PAPER = "STAA-Net (paper)"


def metrics(command: str, summary: dict[str, Any], seed: int, recipe: dict[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
    recipe = {"step": command, **(recipe or {}), "seed": seed}
    return {
        "schema": 1,
        "command": command,
        "key": f"run {next(NUMBERS)}",
        "recipe": recipe,
        "seed": seed,
        "device": "cpu",
        "summary": summary,
        **extra,
    }


@pytest.fixture
def attack() -> Maker:
    """attack(attacker, threat, split, asr=…, …): the result of one attack."""

    def make(
        attacker: str = "STAA-Net",
        threat: str = "emo18",
        split: str | None = "val",
        *,
        corpus: str | None = "emodb",
        seed: int = 0,
        snr: float | None = 20.0,
        sparsity: float | None = 12.5,
        seconds: float | None = 0.0123,
        asr: dict[str, float | None] | None = None,
        budget: dict[str, Any] | None = None,
        ablation: str = "",
        failed: int = 0,
        name: str | None = None,
        queries: float | None = None,
        target: str | None = None,
        placebo: float | None = None,
        more: dict[str, Any] | None = None,
        **extra: Any,
    ) -> Made:
        victims: dict[str, dict[str, Any]] = {
            victim: {"asr_percent": value} for victim, value in (asr or {"emo18": 81.25, "zhao19": 52.5}).items()
        }
        for judged in victims.values() if placebo is not None else ():
            rate = judged["asr_percent"]
            judged |= {"placebo_percent": placebo, "lift_points": rate - placebo, "asr_interval_percent": [0.9 * rate, 1.01 * rate]}
        summary = {
            "attacker": attacker,
            "threat_model": threat,
            "corpus": corpus,
            "split": split,
            "budget": budget or {"peak_snr_db": 20},
            "ablation": ablation,
            "utterances": 96,
            "failed": failed,
            "sparsity_percent": {"all": 99.0, "successful": sparsity},
            "snr_peak_db": {"all": 99.0, "successful": snr},
            "linf_max": 0.05,
            "seconds_per_utterance": seconds,
            "victims": victims,
            **({} if queries is None else {"queries": {"all": queries}}),
            **({} if target is None else {"target": target}),
            **(more or {}),
        }
        path = Path("runs") / (name or f"{attacker}-{threat}-{corpus}-{split}-{seed}-{ablation.replace('/', '')}")
        return path, metrics("attack" if attacker.startswith("STAA-Net") else "baseline", summary, seed, **extra)

    return make


@pytest.fixture
def victim() -> Maker:
    """victim(model, corpus, val=(accuracy, uar), test=…): a trained victim; None leaves a split out."""

    def make(
        model: str = "emo18",
        corpus: str = "emodb",
        *,
        seed: int = 0,
        val: tuple[float, float] | None = (70.0, 68.0),
        test: tuple[float, float] | None = (72.0, 66.0),
        **extra: Any,
    ) -> Made:
        scores = {"val": val, "test": test}
        summary: dict[str, Any] = {
            "model": model,
            "corpus": corpus,
            "labels": ["anger", "fear"],
            "parameters": 1,
            "epochs": 2,
            "best_epoch": 1,
        }
        summary |= {split: {"utterances": 9, "accuracy_percent": pair[0], "uar_percent": pair[1]} for split, pair in scores.items() if pair}
        return Path(f"runs/{model}-{corpus}-{seed}"), metrics("train-victim", summary, seed, **extra)

    return make


@pytest.fixture
def prepared() -> Maker:
    """prepared(corpus, name): a prepared corpus of 5 speakers."""

    def make(corpus: str = "emodb", name: str = "corpus") -> Made:
        counts = {
            "train": {"anger": {"a": 3, "b": 4}, "fear": {"a": 1, "b": 2}, "neutral": {"b": 5}},
            "val": {"anger": {"c": 2}},
            "test": {"fear": {"d": 6}, "neutral": {"e": 1}},
        }
        speakers = {split: {name: "f" for by in emotions.values() for name in by} for split, emotions in counts.items()}
        seconds = {"train": 600.0, "val": 90.0, "test": 30.0}
        summary = {
            "corpus": corpus,
            "failed": 0,
            "emotions": ["anger", "fear", "neutral"],
            "seconds": seconds,
            "speakers": speakers,
            "counts": counts,
        }
        return Path("runs", name), metrics("prepare", summary, 0)

    return make


@pytest.fixture
def mixed(attack: Maker, victim: Maker, prepared: Maker) -> list[Made]:
    """One of everything: a corpus, two victims, four attackers on two threat models over three seeds, two ablations."""
    baselines = [("PGD", 1.234), ("SparseFool", 162.58)]
    return [
        prepared(),
        victim("emo18"),
        victim("zhao19", val=(61.11, 62.22), test=(63.33, 64.44)),
        *(
            attack(name, threat, split, seconds=cost, placebo=12.5)
            for threat in ("emo18", "zhao19")
            for name, cost in baselines
            for split in ("val", "test")
        ),
        *(attack("One-Pixel", "emo18", split, snr=None, sparsity=None, asr={"emo18": 0.0, "zhao19": 0.0}) for split in ("val", "test")),
        *(
            attack(
                PAPER,
                threat,
                split,
                seed=seed,
                snr=20 + seed / 3,
                asr={"emo18": 80 + seed / 7, "zhao19": 100 - seed / 9},
                placebo=30 + seed,
            )
            for threat in ("emo18", "zhao19")
            for split in ("val", "test")
            for seed in range(3)
        ),
        *(
            attack(PAPER, ablation=part, split=split)
            for part in ("w/o sparsity loss", "w/o quantisation loss")
            for split in ("val", "test")
        ),
    ]
