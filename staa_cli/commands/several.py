"""What is attacked, and attacking it with one attacker, or with several one after the other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from staa_cli.commands.advice import advised
from staa_cli.commands.audio_options import cut_inputs, read_cutting
from staa_cli.commands.output import Output
from staa_cli.commands.show import conclude, settled, show_plans, show_together
from staa_cli.evaluation.builders import Builder
from staa_cli.evaluation.evaluation import Evaluation
from staa_cli.evaluation.inputs import Inputs
from staa_cli.evaluation.jury import Jury
from staa_cli.evaluation.material import Material
from staa_cli.evaluation.shards import Shard
from staa_cli.evaluation.task import hash_inputs
from staa_cli.runtime.errors import Interrupted, StaaError

if TYPE_CHECKING:
    from staa_cli.evaluation.estimate import Estimate


@dataclass(frozen=True)
class Planned:
    """An evaluation that waits for its turn.

    Attributes:
        build: its attacker.
        facts: what tables say of it.
    """

    evaluation: Evaluation
    build: Builder
    facts: Mapping[str, Any]

    def execute(self) -> dict[str, Any]:
        """What `metrics.json` holds."""
        return self.evaluation.execute(self.build, **self.facts)

    def estimate(self) -> Estimate | None:
        """What that will cost; None where it is finished."""
        return None if self.evaluation.run.finished else self.evaluation.estimate(self.build)


def gather(
    inputs: Inputs, jury: Jury, shard: Shard | None, together: int, segment: float | None, segment_by: str, output: Output
) -> Material:
    """The inputs of a shard, cut and hashed.

    Args:
        together: inputs that share a batch, and so a shard.
        segment, segment_by: see `read_cutting`.
    """
    inputs = shard.deal(inputs, together) if shard else inputs
    cutting = read_cutting(segment, segment_by, jury)
    recordings = cut_inputs(inputs, cutting, output)
    return Material(inputs, hash_inputs(inputs), cutting, recordings, shard)


def attack_with(attackers: Mapping[str, Planned], jury: Jury, dry_run: bool, estimate: bool, output: Output) -> int:
    """Attack with one attacker, whose name is empty, or with all in turn.

    Args:
        estimate: a dry run that says what it will cost.

    Returns:
        The exit code: 1 where one failed, or files did.
    """
    estimates = [planned.estimate() if estimate else None for planned in attackers.values()]
    if "" not in attackers:
        return attack_with_all(attackers, jury, dry_run or estimate, estimates, output)
    (only,) = attackers.values()
    run = only.evaluation.run
    if settled(run, only.evaluation.plan, dry_run or estimate, output, estimates[0]):
        return 0
    return conclude(run, only.execute(), output)


def attack_with_all(
    attackers: Mapping[str, Planned], jury: Jury, dry_run: bool, estimates: Sequence[Estimate | None], output: Output
) -> int:
    """One that fails does not keep the others from their turn; a device or a victim that none of them could use stops them all at once.

    Returns:
        The exit code: 1 where one failed, or files did.
    """
    runs = {name: planned.evaluation.run for name, planned in attackers.items()}
    if dry_run:
        show_plans([(planned.evaluation.run, planned.evaluation.plan) for planned in attackers.values()], output, estimates)
        return 0
    if not all(run.finished for run in runs.values()):
        jury.load()
    failed, incomplete, done = [], [], []
    for number, (name, planned) in enumerate(attackers.items(), 1):
        output.message(f"{name} ({number} of {len(attackers)})")
        try:
            metrics = runs[name].confirm() if runs[name].finished else planned.execute()
            if conclude(runs[name], metrics, output, shown=False):
                incomplete.append(name)
            done.append((runs[name].out, metrics))
        except (Interrupted, OSError):  # these would stop the next one as well
            raise
        except Exception as error:
            if os.environ.get("STAA_DEBUG"):
                raise
            output.error(f"{name}: " + (advised(error) if isinstance(error, StaaError) else f"a defect ({type(error).__name__}: {error})"))
            failed.append(name)
    if done:
        show_together(done, "attacks", output)
    if incomplete:
        output.error(f"files failed under {', '.join(incomplete)}; the same command tries them again")
    if failed:
        output.error(f"{len(failed)} of {len(attackers)} attackers failed: {', '.join(failed)}; run the same command again to go on")
    return int(bool(failed or incomplete))
