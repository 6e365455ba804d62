"""What victims make of an utterance's forms: as it was, as written, as it was in memory, and its placebo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from staa_cli.audio.budget import add_within_range
from staa_cli.metrics.margin import margin
from staa_cli.runtime.memory import is_out_of_memory, release
from staa_cli.runtime.seeds import derive_seed
from staa_cli.victims.checkpoint import LoadedVictim

AT_ONCE = 2**19
"""Samples that a victim is shown at once: half a minute of audio. Short utterances take half the time that way, long ones gain nothing."""
CLOSE = 1e-3
"""Of two logits that differ by less, relative to the largest, the rounding in a batch might decide: a hundred times what was measured."""


@dataclass(frozen=True)
class Forms:
    """A batch in its forms, `(B, N)` each, on the CPU.

    Attributes:
        written: what the files hold.
        in_memory: x_adv before it was rounded to the files' bits; None where only the files are left.
        exact: of each utterance, whether its file holds x_adv bit for bit, so that there is nothing more to judge.
    """

    clean: Tensor
    written: Tensor
    placebo: Tensor
    in_memory: Tensor | None
    exact: Sequence[bool]

    @classmethod
    def of(cls, clean: Tensor, written: Tensor, in_memory: Tensor, seeds: Sequence[int]) -> Forms:
        noise = placebo(clean, (written - clean).abs(), seeds)
        return cls(clean, written, noise, in_memory, (written == in_memory).all(dim=1).tolist())


@dataclass(frozen=True)
class Verdict:
    """What one victim makes of one utterance's forms.

    Attributes:
        clean, written, placebo, in_memory: its words; of x_adv in memory, None where that is not known any more.
        margins: how far x and x_adv as written are beyond the boundary of the clean class, in logits, rounded so far that no batch shows;
            None where they are not finite, as with a single class.
    """

    clean: str
    written: str
    placebo: str
    in_memory: str | None
    margins: tuple[float, float] | None


def placebo(clean: Tensor, sizes: Tensor, seeds: Sequence[int]) -> Tensor:
    """What an attack is to be compared with: its own changes, thrown about. Each size |δ_i| goes to a random sample and gets a random sign.

    So as many samples change, by as much, and nothing of where and whither is left. What noise of this size changes is no success.

    Args:
        clean, sizes: `(B, N)` on the CPU.
        seeds: one per utterance.
    """
    moved = []
    for row, sizes_of_row, seed in zip(clean, sizes, seeds, strict=True):
        random = torch.Generator().manual_seed(derive_seed(seed, "placebo"))
        signs = torch.randint(0, 2, row.shape, generator=random, dtype=row.dtype) * 2 - 1
        moved.append(sizes_of_row.index_select(0, torch.randperm(len(row), generator=random)) * signs)
    return add_within_range(clean, torch.stack(moved))


def judge(victim: LoadedVictim, forms: Forms, device: torch.device, looked: Tensor | None = None, at_least: int = 1) -> list[Verdict]:
    """One victim on all forms of a batch, each shown once.

    Args:
        at_least: see `ask`.
        looked: `(B, K)` its logits for x, where they are known.
    """
    batch = len(forms.clean)
    rows = [forms.written, forms.placebo]
    inexact = [] if forms.in_memory is None else [row for row, exact in enumerate(forms.exact) if not exact]
    if forms.in_memory is not None and inexact:
        rows.append(forms.in_memory[inexact])
    if looked is None:
        rows.append(forms.clean)
    logits = ask(victim, torch.cat(rows).to(device), at_least)
    clean = logits[-batch:] if looked is None else looked
    beyond = torch.stack([margin(form, clean.argmax(dim=1), targeted=False) for form in (clean, logits[:batch])], dim=1)
    margins = [(round(x, 3), round(y, 3)) if isfinite(x) and isfinite(y) else None for x, y in beyond.tolist()]
    found = victim.words(logits.argmax(dim=1))
    written, noise, rest = found[:batch], found[batch : 2 * batch], found[2 * batch :]
    memory = dict(zip(inexact, rest, strict=False))
    heard = [words if exact else memory.get(row) for row, (words, exact) in enumerate(zip(written, forms.exact, strict=True))]
    return [Verdict(*words) for words in zip(victim.words(clean.argmax(dim=1)), written, noise, heard, margins, strict=True)]


@torch.no_grad()
def ask(victim: LoadedVictim, waveforms: Tensor, at_least: int = 1) -> Tensor:
    """`(B, N)` → `(B, K)` logits on the same device, with the classes that the victim gives each utterance alone.

    In a batch the last bits of the logits are others. Where so little decides, the victim is asked again for that utterance alone.

    Args:
        at_least: utterances shown at once, however long they are.
    """
    at_once = max(at_least, AT_ONCE // waveforms.shape[1])
    try:
        logits = torch.cat([victim(part) for part in waveforms.split(at_once)])
    except Exception as error:
        if at_once == at_least or not is_out_of_memory(error):
            raise
        logits = None
    if logits is None:  # the exception is gone, and with it the tensors of its frames
        release(waveforms.device)
        at_once = at_least
        logits = torch.cat([victim(part) for part in waveforms.split(at_once)])
    if min(at_once, len(waveforms)) > 1:
        first, second = logits.topk(2, dim=1).values.float().T
        sure = first - second > CLOSE * logits.abs().amax(dim=1).float().clamp(min=0.1)
        for row in (~sure).nonzero()[:, 0].tolist():
            logits[row] = victim(waveforms[row : row + 1])[0]
    return logits
