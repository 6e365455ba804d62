"""How long our attacks take, and those of torchattacks, ART and adv-lib; what both find; and the memory that JSMA needs.

Run by hand on a quiet machine, from the repository's root; the packages come with `pip install 'staa[reference]'`:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.baselines --data runs/emodb/data --victim runs/emodb/emo18

Both sides get the same utterances and settings, fewer utterances where a library is slow. Libraries live in [0, 1]: their victim is
x ↦ f(2x − 1), and their ε half of ours. In staa, Emo18 and Zhao19 are frozen and laid out for speed, whoever attacks them; with `--plain`
the libraries also attack the network as its paper draws it. Sizes are medians over successes, on [−1, 1]. Each attack but PGD has all of
[−1, 1] where its library knows no ε: the row says 'range'. Where a library takes other ways to its result (a line search, a start that is
not bisected), a second row gives ours less to do: what counts is the time to a perturbation that is no larger.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from staa_cli.attacks.boundary import Boundary
from staa_cli.attacks.core.attack import Attack
from staa_cli.attacks.cw_l2 import CWL2
from staa_cli.attacks.cw_linf import CWLinf
from staa_cli.attacks.deepfool import DeepFool
from staa_cli.attacks.jsma import JSMA
from staa_cli.attacks.one_pixel import OnePixel
from staa_cli.attacks.pgd import PGD
from staa_cli.attacks.sparsefool import SparseFool
from staa_cli.audio.budget import Budget
from staa_cli.corpora.manifest import read_manifest
from staa_cli.corpora.tensors import load_audio
from staa_cli.corpora.utterance import spread
from staa_cli.runtime.device import resolve_device, synchronize
from staa_cli.victims.checkpoint import load_checkpoint, load_victim
from staa_cli.victims.recurrent import ConvolutionalLSTM
from tests.benchmarks.libraries import Library, Unit, adv_lib_one, art_one, torchattacks_jsma, torchattacks_one, within_ball
from tests.victims.plain import PlainConvolutionalLSTM


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        targeted: towards the class after the one predicted, on both sides.
        utterances: so many, where all would take hours.
        cut: the library gets utterances cut to so many samples, its seconds grow with their square, and what both find is compared on
            them, by this attack of ours.
    """

    name: str
    library: str
    ours: Attack
    theirs: Library
    utterances: int | None = None
    cut: tuple[int, Attack] | None = None
    targeted: bool = False


@dataclass(frozen=True)
class Work:
    """How much both sides do; the papers' settings would take hours on a CPU.

    Attributes:
        pairs: of JSMA.
        generations: of one-pixel, after the first.
        descent: steps of C&W ℓ2, ten descents each.
        walk: steps of Boundary.
    """

    pairs: int
    generations: int
    descent: int
    walk: int


def cases(epsilon: float, samples: int, classes: int, work: Work) -> list[Case]:
    """The rows: settings of the papers but for `work`, where the library has them too."""
    ball, whole = Budget(linf=epsilon), Budget(linf=2.0)
    half, short = epsilon / 2, min(3_000, samples)
    gamma, cut_gamma = min(1.0, 2 * work.pairs / samples), min(1.0, 2 * work.pairs / short)
    start = PGD(budget=ball)
    pgd = torchattacks_one("PGD", eps=half, alpha=half / 10, steps=20)
    fool = torchattacks_one("SparseFool", steps=20, lam=3, overshoot=0.02)
    pixel = torchattacks_one("OnePixel", pixels=1, steps=work.generations, popsize=300, inf_batch=64)
    pairs = art_one("SaliencyMapMethod", target=True, theta=half, gamma=gamma, batch_size=1)
    line = art_one("CarliniL2Method", binary_search_steps=10, max_iter=10, initial_const=0.01)
    adam = adv_lib_one("carlini_wagner_l2", binary_search_steps=10, max_iterations=work.descent, learning_rate=1e-3, initial_const=0.01)
    linf = art_one("CarliniLInfMethod", max_iter=10, initial_const=1e-4, const_factor=4.0, decrease_factor=0.8)
    walk = art_one("BoundaryAttack", targeted=False, step_adapt=0.5, max_iter=work.walk, num_trial=3, sample_size=10)
    # At the usual rate, 0.01, a first step moves every sample by about that: the least ℓ2 would be a matter of luck.
    ours_l2 = CWL2(budget=whole, steps=work.descent, searches=10, rate=1e-3, initial=0.04)
    shorter = CWL2(budget=whole, steps=max(1, work.descent // 3), searches=6, rate=3e-3, initial=0.04)
    ours_linf = CWLinf(budget=whole, steps=10, initial=2e-4, growth=4.0, shrink=0.8)
    jsma, cut = (JSMA(budget=whole, theta=half, gamma=share) for share in (gamma, cut_gamma))
    return [
        Case("pgd", "torchattacks", start, pgd),
        Case("pgd, early stop", "torchattacks", PGD(budget=ball, early_stop=True), pgd),
        Case("deepfool (range)", "torchattacks", DeepFool(budget=whole, steps=50), torchattacks_one("DeepFool", steps=50, overshoot=0.02)),
        Case("sparsefool", "torchattacks", SparseFool(budget=ball, steps=20, variant="torchattacks"), within_ball(fool, epsilon), 2),
        Case("sparsefool (range)", "torchattacks", SparseFool(budget=whole, steps=20, variant="torchattacks"), fool, 4),
        Case("sparsefool (range, paper's)", "torchattacks", SparseFool(budget=whole, steps=20), fool, 4),
        Case("one-pixel (range)", "torchattacks", OnePixel(budget=whole, steps=work.generations), pixel, 4),
        Case("jsma, targeted (range)", "torchattacks", jsma, torchattacks_jsma(half, cut_gamma, classes), 1, (short, cut), targeted=True),
        Case("jsma, targeted (range)", "ART", jsma, pairs, 4, targeted=True),
        Case("cw-l2 (range)", "ART", ours_l2, line, 4),
        Case("cw-l2, shorter (range)", "ART", shorter, line, 4),
        Case("cw-l2 (range)", "adv-lib", ours_l2, adam, 4),
        Case("cw-linf (range)", "ART", ours_linf, linf, 4),
        Case("boundary (range)", "ART", Boundary(budget=whole, steps=work.walk), walk, 4),
        Case("boundary, a tenth of the steps (range)", "ART", Boundary(budget=whole, steps=max(1, work.walk // 10)), walk, 4),
    ]


def timed(attack: Callable[[], Tensor], device: torch.device) -> tuple[Tensor, float]:
    """What it returns, and its seconds."""
    synchronize(device)
    start = time.perf_counter()
    found = attack()
    synchronize(device)
    return found, time.perf_counter() - start


@torch.no_grad()
def predict(victim: nn.Module, waveforms: Tensor) -> Tensor:
    """`(B, T)` → `(B,)`"""
    return victim(waveforms).argmax(dim=1)


def describe(victim: nn.Module, waveforms: Tensor, adversarial: Tensor, reference: Tensor, targeted: bool) -> str:
    """ASR in %, and the medians of ℓ0, ℓ2 and ℓ∞ over successes."""
    success = (predict(victim, adversarial) == reference) == targeted
    # The detour over [0, 1] rounds every sample a little.
    delta = (adversarial - waveforms)[success]
    delta = torch.where(delta.abs() > 1e-6, delta, 0.0)
    sizes = [(delta != 0).sum(dim=1).double(), delta.norm(dim=1), delta.abs().amax(dim=1)]
    medians = [size.median().item() if len(delta) else float("nan") for size in sizes]
    return f"{100 * success.double().mean().item():.0f} % {medians[0]:.0f} / {medians[1]:.3g} / {medians[2]:.3g}"


def draw_plainly(folder: Path, device: torch.device) -> nn.Module:
    """The victim with the network of its paper; its weights have gradients, as those of any model in PyTorch."""
    victim, _ = load_checkpoint(folder)
    if not isinstance(victim.network, ConvolutionalLSTM):
        raise SystemExit(f"{folder} holds neither Emo18 nor Zhao19, the only ones that staa lays out anew")
    victim.network = PlainConvolutionalLSTM(victim.network)
    return victim.to(device).eval()


def measure(case: Case, victim: nn.Module, rivals: list[nn.Module], waveforms: Tensor, device: torch.device) -> str:
    """One line of the table. `rivals`: the forms of the victim that the library attacks; what it finds is told of the first."""
    whole = torch.stack(spread(list(waveforms), case.utterances or len(waveforms)))
    clean = predict(victim, whole)
    reference = (clean + 1) % len(victim.labels) if case.targeted else clean
    ours, seconds = timed(lambda: case.ours(victim, whole, reference, targeted=case.targeted), device)
    part = whole[:, : case.cut[0] if case.cut else None]
    labels = predict(victim, part)
    wished = (labels + 1) % len(victim.labels) if case.targeted else labels
    runs = []
    for rival in rivals:
        torch.manual_seed(0)
        np.random.seed(0)
        # Some libraries put a victim that they found in training mode back into it, and all within.
        unit = Unit(rival).eval()
        runs.append(timed(lambda unit=unit: 2 * case.theirs(unit, (part + 1) / 2, labels).to(part) - 1, device))  # type: ignore[misc]
    theirs = runs[0][0]
    factor = (waveforms.shape[1] / part.shape[1]) ** 2
    times = [spent * factor for _, spent in runs]
    utterances = str(len(whole))
    if case.cut:
        utterances += f"; library {part.shape[1]} samples, s × ({waveforms.shape[1]} / {part.shape[1]})²"
        ours = case.cut[1](victim, part, wished, targeted=case.targeted)
    found = [describe(victim, part, adversarial, wished, case.targeted) for adversarial in (ours, theirs)]
    measured = [f"{seconds:.2f}", *(f"{spent:.2f}" for spent in times), *(f"{spent / seconds:.1f} ×" for spent in times)]
    return " | ".join(["", case.name, case.library, utterances, *measured, *found, ""]).strip()


def jsma_memory(victim: Path, utterances: int, samples: int, name: str) -> tuple[float, float]:
    """The peak in GB of a process, its packages included, before ten steps of JSMA and after; on a GPU of the tensors there."""
    device = resolve_device(name)
    network = load_victim(victim, device).victim
    waveforms = 0.1 * torch.randn(utterances, samples, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad():
        reference = network(waveforms[:1]).argmax(dim=1).expand(utterances)
    before = peak(device)
    JSMA(budget=Budget(linf=0.05), gamma=20 / samples)(network, waveforms, reference)
    return before, peak(device)


def peak(device: torch.device) -> float:
    """In GB, so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    # Not `getrusage`, whose peak a process inherits from the one that started it.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder made by 'staa prepare'")
    parser.add_argument("--victim", type=Path, required=True, help="a folder made by 'staa train-victim'")
    parser.add_argument("--attacks", nargs="*", help="rows whose name starts so, and 'memory' for that of JSMA; all by default")
    parser.add_argument("--plain", action="store_true", help="also time the libraries on the network as its paper draws it")
    parser.add_argument("--utterances", type=int, default=16)
    parser.add_argument("--epsilon", type=float, default=0.05)
    parser.add_argument("--pairs", type=int, default=50, help="steps of JSMA at most")
    parser.add_argument("--generations", type=int, default=2, help="of one-pixel after the first; 20 in the paper")
    parser.add_argument("--descent", type=int, default=60, help="steps of a descent of C&W ℓ2")
    parser.add_argument("--walk", type=int, default=30, help="steps of Boundary; 100 in the paper")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device, manifest = resolve_device(options.device), read_manifest(options.data)
    victim = load_victim(options.victim, device).victim
    rows = manifest.split("test")
    rows = spread(rows, options.utterances)
    audio = load_audio(manifest, rows)
    waveforms, _ = audio.batch(torch.arange(len(audio)), device)
    print(f"{len(waveforms)} utterances of {waveforms.shape[1]} samples, {device}, {torch.get_num_threads()} threads")
    # The first passes of a process are slow.
    PGD(budget=Budget(linf=0.01), steps=2)(victim, waveforms[:2])
    work = Work(options.pairs, options.generations, options.descent, options.walk)
    print(f"PyTorch {torch.__version__}, ε {options.epsilon}, {work}")
    rivals, more = [victim], []
    if options.plain:
        rivals.append(draw_plainly(options.victim, device))
        more.append("plain network")
    measured = ["s ours", "s library", *(f"s, {name}" for name in more), "ratio", *(f"ratio, {name}" for name in more)]
    titles = ["attack", "library", "utterances", *measured, "ours: ASR, ℓ0 / ℓ2 / ℓ∞", "library: the same"]
    print(f"| {' | '.join(titles)} |\n|{' --- |' * len(titles)}")
    for case in cases(options.epsilon, waveforms.shape[1], len(victim.labels), work):
        if options.attacks is None or any(case.name.startswith(name) for name in options.attacks):
            print(f"{measure(case, victim, rivals, waveforms, device)}", flush=True)
    if options.attacks is None or "memory" in options.attacks:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            for count in (1, options.utterances):
                before, after = pool.apply(jsma_memory, (options.victim, count, 96_000, options.device))
                print(f"JSMA, {count} × 96,000 samples: a peak of {after:.2f} GB; {before:.2f} GB before it")


if __name__ == "__main__":
    main()
