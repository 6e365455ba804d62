"""`staa prepare` as its users meet it: real corpora, damaged files, kills, strange names, options."""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from ..conftest import Staa, tone
from .conftest import contents, in_process, make_waves, without_torch, work_of

ONE_SPLIT = "splits: {ratios: {train: 1.0, val: 0.0, test: 0.0}}\n"
FOLDERS = "step: prepare\ncorpus: folders\nfolders: {pattern: '{emotion}/{speaker}_*'}\n"


def write_recipe(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def summary_of(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "metrics.json").read_text())["summary"]
    return summary


def make_corpus(folder: Path, files: int = 12, samples: int = 4_800) -> Path:
    """Tones at 48 kHz, `calm/ann_0.wav`: two emotions, three speakers."""
    for number in range(files):
        path = folder / ("calm", "wild")[number % 2] / f"{('ann', 'bob', 'cid')[number // 2 % 3]}_{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(400 + 10 * number, samples + 30 * number, number).numpy(), 48_000, "PCM_16")
    return folder


@pytest.mark.parametrize("corpus", ["emodb", "emovo", "ravdess"])
def test_real_corpora_equal_their_manifests(staa: Staa, corpora: Path, tmp_path: Path, corpus: str) -> None:
    """Speaker, gender, emotion and duration of every file; the samples are those of the FLACs."""
    common = {"joy": "happiness", "happy": "happiness", "angry": "anger", "fearful": "fear", "sad": "sadness", "surprised": "surprise"}
    command = ("prepare", corpus, "--source", corpora / corpus, "--set", "seconds=null", "-o", tmp_path / "out")
    assert staa(*command).code == 0
    with (corpora / "manifests" / f"{corpus}.csv").open(newline="") as file:
        expected = {
            row["file"].removesuffix(".flac"): (row["speaker"], row["gender"], common.get(row["emotion"], row["emotion"]), row["seconds"])
            for row in csv.DictReader(file)
        }
    rows = rows_of(tmp_path / "out")
    assert {row["file"].removeprefix("audio/").removesuffix(".wav") for row in rows} == set(expected)
    for row in rows:
        speaker, gender, emotion, seconds = expected[row["file"].removeprefix("audio/").removesuffix(".wav")]
        assert (row["speaker"], row["gender"], row["emotion"]) == (speaker, gender, emotion)
        assert float(row["seconds"]) == pytest.approx(float(seconds), abs=1e-4)
    for row in random.Random(0).sample(rows, 5):
        written, rate = soundfile.read(tmp_path / "out" / row["file"], dtype="int16")
        name = row["file"].removeprefix("audio/").removesuffix(".wav")
        assert rate == 16_000
        assert np.array_equal(written, soundfile.read(corpora / corpus / f"{name}.flac", dtype="int16")[0])
    twins = [["Actor_07/03-01-03-01-02-01-07.flac", "Actor_07/03-01-03-01-02-02-07.flac"]] if corpus == "ravdess" else []
    assert summary_of(tmp_path / "out")["duplicates"] == twins


@pytest.mark.parametrize("corpus", ["emodb", "ravdess"])
def test_originals_become_16_khz_mono(staa: Staa, corpora: Path, tmp_path: Path, corpus: str) -> None:
    recipe = write_recipe(tmp_path, f"step: prepare\ncorpus: {corpus}\n{ONE_SPLIT}")
    assert staa("prepare", recipe, "--source", corpora / "originals" / corpus, "-o", tmp_path / "out").code == 0
    originals = {path.stem: soundfile.info(path) for path in (corpora / "originals" / corpus).rglob("*.wav")}
    written = {path.stem: soundfile.info(path) for path in (tmp_path / "out/audio").rglob("*.wav")}
    assert written.keys() == originals.keys()
    for name, original in originals.items():
        assert (written[name].samplerate, written[name].channels, written[name].subtype) == (16_000, 1, "PCM_16")
        assert abs(written[name].frames - original.frames * 16_000 / original.samplerate) <= 0.5
    audio = summary_of(tmp_path / "out")["audio"]
    assert audio["rates"] == {str(rate): count for rate, count in Counter(info.samplerate for info in originals.values()).items()}
    assert audio["channels"] == {str(n): count for n, count in sorted(Counter(info.channels for info in originals.values()).items())}


def damage(data: bytearray, draw: random.Random) -> bytes:
    """One of the ways in which files break."""
    match draw.randrange(6):
        case 0:  # bits flip anywhere
            for _ in range(draw.randint(1, 20)):
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        case 1:  # bits flip in the header
            for _ in range(draw.randint(1, 4)):
                data[draw.randrange(min(len(data), 60))] ^= 1 << draw.randrange(8)
        case 2:
            del data[draw.randrange(len(data)) :]
        case 3:  # an absurd size where one may stand
            place = draw.choice([4, 16, 24, 28, 40, draw.randrange(min(len(data) - 4, 60))])
            data[place : place + 4] = draw.choice([b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", draw.randbytes(4)])
        case 4:
            data[: draw.randint(1, 60)] = draw.randbytes(draw.randint(1, 60))
        case _:
            data.clear()
    return bytes(data)


def test_a_thousand_damaged_files(tmp_path: Path) -> None:
    """No crash, no hang, no memory: each failure is named with its cause, and the healthy files are all there."""
    draw, source = random.Random(1), tmp_path / "in"
    formats = [("wav", "PCM_16"), ("flac", "PCM_16"), ("wav", "FLOAT"), ("ogg", "VORBIS"), ("aiff", "PCM_24"), ("mp3", "MPEG_LAYER_III")]
    healthy = {}
    for number in range(1_050):
        suffix, subtype = formats[number % len(formats)]
        path = source / ("calm", "wild")[number % 2] / f"ann_{number}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(300 + number, 2_000, number).numpy(), 16_000, subtype)
        if number < 1_000:
            path.write_bytes(damage(bytearray(path.read_bytes()), draw))
        elif suffix in ("wav", "flac") and subtype == "PCM_16":
            healthy[f"audio/{path.relative_to(source).with_suffix('.wav')}"] = soundfile.read(path, dtype="int16")[0]
    recipe = write_recipe(tmp_path, FOLDERS + ONE_SPLIT)
    done = subprocess.run(
        [sys.executable, "-m", "staa_cli", "prepare", recipe, "--source", source, "-o", tmp_path / "out", "--jobs", "2"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    prepared = {row["file"] for row in rows_of(tmp_path / "out")}
    problems = summary_of(tmp_path / "out")["problems"]
    assert len(prepared) + len(problems) == 1_050
    assert len(problems) > 300
    for problem in problems:
        assert str(source) in problem
        assert "died" not in problem
        assert "MemoryError" not in problem
        assert done.stderr.count(problem) == 1
    assert f"{len(problems)} of 1050 files failed" in done.stderr
    for name, samples in healthy.items():
        assert np.array_equal(soundfile.read(tmp_path / "out" / name, dtype="int16")[0], samples)


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "staa_cli", *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def descendants(root: int) -> set[int]:
    """The processes that a process started, and theirs."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
        except OSError:
            continue
    found, todo = set(), [root]
    while todo:
        todo += (new := children.get(todo.pop(), []))
        found |= set(new)
    return found


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc to find processes left behind")
def test_killed_at_six_moments(staa: Staa, tmp_path: Path) -> None:
    """Whenever it is killed, the rest is done by the next run, nothing twice, and no process stays behind."""
    source, recipe = make_corpus(tmp_path / "in", 150), write_recipe(tmp_path, FOLDERS + ONE_SPLIT)
    assert staa("prepare", recipe, "--source", source, "-o", tmp_path / "whole").code == 0
    command = ("prepare", recipe, "--source", source, "-o", tmp_path / "out", "--jobs", "2")
    journal = tmp_path / ".out.staa-partial/.staa-prepared.jsonl"
    draw, finished = random.Random(3), 0
    for moment in sorted(draw.sample(range(1, 145), 6)):
        process = start(*command)
        while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= moment):
            time.sleep(0.001)
        family = descendants(process.pid)
        process.kill()
        process.wait()
        kept = {path: path.stat().st_mtime_ns for path in (tmp_path / ".out.staa-partial").rglob("*.wav")}
        assert len(kept) >= finished
        finished = len(kept)
        deadline = time.monotonic() + 20
        while any(running(member) for member in family):
            assert time.monotonic() < deadline, "a worker outlived the command"
            time.sleep(0.01)
    outcome = staa(*command)
    assert outcome.code == 0
    assert "of 150 utterances were finished before" in outcome.err
    assert work_of(tmp_path / "out") == work_of(tmp_path / "whole")
    assert in_process(tmp_path / "out") == []


@pytest.mark.parametrize("gap", [None, 0.0, 0.01, 0.1], ids=["once", "twice at once", "twice", "twice and late"])
def test_ctrl_c_keeps_what_is_done(staa: Staa, tmp_path: Path, gap: float | None) -> None:
    """Pressed once or twice, it ends at once."""
    source, recipe = make_corpus(tmp_path / "in", 500, 1_000), write_recipe(tmp_path, FOLDERS + ONE_SPLIT)
    command = ("prepare", recipe, "--source", source, "-o", tmp_path / "out", "--jobs", "2")
    journal = tmp_path / ".out.staa-partial/.staa-prepared.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{CLI}", *map(str, command)],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 20):
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    if gap is not None:
        time.sleep(gap)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    if gap is None:
        assert process.returncode == 130
        assert "of 500 utterances; run the same command again to go on" in errors.decode()
        assert "Traceback" not in errors.decode()
    assert "were finished before" in staa(*command).err


CLI = "import sys; from staa_cli.app import main; sys.argv[0] = 'staa'; main()"


def test_the_number_of_workers_changes_nothing(staa: Staa, tmp_path: Path) -> None:
    source, recipe = make_corpus(tmp_path / "in"), write_recipe(tmp_path, FOLDERS + ONE_SPLIT)
    (source / "calm/bob_bad.wav").write_bytes(b"no audio")
    for jobs in (1, 3):
        assert staa("prepare", recipe, "--source", source, "-o", tmp_path / str(jobs), "--jobs", jobs).code == 1
    assert work_of(tmp_path / "1") == work_of(tmp_path / "3")


def test_no_torch_is_needed(tmp_path: Path) -> None:
    source, recipe = make_corpus(tmp_path / "in"), write_recipe(tmp_path, FOLDERS + ONE_SPLIT)
    assert without_torch("prepare", recipe, "--source", source, "-o", tmp_path / "out").code == 0


STRANGE = [
    "with space",
    "quote'\"",
    "new\nline",
    "tab\there",
    "ünïcödé",
    os.fsdecode(b"byte\xff"),
    "-dash",
    "$(touch x)",
    "a,b;c",
    "[bold]x",
]


@pytest.mark.parametrize("corpus", ["folders", "csv"])
def test_strange_names(staa: Staa, tmp_path: Path, corpus: str) -> None:
    names = [f"{word}/{word}_1.wav" for word in STRANGE]
    source = make_waves(tmp_path / "in", *names)
    text = FOLDERS + ONE_SPLIT
    if corpus == "csv":
        text = f"step: prepare\ncorpus: csv\n{ONE_SPLIT}"
        source = source / "table.csv"
        with source.open("w", newline="", errors="surrogateescape") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerows([["file", "emotion", "speaker"], *([name, name.split("/")[0], "ann"] for name in names)])
    outcome = staa("prepare", write_recipe(tmp_path, text), "--source", source, "-o", tmp_path / "out", "--jobs", "2")
    assert outcome.code == 0, outcome.err
    rows = rows_of(tmp_path / "out")
    assert sorted(row["file"] for row in rows) == sorted(f"audio/{name}" for name in names)
    assert all((tmp_path / "out" / row["file"]).is_file() for row in rows)
    assert {row["emotion"] for row in rows} == set(STRANGE)


def test_paths_that_lead_outside_are_said(staa: Staa, tmp_path: Path) -> None:
    """They are read, with a warning; what is written stays inside the output."""
    make_waves(tmp_path, "secret/a.wav", "corpus/b.wav", "secret/c.wav")
    (tmp_path / "corpus/link.wav").symlink_to(tmp_path / "secret/c.wav")
    table = tmp_path / "corpus/table.csv"
    table.write_text("file,emotion,speaker\n../secret/a.wav,joy,ann\nb.wav,joy,ann\nlink.wav,joy,ann\n")
    before = contents(tmp_path)
    recipe = write_recipe(tmp_path, f"step: prepare\ncorpus: csv\n{ONE_SPLIT}")
    outcome = staa("prepare", recipe, "--source", table, "-o", tmp_path / "deep/out")
    assert outcome.code == 0
    assert f"2 file(s) lie outside {table} and are read all the same, such as secret/a.wav: {tmp_path}/secret/a.wav" in outcome.err
    assert sorted(row["file"] for row in rows_of(tmp_path / "deep/out")) == ["audio/b.wav", "audio/link.wav", "audio/secret/a.wav"]
    after = {name: data for name, data in contents(tmp_path).items() if not name.startswith("deep") and name != "recipe.yaml"}
    assert after == before
    assert not (tmp_path / "deep/out/audio/link.wav").is_symlink()


def test_one_channel_or_the_mean(staa: Staa, tmp_path: Path) -> None:
    left, right = tone(300, 2_000, 1).numpy(), tone(700, 2_000, 2).numpy()
    (tmp_path / "in/joy").mkdir(parents=True)
    soundfile.write(tmp_path / "in/joy/ann_1.wav", np.stack([left, right], axis=1), 16_000, "PCM_16")
    soundfile.write(tmp_path / "in/joy/ann_2.wav", left, 16_000, "PCM_16")
    recipe = write_recipe(tmp_path, FOLDERS + ONE_SPLIT)
    step = 1 / 2**15
    for channel, expected, code in (("null", (left + right) / 2, 0), ("1", left, 0), ("2", right, 1)):
        outcome = staa("prepare", recipe, "--source", tmp_path / "in", "--set", f"channel={channel}", "-o", tmp_path / channel)
        assert outcome.code == code
        written, _ = soundfile.read(tmp_path / channel / "audio/joy/ann_1.wav")
        assert np.abs(written - expected).max() <= 2 * step  # written twice
    assert "ann_2.wav has 1 channel(s), expected a channel 2" in outcome.err


def test_long_utterances_in_pieces(staa: Staa, tmp_path: Path) -> None:
    """The split-and-repeat protocol: nothing is lost, all pieces have one length and the labels of their utterance."""
    source = make_waves(tmp_path / "in", "joy/ann_1.wav", "rage/bob_2.wav")  # 2,000 and 2,100 samples
    recipe = write_recipe(tmp_path, FOLDERS + ONE_SPLIT + "seconds: 0.05\nlonger: split\n")
    assert staa("prepare", recipe, "--source", source, "-o", tmp_path / "out").code == 0
    rows = rows_of(tmp_path / "out")
    assert [row["file"] for row in rows] == [f"audio/{stem}_{n}.wav" for stem in ("joy/ann_1", "rage/bob_2") for n in (1, 2, 3)]
    assert {row["seconds"] for row in rows} == {"0.0500"}
    whole = soundfile.read(source / "joy/ann_1.wav", dtype="int16")[0]
    pieces = [soundfile.read(tmp_path / "out" / row["file"], dtype="int16")[0] for row in rows[:3]]
    assert np.array_equal(np.concatenate(pieces)[:2_000], whole)
    assert np.array_equal(pieces[2], np.tile(whole[1_600:], 2))
    assert summary_of(tmp_path / "out")["recordings"] == 2


def test_a_piece_must_not_take_the_name_of_another(staa: Staa, tmp_path: Path) -> None:
    source = make_waves(tmp_path / "in", "joy/ann_1.wav", "joy/ann_1_2.wav")
    recipe = write_recipe(tmp_path, FOLDERS + ONE_SPLIT + "seconds: 0.05\nlonger: split\n")
    outcome = staa("prepare", recipe, "--source", source, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "a piece of audio/joy/ann_1.wav may be called audio/joy/ann_1_2.wav" in outcome.err


def test_silence_and_loudness_on_request(staa: Staa, tmp_path: Path) -> None:
    (tmp_path / "in/joy").mkdir(parents=True)
    quiet = np.concatenate([np.zeros(8_000), 0.01 * np.sin(np.arange(8_000) / 5), np.zeros(8_000)])
    soundfile.write(tmp_path / "in/joy/ann_1.wav", quiet, 16_000, "PCM_16")
    recipe = write_recipe(tmp_path, FOLDERS + ONE_SPLIT)
    assert staa("prepare", recipe, "--source", tmp_path / "in", "-o", tmp_path / "as-is").code == 0
    assert np.array_equal(soundfile.read(tmp_path / "as-is/audio/joy/ann_1.wav")[0], soundfile.read(tmp_path / "in/joy/ann_1.wav")[0])
    asked = ("--set", "trim_db=40", "--set", "loudness.peak_dbfs=-6.0")
    assert staa("prepare", recipe, "--source", tmp_path / "in", *asked, "-o", tmp_path / "loud").code == 0
    written, _ = soundfile.read(tmp_path / "loud/audio/joy/ann_1.wav")
    assert len(written) == 8_000
    assert 20 * np.log10(np.abs(written).max()) == pytest.approx(-6, abs=0.01)
    assert summary_of(tmp_path / "loud")["audio"]["trimmed_seconds"] == 1.0


def test_leaks_between_splits_are_warned_of(staa: Staa, tmp_path: Path) -> None:
    """The same recording under two names, as WAV and as FLAC; the same sentence in two splits."""
    make_waves(tmp_path, "a.wav", "c.wav")
    soundfile.write(tmp_path / "b.flac", soundfile.read(tmp_path / "a.wav", dtype="int16")[0], 16_000)
    (tmp_path / "table.csv").write_text(
        "file,emotion,speaker,split,text,gender\na.wav,joy,ann,train,hello,female\nb.flac,rage,bob,test,hello,male\nc.wav,joy,ann,train,bye,\n"
    )
    recipe = write_recipe(tmp_path, "step: prepare\ncorpus: csv\nexpected: {train: 2, test: 7}\n")
    outcome = staa("prepare", recipe, "--source", tmp_path / "table.csv", "-o", tmp_path / "out")
    assert outcome.code == 0
    for warning in (
        "1 recording(s) stand in more than one split under different names, such as a.wav = b.flac",
        "1 recording(s) have different emotions under different names, such as a.wav = b.flac",
        "1 of 2 texts are spoken in more than one split",
        "test has 1 utterances, published are 7",
    ):
        assert warning in outcome.err
        assert any(warning in said for said in summary_of(tmp_path / "out")["warnings"])
    assert "train has" not in outcome.err
    table = outcome.out[outcome.out.index("Speakers of") :].splitlines()
    assert [line.split() for line in table if line.startswith(("train", "test"))] == [
        ["train", "ann", "female", "2", "0", "2"],
        ["test", "bob", "male", "0", "1", "1"],
    ]


def test_a_card_to_look_at(staa: Staa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib_image = pytest.importorskip("matplotlib.image")
    source, recipe = make_corpus(tmp_path / "in"), write_recipe(tmp_path, FOLDERS + "splits: {ratios: {train: 0.4, val: 0.3, test: 0.3}}\n")
    command = ("prepare", recipe, "--source", source, "-o", tmp_path / "out")
    assert staa(*command).code == 0
    assert not (tmp_path / "out/card.md").exists()
    before = contents(tmp_path / "out")
    assert staa(*command, "--card").code == 0  # nothing is made again for it
    assert {name: data for name, data in contents(tmp_path / "out").items() if not name.startswith("card")} == before
    card = (tmp_path / "out/card.md").read_text()
    assert "12, from 12 recordings" in card
    assert "12 × 48000 Hz" in card
    assert f"soxr {soxr.__version__}" in card
    picture = matplotlib_image.imread(tmp_path / "out/card.png")
    assert picture.shape[0] > 300
    assert picture.std() > 0.05
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    outcome = staa(*command, "--card")
    assert outcome.code == 2
    assert "pip install 'staa[figures]'" in outcome.err
