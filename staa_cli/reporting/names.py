"""How models, corpora and attackers are called in tables, in the order of the papers."""

from __future__ import annotations

import re
from collections.abc import Iterable

VICTIMS = {"emo18": "Emo18", "zhao19": "Zhao19", "wav2vec2": "Wav2vec 2.0", "wavlm": "WavLM", "hubert": "HuBERT"}
VICTIMS |= {"cnn-lstm": "CNN-LSTM"}
CORPORA = {"demos": "DEMoS", "iemocap": "IEMOCAP", "emodb": "EmoDB", "emovo": "EMOVO", "ravdess": "RAVDESS", "cremad": "CREMA-D"}
CORPORA |= {"tess": "TESS", "savee": "SAVEE", "urdu": "URDU", "nemo": "nEMO"}

NUMBER = re.compile(r"(\d[\d.]*(?:e[+-]\d+)?)")
PERCENT = re.compile(rf" {NUMBER.pattern} %")
DECIBELS = re.compile(rf" {NUMBER.pattern} dB")
REFINED = re.compile(rf" \+ {NUMBER.pattern} looks?")
SETTING = re.compile(rf"(?:^|[a-zθ] )(-?{NUMBER.pattern[1:]}")
"""How names say the values of a sweep: the last one as `DeepFool (steps 5)`, `10 pixels`, and with a sign."""


def victim_name(key: str) -> str:
    """The name of a model, or of one folder among several of a model: `emo18:second` is Emo18:second."""
    model, colon, folder = key.partition(":")
    return VICTIMS.get(model, model) + colon + folder


def corpus_name(key: str) -> str:
    """The name of a corpus, or of a part of it: `emodb (female)` is EmoDB (female)."""
    corpus, space, part = key.partition(" ")
    return CORPORA.get(corpus, corpus) + space + part


def apart(name: str, *sweeps: re.Pattern[str]) -> tuple[str, list[float]]:
    """A name without the values of its sweeps, by which the runs of one sweep are known, and these values; 0 where it has none."""
    values = []
    for sweep in sweeps:
        found = sweep.search(name)
        values.append(float(found[1]) if found else 0.0)
        name = sweep.sub("", name)
    return name, values


def in_order(found: Iterable[str], known: Iterable[str]) -> list[str]:
    """Each name once: known ones in their order, then the others as found."""
    names = dict.fromkeys(found)
    return [*(name for name in known if name in names), *(name for name in names if name not in set(known))]
