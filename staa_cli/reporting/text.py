"""Cells as text for people."""

from __future__ import annotations

import math

from staa_cli.reporting.model import Beside, Cell, Kind

MISSING = "–"
SMALLEST = 1e-6
"""What is smaller reads as 0: the rounding of a difference, not a measurement."""
SMALLEST_P = 0.001
"""What is smaller is only said to be so: more digits would tell no more."""


def decimals(value: float, kind: Kind) -> int:
    """Digits behind the point: two as in the papers, more where seconds would keep fewer than two significant digits, and others none."""
    if kind == "count" and (float(value).is_integer() or abs(value) >= 100):
        return 0
    if kind == "seconds" and value:
        return max(2, 1 - math.floor(math.log10(abs(value))))
    if SMALLEST <= value < 0.01:
        return -math.floor(math.log10(value))
    return 2


def cell_text(cell: Cell, kind: Kind) -> str:
    """A cell as people read it: `–`, text, `16.87`, `16.87 ± 0.12`; a success rate with its placebo, `87.40 (21.3)`."""
    return " ".join(cell_parts(cell, kind))


def cell_parts(cell: Cell, kind: Kind) -> list[str]:
    """The same in pieces, which may go below one another."""
    if cell is None or isinstance(cell, str):
        return [cell or MISSING]
    if cell.printed is not None:
        return [cell.printed]
    if kind == "p":
        return [f"{cell.value:.3f}" if cell.value >= SMALLEST_P else f"< {SMALLEST_P}"]
    digits = decimals(cell.value, kind)
    if cell.std is not None:
        digits = max(digits, min(decimals(cell.std, kind), digits + 1)) if kind in ("count", "seconds") else digits
    spread = [] if cell.std is None else [f"± {cell.std:.{digits}f}"]
    return [f"{cell.value:z.{digits}f}", *spread, *(beside_parts(cell.beside, kind == "interval" and not spread) if cell.beside else [])]


def beside_parts(beside: Beside, interval: bool) -> list[str]:
    """`[80.1–92.3]`, where the interval is wanted, and `(21.3)`."""
    ends = [f"{end:.1f}" for end in (beside.low, beside.high) if end is not None]
    placebo = MISSING if beside.placebo is None else f"{beside.placebo:.1f}"
    return [*([f"[{'–'.join(ends) or MISSING}]"] if interval else []), f"({placebo})"]
