"""What an attacked file is written as."""

from __future__ import annotations

from dataclasses import dataclass

from staa_cli.runtime.errors import UsageError

CONTAINERS = ("wav", "flac")
SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")


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
