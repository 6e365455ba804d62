"""How long a file says it is. libsndfile reads on, without a word, where some formats end before their headers say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

OPEN = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF)
"""Sizes that streaming writers leave open."""


def is_truncated(data: bytes) -> bool:
    """Whether the header of a whole file's bytes promises more than there is; of Ogg, whether the stream does not end."""
    promised = PROMISED.get(data[:4])
    return promised is not None and promised(data) > len(data)


def riff(data: bytes) -> int:
    """The end of the `data` chunk: where the last chunk is odd, many writers leave out the byte that pads it."""
    position = 12
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        if name == b"data":
            return 0 if size in OPEN else position + 8 + size
        position += 8 + size + size % 2
    return 0


def field(start: int, length: int, order: Literal["little", "big"], beyond: int = 0) -> Callable[[bytes], int]:
    """The end of a file whose size stands at a fixed place, without the `beyond` bytes that it does not count."""

    def end(data: bytes) -> int:
        size = int.from_bytes(data[start : start + length], order)
        return 0 if size in OPEN else size + beyond

    return end


def au(data: bytes) -> int:
    """Header and samples."""
    header, size = (int.from_bytes(data[start : start + 4], "big") for start in (4, 8))
    return 0 if size in OPEN else header + size


def caf(data: bytes) -> int:
    """The end of the `data` chunk; a header without one is cut short."""
    position = 8
    while position + 12 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 12], "big")
        if data[position : position + 4] == b"data":
            return 0 if size == 2**64 - 1 else position + 12 + size
        position += 12 + size
    return len(data) + 1


def ogg(data: bytes) -> int:
    """The end of the last page; one byte more where that is not the last of its stream (flag 4)."""
    last = data.rfind(b"OggS")
    segments = data[last + 26] if last + 26 < len(data) else 0
    end = last + 27 + segments + sum(data[last + 27 : last + 27 + segments])
    return max(end, len(data) + (not data[last + 5 : last + 6] or not data[last + 5] & 4))


PROMISED: Mapping[bytes, Callable[[bytes], int]] = {
    b"RIFF": riff,
    b"RF64": field(20, 8, "little", 8),
    b"riff": field(16, 8, "little"),  # W64
    b"FORM": field(4, 4, "big", 8),  # AIFF
    b".snd": au,
    b"caff": caf,
    b"OggS": ogg,
}
"""By a file's first four bytes."""
