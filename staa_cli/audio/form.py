"""How recordings are cut, and what is written: what users may ask for. No NumPy here, for help is to be fast."""

from __future__ import annotations

from dataclasses import dataclass

from staa_cli.runtime.errors import UsageError

CONTAINERS = ("wav", "flac")
SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
WAYS = ("length", "energy")


@dataclass(frozen=True)
class Form:
    """
    Attributes:
        container: `wav` or `flac`.
        subtype: what holds the samples: `PCM_16`, `PCM_24` or `FLOAT`; None for what holds the input's without loss.
        keep_rate: the perturbation is added to the input at its own rate, to each of its channels.

    Raises:
        UsageError: there is no such form.
    """

    container: str = "wav"
    subtype: str | None = None
    keep_rate: bool = False

    def __post_init__(self) -> None:
        if self.container not in CONTAINERS:
            raise UsageError(f"unknown format '{self.container}', expected {' or '.join(CONTAINERS)}")
        if self.subtype is not None and self.subtype not in SUBTYPES:
            raise UsageError(f"unknown subtype '{self.subtype}', expected one of {', '.join(SUBTYPES)}")
        if self.container == "flac" and self.subtype == "FLOAT":
            raise UsageError("a FLAC file holds integers, expected the subtype PCM_16 or PCM_24, or the format wav")

    @property
    def suffix(self) -> str:
        return f".{self.container}"

    def holds(self, own: str) -> str:
        """The subtype of what is written. `own`: what holds the input's samples without loss. FLAC takes floats in 24 bits."""
        held = self.subtype or own
        return "PCM_24" if self.container == "flac" and held == "FLOAT" else held


AS_THE_INPUT = Form()


@dataclass(frozen=True)
class Cutting:
    """How recordings that are longer than a segment are cut.

    By `length` every segment is as long as the first, and the rest is the last one; a rest shorter than a quarter of a segment is joined to
    the one before it. By `energy` no segment is longer; see `staa_cli.audio.energy`.

    Attributes:
        seconds: the length of a segment.
        by: `length` or `energy`.
        join: whether a short rest is joined; not where a victim takes no more than a segment.

    Raises:
        UsageError: there is no such way.
    """

    seconds: float
    by: str = "length"
    join: bool = True

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise UsageError(f"unknown way '{self.by}' to cut recordings, expected {' or '.join(WAYS)}")
