"""What `make demo` must show, whatever the machine: python -m tests.benchmarks.floors [runs/demo]

The floors lie well below what the README's run gave, as trainings differ with the processor and its threads.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FLOORS = {
    ("guided-test/sparsity-5", "emo18", "asr_percent"): 60,
    ("guided-test/sparsity-5", "zhao19", "lift_points"): 15,
    ("staa-net-test/sparsity-5", "emo18", "lift_points"): 10,
    ("staa-net-test/sparsity-5", "zhao19", "lift_points"): 10,
}
CEILING = 15
"""Of every placebo."""


def check(demo: Path) -> list[str]:
    """What is missed, a line each; for a folder of finished runs."""
    missed = []
    for (run, victim, measure), floor in FLOORS.items():
        found = judged(demo / run)[victim]
        if found[measure] < floor:
            missed.append(f"{run}, {victim}: {measure} is {found[measure]:.1f}, expected at least {floor}")
        if found["placebo_percent"] > CEILING:
            missed.append(f"{run}, {victim}: the placebo changes {found['placebo_percent']:.1f} %, expected at most {CEILING}")
    return missed


def judged(run: Path) -> dict[str, Any]:
    if not (run / "metrics.json").is_file():
        sys.exit(f"{run} is not finished; make demo makes it")
    victims: dict[str, Any] = json.loads((run / "metrics.json").read_text())["summary"]["victims"]
    return victims


if __name__ == "__main__":
    lines = check(Path(*sys.argv[1:] or ["runs/demo"]))
    print("\n".join(lines) or "all floors are held")
    sys.exit(bool(lines))
