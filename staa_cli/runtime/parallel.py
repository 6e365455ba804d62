"""Several processes that train one model, as `torchrun` starts them: each takes a part of every batch.

The arithmetic is that of one process with the whole batch: gradients, the statistics of BatchNorm and norms over the batch are summed
over all processes, and every process draws the random numbers of the whole batch and takes its part of them. It runs on CPUs (gloo) and
GPUs (nccl) alike; torch's own SyncBatchNorm is for GPUs only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    import torch

Value = TypeVar("Value")


@dataclass(frozen=True)
class World:
    """The processes that work together, and which of them this is."""

    rank: int = 0
    size: int = 1

    @property
    def leader(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def crew(self, items: torch.Tensor) -> World:
        """Who shares a batch: all processes; each is alone with all of a batch that is too small to give every process a part."""
        return self if len(items) >= self.size else ALONE

    def part(self, items: torch.Tensor) -> torch.Tensor:
        """This process's share of a batch: near-equal parts, in order."""
        return items.tensor_split(self.size)[self.rank]

    def whole(self, part: torch.Tensor, count: int) -> torch.Tensor:
        """The batch of `count` items of which `part` is this process's share. It has no gradient."""
        if self.size == 1:
            return part
        items = part.new_zeros(count, *part.shape[1:])
        self.part(items).copy_(part)
        return self.sum(items)

    def each(self, value: torch.Tensor) -> torch.Tensor:
        """The numbers that the processes have, `()` → `(size,)`; gradients go back to all of them."""
        if self.size == 1:
            return value.unsqueeze(0)
        import torch
        from torch.distributed.nn.functional import all_reduce

        own = torch.zeros(self.size, dtype=value.dtype, device=value.device)
        own[self.rank] = 1
        values: torch.Tensor = all_reduce(own * value)
        return values

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Add up a tensor over all processes, in place."""
        if self.size > 1:
            from torch import distributed

            distributed.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Add up the gradients over all processes, in one message."""
        if self.size == 1:
            return
        import torch

        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        total = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, total.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, value: Value) -> Value:
        """The leader's value, in every process; those of the others do not matter."""
        if self.size == 1:
            return value
        from torch import distributed

        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def follow(self, device: str) -> None:
        """Take part in whatever the leader begins, until it leaves the block of `joined`.

        Args:
            device: this process's own. The leader begins a work with `agree`: a function of the world and the device.
        """
        work: Callable[[World, str], None] | None
        while (work := self.agree(None)) is not None:
            work(self, device)

    def describe(self, device: object) -> str:
        """What results say of where they were made, such as `cuda:0 (2 processes)`."""
        return f"{device} ({self.size} processes)" if self.size > 1 else str(device)


ALONE = World()


def world_size() -> int:
    """How many processes `torchrun` started; 1 without it."""
    size = os.environ.get("WORLD_SIZE", "1")
    return int(size) if size.isdigit() and "RANK" in os.environ else 1


@contextmanager
def joined(device: str) -> Iterator[tuple[World, str]]:
    """Meet the other processes of `torchrun` inside the block, at whose end the leader lets those go that `follow` it.

    Args:
        device: `auto`, `cpu` or `cuda`.

    Yields:
        The world, and the name of this process's own device.

    Raises:
        UsageError: one GPU was named for all processes, or the machine has fewer GPUs than processes.
    """
    if world_size() == 1:
        yield ALONE, device
        return
    import torch
    from torch import distributed

    if ":" in device:
        raise UsageError(f"'{device}' is one device for all processes of torchrun, expected 'auto', 'cpu' or 'cuda'")
    local = int(os.environ.get("LOCAL_RANK", os.environ["RANK"]))
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if cuda and local >= torch.cuda.device_count():
        raise UsageError(
            f"torchrun started a process {local} on a machine with {torch.cuda.device_count()} GPU(s), expected a GPU for each",
            "fewer-processes",
        )
    place = f"cuda:{local}" if cuda else "cpu"
    if cuda:
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if cuda else "gloo")
    world = World(distributed.get_rank(), distributed.get_world_size())
    yield world, place
    # Not after an error: the others may be waiting in the middle of a message, and torchrun ends them.
    if world.leader:
        world.agree(None)
    distributed.barrier()  # nobody leaves before the leader has saved the result
    distributed.destroy_process_group()
