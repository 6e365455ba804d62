"""Libraries to compare with: their victims, and their quirks."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .conftest import Linear


def art_attacks() -> Any:
    """The attacks of the Adversarial Robustness Toolbox."""
    return pytest.importorskip("art.attacks.evasion", reason="pip install 'staa[reference]'")


class Single(nn.Module):
    """The toolbox now and then hands over float64."""

    def forward(self, images: Tensor) -> Tensor:
        return images.float()


def art_classifier(victim: nn.Module, samples: int, classes: int) -> Any:
    """A victim of [0, 1] for the toolbox, which works in float32."""
    estimators = pytest.importorskip("art.estimators.classification", reason="pip install 'staa[reference]'")
    return estimators.PyTorchClassifier(
        nn.Sequential(Single(), victim),
        loss=nn.CrossEntropyLoss(),
        input_shape=(samples,),
        nb_classes=classes,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )


def adv_lib_attacks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """adv-lib's attacks. They import a plotting client that none of them needs."""
    pytest.importorskip("adv_lib", reason="pip install 'staa[reference]'")
    if "visdom" not in sys.modules:
        monkeypatch.setitem(sys.modules, "visdom", ModuleType("visdom"))
    return pytest.importorskip("adv_lib.attacks")


def distances(victim: Linear, waveforms: Tensor, norm: float) -> Tensor:
    """`(B,)` how far the nearest boundary of a linear victim is: |f_y − f_k| / ‖w_y − w_k‖ in the dual norm, the least over k."""
    logits = victim(waveforms)
    own = logits.argmax(dim=1, keepdim=True)
    normals = victim.weights[own] - victim.weights
    dual = {2.0: 2.0, float("inf"): 1.0}[norm]
    far = (logits.gather(1, own) - logits) / torch.linalg.vector_norm(normals, ord=dual, dim=2)
    return far.scatter(1, own, torch.inf).amin(dim=1)
