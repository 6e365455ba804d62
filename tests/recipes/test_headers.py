"""The command that a recipe opens with works: it is typed with the world's folders in place of its own."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from staa_cli.recipes.shipped import FOLDERS, shipped

from ..conftest import Staa, World

WORKED_ON = [(step, name) for step in FOLDERS if step != "prepare" for name in shipped(step)]


def commands(path: Path) -> list[list[str]]:
    lines = [line.lstrip("# ").rstrip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return [shlex.split(line) for line in lines if re.match(r"staa [a-z]", line)]


@pytest.mark.parametrize(("step", "name"), WORKED_ON, ids=lambda word: word)
def test_the_command_passes_a_dry_run(staa: Staa, world: World, tmp_path: Path, step: str, name: str) -> None:
    typed = [words for words in commands(shipped(step)[name]) if words[1:3] == [step, name]]
    assert typed
    for words in typed:
        made: list[object] = []
        for before, word in pairwise(words):
            if before in ("--threat", "--victim"):
                made.append(world.emo18 if before == "--threat" else world.zhao19)
            elif before == "-o":
                made.append(tmp_path / "out")
            else:
                made.append(world.data if word.endswith("/data") else word)
        outcome = staa(*made, "--dry-run")
        assert outcome.code == 0, outcome.err
        assert "would " in outcome.out


def named(corpus: str) -> list[str]:
    """Files as the corpus is published: every emotion by enough speakers for the recipe's splits."""
    men, women = [f"{number:02d}" for number in range(1, 25, 2)], [f"{number:02d}" for number in range(2, 26, 2)]
    match corpus:
        case "demos":
            codes = ("rab", "dis", "pau", "col", "gio", "tri", "sor")
            return [f"NP_f_{number:02d}_{code}01.wav" for number in range(1, 70) for code in codes]
        case "emodb":
            speakers = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
            return [f"wav/{speaker}a01{letter}a.wav" for speaker in speakers for letter in "WLEAFTN"]
        case "emovo":
            codes = ("rab", "dis", "pau", "gio", "neu", "sor", "tri")
            return [f"{speaker}/{code}-{speaker}-b1.wav" for speaker in ("f1", "f2", "f3", "m1", "m2", "m3") for code in codes]
        case "ravdess":
            return [f"03-01-{code:02d}-01-01-01-{actor}.wav" for code in range(1, 9) for actor in (*men, *women)]
        case "cremad":
            codes = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
            return [f"AudioWAV/{actor}_DFA_{code}_XX.wav" for actor in range(1001, 1021) for code in codes]
        case "tess":
            return [f"{who}/{who}_back_{word}.wav" for who in ("OAF", "YAF") for word in ("angry", "fear", "happy", "neutral", "ps", "sad")]
        case "savee":
            return [f"{who}/{code}01.wav" for who in ("DC", "JE", "JK", "KL") for code in ("a", "d", "f", "h", "n", "sa", "su")]
        case "urdu":
            return [f"S{gender}{number}_F1_{code}01.wav" for gender in "MF" for number in range(1, 11) for code in "AHNS"]
        case "nemo":
            codes = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
            return [f"S{number}_{code}_1.wav" for number in range(10) for code in codes]
        case "folders":
            return [f"{emotion}/{speaker}_1.wav" for emotion in ("anger", "joy") for speaker in (*men, *women)]
    raise AssertionError(corpus)


def grow(source: Path, corpus: str) -> Path:
    """A tree for the recipe's command."""
    if corpus == "csv":
        rows = [f"{emotion}-{number}.wav,{emotion},{number}" for number in range(10) for emotion in ("anger", "joy")]
        source.write_text("\n".join(["file,emotion,speaker", *rows]) + "\n")
        return source
    if corpus == "iemocap":
        for session in range(1, 6):
            folder = source / f"Session{session}/dialog/EmoEvaluation"
            folder.mkdir(parents=True)
            emotions = ("ang", "hap", "neu", "sad", "exc")
            lines = [f"[6.29 - 8.23]\tSes0{session}F_impro01_F00{n}\t{code}\t[2.5, 2.5, 2.5]" for n, code in enumerate(emotions)]
            (folder / f"Ses0{session}F_impro01.txt").write_text("\n".join(lines) + "\n")
        return source
    for name in named(corpus):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    return source


PREPARED = [name for name in shipped("prepare") if name != "audformat"]  # its tree is a database: tests/corpora/test_audformat.py


@pytest.mark.parametrize("name", PREPARED)
def test_the_command_of_a_corpus_passes_a_dry_run(staa: Staa, tmp_path: Path, name: str) -> None:
    (typed,) = [words for words in commands(shipped("prepare")[name]) if words[1:3] == ["prepare", name]]
    made: list[object] = []
    for before, word in pairwise(typed):
        made.append(tmp_path / "out" if before == "-o" else grow(tmp_path / word, name) if before == "--source" else word)
    outcome = staa(*made, "--dry-run")
    assert outcome.code == 0, outcome.err
    assert "would " in outcome.out
    assert not (tmp_path / "out").exists()
