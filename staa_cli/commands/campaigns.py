"""What `attack` and `baseline` share: the work on one folder, extension of a finished run, the summary."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staa_cli.attacks.inputs import Inputs
from staa_cli.attacks.records import RESULTS, make_jobs, read_records, write_records
from staa_cli.commands.jobs import Job
from staa_cli.commands.jury import Jury
from staa_cli.recipes.base import essence
from staa_cli.recipes.schema import BaselineRecipe, TrainGeneratorRecipe
from staa_cli.runtime.folders import METRICS
from staa_cli.runtime.output import Output
from staa_cli.runtime.provenance import hash_json, hash_readable

if TYPE_CHECKING:
    from staa_cli.attacks.attackers import Attacker


class Campaign:
    """One attacker over many inputs, into one folder.

    Args:
        hashes: of the inputs' files; see `hash_inputs`.
        checkpoints: further hashes that the result depends on.
        shown: see `Job`.
    """

    def __init__(
        self,
        command: str,
        recipe: TrainGeneratorRecipe | BaselineRecipe,
        inputs: Inputs,
        hashes: list[str],
        jury: Jury,
        out: Path,
        output: Output,
        *,
        checkpoints: dict[str, str],
        overwrite: bool,
        batch_size: int = 1,
        shown: bool = True,
    ) -> None:
        self.recipe, self.out, self.output, self.batch_size = recipe, out, output, batch_size
        self.inputs, self.jury = inputs, jury
        # In a batch, rounding depends on the batch's size: another size is another run.
        identity = {
            "checkpoints": {**checkpoints, "victims": [reference.sha256 for reference in jury.references]},
            "batch_size": batch_size,
        }
        self.space = recipe.space if isinstance(recipe, BaselineRecipe) else "waveform"
        suffix = ".wav" if self.space == "waveform" else ".npy"
        self.jobs = make_jobs(self.inputs, hashes, {**identity, "recipe": essence(recipe)}, recipe.seed, suffix)
        files = [[ascii(file.name), file.label, sha256] for file, sha256 in zip(self.inputs.files, hashes, strict=True)]
        self.job = Job(
            command,
            recipe,
            {**identity, "inputs": {"count": len(files), "sha256": hash_json(files)}},
            out,
            output,
            overwrite=overwrite,
            extendable=self.keeps_everything,
            resume_key=hash_json([command, essence(recipe), identity]),
            shown=shown,
        )

    def keeps_everything(self) -> bool:
        """Whether every finished utterance of the older run in OUT belongs to this run too, so that replacing the folder loses nothing."""
        return read_records(self.out).keys() <= {job.key for job in self.jobs}

    @property
    def plan(self) -> str:
        return f"attack {len(self.jobs)} files, judged by {', '.join(map(str, self.jury.references))},"

    def finished(self, dry_run: bool) -> bool:
        return self.job.finished(dry_run, self.plan)

    def run(self, attacker: Attacker, facts: dict[str, Any]) -> int:
        """Attack, judge, summarise. `facts`: the attacker's name and ablation, for the tables."""
        from staa_cli.attacks.campaign import check_labels, check_target, run_campaign
        from staa_cli.attacks.spaces import build_budget, build_space
        from staa_cli.attacks.summary import summarise

        victims, device = self.jury.victims, self.jury.device
        check_labels(self.inputs, victims)
        target = self.recipe.target if isinstance(self.recipe, BaselineRecipe) else None
        check_target(target, victims)
        checks = self.jury.preflight(follow=self.follows_gradients)
        first = next(iter(victims))
        space = build_space(self.space, first, self.jury.threat)
        victims = {name: space.view(name, victim) for name, victim in victims.items()}
        attacker.threat = victims[first]
        budget = build_budget(self.recipe.budget)

        def work(folder: Path) -> dict[str, Any]:
            self.reuse(folder)
            options: dict[str, Any] = {"batch_size": self.batch_size, "target": target, "space": space}
            records = run_campaign(attacker, self.jobs, victims, folder, budget, device, self.output, **options)
            self.drop_strays(folder)
            head = {
                **facts,
                "threat_model": attacker.threat.model,
                "corpus": self.inputs.corpus,
                "split": self.inputs.split,
                "budget": self.recipe.budget.model_dump(exclude_none=True),
                **({} if self.space == "waveform" else {"space": self.space}),
                **({} if target is None else {"target": target}),
            }
            return {**head, "batch_size": self.batch_size, **summarise(records, first)}

        return self.job.run(work, str(device), preflight=checks)

    @property
    def follows_gradients(self) -> bool:
        """Whether the attack needs the threat model's gradients: a trained generator and an attack by queries do not."""
        return isinstance(self.recipe, BaselineRecipe) and self.recipe.FOLLOWS_GRADIENTS

    def reuse(self, folder: Path) -> None:
        """Take over what an older, finished run in OUT has of this run's utterances."""
        wanted = {job.key for job in self.jobs}
        here = read_records(folder)
        there = {key: records for key, records in read_records(self.out).items() if key in wanted and key not in here}
        for records in there.values():
            target = folder / records[0]["output"]
            target.parent.mkdir(parents=True, exist_ok=True)
            if (self.out / records[0]["output"]).is_file():
                shutil.copyfile(self.out / records[0]["output"], target)
        if there:
            write_records(folder, [record for records in (*here.values(), *there.values()) for record in records])

    def drop_strays(self, folder: Path) -> None:
        """Remove what an interrupted run with more inputs left in the workspace."""
        known = {folder / job.output for job in self.jobs} | {folder / RESULTS, folder / METRICS}
        for path in folder.rglob("*"):
            if path.suffix in (".wav", ".npy") and path not in known:
                path.unlink()


def hash_inputs(inputs: Inputs) -> list[str]:
    """The hash of every file. It reads them all, so the attackers of a preset share it."""
    return [hash_readable(file.path) for file in inputs.files]
