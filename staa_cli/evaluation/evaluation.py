"""One attacker over many inputs, into one run: what identifies it, what an older run has of it, the summary. No torch until it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from staa_cli.audio.form import AS_THE_INPUT, Form
from staa_cli.evaluation.builders import Benches, Builder
from staa_cli.evaluation.jury import Jury
from staa_cli.evaluation.material import Material
from staa_cli.evaluation.record import RESULTS, Record, read_records, write_records
from staa_cli.evaluation.recordings import finish, lay_out, take_over
from staa_cli.evaluation.shards import finished_shards
from staa_cli.evaluation.task import make_tasks
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import METRICS
from staa_cli.runtime.interrupts import held
from staa_cli.runtime.listener import SILENT, Listener
from staa_cli.runtime.provenance import hash_json
from staa_cli.runtime.run import Run
from staa_cli.runtime.version import __version__

if TYPE_CHECKING:
    from staa_cli.audio.budget import Budget
    from staa_cli.evaluation.estimate import Estimate
    from staa_cli.evaluation.pipeline import Bench


class Evaluation:
    """
    Args:
        recipe: of the attacker, with a seed and a budget.
        checkpoints: further hashes that the result depends on.
        space: what is attacked: `waveform` or `logmel`.
        target: of a targeted attack.
        jobs: worker processes; 1 works in this one.
        threads: of torch in each of them.
        follows: whether the attack follows the threat model's gradients: a trained generator and an attack by queries do not.
        form: what is written.
        perception: whether what is written is listened to; see `perceive`.

    Raises:
        UsageError: see `Run`; or a form, segments or perception are asked for where no audio is written.
    """

    def __init__(
        self,
        command: str,
        recipe: BaseModel,
        material: Material,
        jury: Jury,
        out: Path,
        *,
        budget: Budget,
        seed: int,
        checkpoints: dict[str, str] | None = None,
        batch_size: int = 1,
        space: str = "waveform",
        target: str | None = None,
        follows: bool = False,
        form: Form = AS_THE_INPUT,
        perception: bool = False,
        jobs: int = 1,
        threads: int = 1,
        overwrite: bool = False,
        listener: Listener = SILENT,
    ) -> None:
        inputs, cutting, shard = material.inputs, material.cutting, material.shard
        out, self.shards = (shard.folder(out), []) if shard else (out, finished_shards(out))
        self.inputs, self.jury, self.out, self.listener, self.shard = inputs, jury, out, listener, shard
        self.budget, self.batch_size, self.space, self.target, self.follows = budget, batch_size, space, target, follows
        self.jobs, self.threads, self.perception = jobs, threads, perception
        if jobs > 1 and jury.device_type != "cpu":
            raise UsageError(
                f"{jobs} processes were asked for on '{jury.device_type}', where each would hold the models on the one device and wait for "
                "the others: expected one process for each GPU"
            )
        # In a batch, rounding depends on the batch's size: another size is another run.
        victims = [reference.sha256 for reference in jury.references]
        if space != "waveform" and (form != AS_THE_INPUT or cutting is not None or perception):
            raise UsageError(f"'space: {space}' writes no audio: there is nothing to cut or to listen to, and no format to choose")
        resolved, self.form, self.recordings = recipe.model_dump(), form, material.recordings
        settings = {"batch_size": batch_size, **({} if form == AS_THE_INPUT else {"form": asdict(form)})}
        # Only the first victim has a part in the attack: by further ones it can be judged at any time.
        attack = {"checkpoints": {**(checkpoints or {}), "threat": victims[0]}, **settings, "recipe": resolved}
        self.tasks = make_tasks(
            inputs, material.hashes, attack, seed, form.suffix if space == "waveform" else ".npy", form, material.recordings
        )
        settings |= {} if cutting is None else {"segment": asdict(cutting)}
        # It can be listened to at any time, as it can be judged.
        beside = {"perception": True} if perception else {}
        identity = {"checkpoints": {**(checkpoints or {}), "victims": victims}, **settings, **beside}
        files = [[ascii(file.name), file.label, sha256] for file, sha256 in zip(inputs.files, material.hashes, strict=True)]
        self.run = Run(
            command,
            recipe,
            {**identity, "inputs": {"count": len(files), "sha256": hash_json(files)}},
            out,
            device=jury.device_type,
            overwrite=overwrite,
            extendable=self.keeps_everything,
            resume_key=hash_json([command, attack, settings]),
        )

    def keeps_everything(self) -> bool:
        """Whether every utterance that the older run in OUT finished belongs to this run too, and every victim's verdict on it, and what is
        perceived of it, so that replacing the folder loses nothing."""
        older, victims = read_records(self.out)[0], {reference.sha256 for reference in self.jury.references}
        judges = {record.judge for records in older.values() for record in records}
        heard = any(record.perception is not None for records in older.values() for record in records)
        return older.keys() <= {task.key for task in self.tasks} and judges <= victims and (self.perception or not heard)

    @property
    def plan(self) -> str:
        cut = self.counted.get("segments")
        segments = "" if cut is None else f" ({cut['recordings']} of them in {cut['segments']} segments)"
        return f"attack {len(self.inputs.files)} files{segments}, judged by {', '.join(map(str, self.jury.references))},"

    @held()
    def execute(self, build: Builder, **facts: Any) -> dict[str, Any]:
        """Attack, judge, summarise.

        Args:
            build: makes the attacker, once the victims are known to be usable.
            facts: what tables say of the attacker: its name, its ablation.

        Returns:
            What `metrics.json` holds.
        """
        benches, bench, checks = self.prepare(build)
        from staa_cli.evaluation.loop import Crew, attack_all
        from staa_cli.evaluation.summary import summarise

        def work(folder: Path) -> dict[str, Any]:
            known = read_records(folder)[0].keys() if any(self.recordings) else ()
            tasks = lay_out(folder, self.tasks, self.recordings, known, self.listener)
            self.reuse(folder)
            crew = Crew(self.jobs, partial(benches, folder), self.threads) if self.jobs > 1 else None
            here = replace(bench, folder=folder)
            records = attack_all(here, tasks, batch_size=self.batch_size, crew=crew, listener=self.listener)
            finish(folder, tasks)
            self.drop_strays(folder)
            return {
                **facts,
                "threat_model": bench.attacker.threat.model,
                "corpus": self.inputs.corpus,
                "split": self.inputs.split,
                "budget": self.budget.model_dump(exclude_none=True),
                **({} if self.space == "waveform" else {"space": self.space}),
                **({} if self.target is None else {"target": self.target}),
                **({"left_out": dict(self.inputs.left_out)} if self.inputs.left_out else {}),
                "batch_size": self.batch_size,
                **self.counted,
                **({"own_rate": True} if self.form.keep_rate else {}),
                **summarise(records, next(iter(self.jury.victims)), str(self.jury.device)),
            }

        said: dict[str, Any] = {"revisions": revisions} if (revisions := self.jury.revisions) else {}
        if self.shard is not None:
            said["shard"] = {"number": self.shard.number, "of": self.shard.count}
        return self.run.execute(work, str(self.jury.device), preflight=checks, **said)

    @held()
    def estimate(self, build: Builder) -> Estimate:
        """What `execute` will cost, from a trial of some seconds. OUT is left alone, and what it holds already is not subtracted."""
        start = perf_counter()
        _, bench, _ = self.prepare(build)
        from staa_cli.evaluation.estimate import estimate

        return estimate(bench, self.tasks, self.batch_size, self.jobs, perf_counter() - start, self.listener)

    def prepare(self, build: Builder) -> tuple[Benches, Bench, dict[str, Any]]:
        """Load the models and look at them: what makes benches, one for this process, and what was found."""
        self.jury.load()
        self.jury.check_labels(self.inputs)
        benches = Benches(self.jury, build, self.space, self.budget, self.target, self.perception)
        bench = benches(self.out)
        self.jury.check_target(self.target)
        return benches, bench, self.jury.preflight(self.tasks, self.budget if self.space == "waveform" else None, follow=self.follows)

    @property
    def counted(self) -> dict[str, Any]:
        """How many recordings were cut into how many segments, each of which is counted as an utterance."""
        cut = [recording for recording in self.recordings if recording is not None and not recording.fault]
        return {"segments": {"recordings": len(cut), "segments": sum(len(one.attacked) for one in cut)}} if cut else {}

    def reuse(self, folder: Path) -> None:
        """Take over what an older, finished run in OUT has of this run's utterances, and what its shards have."""
        sources = [source for source in (self.out, *self.shards) if (source / RESULTS).is_file()]
        if not sources:
            return
        wanted = {task.key: task for task in self.tasks}
        found, _ = read_records(folder)
        before = len(found)
        for source in sources:
            older, strange = read_records(source)
            if strange:
                self.listener.warning(f"{strange} line(s) of {source / RESULTS} are no records; what they stood for is done again")
                whole = max(map(len, older.values()), default=0)
                older = {key: records for key, records in older.items() if len(records) == whole}
            there = {key: records for key, records in older.items() if key in wanted and key not in found and self.wants(records)}
            if source != self.out and older and not older.keys() & wanted.keys():
                self.listener.warning(f"{source} is of other inputs, settings or checkpoints than this run, which makes no use of it")
            found |= {key: records for key, records in there.items() if take_over(source, folder, wanted[key], records[0].output)}
        if len(found) > before:
            write_records(folder, [record for records in found.values() for record in records])

    def wants(self, records: Sequence[Record]) -> bool:
        """Whether a finished utterance may stay. Who replaces a run wants none by another device or version in its place; who extends it
        keeps them, and tables say so."""
        makers = {(str(record.run.get("device")).split(":")[0], record.run.get("version")) for record in records}
        return not self.run.overwrite or makers == {(self.run.device, __version__)}

    def drop_strays(self, folder: Path) -> None:
        """Remove what an interrupted run with more inputs left in the workspace."""
        known = {folder / task.output for task in self.tasks} | {folder / RESULTS, folder / METRICS}
        for path in folder.rglob("*"):
            if path.suffix in (".wav", ".flac", ".npy") and path not in known and path.is_file():
                path.unlink()
