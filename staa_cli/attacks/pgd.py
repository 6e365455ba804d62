"""Projected gradient descent and its relatives.

- FGSM: one step of size ε (Goodfellow, Shlens, Szegedy, ICLR 2015).
- BIM: several steps from x (Kurakin, Goodfellow, Bengio, 2017).
- PGD: several steps from a random start (Madry et al., ICLR 2018; equation 8 of the STAA-Net paper).
- Sparse PGD as the STAA-Net paper uses it (section 4.2): each step moves only k samples. It starts from x, because a dense random
  start would not be sparse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from staa_cli.attacks.base import Outcome, differentiate, reached, streams, top_k_mask, uniform
from staa_cli.audio.budget import Budget, add_within_range, project
from staa_cli.victims.base import Victim


@dataclass(frozen=True)
class PGD:
    """The family.

    Attributes:
        budget: the ε-ball.
        steps: at least 1.
        step_size: α as a share of ε.
        random_start: begin at a uniform draw from the ε-ball.
        percent: the share of samples that one step moves (k is at least 1); None moves all.
        select: `gradient` (largest absolute gradients) or `random`.
        redraw: choose the k samples at every step, not once.
        early_stop: utterances whose prediction is as wished leave the batch.
        targeted: towards the reference class, not away from it.
    """

    budget: Budget
    steps: int = 20
    step_size: float = 0.1
    random_start: bool = False
    percent: float | None = None
    select: str = "gradient"
    redraw: bool = True
    early_stop: bool = False
    targeted: bool = False

    def run(self, victim: Victim, waveforms: Tensor, reference: Tensor, seeds: Sequence[int], grain: Tensor | None = None) -> Outcome:
        """See `Attack.run`. Steps of PGD are far larger than the grain."""
        return Outcome(self(victim, waveforms, reference, seeds))

    def __call__(self, victim: Victim, waveforms: Tensor, reference: Tensor, seeds: Sequence[int]) -> Tensor:
        """See `Attack.__call__`."""
        epsilon = self.budget.epsilon(waveforms)
        random = streams(seeds, waveforms.device)
        perturbation = torch.zeros_like(waveforms)
        if self.random_start:
            perturbation = project(epsilon * (2 * uniform(random, waveforms) - 1), waveforms, epsilon)
        mask: Tensor | None = None
        active = torch.arange(len(waveforms), device=waveforms.device)
        for _ in range(self.steps):
            x, delta = waveforms[active], perturbation[active]
            adversarial = add_within_range(x, delta).requires_grad_()
            logits = victim(adversarial)
            if self.early_stop:
                running = ~reached(logits, reference[active], self.targeted)
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
            if self.targeted:
                step = -step
            if self.percent is not None:
                if mask is None or self.redraw:
                    mask = self._choose(gradient, random)
                step = step * mask
            perturbation = perturbation.index_copy(0, active, project(delta + step, x, epsilon[active]))
        return add_within_range(waveforms, perturbation)

    def _choose(self, gradient: Tensor, random: Sequence[torch.Generator]) -> Tensor:
        assert self.percent is not None
        k = max(1, round(self.percent / 100 * gradient.shape[1]))
        scores = gradient.abs() if self.select == "gradient" else uniform(random, gradient)
        return top_k_mask(scores, k)
