"""The sound of an utterance before and after an attack, from the files, and its spectrogram."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from staa_cli.audio.files import SAMPLE_RATE, AudioError, Samples, read_audio
from staa_cli.reporting.outcomes import Judgement
from staa_cli.reporting.runs import FinishedRun

if TYPE_CHECKING:
    from torch import Tensor

FFT, MELS, RANGE_DB = 512, 80, 80.0
"""Of spectrograms: samples of a frame, Mel bands, and how far they reach below the loudest point of the clean utterance, in dB."""


@dataclass(frozen=True)
class Pair:
    """x and x_adv, `(T,)` each at 16 kHz."""

    clean: Samples
    adversarial: Samples

    @property
    def perturbation(self) -> Samples:
        return self.adversarial - self.clean

    @property
    def seconds(self) -> float:
        return len(self.clean) / SAMPLE_RATE

    @property
    def gain(self) -> float:
        """How many times louder the change has to be to reach the utterance's peak; 1 where nothing changed."""
        change = float(np.abs(self.perturbation).max())
        return max(1.0, float(np.abs(self.clean).max()) / change) if change else 1.0


def load_pair(run: FinishedRun, one: Judgement, prepared: Sequence[Path] = ()) -> Pair | str:
    """Read both files of an utterance.

    Args:
        prepared: folders below which the clean files of older runs may lie, by their names; newer ones say where theirs are.

    Returns:
        Why there is no sound, where that is so.
    """
    if one.output.endswith(".npy"):
        return "the attack changed the log-Mel spectrogram behind the audio, so there is nothing to hear"
    places = [run.path / one.source] if one.source else []
    places += [folder / one.file for folder in prepared]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return f"the clean file is gone: {places[0] if places else one.file}"
    try:
        clean, adversarial = read_audio(found).samples, read_audio(run.path / one.output).samples
    except (AudioError, OSError) as error:
        return str(error)
    if len(clean) != len(adversarial):
        return f"the clean file has changed: {found} has {len(clean)} samples, the attacked one {len(adversarial)}"
    if one.span is not None:
        start, end = (round(SAMPLE_RATE * seconds) for seconds in one.span)
        clean, adversarial = clean[start:end], adversarial[start:end]
    pair, told = Pair(clean, adversarial), one.measures.get("sparsity_percent") if one.exact else None
    moved = 100 * float(np.mean(pair.perturbation != 0)) if len(clean) else 0.0
    if told is not None and abs(moved - told) > 1e-3:
        return f"the clean file has changed: {found} and {one.output} differ in {moved:.3g} % of the samples, the attack moved {told:.3g} %"
    return pair


def log_mel(waveforms: Sequence[Samples], frames: int = 400) -> NDArray[np.float32]:
    """Spectrograms on one scale: dB below the loudest point of the first of them.

    Args:
        waveforms: of one length, `(T,)` each.
        frames: at most about so many.

    Returns:
        `(len(waveforms), MELS, F)` in [-RANGE_DB, 0], low frequencies first; louder points than the loudest of the first count as 0.
    """
    import torch
    from torch.nn.functional import pad

    sound = torch.from_numpy(np.stack(waveforms))
    sound = pad(sound, (0, max(0, FFT - sound.shape[1])))
    hop = max(FFT // 4, sound.shape[1] // frames)
    spectrum = torch.stft(sound, FFT, hop, window=torch.hann_window(FFT), return_complex=True)
    power = mel_bank() @ spectrum.abs().square()
    decibels = 10 * torch.log10((power / power[0].max().clamp(min=1e-10)).clamp(min=1e-12))
    found: NDArray[np.float32] = decibels.clamp(-RANGE_DB, 0).numpy()
    return found


def mel_bank() -> Tensor:
    """`(MELS, FFT // 2 + 1)`."""
    from torchaudio.functional import melscale_fbanks

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the lowest bands are narrower than a bin
        bank: Tensor = melscale_fbanks(FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, MELS, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
    return bank.T
