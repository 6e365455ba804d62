"""How images lie in memory."""

from __future__ import annotations

import torch
from torch import Tensor


def quick_layout(images: Tensor) -> Tensor:
    """The same numbers, on the CPU with their channels last in memory, where its pools are several times as fast.

    A GPU keeps the usual layout.

    Args:
        images: `(B, C, H, W)`; what is computed from them inherits the layout.
    """
    return images.to(memory_format=torch.channels_last) if images.device.type == "cpu" else images
