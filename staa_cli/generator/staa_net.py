"""STAA-Net: one forward pass from an utterance to a sparse adversarial utterance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from staa_cli.audio.budget import add_within_range, peak_epsilon
from staa_cli.audio.sparsity import count
from staa_cli.generator.positions import GATES, binarise, largest
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.generator.wave_unet import WaveUNet
from staa_cli.runtime.parallel import World

CERTAIN = 1.0
"""Where the gradient's sign starts in tanh: at 0.76 ε, where it can still turn."""


@dataclass(frozen=True)
class Request:
    """What the generator is asked for; what its recipe does not know of stays None.

    Attributes:
        percent: `(B,)` the share of samples to move.
        snr: `(B,)` the peak SNR in dB.
        predictions: `(B,)` the threat model's clean classes.
        targets: `(B,)` the wanted classes.
        gradient: `(B, T)` what `guide.look` found.
    """

    percent: Tensor | None = None
    snr: Tensor | None = None
    predictions: Tensor | None = None
    targets: Tensor | None = None
    gradient: Tensor | None = None

    def __getitem__(self, rows: slice) -> Request:
        """What is asked for some of the utterances."""
        return Request(**{name: None if values is None else values[rows] for name, values in vars(self).items()})

    def part(self, world: World) -> Request:
        """This process's share of what is asked for a batch."""
        return Request(**{name: None if values is None else world.part(values) for name, values in vars(self).items()})


@dataclass(frozen=True)
class Perturbed:
    """What one forward pass yields; all tensors `(B, T)`.

    Attributes:
        adversarial: x_adv = clip(x + v ⊗ m, −1, 1).
        magnitudes: v, within ±ε.
        positions: m; binary in evaluation mode, under the paper's gate partly soft in training mode.
        soft_positions: ∂ = (tanh + 1) / 2, in [0, 1].
    """

    adversarial: Tensor
    magnitudes: Tensor
    positions: Tensor
    soft_positions: Tensor


class STAANet(nn.Module):
    """The generator of the STAA-Net paper (section 3.2), and what we added: an exact mask, and a guide.

    Args:
        recipe: what it is made of.
        classes: K, the number of the threat model's emotions.

    Shape:
        waveforms `(B, T)` in [-1, 1] → `Perturbed`; T ≥ 1.
    """

    def __init__(self, recipe: TrainGeneratorRecipe, classes: int) -> None:
        super().__init__()
        self.recipe, self.classes, threshold = recipe, classes, recipe.threshold
        self.network = WaveUNet(
            recipe.size,
            decoders=1 if threshold and not threshold.factorise else 2,
            inputs=3 if recipe.guide == "gradient" else 1,
            context=classes * (recipe.guide != "none")
            + classes * (recipe.target is not None)
            + (recipe.sparsity is not None)
            + (recipe.trained_snr is not None),
            upsampling=recipe.upsampling,
            silent=recipe.guide == "gradient",
        )
        if threshold and threshold.factorise and threshold.dense_start:
            nn.init.ones_(self.network.decoders[1].get_parameter("output.bias"))

    def epsilon(self, waveforms: Tensor, request: Request) -> Tensor:
        """ε of each utterance, `(B, 1)`."""
        if request.snr is None:
            return self.recipe.budget.epsilon(waveforms)
        return peak_epsilon(waveforms, request.snr.unsqueeze(1))

    def context(self, request: Request, like: Tensor) -> Tensor:
        """What the network is told, each about within [-1, 1]; `(B, N)`."""
        told = []
        if self.recipe.guide != "none":
            assert request.predictions is not None
            told.append(one_hot(request.predictions, self.classes).to(like))
        if self.recipe.target is not None:
            assert request.targets is not None
            told.append(one_hot(request.targets, self.classes).to(like))
        if self.recipe.sparsity is not None:
            assert request.percent is not None
            told.append(centred(request.percent.log(), self.recipe.sparsity.trained, logarithmic=True))
        if self.recipe.trained_snr is not None:
            assert request.snr is not None
            told.append(centred(request.snr, self.recipe.trained_snr))
        return torch.cat(told, dim=1) if told else like.new_zeros(len(like), 0)

    def inputs(self, waveforms: Tensor, request: Request) -> Tensor:
        """`(B, 1, T)`; with the gradient `(B, 3, T)`: the sign of its samples, and the logarithm of their size."""
        if self.recipe.level == "peak":
            # The network hears every utterance at the same level; what it returns is scaled by ε, so loudness cannot change the attack.
            waveforms = waveforms / (waveforms.abs().amax(dim=1, keepdim=True) + 1e-8)
        if self.recipe.guide != "gradient":
            return waveforms.unsqueeze(1)
        assert request.gradient is not None
        size = request.gradient.abs()
        relative = size / (size.square().mean(dim=1, keepdim=True).sqrt() + 1e-30)
        return torch.stack((waveforms, request.gradient.sign(), (relative + 1e-3).log10()), dim=1)

    def rank(self, waveforms: Tensor, request: Request) -> tuple[Tensor, Tensor]:
        """The magnitudes v, and the logits by which samples are ranked; `(B, T)` each."""
        epsilon = self.epsilon(waveforms, request)
        inputs = self.inputs(waveforms, request)
        outputs = self.network(inputs, self.context(request, waveforms))
        if self.recipe.guide == "gradient":
            # The network begins with what the gradient alone would do, and learns what is better.
            outputs = [CERTAIN * inputs[:, 1] + outputs[0], *(inputs[:, 2] + ranks for ranks in outputs[1:])]
        magnitudes = epsilon * outputs[0].tanh() if self.recipe.bound == "tanh" else outputs[0].clamp(-epsilon, epsilon)
        return magnitudes, outputs[-1]

    def draws(self, utterances: int, samples: int, random: torch.Generator) -> Tensor | None:
        """What the training gate wants drawn for a batch, `(B, T)` uniform in [0, 1); None where it leaves nothing to chance."""
        threshold = self.recipe.threshold
        if threshold is None or not threshold.factorise or threshold.gate != "random":
            return None
        return torch.rand(utterances, samples, generator=random, device=random.device)

    def forward(self, waveforms: Tensor, request: Request, draws: Tensor | None = None) -> Perturbed:
        """`draws`: what `draws` returns, for these utterances; not used in evaluation mode."""
        magnitudes, logits = self.rank(waveforms, request)
        threshold = self.recipe.threshold
        if threshold is None:
            assert request.percent is not None
            soft, positions = largest(logits, count(request.percent, logits.shape[1]))
        elif threshold.factorise:
            soft = (logits.tanh() + 1) / 2
            positions = GATES[threshold.gate](soft, threshold.level, draws) if self.training else binarise(soft, threshold.level)
        else:
            soft = positions = torch.ones_like(magnitudes)
        return Perturbed(add_within_range(waveforms, magnitudes * positions), magnitudes, positions, soft)


def centred(values: Tensor, ends: list[float], *, logarithmic: bool = False) -> Tensor:
    """`(B,)` → `(B, 1)`: −1 at the lower end, 1 at the upper one; 0 where they are one."""
    low, high = values.new_tensor(ends).log() if logarithmic else values.new_tensor(ends)
    within: Tensor = (2 * values - low - high) / (high - low).clamp(min=1e-6)
    return within.unsqueeze(1)
