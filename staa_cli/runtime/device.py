"""Choosing where tensors live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    import torch


def check_device_name(name: str) -> str:
    """Accept `auto`, `cpu`, `cuda` and `cuda:N` without importing torch."""
    kind, _, index = name.partition(":")
    if name in ("auto", "cpu", "cuda") or (kind == "cuda" and index.isascii() and index.isdigit()):
        return name
    raise UsageError(f"unknown device '{name}', expected 'auto', 'cpu', 'cuda' or 'cuda:N'")


def resolve_device(name: str) -> torch.device:
    """The torch device called `name`; `auto` takes CUDA where there is one.

    Raises:
        UsageError: CUDA was asked for and is absent, or the index is too large.
    """
    import torch

    check_device_name(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if count == 0:
            raise UsageError(f"device '{name}' was asked for, but torch sees no CUDA device; use --device cpu")
        if (device.index or 0) >= count:
            raise UsageError(f"device '{name}' was asked for, but torch sees {count} CUDA device(s), cuda:0 to cuda:{count - 1}")
    return device


def synchronize(device: torch.device) -> None:
    """Wait for the device's queued work, so that a clock read next to it is honest."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
