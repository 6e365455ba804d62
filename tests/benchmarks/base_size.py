"""wav2vec 2.0, WavLM or HuBERT at base size: trained on two utterances and attacked on two, through the command line.

Run by hand, from the repository's root; it prints the time and the peak memory of each command:

    python -m tests.benchmarks.base_size --data runs/emodb/data --model wav2vec2

The checkpoint has the published size but random weights, so that no network is needed: this shows what runs and what it takes, not how
well a model recognises emotions. The recipes are the shipped ones, with utterances of 3 s and all emotions of the corpus.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from staa_cli.victims.pretrained import classes


def staa(*words: object) -> dict[str, Any]:
    """Run a command, print its time and the most memory that any command took so far; its metrics."""
    command = [sys.executable, "-m", "staa_cli", *map(str, words), "--json", "-q"]
    metrics: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    gibibytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"staa {words[0]} {words[1]}: {metrics['run']['seconds']:.0f} s, peak memory {gibibytes:.1f} GiB", flush=True)
    return metrics


def subset(data: Path, folder: Path) -> list[Path]:
    """Make a prepared corpus of two utterances for training, two for val and one of every emotion for test; the paths of test."""
    with (data / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for split in ("train", "val") for row in [row for row in rows if row["split"] == split][:2]]
    test = {row["emotion"]: row for row in rows if row["split"] == "test"}
    folder.mkdir()
    (folder / "audio").symlink_to((data / "audio").resolve())
    shutil.copy(data / "metrics.json", folder)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([*chosen, *test.values()])
    return [folder / row["file"] for row in test.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder made by 'staa prepare emodb'")
    parser.add_argument("--model", default="wav2vec2", choices=["wav2vec2", "wavlm", "hubert"])
    arguments = parser.parse_args()
    from transformers import AutoModel

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        AutoModel.from_config(classes(arguments.model)[0]()).save_pretrained(folder / "base")
        test = subset(arguments.data, folder / "data")
        settings = ["--set", f"pretrained={folder / 'base'}", "--set", "epochs=2"]
        trained = staa("train-victim", arguments.model, "--data", folder / "data", *settings, "-o", folder / "victim")
        print(f"{trained['summary']['parameters']:,} parameters, the frozen feature encoder among them")
        attacked = staa("baseline", "pgd", *test[:2], "--threat", folder / "victim", "-o", folder / "pgd")
        print(f"PGD: {attacked['summary']['seconds_per_utterance']:.1f} s an utterance")


if __name__ == "__main__":
    main()
