"""Keep what a table of the results page rests on: the `metrics.json` of finished runs, under the path that they have in `runs/`.

python -m tests.benchmarks.keep runs/paper-2 runs/generators/emovo
python -m tests.benchmarks.results
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from staa_cli.runtime.folders import METRICS

from .results import KEPT


def keep(run: Path, runs: Path) -> int:
    """Copy the metrics of all runs in a folder.

    Args:
        runs: the folder that paths are relative to.

    Returns:
        How many there were.
    """
    # Path.rglob enters the folders of unfinished runs, too, whose names begin with a dot.
    found = [path for path in sorted(run.rglob(METRICS)) if not any(part.startswith(".") for part in path.relative_to(runs).parts)]
    for path in found:
        target = KEPT / path.relative_to(runs)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep the metrics of finished runs.")
    parser.add_argument("run", type=Path, nargs="+", help="a folder of runs")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="what their paths are relative to")
    options = parser.parse_args()
    for run in options.run:
        print(f"{run}: {keep(run, options.runs)} runs")


if __name__ == "__main__":
    main()
