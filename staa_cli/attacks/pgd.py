"""PGD: several steps along the gradient's sign from a random start (A. Madry et al., ICLR 2018; equation 8 of the STAA-Net paper).

Sparse PGD as the STAA-Net paper uses it (section 4.2): each step moves only k samples. It starts from x, because a dense random start
would not be sparse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from staa_cli.attacks.core.attack import Attack, Outcome
from staa_cli.attacks.core.tensors import differentiate, uniform
from staa_cli.audio.budget import add_within_range, project
from staa_cli.audio.sparsity import share_of, top_k_mask
from staa_cli.metrics.margin import reached
from staa_cli.runtime.schema import Strict, Switch


class Positions(Strict):
    """Which samples one step may move."""

    percent: float = Field(gt=0, le=100, description="k as a share of the utterance; at least one sample")
    select: Literal["gradient", "random"] = Field("gradient", description="the largest absolute gradients, or a draw")
    redraw: Switch = Field(True, description="choose anew at every step (the paper); false keeps the first step's choice")

    def choose(self, gradient: Tensor, random: Sequence[torch.Generator]) -> Tensor:
        """`(B, T)` → 1 at the samples that may move, `(B, T)`."""
        scores = gradient.abs() if self.select == "gradient" else uniform(random, gradient)
        return top_k_mask(scores, share_of(gradient, self.percent))


class PGD(Attack):
    """See the module.

    Class variables:
        random_start: begin at a uniform draw from the ε-ball, unless `positions` are chosen.
    """

    title: ClassVar = "PGD"
    random_start: ClassVar[bool] = True

    steps: int = Field(20, ge=1, description="steps of size α")
    step_size: float = Field(0.1, gt=0, description="α as a share of ε")
    positions: Positions | None = Field(None, description="null moves every sample")
    early_stop: Switch = Field(False, description="an utterance whose prediction is as wished leaves the batch")

    @property
    def label(self) -> str:
        """With the share of samples that a step moves."""
        if self.positions is None:
            return self.title
        return f"{self.title} {self.positions.percent:g} %" + "/step" * (self.positions.redraw and self.steps > 1)

    @torch.enable_grad()
    def perturb(
        self, victim: nn.Module, waveforms: Tensor, reference: Tensor, random: Sequence[torch.Generator], *, targeted: bool, grain: Tensor
    ) -> Outcome:
        """See `Attack.perturb`. Steps of PGD are far larger than the grain."""
        epsilon = self.budget.epsilon(waveforms)
        perturbation = torch.zeros_like(waveforms)
        if self.random_start and self.positions is None:
            perturbation = project(epsilon * (2 * uniform(random, waveforms) - 1), waveforms, epsilon)
        mask: Tensor | None = None
        active = torch.arange(len(waveforms), device=waveforms.device)
        for _ in range(self.steps):
            x, delta = waveforms[active], perturbation[active]
            adversarial = add_within_range(x, delta).requires_grad_()
            logits = victim(adversarial)
            if self.early_stop:
                running = ~reached(logits, reference[active], targeted)
                # Utterances that are fooled drop out of the batch; the gradient of the others does not depend on them.
                active, x, delta = active[running], x[running], delta[running]
                if not len(active):
                    break
                gradient = differentiate(cross_entropy(logits[running], reference[active], reduction="sum"), adversarial)
                gradient = gradient[running]
                random = [stream for stream, goes_on in zip(random, running.tolist(), strict=True) if goes_on]
                mask = mask[running] if mask is not None else None
            else:
                gradient = differentiate(cross_entropy(logits, reference, reduction="sum"), adversarial)
            step = self.step_size * epsilon[active] * gradient.sign()
            if targeted:
                step = -step
            if self.positions is not None:
                if mask is None or self.positions.redraw:
                    # A sample at the edge of the range cannot be moved beyond it.
                    mask = self.positions.choose(gradient * (project(step, x, epsilon[active]) != 0), random)
                step = step * mask
            perturbation = perturbation.index_copy(0, active, project(delta + step, x, epsilon[active]))
        return Outcome(add_within_range(waveforms, perturbation))
