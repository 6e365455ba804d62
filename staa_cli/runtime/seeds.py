"""Random streams that depend on names, never on order, sharding or the number of earlier draws."""

from __future__ import annotations

import hashlib
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
