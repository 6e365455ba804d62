"""A disk that fills up while a training saves."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from staa_cli.runtime.checkpoints import TrainingState, read_tensors
from staa_cli.victims.checkpoint import build_victim

from ..commands.conftest import in_process, work_of
from ..conftest import Staa, World


@pytest.mark.parametrize("failing", [3, 4], ids=["the best weights", "the state"])
def test_the_last_good_checkpoint_stays_and_the_training_goes_on(
    failing: int, staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epoch 1 saves weights and state whole (writes 1 and 2); in epoch 2 the disk takes a half of one of them."""
    command = ("train-victim", world.recipes["zhao19"], "--data", world.data)
    real, saves = Path.write_bytes, []

    def write(self: Path, data: bytes) -> int:
        if len(data) < 100_000:
            return real(self, data)
        saves.append(data)
        if len(saves) == failing:
            real(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return real(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        full = staa(*command, "-o", tmp_path / "full")
    assert full.code == 1
    assert "no space left on the disk" in full.err
    assert not (tmp_path / "full").exists()
    (partial,) = in_process(tmp_path / "full")
    left = {path.name: path for path in (tmp_path / partial).iterdir()}
    assert set(left) == {".staa-key", "model.safetensors", "state.safetensors"}, "the half written file is gone"
    assert left["state.safetensors"].read_bytes() == saves[1]
    assert left["model.safetensors"].read_bytes() == saves[0 if failing == 3 else 2]
    tensors, _ = read_tensors(left["state.safetensors"])
    assert len(tensors) > len(build_victim("zhao19", ["a", "b", "c"]).state_dict())
    assert TrainingState(**read_tensors(left["state.safetensors"])[1]).epoch == 1
    again = staa(*command, "-o", tmp_path / "full")
    assert again.code == 0
    assert "going on after epoch 1 of 3" in again.err
    assert work_of(tmp_path / "full") == work_of(world.zhao19)
