"""What a recipe may say: one strict schema per step."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from staa_cli.recipes.attacks import BaselineRecipe
from staa_cli.recipes.augment import AugmentRecipe
from staa_cli.recipes.base import BudgetRecipe, Strict, Switch
from staa_cli.recipes.corpus import PrepareRecipe

PRETRAINED = {"wav2vec2": "facebook/wav2vec2-base", "wavlm": "microsoft/wavlm-base", "hubert": "facebook/hubert-base-ls960"}
"""The encoders that fine-tuned victims start from."""


class TrainVictimRecipe(Strict):
    """`staa train-victim`."""

    step: Literal["train-victim"]
    model: Literal["emo18", "zhao19", "cnn-lstm", "wav2vec2", "wavlm", "hubert"]
    epochs: int = Field(30, ge=1)
    batch_size: int = Field(8, ge=2)
    learning_rate: float = Field(1e-3, gt=0)
    select: Literal["uar", "accuracy"] = Field("uar", description="what makes an epoch the best, on val")
    patience: int | None = Field(None, ge=1, description="stop after so many epochs without a better score on val")
    accumulate: int = Field(1, ge=1, description="batches per step of the optimiser")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="while it learns; it is always judged in float32")
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: losses weigh as their emotion is rare")
    sampling: Literal["shuffle", "balanced"] = Field("shuffle", description="balanced: draw with replacement, each emotion as often")
    deterministic: Switch = Field(False, description="deterministic algorithms only: equal runs on CUDA give equal weights, slower")
    augment: AugmentRecipe | None = None
    pretrained: str | None = Field(None, min_length=1, description="encoder to fine-tune: a hub id or a local folder")
    seed: int = Field(0, ge=0)

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
    def balanced_once(self) -> Self:
        if self.class_weights == "balanced" and self.sampling == "balanced":
            raise ValueError("'class_weights: balanced' and 'sampling: balanced' would correct for rare emotions twice: choose one")
        return self


class LossWeights(Strict):
    """λm, λs, λq of equation 7."""

    magnitude: float = Field(1e-3, ge=0)
    sparsity: float = Field(1e-4, ge=0)
    quantisation: float = Field(1e-4, ge=0)


class AdaptiveSparsity(Strict):
    """Let λs follow the success rate: up while it exceeds the target, down below it."""

    target: float = Field(0.85, gt=0, lt=1, description="success rate on the threat model to hold while thinning")
    rate: float = Field(1.05, gt=1, le=2, description="factor per training step where all utterances are fooled")
    fooled_only: Switch = Field(True, description="do not thin the mask of an utterance that does not fool the threat model")
    smallest: float = Field(1e-7, gt=0)
    largest: float = Field(1.0, gt=0)


class Decay(Strict):
    """Step decay of the learning rate."""

    factor: float = Field(0.5, gt=0, le=1)
    every: int = Field(5, ge=1, description="epochs")


class TrainGeneratorRecipe(Strict):
    """`staa train-generator`: STAA-Net."""

    step: Literal["train-generator"]
    size: Literal["small", "base", "large"] = "small"
    budget: BudgetRecipe
    condition: Literal["prediction", "none"] = Field("none", description="embed the threat model's clean prediction")
    factorise: Switch = Field(True, description="false: the ablation without positions")
    gate: Literal["random", "straight-through", "hard-concrete"] = "random"
    threshold: float = Field(0.5, gt=0, lt=1, description="γ")
    bound: Literal["clip", "tanh"] = "clip"
    reference: Literal["prediction", "label"] = Field("prediction", description="the class to leave")
    confidence: float = Field(0.0, ge=0, description="φ")
    weights: LossWeights = LossWeights()
    norms: Literal["utterance", "batch"] = "utterance"
    adaptive_sparsity: AdaptiveSparsity | None = None
    train_on: Literal["train", "train+val"] = "train"
    epochs: int = Field(20, ge=1)
    batch_size: int = Field(8, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    decay: Decay | None = Decay()
    augment: AugmentRecipe | None = Field(None, description="what happens in training to the speech that the threat model hears")
    average: float | None = Field(None, gt=0, lt=1, description="keep a moving average of the weights; its decay per step")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def weight_to_adapt(self) -> Self:
        if self.adaptive_sparsity is not None and self.weights.sparsity == 0:
            raise ValueError(
                "'adaptive_sparsity' multiplies 'weights.sparsity', which is 0: set a positive weight, or 'adaptive_sparsity: null'"
            )
        return self

    @property
    def ablation(self) -> str:
        """The row of the ablation table (table 6 of the STAA-Net paper); empty for the full method."""
        parts = {
            "w/o factorisation": not self.factorise,
            "w/o magnitude loss": self.weights.magnitude == 0,
            "w/o sparsity loss": self.weights.sparsity == 0,
            "w/o quantisation loss": self.weights.quantisation == 0 and self.factorise,
        }
        return ", ".join(name for name, absent in parts.items() if absent)


RECIPES: dict[str, type[Strict]] = {
    "prepare": PrepareRecipe,
    "train-victim": TrainVictimRecipe,
    "train-generator": TrainGeneratorRecipe,
    "baseline": BaselineRecipe,
}

__all__ = ["RECIPES", "BaselineRecipe", "BudgetRecipe", "PrepareRecipe", "TrainGeneratorRecipe", "TrainVictimRecipe"]
