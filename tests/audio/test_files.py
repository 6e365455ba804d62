from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from staa_cli.audio.files import AudioError, encode_wav, quantise_adversarial, read_audio, write_wav


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_write_and_read_keep_every_bit(tmp_path: Path, subtype: str) -> None:
    steps = {"PCM_16": 2**15, "PCM_24": 2**23, "FLOAT": 2**22}[subtype]
    values = torch.randint(-steps, steps, (5_000,), generator=torch.Generator().manual_seed(1))
    samples = (values.double() / steps).float()
    write_wav(tmp_path / "a.wav", samples, subtype)
    audio = read_audio(tmp_path / "a.wav")
    assert audio.subtype == subtype
    assert np.array_equal(audio.samples, samples)


def test_equal_audio_gives_equal_bytes_also_as_float() -> None:
    data = encode_wav(torch.linspace(-1, 1, 99), "FLOAT")
    assert b"PEAK" not in data
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


@pytest.mark.parametrize(
    ("subtype", "expected"),
    [("PCM_U8", "PCM_16"), ("PCM_16", "PCM_16"), ("PCM_24", "PCM_24"), ("PCM_32", "FLOAT"), ("FLOAT", "FLOAT"), ("DOUBLE", "FLOAT")],
)
def test_every_depth_is_read_and_fits_what_we_write(tmp_path: Path, subtype: str, expected: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(800) / 7) * 0.3, 16_000, subtype)
    audio = read_audio(tmp_path / "a.wav")
    assert audio.subtype == expected
    write_wav(tmp_path / "b.wav", audio.samples, audio.subtype)
    assert np.array_equal(read_audio(tmp_path / "b.wav").samples, audio.samples)


def test_stereo_at_48_khz_becomes_mono_at_16_khz(tmp_path: Path) -> None:
    time = np.arange(48_000) / 48_000
    left = 0.4 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "a.wav", np.stack([left, left / 2], axis=1), 48_000, "PCM_16")
    audio = read_audio(tmp_path / "a.wav")
    assert audio.converted
    assert len(audio.samples) == 16_000
    expected = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    # Away from the ends the resampler is exact to a step of 16 bits.
    assert np.abs(audio.samples - expected)[200:-200].max() < 2 / 2**15
    assert np.array_equal(audio.samples * 2**15, np.rint(audio.samples * 2**15))


def damaged(folder: Path, kind: str) -> Path:
    path = folder / "a.wav"
    good = encode_wav(torch.linspace(-0.5, 0.5, 1_000), "PCM_16")
    match kind:
        case "text":
            path.write_text("this is no audio")
        case "empty file":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(good[:-500])
        case "no samples":
            path.write_bytes(encode_wav(torch.empty(0), "PCM_16"))
        case "nan":
            path.write_bytes(encode_wav(torch.tensor([0.1, float("nan"), 0.2]), "FLOAT"))
        case "folder":
            path.mkdir()
        case "missing":
            pass
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("text", "cannot be read as audio"),
        ("empty file", "empty file"),
        ("truncated", "truncated"),
        ("no samples", "0 samples"),
        ("nan", "1 samples that are NaN"),
        ("folder", "is a folder"),
        ("missing", "does not exist"),
    ],
)
def test_damage_is_named(tmp_path: Path, kind: str, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        read_audio(damaged(tmp_path, kind))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_quantisation_never_exceeds_the_perturbation(subtype: str) -> None:
    random = torch.Generator().manual_seed(3)
    scale = {"PCM_16": 2**15, "PCM_24": 2**23}[subtype]
    clean = (torch.randint(-scale, scale, (4_000,), generator=random).double() / scale).float()
    delta = 0.01 * (2 * torch.rand(4_000, generator=random) - 1) * (torch.rand(4_000, generator=random) < 0.3)
    adversarial = (clean + delta).clamp(-1, 1)
    written = torch.from_numpy(quantise_adversarial(clean, adversarial, subtype))
    assert torch.equal(written[delta == 0], clean[delta == 0])
    step = 1 / scale
    assert ((written.double() - clean.double()).abs() <= (adversarial.double() - clean.double()).abs()).all()
    assert ((written - adversarial).abs().double() < step * (1 + 1e-3)).all()


def test_a_name_with_a_line_break_stays_in_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a\nerror: b.wav"
    for make in (path.touch, lambda: path.write_text("dear diary"), path.unlink):
        make()
        with pytest.raises(AudioError, match=r"a\\nerror: b\.wav ") as caught:
            read_audio(path)
        assert "\n" not in str(caught.value)


def test_numpy_says_nothing_of_what_is_refused(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    for value in (3e38, np.inf):
        soundfile.write(tmp_path / "a.wav", np.full((100, 2), (value, -value if value == np.inf else value)), 44_100, "FLOAT")
        with pytest.raises(AudioError, match="100 samples that are NaN or infinite"):
            read_audio(tmp_path / "a.wav")
    assert not recwarn.list
