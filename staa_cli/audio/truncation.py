"""How long a file says it is. libsndfile reads on, without a word, where some formats end before their headers say.

Of old formats a file cut short is read as a shorter one all the same: the headers of IRCAM, PAF and PVF say no length, and those of AVR,
VOC, MAT4, MAT5, XI, WVE, MPC2K, SDS and the like are not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import prod
from mmap import mmap
from typing import Literal

Order = Literal["little", "big"]
Data = bytes | mmap
End = Callable[[Data], int]

OPEN = (0, 0x7FFFF000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""Sizes that streaming writers leave open; the second is SoX's and eSpeak's."""


def is_truncated(data: Data) -> bool:
    """Whether the header of a whole file's bytes promises more than there is; of Ogg, whether the stream does not end."""
    return PROMISED.get(data[:4], mp3)(data) > len(data)


def chunks(start: int, length: int, order: Order) -> End:
    """The end of the `data` chunk. Many writers leave out the byte that pads it where it is odd and comes last.

    Args:
        start: of the first chunk.
        length: of a chunk's size, in bytes: 4 in RIFF, 8 in CAF.
    """

    def end(data: Data) -> int:
        position = start
        while (body := position + 4 + length) <= len(data):
            size = int.from_bytes(data[position + 4 : body], order)
            if data[position : position + 4] == b"data":
                return 0 if size in OPEN else body + size
            position = body + size + (size % 2 if length == 4 else 0)
        # Without that chunk a CAF is cut within its header; a RIFF may be a picture, which libsndfile refuses.
        return len(data) + (length == 8)

    return end


def field(start: int, length: int, order: Order, beyond: int = 0) -> End:
    """The end of a file whose size stands at a fixed place, without the `beyond` bytes that it does not count."""

    def end(data: Data) -> int:
        size = int.from_bytes(data[start : start + length], order)
        return 0 if size in OPEN else size + beyond

    return end


def au(order: Order) -> End:
    """Header and samples."""

    def end(data: Data) -> int:
        header, size = (int.from_bytes(data[start : start + 4], order) for start in (4, 8))
        return 0 if size in OPEN else header + size

    return end


def nist(data: Data) -> int:
    """SPHERE: a header of 1,024 bytes of text, then so many samples of so many bytes in so many channels."""
    said = {b"sample_count": b"0"} | dict(re.findall(rb"(\w+) -i (\d+)", data[:1024]))
    return 1024 + prod(int(said.get(name, 1)) for name in (b"sample_count", b"sample_n_bytes", b"channel_count"))


def ogg(data: Data) -> int:
    """The end of the last page; one byte more where that is not the last of its stream (flag 4)."""
    last = data.rfind(b"OggS")
    segments = data[last + 26] if last + 26 < len(data) else 0
    end = last + 27 + segments + sum(data[last + 27 : last + 27 + segments])
    return max(end, len(data) + (not data[last + 5 : last + 6] or not data[last + 5] & 4))


def mp3(data: Data) -> int:
    """The bytes that the Xing header in the first frame counts: of fewer libmpg123 complains on stderr, where it cannot be stopped."""
    tag = 10 + sum(byte << 7 * (3 - place) for place, byte in enumerate(data[6:10])) if data[:3] == b"ID3" else 0
    found = re.search(rb"(?:Xing|Info)\0\0\0(?:[\2\6\12\16]|[\3\7\13\17].{4})(.{4})", data[tag : tag + 256], re.DOTALL)
    return int.from_bytes(found[1], "big") if found else 0


PROMISED: Mapping[bytes, End] = {
    b"RIFF": chunks(12, 4, "little"),
    b"RIFX": chunks(12, 4, "big"),
    b"RF64": field(20, 8, "little", 8),
    b"riff": field(16, 8, "little"),  # W64
    b"FORM": field(4, 4, "big", 8),  # AIFF, SVX
    b".snd": au("big"),
    b"dns.": au("little"),
    b"caff": chunks(8, 8, "big"),
    b"NIST": nist,
    b"OggS": ogg,
}
"""By a file's first four bytes; MP3 has none of its own."""
