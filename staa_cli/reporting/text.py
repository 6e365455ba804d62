"""Cells as text for people."""

from __future__ import annotations

import math

from staa_cli.reporting.model import Cell, Kind

MISSING = "–"
SMALLEST = 1e-6
"""What is smaller reads as 0: the rounding of a difference, not a measurement."""


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
    """A cell as people read it: `–`, text, `16.87` or `16.87 ± 0.12`."""
    if cell is None or isinstance(cell, str):
        return cell or MISSING
    if cell.printed is not None:
        return cell.printed
    digits = decimals(cell.value, kind)
    if cell.std is not None:
        digits = max(digits, min(decimals(cell.std, kind), digits + 1)) if kind != "decimal" else digits
    mean = f"{cell.value:z.{digits}f}"
    return mean if cell.std is None else f"{mean} ± {cell.std:.{digits}f}"
