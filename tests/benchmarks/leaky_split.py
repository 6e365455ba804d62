"""What augmentation before the split is worth: test accuracy when copies of training utterances reach the test set.

Run by hand, from the repository's root (EmoDB, one core: some minutes an epoch and protocol with Emo18, far less with the CNN-LSTM):

    OMP_NUM_THREADS=1 python -m tests.benchmarks.leaky_split --data runs/emodb/data --model emo18 --epochs 3

Every utterance gets three copies: white noise, another pitch, a circular shift in time. One model is trained for each protocol:

- leaky: originals and copies of all speakers are shuffled together, then 80 % train and 20 % test, as the second paper does it;
- speakers known: the utterances are shuffled and split 80/20, then the training utterances are copied: no copy leaks, but speakers do;
- speakers apart: the splits train and val of the corpus are copied and train, the speakers of its split test judge.

All three train on equally many utterances for equally many steps, and are judged after the last epoch: nothing is selected.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import soxr
import torch
import torchaudio
from torch import Tensor

from staa_cli.audio.files import SAMPLE_RATE, write_wav
from staa_cli.audio.length import repeat_or_cut
from staa_cli.corpora.manifest import Manifest, read_manifest
from staa_cli.corpora.tensors import LabelledAudio, load_audio
from staa_cli.runtime.device import resolve_device
from staa_cli.runtime.seeds import generator
from staa_cli.victims.augment import add_noise, draw_keys, shift, uniform
from staa_cli.victims.checkpoint import build_victim
from staa_cli.victims.epoch import Epochs
from staa_cli.victims.recipe import TrainVictimRecipe
from staa_cli.victims.training import evaluate

SNR_DB, SEMITONES, SHIFT_SECONDS, TRAIN_SHARE = (10.0, 25.0), 3.0, 1.0, 0.8
N_FFT, HOP, PITCH = 512, 128, 9  # the last: a stream of random numbers of its own


def change_pitch(waveform: Tensor, semitones: float) -> Tensor:
    """`(T,)` → `(T,)`: stretched by a phase vocoder, then resampled to the old duration."""
    ratio = 2 ** (semitones / 12)
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(waveform, N_FFT, HOP, window=window, return_complex=True)
    advance = torch.linspace(0, torch.pi * HOP, spectrum.shape[0])[:, None]
    stretched = torch.istft(torchaudio.functional.phase_vocoder(spectrum, 1 / ratio, advance), N_FFT, HOP, window=window)
    return repeat_or_cut(torch.from_numpy(soxr.resample(stretched.numpy(), SAMPLE_RATE * ratio, SAMPLE_RATE)), len(waveform))


def with_copies(audio: LabelledAudio, manifest: Manifest, seed: int, folder: Path) -> list[list[Path]]:
    """Of every utterance its original and its three copies, which are written below `folder`."""
    keys = draw_keys(seed, 0, [row.file for row in manifest.rows])
    versions = []
    for index in range(len(audio)):
        waveforms, key = audio.batch(torch.tensor([index]), torch.device("cpu"))[0], keys[index : index + 1]
        pitch = float(SEMITONES * (2 * uniform(key, PITCH, 1) - 1))
        copies = [add_noise(waveforms, key, *SNR_DB)[0], change_pitch(waveforms[0], pitch), shift(waveforms, key, SHIFT_SECONDS)[0]]
        versions.append([audio.files[index], *(folder / f"{index}-{number}.wav" for number in range(len(copies)))])
        for path, copy in zip(versions[-1][1:], copies, strict=True):
            write_wav(path, copy)
    return versions


Chosen = list[tuple[int, int]]
"""(utterance, version) pairs."""


def protocols(splits: list[str], versions: int, seed: int) -> dict[str, tuple[Chosen, Chosen]]:
    """What each protocol trains on and is judged by."""
    every = [(utterance, version) for utterance in range(len(splits)) for version in range(versions)]
    copies = [every[index] for index in torch.randperm(len(every), generator=generator(seed, "copies"))]
    order = torch.randperm(len(splits), generator=generator(seed, "utterances")).tolist()
    known = set(order[: int(TRAIN_SHARE * len(order))])
    cut = int(TRAIN_SHARE * len(copies))
    return {
        "leaky": (copies[:cut], copies[cut:]),
        "speakers known": (
            [pair for pair in copies if pair[0] in known],
            [(utterance, 0) for utterance in order if utterance not in known],
        ),
        "speakers apart": (
            [pair for pair in copies if splits[pair[0]] != "test"],
            [(utterance, 0) for utterance, split in enumerate(splits) if split == "test"],
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder made by 'staa prepare'")
    parser.add_argument("--model", default="emo18")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--train", type=int, help="train on at most so many utterances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device, manifest = resolve_device(options.device), read_manifest(options.data)
    recipe = TrainVictimRecipe(step="train-victim", model=options.model, epochs=options.epochs, seed=options.seed)
    audio, splits = load_audio(manifest, manifest.rows), [row.split for row in manifest.rows]
    copies = TemporaryDirectory(prefix="staa-copies-")
    versions = with_copies(audio, manifest, options.seed, Path(copies.name))
    chosen = protocols(splits, len(versions[0]), options.seed)
    size = min([len(train) for train, _ in chosen.values()] + ([options.train] if options.train else []))

    def gather(pairs: Chosen) -> LabelledAudio:
        files = [versions[utterance][version] for utterance, version in pairs]
        return LabelledAudio(files, audio.samples, audio.targets[[utterance for utterance, _ in pairs]])

    print(
        f"{options.model}, {len(splits)} utterances, {size} training utterances a protocol, {options.epochs} epochs, {device}", flush=True
    )
    for name, (train, test) in chosen.items():
        start, train = time.perf_counter(), train[:size]
        victim = build_victim(recipe.model, manifest.labels, recipe.seed).to(device)
        optimizer = torch.optim.Adam(victim.parameters(), lr=recipe.learning_rate)
        epochs = Epochs(victim, optimizer, gather(train), [f"{utterance}/{version}" for utterance, version in train], recipe, device)
        losses = [epochs.run(epoch) for epoch in range(options.epochs)]
        heard = len({utterance for utterance, _ in train} & {utterance for utterance, _ in test})
        result = {
            "protocol": name,
            **evaluate(victim, gather(test), device),
            "test_utterances_heard_in_training": heard,
            "loss": losses[-1],
        }
        print(json.dumps({**result, "seconds": round(time.perf_counter() - start, 1)}), flush=True)


if __name__ == "__main__":
    main()
