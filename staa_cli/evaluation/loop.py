"""Working through the tasks of a run: lots, worker processes, the log of results, what an interrupted run finished before."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path

from staa_cli.audio.files import SAMPLE_RATE
from staa_cli.evaluation.hand import Due, Hand, Results
from staa_cli.evaluation.pipeline import Bench
from staa_cli.evaluation.record import RESULTS, Failure, Record, read_records, write_records
from staa_cli.evaluation.task import Task
from staa_cli.runtime.errors import Interrupted
from staa_cli.runtime.interrupts import held
from staa_cli.runtime.listener import SILENT, Listener
from staa_cli.runtime.workers import WorkerDied, map_in_processes

Lines = Sequence[Record | Failure]

LOT, LOT_BYTES = 8, 2**20
"""Tasks that travel together where their batch can change nothing, and what their files may hold: half a minute. Many make a kill dear."""

LACKS = {False: "the verdicts of some victims", True: "some verdicts, or what is perceived of them"}


@dataclass(frozen=True)
class Crew:
    """Worker processes, each with models of its own.

    Attributes:
        build: makes a worker's bench; it travels to it.
        threads: of torch in each.
    """

    jobs: int
    build: Callable[[], Bench]
    threads: int = 1


@held()
def attack_all(
    bench: Bench, tasks: Sequence[Task], *, batch_size: int = 1, crew: Crew | None = None, listener: Listener = SILENT
) -> list[Record | Failure]:
    """Do every task that the folder does not hold yet; where it lacks the records of some victims only, have it judged by these.

    Lots are cut from all tasks, finished ones too, so that a resumed run, or one with other workers, computes what an undisturbed one
    would.

    Args:
        batch_size: utterances of equal length that are attacked at once, fewer where memory runs out.
        crew: None does the work in this process.

    Returns:
        All records, in the order of `tasks` and of the victims; also as `results.jsonl` in the folder. A file that cannot be used has one
        `Failure`.

    Raises:
        Interrupted: Ctrl-C; what is finished is kept.
    """
    known, strange = read_records(bench.folder)
    if strange and of_victims(known.get(last := next(reversed(known), ""), []), bench) is None:
        known.pop(last, None)  # the line that is torn was its: what was in memory is to be judged too
    known = {task.key: known[task.key] for task in tasks if has_result(task, known, bench.folder)}
    done: dict[str, Lines] = {key: own for key, records in known.items() if (own := of_victims(records, bench)) is not None}
    if strange:
        listener.warning(f"{strange} line(s) of an unfinished {RESULTS} were damaged; what they stood for is done again")
    # A torn line would swallow the one that is written behind it.
    write_records(bench.folder, [record for key, records in known.items() for record in done.get(key, records)])
    if done:
        listener.message(f"{len(done)} of {len(tasks)} utterances were finished before")
    if len(known) > len(done):
        listener.message(f"{len(known) - len(done)} of {len(tasks)} utterances were attacked before, and lack {LACKS[bench.perception]}")
    all_lots, size = divide(bench, tasks, batch_size)
    lots = list(outstanding(all_lots, known, done, whole=not bench.attacker.one_by_one))
    teller = Teller(listener)
    try:
        with (
            (bench.folder / RESULTS).open("a") as log,
            listener.progress("attack", len(tasks)) as step,
            closing(work_off(lots, Hand(lambda: bench, size, listener=listener), crew, listener)) as results,
        ):
            step.skip(len(tasks) - sum(map(len, lots)))
            for batch in results:
                for task, result in batch:
                    done[task.key] = teller.tell(task, result)
                    log.writelines(line.to_json() for line in done[task.key])
                log.flush()
                step.advance(len(batch))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted after {len(done)} of {len(tasks)} utterances; run the same command again to go on") from None
    ordered = [line for task in tasks for line in done[task.key]]
    write_records(bench.folder, ordered)
    return ordered


def divide(bench: Bench, tasks: Sequence[Task], batch_size: int) -> tuple[Iterator[list[Task]], int]:
    """All tasks in lots, and how many of them may share a batch."""
    return (light(tasks), LOT) if bench.attacker.one_by_one else (cut(tasks, batch_size), batch_size)


def cut(tasks: Sequence[Task], size: int) -> Iterator[list[Task]]:
    """Lots of up to `size` tasks. Of every `size` inputs the lots are their own: so they are the same where only these are dealt with."""
    inputs = {key: number for number, key in enumerate(dict.fromkeys(task.input for task in tasks))}
    for _, group in groupby(tasks, lambda task: inputs[task.input] // size):
        while lot := list(islice(group, size)):
            yield lot


def light(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Lots of tasks whose batch can change nothing: few of them, and of long files one."""
    lot: list[Task] = []
    total = 0
    for task in tasks:
        size = size_of(task)
        if lot and (len(lot) == LOT or total + size > LOT_BYTES):
            yield lot
            lot, total = [], 0
        lot.append(task)
        total += size
    if lot:
        yield lot


def size_of(task: Task) -> int:
    """Bytes of its audio; 0 where there is none, of which who reads it says so."""
    with suppress(OSError):
        return task.input.path.stat().st_size if task.segment is None else 2 * task.segment.samples
    return 0


def outstanding(
    lots: Iterable[list[Task]], known: Mapping[str, Sequence[Record]], done: Mapping[str, Lines], *, whole: bool
) -> Iterator[list[Due]]:
    """What is left of the lots.

    Args:
        whole: a task that was not attacked takes those of its lot with it, whose batch it shares.
    """
    for lot in lots:
        if whole and not all(task.key in known for task in lot):
            yield [Due(task) for task in lot]
        elif left := [Due(task, known.get(task.key, ())) for task in lot if task.key not in done]:
            yield left


def of_victims(records: Sequence[Record], bench: Bench) -> list[Record] | None:
    """The records of the victims, under their present names; None where one is missing, or what is asked for beside the verdicts."""
    by = {record.judge: record for record in records}
    wanted = {name: victim.sha256 or name for name, victim in bench.victims.items()}
    if not by.keys() >= set(wanted.values()) or (bench.perception and any(record.perception is None for record in records)):
        return None
    found = [replace(by[judge], victim=name) for name, judge in wanted.items()]
    return found if bench.perception else [replace(record, perception=None) for record in found]


def work_off(lots: Sequence[list[Due]], hand: Hand, crew: Crew | None, listener: Listener) -> Generator[Results]:
    """Have all lots done. Whose worker died is done once more, alone: where memory ran out, the others were too many."""
    if crew is None:
        for lot in lots:
            yield from hand.work(lot)
        return
    remote = Hand(crew.build, hand.batch_size, crew.threads)
    dead: list[list[Due]] = []
    for again in (False, True):
        todo = [[due] for lot in dead for due in lot] if again else lots
        # A worker more than there are lots would only load models; a single one is a process too, for its crash must not be ours.
        workers = max(1, min(crew.jobs, len(todo)))
        with closing(map_in_processes(remote, todo, workers, preload=Hand.__module__, apart=True)) as results:
            for place, result in results:
                if not isinstance(result, WorkerDied):
                    for warning in result.warnings:
                        listener.warning(warning)
                    yield result.results
                elif again:
                    (due,) = todo[place]
                    yield [(due.task, f"{due.task}: {result}")]
                else:
                    listener.warning(f"{result}: {len(todo[place])} utterance(s) will be done again, one by one")
                    dead.append(todo[place])


class Teller:
    """Says what became of each utterance, and of the first one that was converted that others are too."""

    def __init__(self, listener: Listener) -> None:
        self.listener, self.said = listener, False

    def tell(self, task: Task, result: list[Record] | str) -> Lines:
        if isinstance(result, str):
            self.listener.error(result)
            return [Failure(task.input.name, task.key, result)]
        rate, channels = result[0].audio["source_rate"], result[0].audio["source_channels"]
        if (rate, channels) != (SAMPLE_RATE, 1) and (task.segment is None or not task.segment.number):
            own = "judged" if "written_rate" in result[0].audio else "written"
            text = f"{task.input.name}: {rate} Hz, {channels} channel(s), attacked and {own} as {SAMPLE_RATE} Hz mono"
            text += ", written as it was: the change is no longer sparse there" if own == "judged" else ""
            (self.listener.detail if self.said else self.listener.message)(text if self.said else f"{text}, like all others that are not")
            self.said = True
        judged = ", ".join(f"{record.victim} {record.clean} → {record.adversarial}" for record in result)
        self.listener.detail(f"{task.input.name}: {judged}")
        return result


def has_result(task: Task, known: Mapping[str, Sequence[Record]], folder: Path) -> bool:
    """Whether a task's records and its file are there; with fewer inputs, an older run may have given its file another name."""
    return task.key in known and known[task.key][0].output == task.output and (folder / task.output).is_file()
