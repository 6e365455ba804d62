"""Random streams that depend on names, never on order, sharding or the number of earlier draws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


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
def seeded(seed: int, *names: object, device: torch.device) -> Iterator[None]:
    """Run what draws from torch's global generators (dropout) on the stream called `names`; their state is restored afterwards."""
    import torch

    value = derive_seed(seed, *names)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(value)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(value)
        yield
