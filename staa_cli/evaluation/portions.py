"""Batches that get smaller when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from staa_cli.evaluation.attackers import Attacker
from staa_cli.runtime.listener import Listener
from staa_cli.runtime.memory import is_out_of_memory, release

Item = TypeVar("Item")
Result = TypeVar("Result")

HOPELESS = "out of memory with this utterance alone: attack it on a device with more, or in shorter pieces"


class Portions:
    """How many utterances are attacked at once: as many as were asked for, until memory runs out; then half as many, from then on.

    An attack by queries shows the victim more rows at once than there are utterances: the larger of both numbers is halved.

    Args:
        size: utterances at once.
    """

    def __init__(self, attacker: Attacker, size: int, device: torch.device, listener: Listener) -> None:
        self.attacker, self.size, self.device, self.listener = attacker, size, device, listener

    def run(self, batch: Sequence[Item], work: Callable[[Sequence[Item]], Sequence[Result]]) -> list[Result | None]:
        """Work through a batch in portions.

        Returns:
            A result for every item, in order; None for one that does not even fit alone.
        """
        results: list[Result | None] = []
        while len(results) < len(batch):
            portion = batch[len(results) : len(results) + self.size]
            try:
                results += work(portion)
                continue
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Here the exception is gone, and with it the tensors of its frames.
            release(self.device)
            if not self.halve(len(portion)):
                results.append(None)
        return results

    def halve(self, utterances: int) -> bool:
        """Make the next try smaller. Returns: whether that is possible."""
        rows, words = self.attacker.forward_batch, f"out of memory on {self.device}: from here"
        if rows > utterances:
            self.attacker.forward_batch = rows // 2
            self.listener.warning(f"{words} {rows // 2} candidates pass the threat model at once, not {rows}")
        elif utterances > 1:
            self.size = utterances // 2
            self.listener.warning(f"{words} {self.size} utterances are attacked at once, not {utterances}")
        return max(rows, utterances) > 1
