"""Log-Mel spectrograms as a differentiable layer."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from staa_cli.audio.files import SAMPLE_RATE


class LogMel(nn.Module):
    """Power on the Mel scale, in dB below the loudest bin of each utterance.

    Hann window, centred frames with reflected edges, Slaney's Mel scale and normalisation, reference and floor per utterance: librosa's
    `power_to_db(melspectrogram(…), ref=max, top_db=80)`, which the second paper's preprocessing calls, in torch. With the reference
    inside, an utterance's level does not matter, and no utterance can influence another one of its batch.

    Args:
        n_fft, hop: samples.
        mels: Mel bands between 0 Hz and half the sampling rate. The lowest are narrower than the distance of two FFT bins; one that
            holds none stays at the floor.
        range_db: the floor lies so many dB below the loudest bin.

    Shape:
        `(B, T)` → `(B, 1 + T // hop, mels)` in [-range_db, 0] dB; T > n_fft / 2.
    """

    window: Tensor
    bank: Tensor

    def __init__(self, n_fft: int = 368, hop: int = 184, mels: int = 128, range_db: float = 80.0) -> None:
        super().__init__()
        self.n_fft, self.hop, self.range_db = n_fft, hop, range_db
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about bands without a bin, see above
            bank = melscale_fbanks(n_fft // 2 + 1, 0.0, SAMPLE_RATE / 2, mels, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
        # Both follow from the arguments: no checkpoint needs them.
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer("bank", bank, persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        # Eight bits of mantissa are too few for a power spectrum, whatever the network behind it computes in.
        with torch.autocast(waveforms.device.type, enabled=False):
            return self.spectrogram(waveforms.float() if waveforms.dtype == torch.bfloat16 else waveforms)

    def spectrogram(self, waveforms: Tensor) -> Tensor:
        spectrum = torch.stft(waveforms, self.n_fft, self.hop, window=self.window, center=True, return_complex=True)
        # Not abs()², whose gradient at zero is undefined.
        power = spectrum.real.square() + spectrum.imag.square()
        mel = power.transpose(1, 2) @ self.bank
        loudest = mel.amax(dim=(1, 2), keepdim=True).clamp(min=1e-10)
        floor = 10 ** (-self.range_db / 10)
        return 10 * torch.log10((mel / loudest).clamp(min=floor))
