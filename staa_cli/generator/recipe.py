"""The recipe of `staa train-generator`. No torch here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from staa_cli.audio.budget import Budget
from staa_cli.runtime.schema import Strict, Switch
from staa_cli.victims.recipe import AugmentRecipe

Percent = Annotated[float, Field(gt=0, le=100)]
Percents = Annotated[list[Percent], Field(min_length=2, max_length=2)]
Decibels = Annotated[list[Annotated[float, Field(ge=-20, le=200)]], Field(min_length=2, max_length=2)]


class LossWeights(Strict):
    """λm, λs, λq of equation 7."""

    magnitude: float = Field(1e-3, ge=0, description="λm, of ‖v‖₂: smaller magnitudes; 0 is an ablation")
    sparsity: float = Field(1e-4, ge=0, description="λs, of ‖m‖₁: fewer positions; 0 is an ablation")
    quantisation: float = Field(1e-4, ge=0, description="λq, of ‖∂ − m‖₂: positions near 0 or 1; 0 is an ablation")


class Threshold(Strict):
    """The paper's positions: m = 1 where ∂ ≥ γ, so that losses decide how many there are."""

    level: float = Field(0.5, gt=0, lt=1, description="γ")
    gate: Literal["random", "straight-through"] = Field("random", description="how positions become 0 or 1 in training")
    dense_start: Switch = Field(False, description="begin with all positions open, by the bias of the output layer")
    factorise: Switch = Field(True, description="false: the ablation without positions")
    weights: LossWeights = Field(LossWeights(), description="of the losses in equation 7")
    norms: Literal["utterance", "batch"] = Field("batch", description="of each utterance, or of the whole batch as one vector (released)")


class Sparsity(Strict):
    """Ours: ∂ ranks the samples and the k largest move, k as asked for. In training k is drawn for every utterance."""

    trained: Percents = Field([1.0, 30.0], description="[lowest, highest] of the draws, in percent, even on a logarithmic scale")
    default: Percent = Field(5.0, description="what 'staa attack' takes where nobody asks")

    @model_validator(mode="after")
    def in_order(self) -> Self:
        lowest, highest = self.trained
        if not lowest <= self.default <= highest:
            raise ValueError(f"'trained' is {self.trained} and 'default' {self.default:g}, expected lowest ≤ default ≤ highest")
        return self


class Decay(Strict):
    """Step decay of the learning rate."""

    factor: float = Field(0.5, gt=0, le=1, description="the learning rate times this")
    every: int = Field(5, ge=1, description="after so many epochs each")


class HearRecipe(AugmentRecipe):
    """What happens in training to the speech that the threat model hears: what fools it through all this fools other models too."""

    spectral_gain: float | None = Field(None, gt=0, le=1, description="smooth random gains of the spectrum, within 1 ± this")


class TrainGeneratorRecipe(Strict):
    """`staa train-generator`: STAA-Net."""

    step: Literal["train-generator"] = Field(description="the command that the recipe is for")
    size: Literal["small", "base", "large"] = Field("small", description="of the network; large is the released one")
    upsampling: Literal["transposed", "linear"] = Field("transposed", description="learned (released), or interpolated (the paper's text)")
    level: Literal["peak", "raw"] = Field("peak", description="the network hears every utterance at one peak, or as it is (the paper)")
    budget: Budget = Field(description="ε: how far a sample may move; one of the two")
    trained_snr: Decibels | None = Field(
        None,
        description="[lowest, highest] peak SNR drawn in training: what an attack may ask for; null: the budget",
    )
    bound: Literal["clip", "tanh"] = Field("tanh", description="magnitudes: clip(u, ±ε) of the raw output (paper), or ε·tanh (released)")
    sparsity: Sparsity | None = Field(None, description="an exact share of samples, on demand")
    threshold: Threshold | None = Field(None, description="or else the paper's positions and losses")
    guide: Literal["none", "prediction", "gradient"] = Field(
        "none", description="what it is told of the threat model: its clean prediction, or also its gradient"
    )
    looks: int = Field(1, ge=1, description="so many gradients, each but the first where the ones before lead")
    target: Literal["any"] | None = Field(None, description="any: trained to reach every wanted class from every other one")
    reference: Literal["prediction", "label"] = Field("prediction", description="the class to leave")
    confidence: float = Field(0.0, ge=0, description="φ: how far beyond the boundary, in logits")
    pool: Literal["draw", "all"] = Field("draw", description="of several threat models one drawn at each step, or all; they count alike")
    augment: HearRecipe | None = Field(None, description="what happens in training to the speech that the threat model hears")
    train_on: Literal["train", "train+val"] = Field("train", description="the splits to learn from")
    epochs: int = Field(20, ge=1, description="passes over the training utterances")
    batch_size: int = Field(8, ge=1, description="utterances of a batch")
    learning_rate: float = Field(1e-4, gt=0, description="of Adam: its peak in one cycle, or at first where it decays")
    decay: Decay | None = Field(None, description="steps by which the learning rate falls (the paper); null: one cycle, up and down to 0")
    seed: int = Field(0, ge=0, description="of all random numbers")

    @model_validator(mode="after")
    def one_kind_of_positions(self) -> Self:
        if (self.sparsity is None) == (self.threshold is None):
            raise ValueError("expected one of 'sparsity' (an exact share, on demand) and 'threshold' (the paper's)")
        return self

    @model_validator(mode="after")
    def budgets_in_order(self) -> Self:
        if self.trained_snr is not None:
            lowest, highest = self.trained_snr
            if self.budget.peak_snr_db is None or not lowest <= self.budget.peak_snr_db <= highest:
                raise ValueError(f"'trained_snr: {self.trained_snr}' needs a 'budget.peak_snr_db' between its ends, the lower one first")
        return self

    @model_validator(mode="after")
    def gradient_to_follow(self) -> Self:
        if self.looks > 1 and self.guide != "gradient":
            raise ValueError(f"'looks: {self.looks}' are for the gradient, which 'guide: {self.guide}' does not use")
        return self

    @model_validator(mode="after")
    def class_to_leave(self) -> Self:
        if self.target is not None and self.reference == "label":
            raise ValueError("'reference: label' names a class to leave, and 'target: any' leaves none: choose one")
        return self

    @property
    def ablation(self) -> str:
        """The row of the ablation table (table 6 of the STAA-Net paper); empty for the full method."""
        if self.threshold is None:
            return ""
        weights = self.threshold.weights
        parts = {
            "w/o factorisation": not self.threshold.factorise,
            "w/o magnitude loss": weights.magnitude == 0,
            "w/o sparsity loss": weights.sparsity == 0,
            "w/o quantisation loss": weights.quantisation == 0 and self.threshold.factorise,
        }
        return ", ".join(name for name, absent in parts.items() if absent)
