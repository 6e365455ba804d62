"""A task: one utterance of a run, a file or a segment of one, with what identifies its result. No torch here: dry runs need it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from staa_cli.audio.files import Audio, AudioError, read_audio
from staa_cli.audio.form import AS_THE_INPUT, Form
from staa_cli.audio.segments import Segment
from staa_cli.evaluation.inputs import Input, Inputs
from staa_cli.evaluation.recordings import Recording
from staa_cli.runtime.provenance import hash_json, hash_readable
from staa_cli.runtime.seeds import derive_seed


@dataclass(frozen=True)
class Task:
    """
    Attributes:
        output: the path of the WAV, or of what is written in its place, relative to the output folder.
        key: hash of input, recipe, checkpoints and seed: equal keys mean equal results.
        form: what is written.
        segment: the part of the input that the task is about; the output holds the whole. None for a task about all of it.
        fault: why the input cannot be used, where that is known already.
    """

    input: Input
    output: str
    key: str
    seed: int
    form: Form = AS_THE_INPUT
    segment: Segment | None = None
    fault: str = ""

    def __str__(self) -> str:
        return str(self.input.path) if self.segment is None else f"{self.input.path} ({self.segment})"

    def read(self) -> Audio:
        """
        Raises:
            AudioError: see `read_audio`; or the task's fault.
        """
        if self.fault:
            raise AudioError(self.fault)
        span = None if self.segment is None else (self.segment.start, self.segment.end)
        return read_audio(self.input.path, span=span, form=self.form)

    @property
    def written(self) -> tuple[int, int] | None:
        """Where the segment stands in the output, in its frames."""
        if self.segment is None:
            return None
        one = self.segment
        return (one.start, one.end) if self.form.keep_rate else (one.offset, one.offset + one.samples)


def make_tasks(
    inputs: Inputs,
    hashes: Sequence[str],
    identity: Mapping[str, Any],
    seed: int,
    suffix: str = ".wav",
    form: Form = AS_THE_INPUT,
    recordings: Sequence[Recording | None] = (),
) -> list[Task]:
    """Tasks in the order of the inputs.

    A segment of `talk.wav` has the seed that a file `talk.wav/000000.wav` would have, with its number: so it becomes what it would become
    had it been cut out by hand, and been put there.

    Args:
        hashes: of the inputs' files; see `hash_inputs`.
        identity: recipe, checkpoints and seed, all that the result depends on beside the file.
        suffix: of what is written.
        recordings: of every input that is cut its segments; see `cut_all`.
    """
    tasks = []
    cut = recordings or [None] * len(inputs.files)
    for file, output, sha256, recording in zip(inputs.files, inputs.output_names(), hashes, cut, strict=True):
        what = {**identity, "name": ascii(file.name), "label": file.label, "sha256": sha256}
        name = output.removesuffix(".wav") + suffix
        for segment in [None] if recording is None or recording.fault else recording.attacked:
            part = {} if segment is None else {"segment": [segment.start, segment.end]}
            path = file.name if segment is None else f"{file.name}/{segment.number:06}.wav"
            fault = "" if recording is None else recording.fault
            tasks.append(Task(file, name, hash_json({**what, **part}), derive_seed(seed, path), form, segment, fault))
    return tasks


def hash_inputs(inputs: Inputs) -> list[str]:
    """The hash of every file. It reads them all, so the attackers of a preset share it."""
    return [hash_readable(file.path) for file in inputs.files]
