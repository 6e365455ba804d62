"""One pixel, and P pixels: J. Su, D. V. Vargas, K. Sakurai, "One pixel attack for fooling deep neural networks", IEEE TEVC 2019.

Differential evolution (best/1, dithered, as the usual code) over the positions of P samples and what is added to each, within ±ε. It sees
scores only: each candidate costs a query. All candidates of all utterances of a generation pass the victim together, in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staa_cli.attacks.problem import GoalAttack, Problem


@dataclass(frozen=True)
class OnePixel(GoalAttack):
    """See the module.

    Attributes:
        steps: generations after the first.
        pixels: P, samples that may change.
        population: candidates of one utterance, at least 4.
        forward_batch: candidates in one forward pass.
    """

    steps: int = 20
    pixels: int = 1
    population: int = 300
    forward_batch: int = 64

    counts_queries: ClassVar[bool] = True

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`. Where no candidate reaches the goal, the best one is returned."""
        found = torch.zeros_like(problem.waveforms)
        queries = torch.zeros_like(problem.reference)
        active = torch.arange(len(problem), device=found.device)
        genes = draw(problem.random, (self.population, 2 * self.pixels), found)
        fitness = self.rate(problem, genes)
        queries += self.population
        for generation in range(self.steps + 1):
            best = fitness.argmax(dim=1)
            champion = genes[torch.arange(len(best), device=best.device), best]
            found[active] = self.express(problem, champion.unsqueeze(1)).squeeze(1)
            running = fitness.amax(dim=1) <= 0
            if not bool(running.all()):
                active, problem, genes, fitness, champion = (
                    active[running],
                    problem[running],
                    genes[running],
                    fitness[running],
                    champion[running],
                )
            if not len(active) or generation == self.steps:
                break
            children = self.breed(problem, genes, champion)
            rated = self.rate(problem, children)
            queries[active] += self.population
            better = rated >= fitness
            genes, fitness = torch.where(better.unsqueeze(2), children, genes), torch.where(better, rated, fitness)
        return found, queries

    def breed(self, problem: Problem, genes: Tensor, champion: Tensor) -> Tensor:
        """Children: the champion plus a scaled difference of two others; a gene that leaves [0, 1) is drawn anew.

        Args:
            genes: `(A, N, G)`.
            champion: `(A, G)`.
        """
        size = self.population
        draws = draw(problem.random, (size + 1, len(genes[0, 0]) + 2), genes)
        own = torch.arange(size, device=genes.device)
        # Offsets from the own place: two different ones, neither of them 0.
        first = 1 + (draws[:, :size, 0] * (size - 1)).long()
        second = 1 + (draws[:, :size, 1] * (size - 2)).long()
        second = second + (second >= first)
        mothers, fathers = (genes.gather(1, ((own + other) % size).unsqueeze(2).expand_as(genes)) for other in (first, second))
        scale = 0.5 + 0.5 * draws[:, size, 0]
        children = champion.unsqueeze(1) + scale[:, None, None] * (mothers - fathers)
        return torch.where((children >= 0) & (children < 1), children, draws[:, :size, 2:])

    def rate(self, problem: Problem, genes: Tensor) -> Tensor:
        """The margin in scores of every candidate, `(A, N, G)` → `(A, N)`: positive where it reaches the goal.

        In log-probabilities, whose differences are those of the logits: probabilities of 1 have no digits left to compare.
        """
        rows = torch.arange(len(genes), device=genes.device).repeat_interleave(genes.shape[1])
        margins = []
        for chunk, candidates in zip(rows.split(self.forward_batch), genes.flatten(0, 1).split(self.forward_batch), strict=True):
            part = problem[chunk]
            scores = part.logits(self.express(part, candidates.unsqueeze(1)).squeeze(1)).log_softmax(dim=1)
            margins.append(torch.where(part.reached(scores), part.margin(scores).clamp(min=1e-30), part.margin(scores).clamp(max=0)))
        return torch.cat(margins).view(genes.shape[:2])

    def express(self, problem: Problem, genes: Tensor) -> Tensor:
        """Candidates as perturbations, `(A, 1, G)` → `(A, 1, T)`. Changes of one position add up, within its bounds."""
        count = problem.waveforms.shape[1]
        positions = (genes[..., : self.pixels] * count).long().clamp(max=count - 1)
        values = problem.epsilon.unsqueeze(1) * (2 * genes[..., self.pixels :] - 1)
        delta = torch.zeros_like(problem.waveforms).unsqueeze(1).scatter_add(2, positions, values)
        return problem.clamp(delta.squeeze(1)).unsqueeze(1)


def draw(random: Sequence[torch.Generator], shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Numbers in [0, 1), of `shape` for each stream: `(A, *shape)`."""
    return torch.stack([torch.rand(shape, generator=stream, device=like.device, dtype=like.dtype) for stream in random])
