"""The recipe of `staa train-generator`. No torch here."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from staa_cli.audio.budget import Budget
from staa_cli.runtime.schema import Strict, Switch
from staa_cli.victims.recipe import AugmentRecipe


class LossWeights(Strict):
    """λm, λs, λq of equation 7."""

    magnitude: float = Field(1e-3, ge=0, description="λm, of ‖v‖₂: smaller magnitudes; 0 is an ablation")
    sparsity: float = Field(1e-4, ge=0, description="λs, of ‖m‖₁: fewer positions; 0 is an ablation")
    quantisation: float = Field(1e-4, ge=0, description="λq, of ‖∂ − m‖₂: positions near 0 or 1; 0 is an ablation")


class AdaptiveSparsity(Strict):
    """Let λs follow the success rate: up while it exceeds the target, down below it."""

    target: float = Field(0.85, gt=0, lt=1, description="success rate on the threat model to hold while thinning")
    rate: float = Field(1.05, gt=1, le=2, description="factor per training step where all utterances are fooled")
    fooled_only: Switch = Field(True, description="do not thin the mask of an utterance that does not fool the threat model")
    smallest: float = Field(1e-7, gt=0, description="λs at least")
    largest: float = Field(1.0, gt=0, description="λs at most")


class Decay(Strict):
    """Step decay of the learning rate."""

    factor: float = Field(0.5, gt=0, le=1, description="the learning rate times this")
    every: int = Field(5, ge=1, description="after so many epochs each")


class TrainGeneratorRecipe(Strict):
    """`staa train-generator`: STAA-Net."""

    step: Literal["train-generator"] = Field(description="the command that the recipe is for")
    size: Literal["small", "base", "large"] = Field("small", description="of the network; large is the released one")
    budget: Budget = Field(description="ε: how far a sample may move; one of the two")
    condition: Literal["prediction", "none"] = Field("none", description="embed the threat model's clean prediction")
    factorise: Switch = Field(True, description="false: the ablation without positions")
    gate: Literal["random", "straight-through", "hard-concrete"] = Field("random", description="how positions become 0 or 1 in training")
    threshold: float = Field(0.5, gt=0, lt=1, description="γ: a position is 1 from here on")
    bound: Literal["clip", "tanh"] = Field("clip", description="how magnitudes are kept within ±ε")
    reference: Literal["prediction", "label"] = Field("prediction", description="the class to leave")
    confidence: float = Field(0.0, ge=0, description="φ: how far beyond the boundary, in logits")
    weights: LossWeights = Field(LossWeights(), description="of the losses in equation 7")
    norms: Literal["utterance", "batch"] = Field(
        "utterance", description="of each utterance, or of the whole batch as one vector (released)"
    )
    adaptive_sparsity: AdaptiveSparsity | None = Field(None, description="λs follows the success rate; null keeps it")
    train_on: Literal["train", "train+val"] = Field("train", description="the splits to learn from")
    epochs: int = Field(20, ge=1, description="passes over the training utterances")
    batch_size: int = Field(8, ge=1, description="utterances of a batch")
    learning_rate: float = Field(1e-4, gt=0, description="of Adam, at first")
    decay: Decay | None = Field(Decay(), description="steps by which the learning rate falls; null keeps it")
    augment: AugmentRecipe | None = Field(None, description="what happens in training to the speech that the threat model hears")
    average: float | None = Field(None, gt=0, lt=1, description="keep a moving average of the weights; its decay per step")
    seed: int = Field(0, ge=0, description="of all random numbers")

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
