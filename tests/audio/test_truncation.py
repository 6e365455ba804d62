"""Files that end before their headers say are refused in every format alike, where their headers say it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from staa_cli.audio.files import AudioError, read_audio

SOUND = (0.3 * np.sin(np.arange(24_001) ** 1.2 / 20)).astype(np.float32)
OF_OLD = {"AVR", "HTK", "IRCAM", "MAT4", "MAT5", "MPC2K", "PAF", "PVF", "SDS", "SVX", "VOC", "WVE", "XI"}
"""Of these a cut is not told in every place; see `staa_cli.audio.truncation`."""
FORMATS = sorted(soundfile.available_formats().keys() - {"RAW", "SD2"})
"""SD2 is written in two files, which libsndfile does not read back."""


def written(path: Path, format_: str, endian: str = "FILE", subtype: str | None = None) -> bytes:
    """Empty where libsndfile does not write such a file."""
    try:
        soundfile.write(path, SOUND, 8_000 if format_ == "WVE" else 16_000, subtype, endian, format_)
    except (soundfile.LibsndfileError, ValueError):
        return b""
    return path.read_bytes()


@pytest.mark.parametrize("endian", ["FILE", "LITTLE", "BIG"])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_cut_file_is_refused_or_whole(format_: str, endian: str, tmp_path: Path) -> None:
    """At many places, in the header too: no file is read as a shorter one. Only a byte that pads the end may be missing."""
    path = tmp_path / "cut"
    subtypes = soundfile.available_subtypes(format_)
    for subtype in {"PCM_16", "PCM_24", "PCM_U8", "FLOAT", "ULAW", "VORBIS", "OPUS"} & subtypes.keys() or subtypes:
        data = written(path, format_, endian, subtype)
        if not data:
            continue
        whole = read_audio(path).samples
        assert format_ in ("WVE", "SDS", "XI") or abs(len(whole) - len(SOUND)) <= 1_200, subtype
        for end in (5, 20, 50, 133, 600, *(int(share * len(data)) for share in (0.1, 0.5, 0.9, 0.99)), len(data) - 2, len(data) - 1):
            path.write_bytes(data[:end])
            try:
                found = read_audio(path).samples
            except AudioError:
                continue
            assert format_ in OF_OLD or (np.array_equal(found, whole) and end == len(data) - 1), (subtype, end)


@pytest.mark.parametrize("size", [0x7FFFF000, 0xFFFFFFFF])
def test_a_streamed_wav_leaves_its_size_open(size: int, tmp_path: Path) -> None:
    data = bytearray(written(tmp_path / "x.wav", "WAV"))
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = size.to_bytes(4, "little")
    (tmp_path / "x.wav").write_bytes(data)
    assert len(read_audio(tmp_path / "x.wav").samples) == len(SOUND)


@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\1\x02" + bytes(130)])
def test_libmpg123_is_not_asked_about_a_cut_mp3(tag: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It would complain on stderr."""
    path = tmp_path / "x.mp3"
    data = tag + written(path, "MP3")
    path.write_bytes(data)
    assert len(read_audio(path).samples) == len(SOUND)
    for share in (0.2, 0.5, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(AudioError, match="is truncated"):
            read_audio(path)
    assert capfd.readouterr().err == ""
