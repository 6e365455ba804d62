"""Long recordings: what comes out is what cutting them by hand first would have given, whatever happens in between."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from staa_cli.audio.files import read_audio
from staa_cli.evaluation import recordings

from ..conftest import Outcome, Staa, World, tone

RATES = {"mono.wav": (16_000, 1), "stereo.wav": (44_100, 2), "music.flac": (48_000, 2), "short.wav": (16_000, 1)}
SEGMENT = 0.5
PGD = "step: baseline\nattack: pgd\nbudget: {peak_snr_db: 10}\nsteps: 2\nstep_size: 0.5\npositions: {percent: 10}\n"


def make(path: Path, rate: int, channels: int, seconds: float, seed: int = 0) -> None:
    sound = tone(300 * 16_000 / rate, int(seconds * rate), seed).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound if channels == 1 else np.stack([sound, 0.5 * sound[::-1]], axis=1), rate, "PCM_16")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    for seed, (name, (rate, channels)) in enumerate(RATES.items()):
        make(tmp_path / "in" / name, rate, channels, 0.4 if name == "short.wav" else 1.8, seed)
    return tmp_path / "in"


@pytest.fixture
def pgd(tmp_path: Path) -> Path:
    path = tmp_path / "pgd.yaml"
    path.write_text(PGD)
    return path


def by_hand(inputs: Path, out: Path) -> Path:
    """Each recording as a folder of pieces, with what stands in `cut` for the name of each."""
    for path in inputs.iterdir():
        values, rate = soundfile.read(path, dtype="int16")
        size = int(SEGMENT * rate)
        starts = range(0, len(values), size) if len(values) > size else [0]
        for number, start in enumerate(starts):
            name = f"{path.name}/{number:06}.wav" if len(values) > size else path.name
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(out / name, values[start : start + size], rate, "PCM_16")
    return out


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def verdicts(folder: Path, name: str) -> list[dict[str, Any]]:
    """What was measured on one recording, without what names it and without clocks."""
    of_it = [one for one in results(folder) if one["file"] == name or one["file"].startswith(f"{name}/")]
    return [{key: one[key] for key in one.keys() - {"file", "output", "key", "segment", "run"}} for one in of_it]


def sound(path: Path) -> np.ndarray:
    values: np.ndarray = soundfile.read(path, dtype="int32", always_2d=True)[0]
    return values


@pytest.fixture
def attack(staa: Staa, world: World, pgd: Path) -> Any:
    """An attacker of each command, over inputs."""

    def run(kind: str, *arguments: object) -> Outcome:
        attacker = ("attack", world.generator) if kind == "attack" else ("baseline", pgd, "--threat", world.emo18, "--batch-size", 2)
        outcome = staa(*attacker, "--victim", world.zhao19, *arguments)
        assert outcome.code in (0, 1), outcome.err
        return outcome

    return run


@pytest.mark.parametrize("kind", ["attack", "baseline"])
def test_it_is_as_if_cut_by_hand(attack: Any, inputs: Path, tmp_path: Path, kind: str) -> None:
    hand = by_hand(inputs, tmp_path / "hand")
    outcome = attack(kind, inputs, "--segment", SEGMENT, "-o", tmp_path / "out")
    attack(kind, hand, "-o", tmp_path / "pieces")
    assert "3 recording(s) are longer than 0.5 s: attacked and judged in 12 segments" in outcome.err
    for name in RATES:
        written, wav = tmp_path / "out" / Path(name).with_suffix(".wav"), Path(name).with_suffix(".wav").name
        pieces = sorted((tmp_path / "pieces" / name).glob("*.wav")) or [tmp_path / "pieces" / wav]
        assert np.array_equal(sound(written), np.concatenate([sound(piece) for piece in pieces])), name
        assert verdicts(tmp_path / "out", name) == verdicts(tmp_path / "pieces", name)
    summary = json.loads((tmp_path / "out/metrics.json").read_text())["summary"]
    assert summary["segments"] == {"recordings": 3, "segments": 12}
    assert summary["utterances"] == 13
    assert "each counts as an utterance" in outcome.out


def test_every_segment_keeps_its_epsilon_and_its_untouched_samples(attack: Any, inputs: Path, tmp_path: Path) -> None:
    attack("attack", inputs, "--segment", SEGMENT, "-o", tmp_path / "out")
    seen = set()
    for one in results(tmp_path / "out"):
        if "segment" not in one:
            continue
        rate, _ = RATES[one["file"]]
        first, last = round(one["segment"]["start"] * rate), round(one["segment"]["end"] * rate)
        clean = read_audio(inputs / one["file"], span=(first, last)).samples
        start = round(one["segment"]["start"] * 16_000)
        written = read_audio(tmp_path / "out" / one["output"]).samples[start : start + len(clean)]
        delta = np.abs(written - clean)
        assert delta.max() <= one["epsilon"]
        assert 100 * np.count_nonzero(delta) / len(delta) == pytest.approx(one["sparsity_percent"])
        assert one["sparsity_percent"] == pytest.approx(20, abs=0.1)
        seen.add((one["file"], one["segment"]["number"]))
    assert len(seen) == 12


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_killed_and_resumed_it_is_the_same(
    attack: Any, inputs: Path, tmp_path: Path, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (inputs, "--segment", SEGMENT, "--format", container)
    attack("baseline", *options, "-o", tmp_path / "whole")
    from staa_cli.evaluation import spaces

    calls, overwrite = [0], spaces.overwrite

    def dying(*arguments: Any) -> None:
        calls[0] += 1
        if calls[0] == 6:
            raise KeyboardInterrupt
        overwrite(*arguments)

    out = tmp_path / "out"
    monkeypatch.setattr(spaces, "overwrite", dying)
    with pytest.raises(AssertionError):
        attack("baseline", *options, "-o", out)
    assert not out.exists()
    monkeypatch.setattr(spaces, "overwrite", overwrite)
    if container == "flac":  # all segments are there, but not all recordings are FLACs
        monkeypatch.setattr("staa_cli.evaluation.recordings.to_flac", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(AssertionError):
            attack("baseline", *options, "-o", out)
        monkeypatch.undo()
    outcome = attack("baseline", *options, "-o", out)
    assert "were finished before" in outcome.err
    assert same(out, tmp_path / "whole")


def same(folder: Path, other: Path) -> bool:
    """Whether two runs wrote the same audio, and records that differ in clocks only."""
    names = [sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file()) for one in (folder, other)]
    audio = [name for name in names[0] if name.suffix in (".wav", ".flac")]
    records = [[{**one, "run": 0} for one in results(place)] for place in (folder, other)]
    return names[0] == names[1] and records[0] == records[1] and all(filecmp(folder / name, other / name) for name in audio)


def filecmp(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def test_flac_holds_what_the_wav_holds(attack: Any, inputs: Path, tmp_path: Path) -> None:
    attack("attack", inputs, "--segment", SEGMENT, "-o", tmp_path / "wav")
    attack("attack", inputs, "--segment", SEGMENT, "--format", "flac", "-o", tmp_path / "flac")
    for name in RATES:
        wav, flac = (tmp_path / kind / Path(name).with_suffix(f".{kind}") for kind in ("wav", "flac"))
        assert flac.read_bytes()[:4] == b"fLaC"
        assert np.array_equal(sound(wav), sound(flac))
    assert not list((tmp_path / "flac").rglob("*.wav"))
    assert [verdicts(tmp_path / "wav", name) for name in RATES] == [verdicts(tmp_path / "flac", name) for name in RATES]


def test_a_segment_that_fails_stays_as_it_was_and_is_tried_again(
    attack: Any, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from staa_cli.evaluation import pipeline

    options = (inputs, "--segment", SEGMENT, "--format", "flac")
    attack("attack", *options, "-o", tmp_path / "whole")
    calls, unsound = [0], pipeline.unsound

    def faulty(*arguments: Any) -> Any:
        calls[0] += 1
        found = unsound(*arguments)
        return ["the attack made 7 samples NaN or infinite", *found[1:]] if calls[0] == 2 else found

    monkeypatch.setattr(pipeline, "unsound", faulty)
    outcome = attack("attack", *options, "-o", tmp_path / "out")
    assert outcome.code == 1
    assert re.search(r"\.wav \([0-9.]+–[0-9.]+ s\): the attack made 7", outcome.err)
    failed = [one for one in results(tmp_path / "out") if "error" in one]
    assert len(failed) == 1
    assert sum(len(sound(tmp_path / "out" / Path(name).with_suffix(".flac"))) for name in RATES) == sum(
        len(sound(tmp_path / "whole" / Path(name).with_suffix(".flac"))) for name in RATES
    )
    monkeypatch.undo()
    outcome = attack("attack", *options, "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "12 of 13 utterances were finished before" in outcome.err
    assert same(tmp_path / "out", tmp_path / "whole")


def test_a_full_disk_tears_nothing(attack: Any, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    options, out = (inputs, "--segment", SEGMENT), tmp_path / "out"
    attack("baseline", *options, "-o", tmp_path / "whole")
    overwrite, calls = recordings.create, [0]

    def full(path: Path, blocks: Any, *arguments: Any) -> None:
        def some() -> Any:
            for block in blocks:
                calls[0] += 1
                if calls[0] > 6:
                    raise OSError(errno.ENOSPC, "No space left on device", str(path))
                yield block

        overwrite(path, some(), *arguments)

    monkeypatch.setattr(recordings, "create", full)
    outcome = attack("baseline", *options, "-o", out)
    assert outcome.code == 1
    assert "no space left on the disk" in outcome.err
    assert "run the same command again" in outcome.err
    assert not out.exists()
    monkeypatch.undo()
    attack("baseline", *options, "-o", out)
    assert same(out, tmp_path / "whole")


@pytest.mark.parametrize("damage", ["truncated", "nan", "mp3"])
def test_a_recording_that_cannot_be_used_fails_alone_and_once(attack: Any, inputs: Path, tmp_path: Path, damage: str) -> None:
    path = inputs / ("mono.mp3" if damage == "mp3" else "mono.wav")
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-9_000])
    elif damage == "nan":
        values, _ = soundfile.read(path, dtype="float32")
        values[20_000] = np.nan
        soundfile.write(path, values, 16_000, "FLOAT")
    else:
        soundfile.write(path, soundfile.read(inputs / "mono.wav")[0], 16_000)
        (inputs / "mono.wav").unlink()
    outcome = attack("attack", inputs, "--segment", SEGMENT, "-o", tmp_path / "out")
    assert outcome.code == 1
    words = {"truncated": "is truncated", "nan": "1 samples that are NaN", "mp3": "convert it to WAV or FLAC first"}[damage]
    assert outcome.err.count(words) == 1
    assert [one["file"] for one in results(tmp_path / "out") if "error" in one] == [path.name]
    assert not (tmp_path / "out/mono.wav").exists()
    assert (tmp_path / "out/stereo.wav").exists()


def test_silence_is_copied_and_not_judged(attack: Any, tmp_path: Path) -> None:
    rate = 44_100
    silence = np.random.default_rng(0).integers(-3, 4, rate).astype(np.int16)
    word = (2**15 * tone(200, rate, 0).numpy()).astype(np.int16)
    values = np.concatenate([silence, word, silence, word])
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in/a.wav", values, rate)
    attack("attack", tmp_path / "in", "--segment", 0.8, "--segment-by", "energy", "--keep-rate", "-o", tmp_path / "out")
    written = sound(tmp_path / "out/a.wav")[:, 0] >> 16
    spans = [(one["segment"]["start"], one["segment"]["end"]) for one in results(tmp_path / "out")]
    assert all((start >= 0.88 and end <= 2.12) or (start >= 2.88 and end <= 4) for start, end in spans)
    attacked = np.zeros(len(values), bool)
    for start, end in spans:
        attacked[round(start * rate) : round(end * rate)] = True
    assert np.array_equal(written[~attacked], values[~attacked])
    assert np.count_nonzero(~attacked) > 1.5 * rate
    assert not np.array_equal(written, values)


def test_more_files_are_added_without_attacking_a_recording_again(attack: Any, inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs, tmp_path / "few")
    (tmp_path / "few/stereo.wav").unlink()
    options = ("--segment", SEGMENT, "-o", tmp_path / "out")
    attack("attack", tmp_path / "few", *options)
    (tmp_path / "few/stereo.wav").write_bytes((inputs / "stereo.wav").read_bytes())
    outcome = attack("attack", tmp_path / "few", *options)
    assert "9 of 13 utterances were finished before" in outcome.err
    attack("attack", inputs, "--segment", SEGMENT, "-o", tmp_path / "whole")
    assert same(tmp_path / "out", tmp_path / "whole")


def test_a_recording_whose_file_is_gone_is_attacked_again(attack: Any, inputs: Path, tmp_path: Path) -> None:
    options = ("--segment", SEGMENT, "-o", tmp_path / "out")
    shutil.copytree(inputs, tmp_path / "few", ignore=lambda *_: ["music.flac"])
    attack("attack", tmp_path / "few", *options)
    (tmp_path / "out/mono.wav").unlink()
    shutil.copyfile(inputs / "music.flac", tmp_path / "few/music.flac")
    outcome = attack("attack", tmp_path / "few", *options)
    assert "5 of 13 utterances were finished before" in outcome.err
    attack("attack", inputs, "--segment", SEGMENT, "-o", tmp_path / "whole")
    assert same(tmp_path / "out", tmp_path / "whole")


def test_workers_shards_and_later_victims_give_the_same(attack: Any, staa: Staa, world: World, inputs: Path, tmp_path: Path) -> None:
    """Segments travel to other processes and machines like any utterance; the shards of a run hold whole recordings."""
    options = (inputs, "--segment", SEGMENT, "--format", "flac")
    attack("attack", *options, "-o", tmp_path / "whole")
    attack("attack", *options, "--jobs", 2, "-o", tmp_path / "jobs")
    assert same(tmp_path / "jobs", tmp_path / "whole")
    for shard in ("1/2", "2/2"):
        attack("attack", *options, "--shard", shard, "-o", tmp_path / "shards")
    outcome = attack("attack", *options, "-o", tmp_path / "shards")
    assert "13 of 13 utterances were finished before" in outcome.err
    assert same(tmp_path / "shards", tmp_path / "whole")
    assert staa("attack", world.generator, *options, "-o", tmp_path / "later").code == 0
    outcome = attack("attack", *options, "-o", tmp_path / "later")
    assert "13 of 13 utterances were attacked before, and lack the verdicts of some victims" in outcome.err
    assert same(tmp_path / "later", tmp_path / "whole")
