"""Readers against the manifests of real corpora, and against names that are none."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from staa_cli.corpora.checks import outside
from staa_cli.corpora.layouts.csv import read as read_table
from staa_cli.corpora.listing import list_corpus, output_names
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.registry import find_layout
from staa_cli.corpora.utterance import Utterance, audio_files, spread
from staa_cli.recipes import load_recipe
from staa_cli.runtime.errors import UsageError

# The manifests keep each corpus's own words; our readers use one word for one emotion in all corpora.
COMMON = {"joy": "happiness", "happy": "happiness", "angry": "anger", "fearful": "fear", "sad": "sadness", "surprised": "surprise"}


def recipe(corpus: str, **keys: Any) -> PrepareRecipe:
    data = {"step": "prepare", "corpus": corpus, **keys}
    return PrepareRecipe.schema_for(data).model_validate(data)


def test_speakers_of_one_gender_can_be_kept(corpora: Path) -> None:
    everything, female = (list_corpus(recipe("emodb", genders=genders), corpora / "emodb") for genders in (None, ["female"]))
    assert {one.gender for one in female.utterances} == {"female"}
    assert len(female.utterances) == sum(one.gender == "female" for one in everything.utterances)
    assert sum(female.left_out.values()) == len(everything.utterances) - len(female.utterances)
    with pytest.raises(UsageError, match=r"'genders': no speaker is other in .*; found female, male"):
        list_corpus(recipe("emodb", genders=["other"]), corpora / "emodb")


@pytest.mark.parametrize("corpus", ["emodb", "emovo", "ravdess"])
def test_agrees_with_the_manifest(corpus: str, corpora: Path) -> None:
    with (corpora / "manifests" / f"{corpus}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = {row["file"]: (COMMON.get(row["emotion"], row["emotion"]), row["speaker"], row["gender"]) for row in rows}
    listing = find_layout(corpus).read(corpora / corpus, recipe(corpus))
    assert listing.problems == []
    assert {u.name: (u.emotion, u.speaker, u.gender) for u in listing.utterances} == expected


@pytest.mark.parametrize(
    ("corpus", "name", "emotion", "speaker"),
    [
        ("emodb", "wav/03a01Fa.wav", "happiness", "03"),
        ("emovo", "f1/gio-f1-b1.wav", "happiness", "f1"),
        ("ravdess", "Actor_02/03-01-05-02-01-01-02.wav", "anger", "02"),
    ],
)
def test_strange_names_are_reported_not_dropped(corpus: str, name: str, emotion: str, speaker: str, tmp_path: Path) -> None:
    for file in (name, "what/is-this.wav", "notes.txt", ".hidden/03a01Fa.wav"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    listing = list_corpus(recipe(corpus), tmp_path)
    assert [(u.name, u.emotion, u.speaker) for u in listing.utterances] == [(name, emotion, speaker)]
    assert len(listing.problems) == 1
    assert "is-this.wav" in listing.problems[0]


def test_table_with_gaps(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("file,emotion,speaker,split\na.wav,joy,ann,train\nb.wav,,ann,train\nc.wav,joy,bob,dev\n")
    listing = read_table(table, recipe("csv"))
    assert [u.name for u in listing.utterances] == ["a.wav"]
    assert ["line 3" in problem or "line 4" in problem for problem in listing.problems] == [True, True]


def test_table_without_a_column(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("file,emotions,speaker\na.wav,joy,ann\n")
    with pytest.raises(UsageError, match=r"no column 'emotion'.*did you mean 'emotions'"):
        read_table(table, recipe("csv"))


def test_names_stay_below_the_output(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("file,emotion,speaker\n../../etc/a.wav,joy,ann\n/abs/b.wav,joy,ann\n")
    names = output_names(read_table(table, recipe("csv")).utterances)
    assert names == ["audio/etc/a.wav", "audio/abs/b.wav"]


def test_two_formats_of_one_name_do_not_collide(tmp_path: Path) -> None:
    utterances = [Utterance(tmp_path / name, name, "joy", "ann") for name in ("a.wav", "a.flac", "b.flac")]
    assert len(set(output_names(utterances))) == 3


def test_absent_emotion_lists_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "03a01Fa.wav").touch()
    with pytest.raises(UsageError, match=r"emotion joy.*found happiness"):
        list_corpus(recipe("emodb", emotions=["joy"]), tmp_path)


def grow(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


# Names as the corpora are published, and what they say: emotion, speaker, gender, language, text.
PUBLISHED = [
    ("demos", "DEMOS/NP_f_43_pau05b.wav", ("fear", "43", "female", "it", "")),
    ("demos", "DEMOS/PR_m_65_col12.wav", ("guilt", "65", "male", "it", "")),
    ("demos", "NEU/m_08_neu03.wav", ("neutral", "08", "male", "it", "")),
    ("emodb", "wav/16b10Wb.wav", ("anger", "16", "female", "de", "b10")),
    ("emovo", "m3/sor-m3-l4.wav", ("surprise", "m3", "male", "it", "l4")),
    ("ravdess", "Actor_20/03-01-02-01-02-01-20.wav", ("calm", "20", "female", "en", "02")),
    ("cremad", "AudioWAV/1001_DFA_ANG_XX.wav", ("anger", "1001", "male", "en", "DFA")),
    ("cremad", "AudioWAV/1091_IEO_SAD_HI.wav", ("sadness", "1091", "female", "en", "IEO")),
    ("tess", "OAF_angry/OAF_back_angry.wav", ("anger", "OAF", "female", "en", "back")),
    ("tess", "OAF_neutral/OA_bite_neutral.wav", ("neutral", "OAF", "female", "en", "bite")),
    ("tess", "YAF_pleasant_surprised/YAF_youth_ps.wav", ("surprise", "YAF", "female", "en", "youth")),
    ("savee", "AudioData/DC/sa05.wav", ("sadness", "DC", "male", "en", "")),
    ("savee", "ALL/KL_su15.wav", ("surprise", "KL", "male", "en", "")),
    ("urdu", "Angry/SM1_F10_A010.wav", ("anger", "SM1", "male", "ur", "")),
    ("urdu", "Sad/SF7_F4_S04.wav", ("sadness", "SF7", "female", "ur", "")),
]


@pytest.mark.parametrize(("corpus", "file", "said"), PUBLISHED, ids=lambda value: value if isinstance(value, str) else "")
def test_published_names(corpus: str, file: str, said: tuple[str, ...], tmp_path: Path) -> None:
    (found,) = list_corpus(recipe(corpus), grow(tmp_path, file)).utterances
    assert found.name == file
    assert (found.emotion, found.speaker, found.gender, found.language, found.text) == said


@pytest.mark.parametrize(
    ("corpus", "file"),
    [
        ("demos", "NP_x_43_pau05b.wav"),
        ("demos", "NP_f_43_xyz05b.wav"),
        ("emovo", "f1/col-f1-b1.wav"),
        ("emodb", "99a01Fa.wav"),
        ("cremad", "1099_DFA_ANG_XX.wav"),
        ("cremad", "1001_DFA_LOL_XX.wav"),
        ("tess", "XAF_back_angry.wav"),
        ("savee", "XX_a01.wav"),
        ("urdu", "SM1_F10_X010.wav"),
        ("ravdess", "01-01-05-02-01-01-02.wav"),
    ],
)
def test_names_of_no_corpus(corpus: str, file: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"no utterance of the corpus '{corpus}'.*{file}"):
        list_corpus(recipe(corpus), grow(tmp_path, file))


def test_half_of_cremad_has_a_known_gender() -> None:
    from staa_cli.corpora.layouts.cremad import FEMALE

    assert len(FEMALE) == 43  # of 91 actors, as published


def test_ravdess_songs_are_left_out_and_counted(tmp_path: Path) -> None:
    grow(tmp_path, "Actor_01/03-01-05-01-01-01-01.wav", "Actor_01/03-02-05-01-01-01-01.wav", "Actor_01/03-02-04-01-01-01-01.wav")
    speech = list_corpus(recipe("ravdess"), tmp_path)
    assert len(speech.utterances) == 1
    assert [count for reason, count in speech.left_out.items() if "song" in reason] == [2]
    assert len(list_corpus(recipe("ravdess", ravdess={"song": True}), tmp_path).utterances) == 3


def test_nemo_takes_genders_from_its_table(tmp_path: Path) -> None:
    grow(tmp_path, "samples/SB0_anger_1.wav", "samples/KLW_surprised_12.wav", "samples/NEW_fear_3.wav")
    (tmp_path / "data.tsv").write_text(
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        'SB0_anger_1.wav\tanger\tKto "tam?\tkto tam\tSB0\tmale\t24\nKLW_surprised_12.wav\tsurprised\ta\ta\tKLW\tfemale\t21\n'
    )
    found = {u.speaker: (u.emotion, u.gender, u.language, u.text) for u in list_corpus(recipe("nemo"), tmp_path).utterances}
    assert found == {"SB0": ("anger", "male", "pl", "1"), "KLW": ("surprise", "female", "pl", "12"), "NEW": ("fear", "", "pl", "3")}


def test_nemo_as_published_pads_its_table(tmp_path: Path) -> None:
    """A table that names nobody who was found is said."""
    grow(tmp_path, "samples/SB0_anger_1.wav")
    (tmp_path / "data.tsv").write_text("file_id\tspeaker_id\tgender\nx\t SB0  \t female\n")
    listing = list_corpus(recipe("nemo"), tmp_path)
    assert [one.gender for one in listing.utterances] == ["female"]
    assert listing.warnings == []
    (tmp_path / "data.tsv").write_text("file_id\tspeaker_id\tgender\nx\tXY9\tmale\n")
    assert "names XY9, but not SB0: their gender is unknown" in list_corpus(recipe("nemo"), tmp_path).warnings[0]


EVALUATION = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M001\texc\t[2.5000, 2.5000, 2.5000]
[14.8872 - 18.0175]\tSes01F_impro01_F002\txxx\t[2.5000, 2.5000, 2.5000]
[19.2900 - 20.7875]\tSes01F_impro01_FXX3\tfru\t[2.5000, 3.5000, 3.5000]
"""


def iemocap(root: Path) -> Path:
    for session, name in (("1", "Ses01F_impro01"), ("3", "Ses03M_script01_1"), ("4", "Ses04F_impro02")):
        table = root / f"Session{session}/dialog/EmoEvaluation/{name}.txt"
        table.parent.mkdir(parents=True)
        table.write_text(EVALUATION.replace("Ses01F_impro01", name))
        grow(root, f"Session{session}/dialog/EmoEvaluation/Attribute/{name}_atr.txt", f"Session{session}/dialog/wav/{name}.wav")
        for turn in ("F000", "M001", "F002", "FXX3"):
            grow(root, f"Session{session}/sentences/wav/{name}/{name}_{turn}.wav")
    return root


def test_iemocap_as_it_is_unpacked(tmp_path: Path) -> None:
    listing = list_corpus(load_recipe("iemocap", PrepareRecipe, ["emotions=[happiness, neutral]"]), iemocap(tmp_path))
    found = [(u.name, u.emotion, u.speaker, u.gender, u.session) for u in listing.utterances]
    assert found[:2] == [
        ("Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav", "neutral", "1F", "female", "1"),
        ("Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M001.wav", "happiness", "1M", "male", "1"),
    ]
    assert len(found) == 6
    assert {u.path.is_file() for u in listing.utterances} == {True}
    assert sorted(listing.left_out.values()) == [3, 3]  # undecided, and frustration
    assert listing.problems == []


def test_iemocap_with_an_unknown_emotion_and_a_missing_file(tmp_path: Path) -> None:
    table = iemocap(tmp_path) / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    table.write_text(EVALUATION.replace("\tneu\t", "\tbla\t"))
    listing = list_corpus(recipe("iemocap"), tmp_path)
    assert len(listing.problems) == 1
    assert "'bla'" in listing.problems[0]


@pytest.mark.parametrize(
    ("pattern", "file", "said"),
    [
        ("{emotion}/*", "angry/anything at all.wav", ("angry", "unknown", "", "", "")),
        ("{emotion}/{speaker}_*", "angry/anna_01_x.wav", ("angry", "anna", "", "", "")),
        ("{speaker}/{emotion}/*", "anna/angry/1.wav", ("angry", "anna", "", "", "")),
        ("{language}/{gender}-{speaker}/{text}.{emotion}", "de/f-7/a01.joy.flac", ("joy", "7", "f", "de", "a01")),
        ("*/{session}/{speaker}_{emotion}", "x/s1/bob (2)_sad.ogg", ("sad", "bob (2)", "", "", "")),
    ],
)
def test_patterns(pattern: str, file: str, said: tuple[str, ...], tmp_path: Path) -> None:
    (found,) = list_corpus(recipe("folders", folders={"pattern": pattern}), grow(tmp_path, file)).utterances
    assert (found.emotion, found.speaker, found.gender, found.language, found.text) == said


def test_a_file_outside_the_pattern_is_named(tmp_path: Path) -> None:
    listing = list_corpus(recipe("folders", folders={"pattern": "{emotion}/{speaker}_*"}), grow(tmp_path, "joy/a_1.wav", "stray.wav"))
    assert [problem for problem in listing.problems if "stray.wav does not fit the pattern" in problem]
    assert len(listing.utterances) == 1


def test_emotions_merge_and_the_rest_is_counted(tmp_path: Path) -> None:
    grow(tmp_path, *(f"{emotion}/{number}.wav" for emotion in ("angry", "rage", "calm") for number in range(2)))
    listing = list_corpus(recipe("folders", rename={"rage": "angry"}, emotions=["angry"]), tmp_path)
    assert Counter(u.emotion for u in listing.utterances) == {"angry": 4}
    assert sum(listing.left_out.values()) == 2
    with pytest.raises(UsageError, match=r"'rename'.*fury.*found angry, calm, rage"):
        list_corpus(recipe("folders", rename={"fury": "angry"}), tmp_path)


def test_linked_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    grow(tmp_path / "elsewhere", "03a01Fa.wav")
    grow(tmp_path / "corpus", "wav/03a01Wa.wav")
    (tmp_path / "corpus/wav/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus/wav/round").symlink_to(tmp_path / "corpus")
    listing = list_corpus(recipe("emodb"), tmp_path / "corpus")
    assert sorted(u.name for u in listing.utterances) == ["wav/03a01Wa.wav", "wav/more/03a01Fa.wav"]
    assert [u.name for u in outside(tmp_path / "corpus", listing.utterances)] == ["wav/more/03a01Fa.wav"]


def test_files_come_in_the_order_of_sorted_paths(tmp_path: Path) -> None:
    grow(tmp_path, "b/x.wav", "b-c/x.wav", "b.wav", "a/z/1.wav", "a/z.wav", "B/x.WAV", ".hidden/x.wav", "notes.txt")
    assert audio_files(tmp_path) == sorted(audio_files(tmp_path))
    assert len(audio_files(tmp_path)) == 6


@pytest.mark.parametrize(("size", "wanted"), [(0, 0), (1, 1), (15, 15), (16, 16), (17, 16), (1_000, 16)])
def test_spread(size: int, wanted: int) -> None:
    chosen = spread(range(size), 16)
    assert len(chosen) == len(set(chosen)) == wanted
    assert not chosen or (chosen[0] == 0 and chosen[-1] >= size - 1 - size // 16)
    assert set(spread(range(size), 8)) <= set(chosen)
