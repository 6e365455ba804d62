"""Decoded audio kept between runs: never stale, never half written, never in the way."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from staa_cli.audio.files import AudioError, read_audio, write_wav
from staa_cli.corpora import cache, tensors
from staa_cli.corpora.manifest import Manifest, Row, read_manifest
from staa_cli.corpora.tensors import load_audio

from ..conftest import World, tone


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def data(world: World, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world.data, tmp_path / "data"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_gives_what_the_files_hold_and_leaves_the_data_alone(data: Path, kept: Path) -> None:
    before = names(data)
    manifest = read_manifest(data)
    rows = manifest.split("val", "train")
    audio = load_audio(manifest, rows)
    waveforms, targets = audio.batch(torch.tensor([30, 2, 2]), torch.device("cpu"))
    for place, index in enumerate((30, 2, 2)):
        assert np.array_equal(waveforms[place].numpy(), read_audio(data / rows[index].file).samples)
        assert manifest.labels[targets[place]] == rows[index].emotion
    assert len(names(kept)) == 2, "a file for each split"
    assert names(data) == before


def test_is_read_again_without_a_decoder(data: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = read_manifest(data)
    first = load_audio(manifest, manifest.split("train"))
    monkeypatch.setattr(cache, "read_audio", lambda path: pytest.fail(f"{path} was decoded again"))
    second = load_audio(manifest, manifest.split("train")[3:])
    assert all(np.array_equal(one, other) for one, other in zip(first.samples[3:], second.samples, strict=True))


def test_a_replaced_file_is_decoded_anew(data: Path, kept: Path) -> None:
    manifest = read_manifest(data)
    row = manifest.split("val")[0]
    before = load_audio(manifest, [row]).samples[0].copy()
    write_wav(data / row.file, tone(1_000, len(before), 5))
    os.utime(data / row.file, ns=(1, 1))
    after = load_audio(manifest, [row]).samples[0]
    assert not np.array_equal(before, after)
    (data / row.file).unlink()
    with pytest.raises(AudioError, match="does not exist"):
        load_audio(manifest, [row])


@pytest.mark.parametrize("damage", [b"", b"\1", b"\0" * 97])
def test_a_damaged_file_is_built_anew(damage: bytes, data: Path, kept: Path) -> None:
    manifest = read_manifest(data)
    good = load_audio(manifest, manifest.split("val"))
    (path,) = kept.iterdir()
    content = path.read_bytes()
    for broken in (damage, content[:-2], content + b"\0\0"):
        path.unlink()
        path.write_bytes(broken)
        again = load_audio(manifest, manifest.split("val"))
        assert np.array_equal(np.stack(again.samples), np.stack(good.samples))
        assert path.read_bytes() == content


def test_a_kill_while_building_leaves_nothing_that_is_read(data: Path, kept: Path) -> None:
    manifest = read_manifest(data)
    rows = manifest.split("train")
    child = os.fork()
    if child == 0:
        real, calls = cache.read_audio, iter(range(99))
        cache.read_audio = lambda path: os._exit(9) if next(calls) == 7 else real(path)  # type: ignore[assignment]
        load_audio(manifest, rows)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (remnant,) = kept.iterdir()
    assert remnant.suffix == ".tmp"
    assert np.array_equal(load_audio(manifest, rows).samples[23], load_audio(manifest, rows[23:]).samples[0])
    os.utime(remnant, (0, time.time() - 2 * 86_400))
    load_audio(manifest, manifest.split("val"))
    assert not remnant.exists(), "old remnants go when the next file is built"


def test_two_processes_may_build_it_at_once(data: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = read_manifest(data)
    both, real = threading.Barrier(2, timeout=20), cache.build
    monkeypatch.setattr(cache, "build", lambda *arguments: (both.wait(), real(*arguments), both.wait()))
    loaded: list[np.ndarray] = []

    def load() -> None:
        loaded.append(np.stack(load_audio(manifest, manifest.split("train")).samples))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(*loaded)
    assert len(names(kept)) == 1


def test_unused_files_go_and_used_ones_stay(data: Path, kept: Path) -> None:
    manifest = read_manifest(data)
    load_audio(manifest, manifest.split("train"))
    load_audio(manifest, manifest.split("val"))
    old = {path: os.utime(path, (0, time.time() - 40 * 86_400)) for path in kept.iterdir()}
    load_audio(manifest, manifest.split("train"))
    load_audio(manifest, manifest.split("test"))
    assert sum(path.exists() for path in old) == 1
    assert len(names(kept)) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_without_room_for_the_cache_audio_is_held_in_memory(code: int, data: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(code, os.strerror(code), str(kept))

    monkeypatch.setattr(cache, "build", refuse)
    warnings: list[str] = []
    manifest = read_manifest(data)
    audio = load_audio(manifest, manifest.split("val"), warnings.append)
    assert np.array_equal(audio.samples[0] / 2**15, read_audio(data / manifest.split("val")[0].file).samples)
    assert "STAA_CACHE" in warnings[0]


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache.cache_folder() == Path("/xdg/staa")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache.cache_folder() == Path("/home/somebody/.cache/staa")


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, kept: Path) -> None:
    """200 utterances of 1 MB each are 200 MB; building and opening them takes a few."""
    write_wav(tmp_path / "long.wav", torch.zeros(500_000))
    rows = [Row(f"{number}.wav", "a", "s", "", "", "train", 30.0) for number in range(200)]
    for row in rows:
        (tmp_path / row.file).symlink_to("long.wav")
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        audio = tensors.load_audio(Manifest(tmp_path, rows, "0"), rows)
        audio.batch(torch.arange(8), torch.device("cpu"))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        os._exit(0 if grown < 60_000 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
