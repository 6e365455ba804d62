"""What the page draws and plays of a waveform, as text that fits into HTML."""

from __future__ import annotations

import io
import struct
import zlib
from base64 import b64encode

import numpy as np
import soundfile
from numpy.typing import NDArray

from staa_cli.audio.files import SAMPLE_RATE, Samples
from staa_cli.audio.wav import PCM_SCALE
from staa_cli.reporting.sounds import RANGE_DB

WIDTH, HEIGHT = 360, 60
"""Of a waveform's drawing: its columns, and from the middle to full scale."""
MAGMA: tuple[tuple[int, int, int], ...] = (
    *((0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122)),
    *((229, 80, 100), (251, 135, 97), (254, 194, 135), (252, 253, 191)),
)
"""Colours from quiet to loud, ever lighter, so that they are told apart without colour too."""


def outline(waveform: Samples, full: float) -> str:
    """A waveform as the data of an SVG path, `WIDTH` wide and `HEIGHT` to either side of 0: for each column its lowest and highest sample.

    Args:
        full: the amplitude at the edge.
    """
    count = min(WIDTH, len(waveform))
    edges = np.linspace(0, len(waveform), count + 1).astype(int)[:-1]
    scale = HEIGHT / (full or 1.0)
    tops = -scale * np.maximum.reduceat(waveform, edges)
    bottoms = -scale * np.minimum.reduceat(waveform, edges)
    step = WIDTH / count
    # Where nothing moves, nothing is drawn: a sparse change is a row of strokes.
    return "".join(
        f"M{(column + 0.5) * step:.1f} {top:.1f}V{max(bottom, top + 0.6):.1f}"
        for column, (top, bottom) in enumerate(zip(tops.clip(-HEIGHT, HEIGHT), bottoms.clip(-HEIGHT, HEIGHT), strict=True))
        if top or bottom
    )


def spectrogram_png(decibels: NDArray[np.float32]) -> str:
    """`(bands, frames)` in [-RANGE_DB, 0] as a PNG in a data URI, high frequencies on top."""
    levels = np.round(255 * (1 + decibels[::-1] / RANGE_DB)).clip(0, 255).astype(np.uint8)
    anchors = np.linspace(0, 255, len(MAGMA))
    palette = np.stack([np.interp(np.arange(256), anchors, channel) for channel in zip(*MAGMA, strict=True)], axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", levels.shape[1], levels.shape[0], 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette.round().astype(np.uint8).tobytes()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return data_uri("image/png", data)


def wav_uri(waveform: Samples) -> str:
    """A WAV in a data URI, without loss: 16-bit where that holds every sample, else 32-bit float."""
    steps = waveform.astype(np.float64) * PCM_SCALE["PCM_16"]
    subtype = "PCM_16" if np.array_equal(steps, steps.round()) and np.abs(steps).max(initial=0) < PCM_SCALE["PCM_16"] else "FLOAT"
    file = io.BytesIO()
    soundfile.write(file, waveform, SAMPLE_RATE, subtype=subtype, format="WAV")
    return data_uri("audio/wav", file.getvalue())


def data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"
