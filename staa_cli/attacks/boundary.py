"""Boundary: W. Brendel, J. Rauber, M. Bethge, "Decision-based adversarial attacks", ICLR 2018.

It sees predictions only. From a sound beyond the boundary it walks towards x: a random step along the sphere around x, then a step inwards.
Both step sizes adapt to the share of candidates that stay beyond, by the rules of the code that the second paper used (several candidates
a trial). All utterances of a batch walk in lock-step, each in its own phase; every trial is one pass over all candidates.

Three things differ from that code. The way from the start to the boundary is bisected. As soon as the point cut to the ε-ball is beyond the
boundary too, the walk goes on from there, nearer to x, and stays in the ball. And an utterance whose trials fail does not give up: it goes
on with smaller steps, as the paper has it, until they are tiny.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from staa_cli.attacks.core.goal import GoalAttack, Problem
from staa_cli.attacks.core.sounds import sounds
from staa_cli.audio.budget import bounds

BISECTIONS = 10
"""The start is brought to within 1/1024 of its distance to the boundary."""
CONVERGED = 1e-6
"""An utterance whose steps are as small as that leaves the batch."""
FEW, MANY = 0.2, 0.5
"""Where fewer candidates stay beyond the boundary, steps shrink; where more, they grow."""


@dataclass(frozen=True)
class Walk:
    """Where the utterances stand; A of them.

    Attributes:
        problem: the utterances.
        rows: `(A,)` which of the first ones these are.
        delta: `(A, T)`, beyond the boundary.
        lower, upper: `(A, T)` its bounds: the range, or once in the ε-ball, that.
        inside: `(A,)` whether it is there.
        candidates: `(A, S, T)` of the step along the sphere.
        alive: `(A, S)` which of them are beyond the boundary; none before that step.
        orthogonal, inward: `(A,)` sizes of both steps.
        failures: `(A,)` trials in a row.
        left: `(A,)` steps to go.
    """

    problem: Problem
    rows: Tensor
    delta: Tensor
    lower: Tensor
    upper: Tensor
    inside: Tensor
    candidates: Tensor
    alive: Tensor
    orthogonal: Tensor
    inward: Tensor
    failures: Tensor
    left: Tensor

    def __getitem__(self, chosen: Tensor) -> Walk:
        """The utterances that an `(A,)` mask chooses."""
        return replace(self, **{name: value[chosen] for name, value in vars(self).items()})


class Boundary(GoalAttack):
    """See the module. The defaults are the second paper's."""

    title: ClassVar = "Boundary"
    needs: ClassVar = "predictions"

    steps: int = Field(100, ge=1, description="steps towards x")
    samples: int = Field(10, ge=1, description="S: candidates of a trial")
    trials: int = Field(3, ge=1, description="failures in a row that end half a step; the next one is smaller")
    orthogonal: float = Field(0.01, gt=0, description="first step along the boundary, as a share of ‖δ‖₂; adapts")
    inward: float = Field(0.01, gt=0, lt=1, description="first step towards x, as a share of ‖δ‖₂; adapts")
    adapt: float = Field(0.5, gt=0, lt=1, description="steps times or over this where under 20 % or over 50 % of candidates succeed")
    starts: int = Field(100, ge=1, description="sounds that are tried for a starting point")
    forward_batch: int = Field(64, ge=1, description="candidates in one forward pass: memory and speed, not the result")

    def solve(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """See `GoalAttack.solve`. Where no start is found, δ is 0; where the walk does not get to the ε-ball, it is cut to it."""
        found, queries, begun = self.begin(problem)
        self.bisect(problem, found, queries, begun)
        self.walk(problem, found, queries, begun)
        return found, queries

    def begin(self, problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
        """Look for a start.

        Returns:
            `(A, T)` δ, 0 where there is none; `(A,)` queries; the rows that have one.
        """
        found, queries = torch.zeros_like(problem.waveforms), torch.zeros_like(problem.reference)
        missing = torch.arange(len(problem), device=found.device)
        lacking = torch.ones_like(missing, dtype=torch.bool)
        for number in range(self.starts):
            part = problem[missing]
            lowest, highest = bounds(part.waveforms)
            delta = sounds(part, number).clamp(lowest, highest) - part.waveforms
            queries[missing] += 1
            beyond = self.ask(part, delta.unsqueeze(1), torch.ones_like(missing, dtype=torch.bool).unsqueeze(1))[:, 0]
            found[missing[beyond]] = delta[beyond]
            lacking[missing[beyond]] = False
            missing = missing[~beyond]
            if not len(missing):
                break
        return found, queries, (~lacking).nonzero().squeeze(1)

    def bisect(self, problem: Problem, found: Tensor, queries: Tensor, rows: Tensor) -> None:
        """Bring the starts near to the boundary, on the straight line to x; `found` and `queries` follow in place."""
        part, delta = problem[rows], found[rows]
        far, near = torch.ones_like(delta[:, :1]), torch.zeros_like(delta[:, :1])
        every = torch.ones_like(far, dtype=torch.bool)
        for _ in range(BISECTIONS if len(rows) else 0):
            middle = (far + near) / 2
            beyond = self.ask(part, (middle * delta).unsqueeze(1), every)
            far, near = torch.where(beyond, middle, far), torch.where(beyond, near, middle)
            queries[rows] += 1
        found[rows] = far * delta

    def walk(self, problem: Problem, found: Tensor, queries: Tensor, rows: Tensor) -> None:
        """From there towards x; `found` and `queries` follow in place."""
        part, delta = problem[rows], found[rows]
        lowest, highest = bounds(part.waveforms)
        size = torch.ones_like(delta[:, 0])
        nobody = torch.zeros_like(rows, dtype=torch.bool)
        state = Walk(
            problem=part,
            rows=rows,
            delta=delta,
            lower=lowest - part.waveforms,
            upper=highest - part.waveforms,
            inside=nobody,
            candidates=delta.unsqueeze(1).repeat(1, self.samples, 1),
            alive=nobody.unsqueeze(1).repeat(1, self.samples),
            orthogonal=self.orthogonal * size,
            inward=self.inward * size,
            failures=torch.zeros_like(rows),
            left=torch.full_like(rows, self.steps),
        )
        state = self.cut(state, ~nobody, queries)
        while len(state.rows):
            state = self.trial(state, queries)
            found[state.rows] = state.delta
            going = (state.left > 0) & (torch.minimum(state.orthogonal, state.inward) > CONVERGED)
            if not bool(going.all()):
                state = state[going]

    def trial(self, state: Walk, queries: Tensor) -> Walk:
        """One trial for everyone: along the sphere, or inwards for those whose step along the sphere succeeded."""
        inwards = state.alive.any(dim=1)
        proposed = self.propose(state, inwards)
        asked = state.alive | ~inwards.unsqueeze(1)
        beyond = self.ask(state.problem, proposed, asked)
        queries[state.rows] += asked.sum(dim=1)
        share = beyond.sum(dim=1) / asked.sum(dim=1)
        factor = torch.where(share < FEW, self.adapt, torch.where(share > MANY, 1 / self.adapt, 1.0))
        hit = beyond.any(dim=1)
        nearer, along = inwards & hit, ~inwards & hit
        tried = ~hit & (state.failures + 1 == self.trials)
        over = nearer | tried
        # A step that does not get inwards still ends at the best candidate along the sphere.
        settled = nearer | (inwards & tried)
        choices = torch.where(nearer[:, None, None], proposed, state.candidates)
        norms = torch.linalg.vector_norm(choices, dim=2).masked_fill(~torch.where(hit.unsqueeze(1), beyond, state.alive), torch.inf)
        best = choices[torch.arange(len(norms), device=norms.device), norms.argmin(dim=1)]
        moved = replace(
            state,
            delta=torch.where(settled.unsqueeze(1), best, state.delta),
            candidates=torch.where(along[:, None, None], proposed, state.candidates),
            alive=torch.where(along.unsqueeze(1), beyond, state.alive & ~over.unsqueeze(1)),
            orthogonal=torch.where(inwards, state.orthogonal, state.orthogonal * factor),
            inward=torch.where(inwards, (state.inward * factor).clamp(max=1), state.inward),
            failures=torch.where(hit | tried, 0, state.failures + 1),
            left=state.left - over.long(),
        )
        return self.cut(moved, nearer & ~state.inside, queries)

    def propose(self, state: Walk, inwards: Tensor) -> Tensor:
        """Candidates, `(A, S, T)`, within their bounds; `inwards`: `(A,)`."""
        proposed = state.candidates * (1 - state.inward)[:, None, None]
        rows = (~inwards).nonzero().squeeze(1)
        if len(rows):
            random = [state.problem.random[row] for row in rows.tolist()]
            proposed[rows] = self.along_the_sphere(state.delta[rows], state.orthogonal[rows], random)
        return proposed.clamp(state.lower.unsqueeze(1), state.upper.unsqueeze(1))

    def along_the_sphere(self, delta: Tensor, size: Tensor, random: Sequence[torch.Generator]) -> Tensor:
        """Random directions at right angles to δ, and back to the sphere. `(A, T)`, `(A,)`, A streams → `(A, S, T)`"""
        noise = torch.stack(
            [torch.randn(self.samples, delta.shape[1], generator=stream, device=delta.device, dtype=delta.dtype) for stream in random]
        )
        delta, size = delta.unsqueeze(1), size[:, None, None]
        length = torch.linalg.vector_norm(delta, dim=2, keepdim=True)
        step = noise * (size * length / torch.linalg.vector_norm(noise, dim=2, keepdim=True))
        step -= (step * delta).sum(dim=2, keepdim=True) / length.square().clamp(min=1e-30) * delta
        moved: Tensor = (delta + step) / (1 + size.square()).sqrt()
        return moved

    def cut(self, state: Walk, chosen: Tensor, queries: Tensor) -> Walk:
        """Cut δ to the ε-ball for the `(A,)` chosen, where that stays beyond the boundary; from there on the ball is the bound."""
        if not bool(chosen.any()):
            return state
        inner = state.problem.clamp(state.delta)
        queries[state.rows] += chosen
        arrived = self.ask(state.problem, inner.unsqueeze(1), chosen.unsqueeze(1))[:, 0]
        column = arrived.unsqueeze(1)
        return replace(
            state,
            delta=torch.where(column, inner, state.delta),
            lower=torch.where(column, state.problem.lower, state.lower),
            upper=torch.where(column, state.problem.upper, state.upper),
            inside=state.inside | arrived,
        )

    def ask(self, problem: Problem, candidates: Tensor, asked: Tensor) -> Tensor:
        """Which candidates are beyond the boundary, `(A, S, T)` → `(A, S)`; those not `asked`, `(A, S)`, count as not."""
        rows, columns = asked.nonzero(as_tuple=True)
        verdicts = []
        for row, column in zip(rows.split(self.forward_batch), columns.split(self.forward_batch), strict=True):
            part = problem[row]
            verdicts.append(part.reached(part.logits(candidates[row, column])))
        answers: Tensor = asked.index_put((rows, columns), torch.cat(verdicts))
        return answers
