"""The type of a device, which names results, and what it costs to know it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from staa_cli.commands.advice import advised
from staa_cli.runtime import device as module
from staa_cli.runtime.device import device_type
from staa_cli.runtime.errors import UsageError


@pytest.mark.parametrize(
    ("name", "driver", "gpus", "kind"),
    [
        ("cpu", True, 2, "cpu"),
        ("cuda", True, 2, "cuda"),
        ("cuda:1", True, 2, "cuda"),
        ("auto", True, 2, "cuda"),
        ("auto", True, 0, "cpu"),
        ("auto", False, 2, "cpu"),
    ],
)
def test_types(monkeypatch: pytest.MonkeyPatch, name: str, driver: bool, gpus: int, kind: str) -> None:
    monkeypatch.setattr(module, "gpu_driver", lambda: driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert device_type(name) == kind


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UsageError, match="torch sees no CUDA device") as refusal:
        device_type("cuda:1")
    assert advised(refusal.value).endswith("; use --device cpu")
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        device_type("tpu")


@pytest.mark.skipif(module.gpu_driver(), reason="a GPU's driver is here, and torch is asked")
def test_torch_is_not_asked_where_no_driver_is() -> None:
    code = "import sys; from staa_cli.runtime.device import device_type; assert device_type('auto') == 'cpu' and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
