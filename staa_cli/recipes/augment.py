"""What a recipe may say of augmentation."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from staa_cli.recipes.base import Strict


class AugmentRecipe(Strict):
    """Changes to the training utterances, drawn anew at every epoch. What is not named stays off.

    A random gain is missing because victims z-score what they hear, and a random crop because prepared utterances have one length:
    a circular shift of the (repeated) utterance moves the edges just as well.
    """

    shift: float | None = Field(None, gt=0, description="circular shift by up to so many seconds, in both directions")
    noise_snr_db: list[float] | None = Field(None, min_length=2, max_length=2, description="white noise, [lowest, highest] energy SNR")
    time_mask: float | None = Field(None, gt=0, lt=1, description="SpecAugment on the waveform: widest silence, share of the utterance")
    frequency_mask: float | None = Field(None, gt=0, lt=1, description="the same: widest removed band, share of the Mel scale")

    @model_validator(mode="after")
    def something_in_order(self) -> Self:
        if all(value is None for value in self.model_dump().values()):
            names = ", ".join(f"'{name}'" for name in type(self).model_fields)
            raise ValueError(f"expected at least one of {names}, or 'augment: null'")
        if self.noise_snr_db is not None and self.noise_snr_db[0] > self.noise_snr_db[1]:
            raise ValueError(f"'noise_snr_db' is {self.noise_snr_db}, expected the lower SNR first")
        return self
