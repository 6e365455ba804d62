"""Running an attacker over many files: adversarial WAVs, one record per utterance and victim, resume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from staa_cli.attacks.attackers import Attacker
from staa_cli.attacks.inputs import Inputs
from staa_cli.attacks.portions import HOPELESS, Portions
from staa_cli.attacks.records import RESULTS, Job, Record, read_records, write_records
from staa_cli.attacks.spaces import Space, WaveformSpace, measure
from staa_cli.audio.budget import Budget
from staa_cli.audio.files import SAMPLE_RATE, Audio, AudioError, read_audio
from staa_cli.runtime.device import synchronize
from staa_cli.runtime.errors import Interrupted, UsageError
from staa_cli.runtime.output import Output
from staa_cli.victims.checkpoint import LoadedVictim
from staa_cli.victims.labels import mismatch


@dataclass(frozen=True)
class Loaded:
    job: Job
    audio: Audio


def check_labels(inputs: Inputs, victims: Mapping[str, LoadedVictim]) -> None:
    """Labels that a victim cannot predict would make every accuracy a lie.

    Raises:
        UsageError: naming both lists, and the map that would bring them together.
    """
    labels = {file.label for file in inputs.files if file.label is not None}
    for name, victim in victims.items():
        if labels - set(victim.labels):
            raise mismatch(labels, name, victim.labels)


def check_target(target: str | None, victims: Mapping[str, LoadedVictim]) -> None:
    """A victim that cannot predict the target could not be led there.

    Raises:
        UsageError: naming the victim and its labels.
    """
    for name, victim in victims.items():
        if target is not None and target not in victim.labels:
            raise UsageError(f"the target is '{target}', but victim '{name}' knows {', '.join(victim.labels)}")


def run_campaign(
    attacker: Attacker,
    jobs: Sequence[Job],
    victims: Mapping[str, LoadedVictim],
    folder: Path,
    budget: Budget,
    device: torch.device,
    output: Output,
    *,
    batch_size: int = 1,
    target: str | None = None,
    space: Space | None = None,
) -> list[Record]:
    """Attack every job that `folder` does not hold yet.

    Utterances of equal length share a batch of up to `batch_size`, fewer where memory runs out. Batches are cut from all jobs, finished
    ones too, so that a resumed run computes what an undisturbed one would.

    Args:
        attacker, victims: in `space`.
        target: of a targeted attack; success is then that the prediction is the target, also where it was before.
        space: what is attacked, by default the waveform.

    Returns:
        All records, in the order of `jobs` and `victims`; also as `results.jsonl` in `folder`. A file that cannot be used has one
        record with the key `error`.

    Raises:
        Interrupted: Ctrl-C; what is finished is kept.
    """
    finished = {key: records for key, records in read_records(folder).items() if len(records) == len(victims)}
    complete = {job.key for job in jobs if has_result(job, finished, folder)}
    if complete:
        output.message(f"{len(complete)} of {len(jobs)} utterances were finished before")
    records: dict[str, list[Record]] = {key: finished[key] for key in complete}
    portions = Portions(attacker, batch_size, device, output)
    place = space or WaveformSpace()

    def work(portion: Sequence[Loaded]) -> list[list[Record]]:
        return attack_batch(attacker, portion, victims, folder, budget, device, target, place)

    try:
        with (folder / RESULTS).open("a") as log, output.progress("attack", len(jobs)) as step:
            for batch in load_batches(jobs, batch_size, records, output):
                if not all(loaded.job.key in complete for loaded in batch):
                    for loaded, lines in zip(batch, portions.run(batch, work), strict=True):
                        if lines is None:
                            lines = [failure(loaded.job, f"{loaded.job.input.path}: {HOPELESS}", output)]
                        else:
                            judged = ", ".join(f"{line['victim']} {line['clean']} → {line['adversarial']}" for line in lines)
                            output.detail(f"{loaded.job.input.name}: {judged}")
                        records[loaded.job.key] = lines
                        log.writelines(json.dumps(line, allow_nan=False) + "\n" for line in lines)
                    log.flush()
                step.advance(len(batch))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted after {len(records)} of {len(jobs)} utterances; run the same command again to go on") from None
    ordered = [line for job in jobs for line in records[job.key]]
    write_records(folder, ordered)
    return ordered


def has_result(job: Job, finished: Mapping[str, list[Record]], folder: Path) -> bool:
    """Whether a job's records and its file are there; with fewer inputs, an older run may have given its file another name."""
    return job.key in finished and finished[job.key][0]["output"] == job.output and (folder / job.output).is_file()


def failure(job: Job, error: str, output: Output) -> Record:
    """The record of a file that cannot be used."""
    output.error(error)
    return {"file": job.input.name, "key": job.key, "error": error}


def load_batches(jobs: Sequence[Job], batch_size: int, records: dict[str, list[Record]], output: Output) -> Iterator[list[Loaded]]:
    """Read the jobs' audio and group neighbours of equal length. Unusable files go into `records` with their error."""
    group: list[Loaded] = []
    for job in jobs:
        try:
            audio = read_audio(job.input.path)
        except AudioError as error:
            records[job.key] = [failure(job, str(error), output)]
            continue
        if audio.converted:
            output.detail(f"{job.input.name}: {audio.rate} Hz, {audio.channels} channel(s), attacked and written as {SAMPLE_RATE} Hz mono")
        if group and len(group[0].audio.samples) != len(audio.samples):
            yield group
            group = []
        group.append(Loaded(job, audio))
        if len(group) == batch_size:
            yield group
            group = []
    if group:
        yield group


def attack_batch(
    attacker: Attacker,
    batch: Sequence[Loaded],
    victims: Mapping[str, LoadedVictim],
    folder: Path,
    budget: Budget,
    device: torch.device,
    target: str | None,
    space: Space,
) -> list[list[Record]]:
    """Attack utterances of one length, write them, read them back and judge both forms."""
    clean = space.encode(torch.stack([torch.from_numpy(loaded.audio.samples) for loaded in batch]).to(device))
    grain = clean.new_tensor(space.grain([loaded.audio for loaded in batch])).unsqueeze(1)
    synchronize(device)
    start = perf_counter()
    # An iterative attack switches gradients on for itself; no victim's weight ever needs one.
    labels, seeds = [loaded.job.input.label for loaded in batch], [loaded.job.seed for loaded in batch]
    outcome = attacker.perturb(clean, labels, seeds, grain)
    synchronize(device)
    seconds = (perf_counter() - start) / len(batch)
    memory = outcome.adversarial.detach().cpu()
    queries = None if outcome.queries is None else outcome.queries.tolist()
    for loaded, adversarial in zip(batch, memory, strict=True):
        space.write(folder / loaded.job.output, loaded.audio, adversarial)
    written = torch.stack([space.read(folder / loaded.job.output) for loaded in batch])
    clean = clean.cpu()
    epsilon = (space.unit * budget.epsilon(clean)[:, 0]).tolist()
    measures = [measure(space, clean, form) for form in (written, memory)]
    verdicts = {name: [predictions(victim, form.to(device)) for form in (clean, written, memory)] for name, victim in victims.items()}
    results = []
    for row, loaded in enumerate(batch):
        lines = []
        for name, (before, after, in_memory) in verdicts.items():
            lines.append(
                {
                    "file": loaded.job.input.name,
                    "output": loaded.job.output,
                    "key": loaded.job.key,
                    "victim": name,
                    "label": loaded.job.input.label,
                    "clean": before[row],
                    "adversarial": after[row],
                    "success": succeeded(before[row], after[row], target),
                    **({} if target is None else {"target": target}),
                    **({} if space.name == "waveform" else {"space": space.name}),
                    **({} if queries is None else {"queries": queries[row]}),
                    "epsilon": epsilon[row],
                    **measures[0][row],
                    "memory": {
                        "adversarial": in_memory[row],
                        "success": succeeded(before[row], in_memory[row], target),
                        **measures[1][row],
                    },
                    "audio": {
                        "samples": len(loaded.audio.samples),
                        "subtype": loaded.audio.subtype,
                        "source_rate": loaded.audio.rate,
                        "source_channels": loaded.audio.channels,
                    },
                    "run": {"seconds": seconds, "batch": len(batch)},
                }
            )
        results.append(lines)
    return results


def succeeded(clean: str, adversarial: str, target: str | None) -> bool:
    """Whether a prediction is as the attack wishes: another one than before, or the target."""
    return clean != adversarial if target is None else adversarial == target


@torch.no_grad()
def predictions(victim: LoadedVictim, waveforms: Tensor) -> list[str]:
    return [victim.labels[index] for index in victim.victim(waveforms).argmax(dim=1).tolist()]
