"""What a folder of many files costs `staa attack`, beside what reading and writing, or computing, cost alone.

    python -m tests.benchmarks.folders --generator runs/demo/staa-net --data runs/demo/data --files 100 1000 10000 --jobs 1 2

Prints a JSON line for each number of files and of worker processes, for `results/folders.jsonl`. `busiest` is the processor time of the
process that worked most, start-up included: with cores enough, the run lasts as long. `--code DIR` measures another version of staa;
`--passes` what the generator and the victim take alone, and their share of the work; `--wall` how much longer the run lasts than the
slower of reading and writing with soundfile and of the passes alone on the same batches in memory; `--tiny` how the cost of everything
else grows with the number of files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np
import soundfile

from staa_cli.audio.files import encode_wav

RATE = 16_000


def make(folder: Path, data: Path, count: int, seconds: float) -> None:
    """WAVs cut from the recordings of a prepared corpus, a thousand in a folder."""
    audio = np.concatenate([soundfile.read(path, dtype="int16")[0] for path in sorted(data.rglob("*.wav"))[:400]])
    random, length = np.random.default_rng(0), int(seconds * RATE)
    for number in range(count):
        path = folder / f"{number // 1_000:03}/{number:06}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = random.integers(0, len(audio) - length)
        path.write_bytes(encode_wav(audio[start : start + length] / 2**15, "PCM_16"))


def read_and_write(folder: Path, out: Path) -> float:
    """Seconds that soundfile takes to read all files, write them and read them back: what an attack does with files."""
    start = perf_counter()
    for path in sorted(folder.rglob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32")
        copy = out / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(copy, samples, rate, "PCM_16")
        soundfile.read(copy, dtype="float32")
    return perf_counter() - start


def attack(command: Sequence[str], folder: Path, out: Path, jobs: int, code: Path | None) -> dict[str, float]:
    """Seconds on the wall and of the busiest process, and the peak of the largest one's memory in MB."""
    start = perf_counter()
    process = staa(command, folder, out, *(["--jobs", str(jobs)] if jobs > 1 else []), code=code)
    cpu, memory = dict[str, float](), dict[str, float]()
    while process.poll() is None:
        for one in family(process.pid):
            with suppress(OSError, IndexError):  # it may end while it is looked at
                fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
                cpu[one] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                status = Path(f"/proc/{one}/status").read_text()
                memory[one] = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        sleep(0.2)
    if process.returncode:
        raise SystemExit(f"'staa attack' ended with {process.returncode}")
    return {"wall": perf_counter() - start, "busiest": max(cpu.values()), "memory_mb": max(memory.values())}


def staa(command: Sequence[str], folder: Path, out: Path, *options: str, code: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a command on one core."""
    line = [sys.executable, "-m", "staa_cli", *command, str(folder), "-o", str(out), "-q", "--device", "cpu", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"PYTHONPATH": str(code)} if code else {})}
    return subprocess.Popen(line, env=environment, cwd=code, stdout=subprocess.DEVNULL)


def overhead(command: Sequence[str], folder: Path, out: Path) -> dict[str, float]:
    """Processor seconds of a dry run, which lists the folder and hashes its files, and of the finished command typed again."""
    taken = {}
    for what, where, options in (("listing", out.with_name("none"), ["--dry-run"]), ("again", out, [])):
        process = staa(command, folder, where, *options)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"'staa' ended with {status}")
        taken[what] = usage.ru_utime + usage.ru_stime
    return taken


def tiny(path: Path) -> list[str]:
    """A victim that takes next to no time, and the command whose attack takes none either: what is left is the cost of a file."""
    import torch
    from torch import nn

    class Loudness(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.classifier = nn.Linear(1, 2)

        def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.classifier(waveforms.square().mean(dim=1, keepdim=True))
            return logits

    shapes = ({0: torch.export.Dim("batch", max=512), 1: torch.export.Dim("time", min=100, max=10**7)},)
    torch.export.save(torch.export.export(Loudness().eval(), (torch.zeros(2, 1_600),), dynamic_shapes=shapes), path)
    path.with_suffix(".labels.yaml").write_text("- quiet\n- loud\n")
    return ["baseline", "noise", "--threat", str(path), "--batch-size", "8"]


def family(process: int) -> set[str]:
    """A process and those below it, at any depth."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[path.parent.name] = path.read_text().rpartition(")")[2].split()[1]
    found, size = {str(process)}, 0
    while len(found) > size:
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found


def passes(generator: Path, folder: Path, out: Path) -> dict[str, float]:
    """Processor seconds of the generator's and the victim's passes in this process, and those of all the work."""
    import torch

    from staa_cli.app import app
    from staa_cli.evaluation import loop
    from staa_cli.generator.staa_net import STAANet
    from staa_cli.victims.checkpoint import LoadedVictim

    torch.set_num_threads(1)
    spent: Counter[str] = Counter()

    def time(owner: Any, name: str, what: str) -> None:
        real = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            start = process_time()
            try:
                return real(*arguments, **options)
            finally:
                spent[what] += process_time() - start

        setattr(owner, name, timed)

    time(STAANet, "rank", "generator")
    time(LoadedVictim, "__call__", "victim")
    time(loop, "attack_all", "work")
    with redirect_stdout(StringIO()):
        app(["attack", str(generator), str(folder), "-o", str(out), "-q", "--device", "cpu"], standalone_mode=False)
    return dict(spent)


def compute(generator: Path, folder: Path) -> tuple[float, float]:
    """Seconds of the passes alone, on the wall and of the processor: the same models on the same batches, with all audio in memory."""
    import torch

    from staa_cli.audio.files import read_audio
    from staa_cli.evaluation.builders import Benches, OfGenerator
    from staa_cli.evaluation.judging import ask
    from staa_cli.evaluation.jury import Jury
    from staa_cli.evaluation.loop import LOT
    from staa_cli.evaluation.pipeline import look
    from staa_cli.evaluation.request import settle
    from staa_cli.generator.folder import THREAT, read_recipe

    torch.set_num_threads(1)
    recipe = settle(read_recipe(generator)[1], None, None, None, 0)
    jury = Jury(str(generator / THREAT), device="cpu")
    bench = Benches(jury, OfGenerator(generator, recipe), "waveform", recipe.budget, None)(Path())
    audio = torch.stack([torch.from_numpy(read_audio(path).samples) for path in sorted(folder.rglob("*.wav"))])
    grain = torch.full((LOT, 1), 2.0**-15)

    def attack(clean: torch.Tensor) -> None:
        rows = len(clean)
        predictions = look(bench, clean).argmax(dim=1)
        found = bench.attacker.perturb(clean, predictions, [None] * rows, [0] * rows, grain[:rows]).adversarial
        ask(jury.threat, torch.cat([found, found.flip(1)]))  # the second in the place of the placebo

    attack(audio[:LOT])  # what happens once
    start, busy = perf_counter(), process_time()
    for clean in audio.split(LOT):
        attack(clean)
    return perf_counter() - start, process_time() - busy


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of a folder by the number of its files.")
    parser.add_argument("--generator", type=Path)
    parser.add_argument(
        "--tiny", action="store_true", help="noise and a victim that take no time, in place of a generator: how the rest grows"
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1])
    parser.add_argument("--passes", action="store_true", help="the passes alone; one number of files only")
    parser.add_argument("--wall", action="store_true", help="beside the passes alone, before and after")
    parser.add_argument("--label", default="", help="what to add to the name of each row")
    parser.add_argument("--code", type=Path, help="a checkout of another version")
    options = parser.parse_args()
    generator, code = (options.generator or Path()).resolve(), options.code.resolve() if options.code else None
    for count in options.files:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "in"
            make(folder, options.data, count, options.seconds)
            disk = 0.0 if options.tiny else read_and_write(folder, Path(place) / "copies")
            command = tiny(Path(place) / "tiny.pt2") if options.tiny else ["attack", str(generator)]
            if options.passes:
                spent = passes(generator, folder, Path(place) / "out")
                share = 1 - (spent["generator"] + spent["victim"]) / spent["work"]
                found = {"files": count, "seconds": options.seconds, "soundfile": disk, **spent, "other_percent": 100 * share}
                print(json.dumps({key: round(value, 2) for key, value in found.items()}), flush=True)
                continue
            if options.wall:
                before, out = compute(generator, folder), Path(place) / "out"
                taken = attack(command, folder, out, 1, code)
                work = json.loads((out / "metrics.json").read_text())["run"]["seconds"]
                alone, busy = (sum(pair) / 2 for pair in zip(before, compute(generator, folder), strict=True))
                found = {
                    "files": count,
                    "seconds": options.seconds,
                    "soundfile": disk,
                    "passes": alone,
                    "wall": taken["wall"],
                    "work": work,
                }
                found |= {"wall_ratio": taken["wall"] / max(disk, alone), "work_ratio": work / max(disk, alone)}
                found |= {"passes_busy": busy, "busiest": taken["busiest"], "busy_ratio": taken["busiest"] / busy}
                print(json.dumps({key: round(value, 2) for key, value in found.items()}), flush=True)
                continue
            for jobs in options.jobs:
                taken = attack(command, folder, out := Path(place) / f"out-{jobs}", jobs, code)
                taken |= {} if code else overhead(command, folder, out)
                what = f"{count:,} files of {options.seconds:g} s" + (f", {jobs} workers" if jobs > 1 else "")
                what += options.label
                found = {"files": count, "jobs": jobs, **taken, "busiest_ms": 1000 * taken["busiest"] / count}
                found |= {"soundfile": disk} if disk else {}
                print(json.dumps({"what": what, **{key: round(value, 2) for key, value in found.items()}}), flush=True)


if __name__ == "__main__":
    main()
