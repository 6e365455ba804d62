"""The recipe of `staa train-victim`. No torch here."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from staa_cli.runtime.schema import Strict, Switch

PRETRAINED = {"wav2vec2": "facebook/wav2vec2-base", "wavlm": "microsoft/wavlm-base", "hubert": "facebook/hubert-base-ls960"}
"""The encoders that fine-tuned victims start from."""


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


class TrainVictimRecipe(Strict):
    """`staa train-victim`."""

    step: Literal["train-victim"] = Field(description="the command that the recipe is for")
    model: Literal["emo18", "zhao19", "cnn-lstm", "wav2vec2", "wavlm", "hubert"] = Field(description="the network")
    train_on: Literal["train", "train+val"] = Field("train", description="train+val keeps the last epoch: nothing is left to choose on")
    epochs: int = Field(30, ge=1, description="passes over the training utterances")
    batch_size: int = Field(8, ge=2, description="utterances of a batch")
    learning_rate: float = Field(1e-3, gt=0, description="of Adam")
    select: Literal["uar", "accuracy"] = Field("uar", description="what makes an epoch the best, on val")
    patience: int | None = Field(None, ge=1, description="stop after so many epochs without a better score on val")
    accumulate: int = Field(1, ge=1, description="batches per step of the optimiser")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="while it learns; it is always judged in float32")
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: losses weigh as their emotion is rare")
    sampling: Literal["shuffle", "balanced"] = Field("shuffle", description="balanced: draw with replacement, each emotion as often")
    deterministic: Switch = Field(False, description="deterministic algorithms only: equal runs on CUDA give equal weights, slower")
    augment: AugmentRecipe | None = Field(None, description="changes to the training utterances, drawn anew at every epoch")
    pretrained: str | None = Field(None, min_length=1, description="encoder to fine-tune: a hub id or a local folder")
    seed: int = Field(0, ge=0, description="of all random numbers")

    @model_validator(mode="before")
    @classmethod
    def default_encoder(cls, data: Any) -> Any:
        """A resolved recipe names the encoder that it was trained from."""
        if isinstance(data, dict) and data.get("pretrained") is None and data.get("model") in list(PRETRAINED):
            return {**data, "pretrained": PRETRAINED[data["model"]]}
        return data

    @model_validator(mode="after")
    def encoder_to_fine_tune(self) -> Self:
        if self.pretrained is not None and self.model not in PRETRAINED:
            raise ValueError(f"'pretrained' is for {', '.join(PRETRAINED)}: '{self.model}' is trained from scratch; remove the key")
        return self

    @model_validator(mode="after")
    def something_to_watch(self) -> Self:
        if self.patience is not None and self.train_on != "train":
            raise ValueError("'patience' watches the split 'val', which 'train_on: train+val' trains on: choose one")
        return self

    @model_validator(mode="after")
    def balanced_once(self) -> Self:
        if self.class_weights == "balanced" and self.sampling == "balanced":
            raise ValueError("'class_weights: balanced' and 'sampling: balanced' would correct for rare emotions twice: choose one")
        return self
