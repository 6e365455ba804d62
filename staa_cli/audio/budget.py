"""The budget ε: how far a sample of the waveform may move. No torch at run time: recipes say budgets too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from staa_cli.runtime.schema import OneOf

if TYPE_CHECKING:
    from torch import Tensor


class Budget(OneOf):
    """An ℓ∞ budget, absolute or relative to each utterance's peak: exactly one of the two.

    With `peak_snr_db`, ε = max|x| · 10^(−dB/20) for every utterance, so that quiet and loud recordings are disturbed alike.
    """

    linf: float | None = Field(None, ge=0, le=2, description="ε on the waveform in [-1, 1], as in the STAA-Net paper")
    peak_snr_db: float | None = Field(None, ge=-20, le=200, description="ε this far below each utterance's own peak")

    def epsilon(self, waveforms: Tensor) -> Tensor:
        """ε per utterance. `waveforms`: `(B, T)`. Returns: `(B, 1)`."""
        if self.linf is not None:
            return waveforms.new_full((waveforms.shape[0], 1), self.linf)
        assert self.peak_snr_db is not None
        return peak_epsilon(waveforms, self.peak_snr_db)


def peak_epsilon(waveforms: Tensor, snr: Tensor | float) -> Tensor:
    """ε that lies `snr` dB below each utterance's peak. `waveforms`: `(B, T)`, `snr`: one, or `(B, 1)`. Returns: `(B, 1)`."""
    epsilon: Tensor = waveforms.abs().amax(dim=1, keepdim=True) * 10 ** (-snr / 20)
    return epsilon


def bounds(waveforms: Tensor) -> tuple[Tensor, Tensor]:
    """The range [−1, 1] of x_adv, widened where x itself lies outside. Both `(B, T)`."""
    return waveforms.clamp(max=-1), waveforms.clamp(min=1)


def project(perturbation: Tensor, waveforms: Tensor, epsilon: Tensor) -> Tensor:
    """The nearest perturbation with |δ| ≤ ε and x + δ in range.

    Args:
        perturbation, waveforms: `(B, T)` δ and x.
        epsilon: `(B, 1)`.
    """
    lower, upper = bounds(waveforms)
    return perturbation.clamp((lower - waveforms).maximum(-epsilon), (upper - waveforms).minimum(epsilon))


def held_within(adversarial: Tensor, waveforms: Tensor, epsilon: Tensor) -> Tensor:
    """x_adv with |x_adv − x| ≤ ε to the last bit, which the rounding of a sum x + δ may go beyond.

    Args:
        adversarial, waveforms: `(B, T)` x_adv and x.
        epsilon: `(B, 1)`.
    """
    x, limit = waveforms.double(), epsilon.double()
    nearest = (x + (adversarial.double() - x).clamp(-limit, limit)).to(adversarial.dtype)
    return nearest.where((nearest.double() - x).abs() <= limit, nearest.nextafter(waveforms))


def add_within_range(waveforms: Tensor, perturbation: Tensor) -> Tensor:
    """x_adv = clip(x + δ, −1, 1). A sample with δ = 0 keeps its value, also one that already lies outside.

    Args:
        waveforms: `(B, T)` x.
        perturbation: `(B, T)` δ.
    """
    return (waveforms + perturbation).clamp(*bounds(waveforms))


def round_to_zero(perturbation: Tensor, grain: Tensor) -> Tensor:
    """The perturbation in whole steps of a file, as `quantise_adversarial` writes it. Towards zero: |δ| ≤ ε there too.

    Args:
        perturbation: `(B, T)` δ.
        grain: `(B, 1)` the step, such as 1/32768; 0 leaves δ as it is.
    """
    return ((perturbation / grain).trunc_() * grain).where(grain > 0, perturbation)


def as_written(waveforms: Tensor, perturbation: Tensor, grain: Tensor) -> Tensor:
    """x_adv as a file will hold it, all `(A, T)` but `grain`, `(A, 1)`; gradients pass as if it held any number."""
    written = round_to_zero(perturbation.detach(), grain)
    heard = add_within_range(waveforms, written + (perturbation - perturbation.detach()))
    # Integers end one step below 1.
    return heard.minimum((1 - grain).where(grain > 0, float("inf")))
