"""staa: how easily is a speech emotion model fooled, and by how little?

The library's face; everything is loaded on first use:

- `load_victim`, `load_generator`: what the command line trained, and models of other makers.
- `Budget`, and every attack by its class's name: `PGD`, `SigmaZero`, …
- `evaluate`: an attack over waveforms, measured.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from staa_cli.runtime.version import __version__ as __version__

if TYPE_CHECKING:
    from staa_cli.attacks.bim import BIM
    from staa_cli.attacks.boundary import Boundary
    from staa_cli.attacks.cw_l2 import CWL2
    from staa_cli.attacks.cw_linf import CWLinf
    from staa_cli.attacks.deepfool import DeepFool
    from staa_cli.attacks.fgsm import FGSM
    from staa_cli.attacks.frank_wolfe import FrankWolfe
    from staa_cli.attacks.jsma import JSMA
    from staa_cli.attacks.mi import MI
    from staa_cli.attacks.noise import Noise
    from staa_cli.attacks.one_pixel import OnePixel
    from staa_cli.attacks.pgd import PGD
    from staa_cli.attacks.sigma_zero import SigmaZero
    from staa_cli.attacks.sparse_pgd import SparsePGD
    from staa_cli.attacks.sparsefool import SparseFool
    from staa_cli.attacks.vmi import VMI
    from staa_cli.audio.budget import Budget
    from staa_cli.evaluation.in_memory import evaluate
    from staa_cli.generator.checkpoint import load_generator
    from staa_cli.victims.checkpoint import load_victim

__all__ = [
    "BIM",
    "CWL2",
    "FGSM",
    "JSMA",
    "MI",
    "PGD",
    "VMI",
    "Boundary",
    "Budget",
    "CWLinf",
    "DeepFool",
    "FrankWolfe",
    "Noise",
    "OnePixel",
    "SigmaZero",
    "SparseFool",
    "SparsePGD",
    "evaluate",
    "load_generator",
    "load_victim",
]

HOMES = {
    "Budget": "audio.budget",
    "evaluate": "evaluation.in_memory",
    "load_generator": "generator.checkpoint",
    "load_victim": "victims.checkpoint",
}


def __getattr__(name: str) -> Any:
    """Load a name of the library's face; an attack's, also one that another package registers, by its class."""
    if name in HOMES:
        return getattr(import_module(f"staa_cli.{HOMES[name]}"), name)
    if name[:1].isupper():
        from staa_cli.attacks.core.registry import attack_names, find_attack

        for attack in attack_names():
            if attack.replace("-", "") == name.lower():
                return find_attack(attack)
    raise AttributeError(f"module 'staa_cli' has no attribute '{name}'")
