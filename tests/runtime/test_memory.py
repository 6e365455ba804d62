"""Freed memory stays with the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from staa_cli.runtime.memory import keep_freed_memory

FAULTS = """
import resource, sys, torch
from staa_cli.runtime.device import resolve_device
if sys.argv[1:]:
    resolve_device(sys.argv[1])
for _ in range(10):  # aligned blocks need some before they find their places
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments: str, **environment: str) -> int:
    """How many pages are mapped anew for 20 tensors of 64 MiB."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | environment
    command = [sys.executable, "-c", FAULTS, *arguments]
    return int(subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="a C library whose allocator has no such settings, or MALLOC_… is set")
def test_freed_memory_is_used_again() -> None:
    assert faults("cpu") < faults() / 10
    # The user's own settings win.
    assert faults("cpu", MALLOC_MMAP_THRESHOLD_="65536") > faults() / 10
