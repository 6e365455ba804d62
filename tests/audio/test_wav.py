"""Our WAVs are libsndfile's, byte for byte, and may be written in the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from staa_cli.audio.files import encode_wav, read_audio
from staa_cli.audio.flac import is_flac, to_flac, to_wav, write_flac
from staa_cli.audio.form import Form
from staa_cli.audio.wav import create, fits, overwrite
from staa_cli.runtime.errors import UsageError

KINDS = {"PCM_16": "int16", "PCM_24": "int32", "FLOAT": "float32"}


def noise(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Multiples of a step of 16 bits, `(T,)` or `(T, C)`."""
    steps = np.random.default_rng(seed).integers(-(2**15), 2**15, (frames, channels))
    values: np.ndarray = (steps / 2**15).astype(np.float32)
    return values[:, 0] if channels == 1 else values


@pytest.mark.parametrize("subtype", KINDS)
@pytest.mark.parametrize(("frames", "channels", "rate"), [(0, 1, 16_000), (999, 1, 16_000), (1_000, 2, 48_000), (333, 3, 44_100)])
def test_bytes_are_those_of_libsndfile(subtype: str, frames: int, channels: int, rate: int, tmp_path: Path) -> None:
    samples = noise(frames, channels)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype)
    theirs = (tmp_path / "a.wav").read_bytes()
    if subtype == "FLOAT":  # with the time of writing, in a chunk of its own
        at = theirs.index(b"PEAK")
        theirs = theirs[:at] + theirs[at + 16 + 8 * channels :]
        theirs = theirs[:4] + (len(theirs) - 8).to_bytes(4, "little") + theirs[8:]
    assert encode_wav(samples, subtype, rate) == theirs


@pytest.mark.parametrize("subtype", KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_in_pieces_is_the_file(subtype: str, channels: int, tmp_path: Path) -> None:
    samples, path = noise(1_001, channels), tmp_path / "a.wav"
    create(path, (np.zeros_like(samples[start : start + 100]) for start in range(0, 1_001, 100)), 1_001, subtype, 48_000, channels)
    for start in (700, 0, 100, 350, 900):
        overwrite(path, start, samples[start : {700: 900, 0: 100, 100: 350, 350: 700, 900: 1_001}[start]], subtype)
    assert path.read_bytes() == encode_wav(samples, subtype, 48_000)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


def test_a_file_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    def blocks() -> object:
        yield noise(10)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        create(tmp_path / "a.wav", blocks(), 100, "PCM_16", 16_000, 1)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_what_a_wav_can_count() -> None:
    assert fits(2**31 - 100, "PCM_16", 1)
    assert not fits(2**31, "PCM_16", 1)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_holds_what_the_wav_held(subtype: str, channels: int, tmp_path: Path) -> None:
    samples, path = noise(5_000, channels), tmp_path / "a.flac"
    path.write_bytes(encode_wav(samples, subtype, 44_100))
    before = path.read_bytes()
    to_flac(path)
    assert is_flac(path)
    found, rate = soundfile.read(path, dtype="float32")
    assert rate == 44_100
    assert np.array_equal(found, samples)
    write_flac(tmp_path / "b.flac", samples, subtype, 44_100)
    assert np.array_equal(soundfile.read(tmp_path / "b.flac", dtype="float32")[0], samples)
    to_wav(path)
    assert path.read_bytes() == before


def test_forms() -> None:
    assert Form().holds("FLOAT") == "FLOAT"
    assert Form("flac").holds("FLOAT") == "PCM_24"
    assert Form("flac").holds("PCM_16") == "PCM_16"
    assert Form(subtype="PCM_16").holds("PCM_24") == "PCM_16"
    with pytest.raises(UsageError, match="FLAC file holds integers"):
        Form("flac", "FLOAT")


@pytest.mark.parametrize(("own", "subtype"), [("PCM_24", "PCM_16"), ("FLOAT", "PCM_16"), ("PCM_16", "PCM_24"), ("PCM_16", "FLOAT")])
def test_audio_is_read_in_steps_of_what_is_written(own: str, subtype: str, tmp_path: Path) -> None:
    values = 0.9 * np.sin(np.arange(3_000) / 7).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", values, 16_000, own)
    audio = read_audio(tmp_path / "a.wav", form=Form(subtype=subtype))
    assert audio.subtype == subtype
    (tmp_path / "b.wav").write_bytes(encode_wav(audio.samples, subtype))
    assert np.array_equal(read_audio(tmp_path / "b.wav").samples, audio.samples)


def test_a_flac_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    """libsndfile says "System error"; here the largest size that a file may have is set low."""
    import resource
    import signal

    (tmp_path / "a.flac").write_bytes(encode_wav(noise(400_000), "PCM_16"))
    before = (tmp_path / "a.flac").read_bytes()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            to_flac(tmp_path / "a.flac")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "a.flac").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.flac"]
