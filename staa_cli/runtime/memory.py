"""Running out of memory, and going on with less."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

REFUSALS = ("can't allocate memory", "ALLOC_FAILED")
"""What torch's CPU allocator says, and libraries of CUDA that have no exception of their own for it."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an exception, or one that it was raised from, says that memory ran out: on an accelerator or on the CPU."""
    import torch

    while error is not None:
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(error, RuntimeError) and any(words in str(error) for words in REFUSALS):
            return True
        error = error.__cause__
    return False


def release(device: torch.device) -> None:
    """Hand cached memory back, of which a smaller try would not fit the pieces."""
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.empty_cache()
