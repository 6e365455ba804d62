"""The options on how audio is cut and written, which the attacking commands share, and the objects made from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from staa_cli.audio.form import WAYS, Cutting, Form
from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from staa_cli.commands.output import Output
    from staa_cli.evaluation.inputs import Inputs
    from staa_cli.evaluation.jury import Jury
    from staa_cli.evaluation.recordings import Recording

SHORTEST = 0.1

Segment = Annotated[
    float | None,
    typer.Option(
        "--segment",
        metavar="SECONDS",
        min=SHORTEST,
        help="Attack and judge longer recordings in segments of SECONDS, each counted as an utterance, and write one file: in the memory "
        "of a segment, with the samples that cutting it first would give. A rest below a quarter is joined to the segment before.",
        show_default=False,
    ),
]
SegmentBy = Annotated[
    str,
    typer.Option(
        "--segment-by",
        metavar="|".join(WAYS),
        help="energy: cut where it is quietest between a half and all of SECONDS, and copy silence (0.5 s or more, 40 dB below the loudest "
        "20 ms) untouched and unjudged.",
    ),
]
Subtype = Annotated[
    str | None,
    typer.Option(
        "--subtype", metavar="PCM_16|PCM_24|FLOAT", help="What samples are written as; by default as the input's.", show_default=False
    ),
]
Format = Annotated[str, typer.Option("--format", metavar="wav|flac", help="FLAC holds integers: floats become PCM_24.")]
KeepRate = Annotated[
    bool,
    typer.Option(
        "--keep-rate",
        help="Add the perturbation, resampled, to every channel of the file at its own rate. All is judged and measured as it is heard at "
        "16 kHz; ε holds there, but sparsity does not: resampling spreads each change over its neighbours.",
    ),
]


def read_form(container: str, subtype: str | None, keep_rate: bool) -> Form:
    """What is written.

    Raises:
        UsageError: there is no such form.
    """
    return Form(container.lower(), subtype and subtype.upper(), keep_rate)


def read_cutting(seconds: float | None, by: str, jury: Jury) -> Cutting | None:
    """How recordings are cut; None for not at all. A victim that was exported for one length demands its own.

    Raises:
        UsageError: a victim takes no segments as long as that, or the way to cut is given alone.
    """
    from staa_cli.audio.files import SAMPLE_RATE

    longest = jury.longest()
    if longest is not None and seconds is not None and seconds * SAMPLE_RATE > longest + 1e-6:
        raise UsageError(
            f"--segment {seconds:g} is longer than the {longest / SAMPLE_RATE:g} s that a victim was exported for, expected at most that"
        )
    if seconds is None and longest is not None:
        seconds = longest / SAMPLE_RATE
    if seconds is None:
        if by != WAYS[0]:
            raise UsageError(f"--segment-by {by} needs --segment, the longest a segment may be")
        return None
    return Cutting(seconds, by, join=longest is None)


def cut_inputs(inputs: Inputs, cutting: Cutting | None, output: Output) -> Sequence[Recording | None]:
    """The segments of the inputs."""
    from staa_cli.evaluation.recordings import cut_all

    found = cut_all(inputs, cutting)
    cut = [recording for recording in found if recording is not None and not recording.fault]
    if cut and cutting is not None:
        count = sum(len(recording.attacked) for recording in cut)
        output.message(f"{len(cut)} recording(s) are longer than {cutting.seconds:g} s: attacked and judged in {count} segments")
    return found
