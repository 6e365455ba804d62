"""One pixel, and P pixels: J. Su, D. V. Vargas, K. Sakurai, "One pixel attack for fooling deep neural networks", IEEE TEVC 2019.

Differential evolution over the positions of P samples and what is added to each, anything within ±ε: every child is the best candidate
plus a scaled difference of two others (best/1 with dither, always crossed over, as in the usual code). It sees scores only, and each
candidate costs a query. The generations of all utterances go in lock-step; their candidates pass the victim together, in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.goal import GoalAttack, Problem


class OnePixel(GoalAttack):
    """See the module.

    Candidates are genes `(A, N, 2P)` in [0, 1): P positions, as a share of the utterance, then P additions, from −ε to ε.
    """

    title: ClassVar = "One-Pixel"
    needs: ClassVar = "scores"

    steps: int = Field(20, ge=1, description="generations after the first; 20 as in the STAA-Net paper are 6,300 queries")
    pixels: int = Field(1, ge=1, description="P: samples that may change")
    population: int = Field(300, ge=4, description="N: candidates of one utterance in a generation")
    forward_batch: int = Field(64, ge=1, description="candidates in one forward pass: memory and speed, not the result")

    @property
    def label(self) -> str:
        """With the number of samples."""
        return self.title if self.pixels == 1 else f"{self.pixels} pixels"

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`. Where no candidate reaches the goal, the best one is returned."""
        found = torch.zeros_like(problem.waveforms)
        queries = torch.full_like(problem.reference, self.population)
        active = torch.arange(len(problem), device=found.device)
        genes = draw(problem.random, (self.population, 2 * self.pixels), found)
        fitness = self.rate(problem, genes)
        for generation in range(self.steps + 1):
            champion = genes[torch.arange(len(genes), device=genes.device), fitness.argmax(dim=1)]
            found[active] = self.express(problem, champion)
            running = fitness.amax(dim=1) < torch.inf
            active, problem = active[running], problem[running]
            if generation == self.steps or not len(active):
                break
            genes, fitness = genes[running], fitness[running]
            children = self.breed(problem, genes, champion[running])
            rated = self.rate(problem, children)
            queries[active] += self.population
            better = rated >= fitness
            genes, fitness = torch.where(better.unsqueeze(2), children, genes), torch.where(better, rated, fitness)
        return found, queries

    def breed(self, problem: Problem, genes: Tensor, champion: Tensor) -> Tensor:
        """A child for every candidate. A gene that leaves [0, 1) is drawn anew.

        Args:
            genes: `(A, N, 2P)`.
            champion: `(A, 2P)`.
        """
        count = self.population
        # Of each child two draws for its parents, then one for each gene; of each utterance one for the scale, in the last row.
        draws = draw(problem.random, (count + 1, genes.shape[2] + 2), genes)
        own = torch.arange(count, device=genes.device)
        # Parents by their distance from the own place: two different ones, neither of them 0.
        first = 1 + (draws[:, :count, 0] * (count - 1)).long()
        second = 1 + (draws[:, :count, 1] * (count - 2)).long()
        second = second + (second >= first)
        mothers, fathers = (genes.gather(1, ((own + other) % count).unsqueeze(2).expand_as(genes)) for other in (first, second))
        scale = 0.5 + 0.5 * draws[:, count, 0]
        children = champion.unsqueeze(1) + scale[:, None, None] * (mothers - fathers)
        return torch.where((children >= 0) & (children < 1), children, draws[:, :count, 2:])

    def rate(self, problem: Problem, genes: Tensor) -> Tensor:
        """How near every candidate comes: its margin in log-probabilities, infinite where the goal is reached.

        Differences of log-probabilities are those of the logits. Of probabilities there would be no digits left to compare, where the
        victim is sure.

        Args:
            genes: `(A, N, 2P)`.

        Returns:
            `(A, N)`
        """
        rows = torch.arange(len(genes), device=genes.device).repeat_interleave(self.population)
        fitness = []
        for chunk, candidates in zip(rows.split(self.forward_batch), genes.flatten(0, 1).split(self.forward_batch), strict=True):
            part = problem[chunk]
            scores = part.logits(self.express(part, candidates)).log_softmax(dim=1)
            fitness.append(torch.where(part.reached(scores), torch.inf, part.margin(scores)))
        return torch.cat(fitness).view(len(genes), self.population)

    def express(self, problem: Problem, genes: Tensor) -> Tensor:
        """Candidates as δ within its bounds, `(A, 2P)` → `(A, T)`. Additions to one position add up."""
        count = problem.waveforms.shape[1]
        positions = (genes[:, : self.pixels] * count).long().clamp(max=count - 1)
        additions = problem.epsilon * (2 * genes[:, self.pixels :] - 1)
        return problem.clamp(torch.zeros_like(problem.waveforms).scatter_add(1, positions, additions))


def draw(random: Sequence[torch.Generator], shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Numbers in [0, 1), of `shape` for each stream: `(A, *shape)`."""
    return torch.stack([torch.rand(shape, generator=stream, device=like.device, dtype=like.dtype) for stream in random])
