"""Working through the tasks of a run: batches, the log of results, what an interrupted run finished before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from staa_cli.audio.files import SAMPLE_RATE, AudioError
from staa_cli.evaluation.pipeline import Bench, Clip, work
from staa_cli.evaluation.portions import HOPELESS, Portions
from staa_cli.evaluation.record import RESULTS, Failure, Record, read_records, write_records
from staa_cli.evaluation.task import Task
from staa_cli.runtime.errors import Interrupted
from staa_cli.runtime.interrupts import breathe, held
from staa_cli.runtime.listener import SILENT, Listener

Lines = Sequence[Record | Failure]


@held()
def attack_all(bench: Bench, tasks: Sequence[Task], *, batch_size: int = 1, listener: Listener = SILENT) -> list[Record | Failure]:
    """Do every task that the folder does not hold yet.

    Utterances of equal length share a batch of up to `batch_size`, fewer where memory runs out. Batches are cut from all tasks, finished
    ones too, so that a resumed run computes what an undisturbed one would.

    Returns:
        All records, in the order of `tasks` and of the victims; also as `results.jsonl` in the folder. A file that cannot be used has one
        `Failure`.

    Raises:
        Interrupted: Ctrl-C; what is finished is kept.
    """
    known, strange = read_records(bench.folder)
    found = {key: records for key, records in known.items() if [record.victim for record in records] == list(bench.victims)}
    finished: dict[str, Lines] = {task.key: found[task.key] for task in tasks if has_result(task, found, bench.folder)}
    if strange:
        listener.warning(f"{strange} line(s) of an unfinished {RESULTS} were damaged; what they stood for is done again")
    # A torn line would swallow the one that is written behind it.
    write_records(bench.folder, [record for records in finished.values() for record in records])
    if finished:
        listener.message(f"{len(finished)} of {len(tasks)} utterances were finished before")
    done = dict(finished)
    portions = Portions(bench.attacker, batch_size, bench.device, listener)
    try:
        with (
            (bench.folder / RESULTS).open("a") as log,
            breathing(bench),
            listener.progress("attack", len(tasks)) as step,
        ):
            for batch in read_batches(tasks, batch_size, done, listener):
                breathe()
                if not all(one.task.key in finished for one in batch):
                    for one, lines in zip(batch, portions.run(batch, lambda portion: work(bench, portion)), strict=True):
                        done[one.task.key] = tell(one.task, lines, listener)
                        log.writelines(line.to_json() for line in done[one.task.key])
                    log.flush()
                step.advance(len(batch))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted after {len(done)} of {len(tasks)} utterances; run the same command again to go on") from None
    ordered = [line for task in tasks for line in done[task.key]]
    write_records(bench.folder, ordered)
    return ordered


@contextmanager
def breathing(bench: Bench) -> Iterator[None]:
    """Ctrl-C is also taken between two looks at a victim: some attacks spend minutes on an utterance."""
    hooks = [victim.victim.register_forward_pre_hook(lambda *_: breathe()) for victim in bench.victims.values()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def tell(task: Task, records: Sequence[Record] | str | None, listener: Listener) -> Lines:
    """Say what became of an utterance; a text is why it failed, None that it does not fit into memory."""
    if records is None or isinstance(records, str):
        return [fail(task, f"{task}: {records or HOPELESS}", listener)]
    judged = ", ".join(f"{record.victim} {record.clean} → {record.adversarial}" for record in records)
    listener.detail(f"{task.input.name}: {judged}")
    return records


def fail(task: Task, error: str, listener: Listener) -> Failure:
    listener.error(error)
    return Failure(task.input.name, task.key, error)


def has_result(task: Task, finished: Mapping[str, Sequence[Record]], folder: Path) -> bool:
    """Whether a task's records and its file are there; with fewer inputs, an older run may have given its file another name."""
    return task.key in finished and finished[task.key][0].output == task.output and (folder / task.output).is_file()


def read_batches(tasks: Sequence[Task], batch_size: int, done: dict[str, Lines], listener: Listener) -> Iterator[list[Clip]]:
    """Read the tasks' audio and group neighbours of equal length. Unusable files go into `done` as failures."""
    group: list[Clip] = []
    said = False
    for task in tasks:
        try:
            audio = task.read()
        except AudioError as error:
            done[task.key] = [fail(task, str(error), listener)]
            continue
        if audio.converted and (task.segment is None or not task.segment.number):
            own = "written" if audio.original is None else "judged"
            text = f"{task.input.name}: {audio.rate} Hz, {audio.channels} channel(s), attacked and {own} as {SAMPLE_RATE} Hz mono"
            text += "" if audio.original is None else ", written as it was: the change is no longer sparse there"
            (listener.detail if said else listener.message)(text if said else f"{text}, like all others that are not")
            said = True
        if group and len(group[0].audio.samples) != len(audio.samples):
            yield group
            group = []
        group.append(Clip(task, audio))
        if len(group) == batch_size:
            yield group
            group = []
    if group:
        yield group
