"""The options of work that is shared between processes and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from staa_cli.evaluation.shards import Shard

Jobs = Annotated[
    int,
    typer.Option("--jobs", metavar="N", min=1, help="Worker processes on the CPU, of one thread each; results as with --threads 1."),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Attack the K-th of N parts of the inputs only, into OUT.shards/K-of-N. The command without it takes over all parts.",
        show_default=False,
    ),
]
EstimateOption = Annotated[
    bool,
    typer.Option("--estimate", help="A dry run that attacks some inputs for a trial, and says how long all will take."),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, help="Cores to use in each process; by default all.", show_default=False),
]


def use_threads(jobs: int, threads: int | None) -> None:
    """Several processes with as many threads as there are cores would only be in each other's way."""
    from staa_cli.runtime.device import limit_threads

    if threads is not None or jobs > 1:
        limit_threads(threads or 1)


def shard_of(text: str | None) -> Shard | None:
    from staa_cli.evaluation.shards import Shard

    return None if text is None else Shard.parse(text)
