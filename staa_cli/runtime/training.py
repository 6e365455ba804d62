"""The loop around every training: epochs, history, best and last weights, resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from staa_cli.runtime.checkpoints import LAST, Header, TrainingState, save_module
from staa_cli.runtime.errors import Interrupted
from staa_cli.runtime.folders import MODEL, PARTIAL, write_text
from staa_cli.runtime.interrupts import breathe, held
from staa_cli.runtime.listener import Listener, Step
from staa_cli.runtime.parallel import ALONE, World

HISTORY = "history.jsonl"


@held()
def fit(
    folder: Path,
    module: nn.Module,
    header: Header,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    run_epoch: Callable[[int, Step], dict[str, Any]],
    listener: Listener,
    *,
    steps: int = 1,
    score: str | None = None,
    patience: int | None = None,
    world: World = ALONE,
) -> TrainingState:
    """Train `module` for `epochs`, going on from what `folder` holds.

    Writes `model.safetensors` (the epoch with the highest `score`, the last of equals; without a score, the last one),
    `last.safetensors` where the two can differ, and `history.jsonl`. The state stays: what follows may fail or be interrupted too.

    Args:
        run_epoch: trains and validates one epoch (counted from 0), tells of each step of the optimiser, and returns its record. Its
            randomness must depend on the epoch's number only, so that a resumed training equals an undisturbed one.
        steps: in an epoch, for who wants to know how long it will take.
        world: the processes that train together, in which the leader alone writes; all read the same `folder`.
        patience: stop after so many epochs that did not raise `score`; an equal score does not count as raised.

    Raises:
        Interrupted: Ctrl-C; the state of the last whole epoch is kept.
    """
    state = TrainingState.restore(folder, module, optimizer)
    saved = state.epoch
    name = folder.name.removeprefix(".").removesuffix(PARTIAL)  # several trainings may write to one terminal or log
    hook = optimizer.register_step_post_hook(lambda *_: breathe())  # Ctrl-C is taken between two steps
    if saved:
        listener.message(f"{name}: going on after epoch {saved} of {epochs}")
    try:
        with listener.progress(f"train {name}", epochs * steps) as step:
            step.skip(saved * steps)
            while state.epoch < epochs and not stale(state, score, patience):
                step.note(f"epoch {state.epoch + 1} of {epochs}")
                record = run_epoch(state.epoch, step)
                state.epoch += 1
                state.history.append({"epoch": state.epoch, **record})
                told = ", ".join(f"{measure} {value:.4g}" for measure, value in record.items())
                listener.message(f"{name}: epoch {state.epoch}/{epochs}: {told}")
                best = state.history[state.best_epoch - 1] if state.best_epoch else None
                if score is None or best is None or record[score] >= best[score]:
                    state.best_epoch = state.epoch
                    if world.leader:
                        save_module(folder / MODEL, module, header)
                if world.leader:
                    state.save(folder, module, optimizer)
                saved = state.epoch
                breathe()
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted after epoch {saved} of {epochs}; run the same command again to go on") from None
    finally:
        hook.remove()
    if state.epoch < epochs:
        listener.message(f"{name}: stopped after epoch {state.epoch} of {epochs}: no better {score} for {patience} epochs")
    if world.leader:
        if score is not None:
            save_module(folder / LAST, module, header)
        write_text(folder / HISTORY, "".join(json.dumps(record, allow_nan=False) + "\n" for record in state.history))
    return state


def stale(state: TrainingState, score: str | None, patience: int | None) -> bool:
    """Whether the last `patience` epochs did not raise the score. It follows from the history, so a resumed training stops likewise."""
    if score is None or patience is None or not state.history:
        return False
    scores = [record[score] for record in state.history]
    return len(scores) - 1 - scores.index(max(scores)) >= patience
