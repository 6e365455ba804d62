"""Long recordings: cut into segments, which are attacked like any utterance, each written into the recording's one file.

That file begins as a copy of what is attacked, so that silence, and a segment that fails, stay as they are; each attacked segment then
takes its place in it. No more of a recording than a segment is ever in memory.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from staa_cli.audio.files import SAMPLE_RATE, Audio, AudioError, Samples, one_line, read_audio
from staa_cli.audio.flac import is_flac, to_flac, to_wav
from staa_cli.audio.form import Cutting, Form
from staa_cli.audio.segments import Segment, cut
from staa_cli.audio.wav import create, fits, overwrite
from staa_cli.evaluation.inputs import Inputs
from staa_cli.runtime.folders import written_whole
from staa_cli.runtime.interrupts import breathe
from staa_cli.runtime.listener import SILENT, Listener

if TYPE_CHECKING:
    from staa_cli.evaluation.task import Task


@dataclass(frozen=True)
class Recording:
    """An input that is longer than a segment.

    Attributes:
        segments: all of it, silence too, without a gap.
        fault: or why it cannot be cut.
    """

    segments: Sequence[Segment]
    fault: str = ""

    @property
    def attacked(self) -> list[Segment]:
        return [segment for segment in self.segments if segment.number is not None]


def cut_all(inputs: Inputs, cutting: Cutting | None) -> list[Recording | None]:
    """The segments of every input; None for one that is no longer than a segment, and of which nothing is in question."""
    return [None if cutting is None else cut_one(file.path, cutting) for file in inputs.files]


def cut_one(path: Path, cutting: Cutting) -> Recording | None:
    try:
        segments = cut(path, cutting)
    except AudioError as error:
        return Recording([], str(error))
    return Recording(segments) if segments else None


def lay_out(
    folder: Path, tasks: Sequence[Task], recordings: Sequence[Recording | None], known: Collection[str], listener: Listener = SILENT
) -> list[Task]:
    """Make the file of every recording that has none yet, as a copy.

    Args:
        tasks: those of an input together, in the order of `recordings`.
        known: the keys of tasks that are done.

    Returns:
        The tasks; of a recording that cannot be read to its end, one, which says so.
    """
    found: list[Task] = []
    waiting = iter(tasks)
    with listener.progress("copy", sum(recording is not None for recording in recordings)) as step:
        for recording in recordings or [None] * len(tasks):
            breathe()
            count = 1 if recording is None or recording.fault else len(recording.attacked)
            own = [next(waiting) for _ in range(count)]
            if recording is not None and not recording.fault:
                own = lay_out_one(folder, own, recording, known)
            found += own
            step.advance(recording is not None)
    return found


def lay_out_one(folder: Path, tasks: list[Task], recording: Recording, known: Collection[str]) -> list[Task]:
    path, left = folder / tasks[0].output, [task for task in tasks if task.key not in known]
    try:
        if not path.is_file() or len(left) == len(tasks):
            copy(path, tasks[0], recording.segments)
        elif left and is_flac(path):
            to_wav(path)
    except AudioError as error:
        return [replace(tasks[0], segment=None, fault=str(error))]
    return tasks


def copy(path: Path, task: Task, segments: Sequence[Segment]) -> None:
    """
    Raises:
        AudioError: the recording is damaged, or longer than what is written can be.
    """
    first, last = read_segment(task, segments[0]), segments[-1]
    kept = first.original is not None
    rate, channels = (first.rate, first.channels) if kept else (SAMPLE_RATE, 1)
    frames = last.end if kept else last.offset + last.samples
    if not fits(frames, first.subtype, channels):
        raise AudioError(f"{one_line(task.input.path)} would need more than the 4 GiB of a WAV, expected less: cut it into parts")
    create(path, blocks(task, segments), frames, first.subtype, rate, channels)


def blocks(task: Task, segments: Sequence[Segment]) -> Iterator[Samples]:
    for segment in segments:
        breathe()
        audio = read_segment(task, segment)
        yield audio.samples if audio.original is None else audio.original


def read_segment(task: Task, segment: Segment) -> Audio:
    return replace(task, segment=segment).read()


def take_over(older: Path, folder: Path, task: Task, output: str) -> bool:
    """Put what a task is about where it belongs, as it stands in the file `output` of an older, finished run.

    Returns:
        Whether that is to be found: what is without its file is attacked again, and a segment needs its own place in both.
    """
    source, target = older / output, folder / task.output
    if task.written is None:
        return take_file(source, folder / output)
    if output != task.output or not source.is_file() or not target.is_file():
        return False
    audio = read_audio(source, span=task.written, form=Form(keep_rate=task.form.keep_rate))
    overwrite(target, task.written[0], audio.samples if audio.original is None else audio.original, audio.subtype)
    return True


def take_file(source: Path, target: Path) -> bool:
    """Copy a file, whole or not at all, where it is there."""
    if source.is_file():
        with written_whole(target) as temporary:
            shutil.copyfile(source, temporary)
    return source.is_file()


def finish(folder: Path, tasks: Sequence[Task]) -> None:
    """Write the recordings that are to be FLACs as such, now that all their segments are there."""
    for output in dict.fromkeys(task.output for task in tasks if task.segment is not None and task.form.container == "flac"):
        if not is_flac(folder / output):
            breathe()
            to_flac(folder / output)
