"""Ctrl-C at any moment of reading and writing audio: it is raised, or the result is right.

`STAA_SIGNALS=3000 pytest tests/audio/test_interrupts.py` sends so many in each case.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import soundfile

from staa_cli.audio.files import encode_wav, read_audio

SIGNALS = int(os.environ.get("STAA_SIGNALS", "100"))
READ = {"a.wav": "PCM_16", "b.flac": "PCM_16", "c.ogg": "VORBIS", "d.mp3": "MPEG_LAYER_III", "e.aiff": "PCM_24", "f.wav": "FLOAT"}
SOUND = (0.3 * np.sin(np.arange(48_000) / 20)).astype(np.float32)


@pytest.fixture
def struck() -> Iterator[list[int]]:
    """The signals that came; each raises KeyboardInterrupt as Ctrl-C does."""
    came: list[int] = []

    def strike(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, strike)
    yield came
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def stress(work: Callable[[], object], right: Callable[[object], bool], struck: list[int]) -> Counter[str]:
    """How often each ending came, with a signal at a random moment of the work."""
    began = perf_counter()
    assert right(work())
    longest = 1.1 * (perf_counter() - began)
    endings: Counter[str] = Counter()
    for _ in range(SIGNALS):
        struck.clear()
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-6 + random.random() * longest)
            result = work()
            signal.setitimer(signal.ITIMER_REAL, 0)
            endings["lost" if struck else "right" if right(result) else "wrong"] += 1
        except KeyboardInterrupt:
            endings["interrupted"] += 1
        except Exception as error:
            endings[repr(error)] += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return endings


@pytest.mark.parametrize("name", READ)
def test_reading(name: str, tmp_path: Path, struck: list[int]) -> None:
    soundfile.write(tmp_path / name, SOUND, 16_000, READ[name])
    samples = read_audio(tmp_path / name).samples
    endings = stress(lambda: read_audio(tmp_path / name).samples, lambda found: np.array_equal(found, samples), struck)  # type: ignore[arg-type]
    assert endings.keys() <= {"right", "interrupted"}, endings


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_writing(subtype: str, struck: list[int]) -> None:
    data = encode_wav(SOUND, subtype)
    endings = stress(lambda: encode_wav(SOUND, subtype), lambda found: found == data, struck)
    assert endings.keys() <= {"right", "interrupted"}, endings
