"""What many tests need: a tiny corpus of tones, models trained on it, and the command line in-process."""

from __future__ import annotations

import csv
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from staa_cli import app
from staa_cli.audio.files import write_wav

# What `auto` is must not depend on the machine: tests that need a GPU ask for it.
os.environ["STAA_DEVICE"] = "cpu"
# Children of a shell's background job ignore Ctrl-C, and so would theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
EMOTIONS = {"calm": 200.0, "glad": 600.0, "wild": 1800.0}


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Real emotional speech, where the workplace has it."""
    if not CORPORA.is_dir():
        pytest.skip(f"no real corpora at {CORPORA}")
    return CORPORA


@pytest.fixture(autouse=True)
def few_threads() -> None:
    """Tiny tensors gain nothing from threads, and results must not depend on their number between two tests."""
    torch.set_num_threads(1)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Staa = Callable[..., Outcome]


@pytest.fixture
def staa(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Staa:
    """Run the command line in-process: `staa("prepare", recipe, "-o", folder)`."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["staa", *map(str, arguments)])
        monkeypatch.setattr(app, "leave", sys.exit)
        with pytest.raises(SystemExit) as stop:
            app.main()
        captured = capfd.readouterr()
        return Outcome(int(stop.value.code or 0), captured.out, captured.err)

    return run


def tone(frequency: float, samples: int, seed: int) -> torch.Tensor:
    """A tone with a little noise, `(samples,)`, peak below 0.6."""
    time = torch.arange(samples) / 16_000
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return 0.5 * torch.sin(2 * torch.pi * frequency * time) + 0.01 * noise


def make_tones(folder: Path, samples: int = 4_000, takes: int = 4) -> Path:
    """A corpus of tones for `corpus: csv`: 3 emotions, 4 speakers with a fixed split."""
    splits = {"ann": "train", "bob": "train", "cid": "val", "dot": "test"}
    rows = []
    for number, (speaker, split) in enumerate(splits.items()):
        for emotion, frequency in EMOTIONS.items():
            for take in range(takes):
                name = f"{speaker}/{emotion}{take}.wav"
                write_wav(folder / name, tone(frequency * (1 + number / 20), samples, 97 * number + take))
                gender = "female" if speaker in ("ann", "dot") else "male"
                rows.append({"file": name, "emotion": emotion, "speaker": speaker, "gender": gender, "language": "xx", "split": split})
    table = folder / "tones.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return table


def run_main(*arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["staa", *map(str, arguments), "-q"])
        with pytest.raises(SystemExit) as stop:
            app.main()
    return int(stop.value.code or 0)


RECIPES = {
    "prepare": "step: prepare\ncorpus: csv\nseconds: 0.25\n",
    "emo18": "step: train-victim\nmodel: emo18\nepochs: 3\nbatch_size: 4\n",
    "zhao19": "step: train-victim\nmodel: zhao19\nepochs: 3\nbatch_size: 4\n",
    "staa-net": (
        "step: train-generator\nbudget: {peak_snr_db: 10}\nsparsity: {trained: [5, 50], default: 20}\nguide: prediction\n"
        "epochs: 2\nbatch_size: 4\nlearning_rate: 1e-3\n"
    ),
    "pgd": "step: baseline\nattack: pgd\nbudget: {peak_snr_db: 3}\nsteps: 4\nstep_size: 0.4\npositions: {percent: 10}\n",
}


@dataclass
class World:
    """A whole chain on tones. `recipes` maps names to files."""

    root: Path
    tones: Path
    recipes: dict[str, Path]
    data: Path
    emo18: Path
    zhao19: Path
    generator: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once by the command line itself; tests must not change it."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("world")
    recipes = {}
    for name, text in RECIPES.items():
        recipes[name] = root / f"{name}.yaml"
        recipes[name].write_text(text)
    made = World(root, make_tones(root / "tones"), recipes, root / "data", root / "emo18", root / "zhao19", root / "staa-net")
    assert run_main("prepare", recipes["prepare"], "--source", made.tones, "-o", made.data) == 0
    assert run_main("train-victim", recipes["emo18"], "--data", made.data, "-o", made.emo18) == 0
    assert run_main("train-victim", recipes["zhao19"], "--data", made.data, "-o", made.zhao19) == 0
    assert run_main("train-generator", recipes["staa-net"], "--data", made.data, "--threat", made.emo18, "-o", made.generator) == 0
    return made
