"""Random streams that depend on names, never on order, sharding or the number of earlier draws."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

State = TypeVar("State")
Result = TypeVar("Result")


def derive_seed(seed: int, *names: object) -> int:
    """A 63-bit seed for the stream called `names` under the run's `seed`."""
    text = "\0".join([str(seed), *map(str, names)])
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, *names: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator of its own, so that no global random state is touched."""
    import torch

    return torch.Generator(device=device).manual_seed(derive_seed(seed, *names))


@contextmanager
def isolated(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global random states inside the block, and leave them afterwards as they were.

    For code of others that draws from global states: dropout, layer drop, and transformers' masking, which draws from NumPy's.
    """
    import numpy as np
    import torch

    before = np.random.get_state()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        # Not `torch.manual_seed`, which seeds every CUDA device, forked or not.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(before)


def reproducible(run_epoch: Callable[[int, State], Result], seed: int, device: torch.device) -> Callable[[int, State], Result]:
    """`run_epoch` with randomness that depends on the epoch's number only, so that a resumed training equals an undisturbed one."""

    def run(epoch: int, state: State) -> Result:
        with isolated(derive_seed(seed, "epoch", epoch), device):
            return run_epoch(epoch, state)

    return run
