"""BIM: several steps along the gradient's sign from x (A. Kurakin, I. Goodfellow, S. Bengio, 2017)."""

from __future__ import annotations

from typing import ClassVar

from staa_cli.attacks.pgd import PGD


class BIM(PGD):
    """PGD without its random start."""

    title: ClassVar = "BIM"
    random_start: ClassVar[bool] = False
