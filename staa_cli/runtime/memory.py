"""Memory: keeping what was freed for the next tensor, and going on with less where it runs out."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

REFUSALS = ("can't allocate memory", "ALLOC_FAILED")
"""What torch's CPU allocator says, and libraries of CUDA that have no exception of their own for it."""


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt, from its malloc.h."""


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep freed memory for the process's next tensors.

    glibc hands every large block back to the system and has the next one mapped and zeroed page by page: more than a third of an epoch of
    Emo18 on the CPU went there. The price is a larger process. Settings from the environment (MALLOC_…) are left as they are.

    Returns:
        Whether it was done; other C libraries have no such settings.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))


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
