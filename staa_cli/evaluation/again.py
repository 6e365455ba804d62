"""Files of an earlier attack: judging them by further victims, and listening to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from staa_cli.audio.files import AudioError
from staa_cli.evaluation.judging import Forms, judge, placebo
from staa_cli.evaluation.pipeline import Bench, Clip, encode, judged, listen
from staa_cli.evaluation.record import Record


def judge_again(bench: Bench, batch: Sequence[Clip]) -> list[list[Record]]:
    """Have files that are there judged by the victims that have not done so, and listened to where that is asked for: what an attack costs
    is not spent again.

    What was in memory is gone. Of a file that holds it bit for bit the verdicts are the same; of another one they stay unknown.

    Returns:
        For each utterance its records, one for each victim; verdicts that were known, as they were.

    Raises:
        AudioError: a file is damaged.
    """
    clean = encode(bench, batch).cpu()
    files = [bench.space.read(bench.folder, one.task) for one in batch]
    if any(len(samples) != clean.shape[1] for samples in files):
        raise AudioError(f"a file of {bench.folder} has another length than its input")
    written = torch.stack(files)
    noise = placebo(clean, (written - clean).abs(), [one.task.seed for one in batch])
    forms = Forms(clean, written, noise, None, [one.known[0].exact for one in batch])
    perceived = listen(clean, written) if bench.perception else [None] * len(batch)
    known = [{record.judge: record for record in one.known} for one in batch]
    found: list[list[Record]] = [[] for _ in batch]
    for name, victim in bench.victims.items():
        own = [records.get(victim.sha256 or name) for records in known]
        verdicts = None if all(own) else judge(victim, forms, bench.device)
        for row, (one, record) in enumerate(zip(batch, own, strict=True)):
            made = one.known[0] if verdicts is None else replace(one.known[0], **judged(bench, name, verdicts[row]))
            found[row].append(replace(made if record is None else record, victim=name, perception=perceived[row]))
    return found
