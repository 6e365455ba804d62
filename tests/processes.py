"""Several processes of one gloo group, and what they make compared with what one makes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, distributed

from staa_cli.runtime.parallel import World

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "staa_cli")


def together(size: int, folder: Path, work: Callable[[World], dict[str, Tensor]]) -> list[dict[str, Tensor]]:
    """What `work` returns in each of `size` forked processes of one gloo group."""
    children = []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
                save_file(work(World(rank, size)), folder / f"{rank}.safetensors")
                distributed.barrier()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * size
    return [load_file(folder / f"{rank}.safetensors") for rank in range(size)]


def farthest(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)
