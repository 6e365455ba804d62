"""Files that end before their headers say are refused in every format alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from staa_cli.audio.files import AudioError, read_audio

FORMATS = {
    "WAV": "PCM_16",
    "WAVEX": "PCM_24",
    "RF64": "PCM_16",
    "W64": "PCM_16",
    "AIFF": "PCM_16",
    "AU": "PCM_16",
    "CAF": "PCM_16",
    "FLAC": "PCM_16",
    "OGG": "VORBIS",
    "MP3": "MPEG_LAYER_III",
}
SOUND = (0.3 * np.sin(np.arange(24_000) ** 1.2 / 20)).astype(np.float32)


@pytest.fixture(params=[*FORMATS.items(), ("OGG", "OPUS"), ("WAV", "FLOAT"), ("AIFF", "FLOAT")], ids="-".join)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    format_, subtype = request.param
    soundfile.write(tmp_path / "x", SOUND, 16_000, subtype, format=format_)
    return (tmp_path / "x").read_bytes()


def test_a_cut_file_is_refused(whole: bytes, tmp_path: Path) -> None:
    """At many places, in the header too: no file is read as a shorter one."""
    path = tmp_path / "cut"
    path.write_bytes(whole)
    assert abs(len(read_audio(path).samples) - len(SOUND)) <= 1_200
    for share in (0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
        path.write_bytes(whole[: max(8, int(share * len(whole)))])
        with pytest.raises(AudioError):
            read_audio(path)


def test_a_streamed_wav_leaves_its_size_open(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SOUND, 16_000)
    data = bytearray((tmp_path / "x.wav").read_bytes())
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff" * 4
    (tmp_path / "x.wav").write_bytes(data)
    assert len(read_audio(tmp_path / "x.wav").samples) == len(SOUND)
