"""Choosing where tensors live."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.interrupts import breathe, held
from staa_cli.runtime.memory import keep_freed_memory

if TYPE_CHECKING:
    import torch


def check_device_name(name: str) -> str:
    """Accept `auto`, `cpu`, `cuda` and `cuda:N` without importing torch."""
    kind, _, index = name.partition(":")
    if name in ("auto", "cpu", "cuda") or (kind == "cuda" and index.isascii() and index.isdigit()):
        return name
    raise UsageError(f"unknown device '{name}', expected 'auto', 'cpu', 'cuda' or 'cuda:N'")


@held()
def resolve_device(name: str) -> torch.device:
    """The torch device called `name`; `auto` takes CUDA where there is one. For the CPU, freed memory is kept from here on.

    Raises:
        UsageError: CUDA was asked for and is absent, or the index is too large.
    """
    check_device_name(name)
    import torch

    breathe()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cpu":
        keep_freed_memory()
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if count == 0:
            raise UsageError(f"device '{name}' was asked for, but torch sees no CUDA device", "cpu")
        if (device.index or 0) >= count:
            raise UsageError(f"device '{name}' was asked for, but torch sees {count} CUDA device(s), cuda:0 to cuda:{count - 1}")
    return device


def device_type(name: str) -> str:
    """`cpu` or `cuda`: what results depend on of the device called `name`. torch is asked only where it may find a GPU.

    Raises:
        UsageError: as `resolve_device`.
    """
    if check_device_name(name) == "cpu" or (name == "auto" and not gpu_driver()):
        return "cpu"
    return resolve_device(name).type


def gpu_driver() -> bool:
    """Whether the library of NVIDIA's driver is installed, or AMD's device is there. Where neither is, torch finds no GPU.

    The library, and not `/dev/nvidiactl`: on machines without a screen the first program that asks for the GPU has that made.
    """
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True


def limit_threads(count: int) -> None:
    """Let torch compute with so many threads in this process and in those that it starts. No torch is imported for it."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(count)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)


def synchronize(device: torch.device) -> None:
    """Wait for the device's queued work, so that a clock read next to it is honest."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Deterministic algorithms inside the block, where `wanted`; all switches stand as before afterwards.

    torch warns of an operation that has no deterministic form and runs it: max pooling without overlap is listed as such, and is none.
    """
    if not wanted:
        yield
        return
    import torch

    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    switches, workspace = (cudnn.deterministic, cudnn.benchmark), os.environ.get(WORKSPACE)
    try:
        os.environ.setdefault(WORKSPACE, ":4096:8")  # without it cuBLAS may sum in any order
        torch.use_deterministic_algorithms(True, warn_only=True)
        cudnn.deterministic, cudnn.benchmark = True, False
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark = switches
        if workspace is None:
            os.environ.pop(WORKSPACE, None)


def check_precision(precision: str, device: torch.device) -> None:
    """Say early that a device cannot compute in bfloat16.

    Raises:
        UsageError: a GPU before Ampere.
    """
    import torch

    if precision == "bfloat16" and device.type == "cuda":
        with torch.cuda.device(device):
            if not torch.cuda.is_bf16_supported(including_emulation=False):
                name = torch.cuda.get_device_name(device)
                raise UsageError(f"{device} ({name}) does not compute in bfloat16", "float32")
