"""The attacks of torchattacks, ART and adv-lib as functions of one form, for the benchmark of the attacks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

Library = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Victim of [0, 1], images `(B, T)`, labels `(B,)` → adversarial images."""


class Unit(nn.Module):
    """x ↦ f(2x − 1), for images of any shape."""

    def __init__(self, victim: nn.Module) -> None:
        super().__init__()
        self.victim = victim

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.victim((2 * images.flatten(1) - 1).float())
        return logits


def torchattacks_one(name: str, **options: Any) -> Library:
    def attack(victim: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        import torchattacks

        made = getattr(torchattacks, name)(victim, **options)
        made.set_device(images.device)
        shaped = images[:, None, None, :]
        return made(shaped, labels).flatten(1).detach()

    return attack


class Ball(nn.Module):
    """z ↦ f(x + ε (2z − 1)): the library's [0, 1] is the ε-ball around one utterance x, `(1, T)`, for images of any shape."""

    def __init__(self, victim: nn.Module, center: Tensor, epsilon: float) -> None:
        super().__init__()
        self.victim, self.center, self.epsilon = victim, center, epsilon

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.victim((self.center + self.epsilon * (2 * images.flatten(1) - 1)).clamp(-1, 1).float())
        return logits


def within_ball(library: Library, epsilon: float) -> Library:
    """A library's attack that knows no ε, one utterance at a time."""

    def attack(victim: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        found = []
        for image, label in zip(images.split(1), labels.split(1), strict=True):
            ball = Ball(victim.victim, 2 * image - 1, epsilon).eval()  # type: ignore[arg-type]
            moved = epsilon * (2 * library(ball, torch.full_like(image, 0.5), label) - 1)
            found.append((image + moved / 2).clamp(0, 1))
        return torch.cat(found)

    return attack


def torchattacks_jsma(theta: float, gamma: float, classes: int) -> Library:
    """Its target is the next of ten classes; ours, one of the victim's."""

    def attack(victim: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        import torchattacks

        made = torchattacks.JSMA(victim, theta=theta, gamma=gamma)
        made.set_device(images.device)
        made.set_mode_targeted_by_function(lambda _, labels: (labels + 1) % classes)
        return made(images[:, None, None, :], labels).flatten(1).detach()

    return attack


def art_one(name: str, target: bool = False, **options: Any) -> Library:
    def attack(victim: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        from art.attacks import evasion
        from art.estimators.classification import PyTorchClassifier

        kinds = len(victim.victim.labels)
        classifier = PyTorchClassifier(
            victim,
            loss=nn.CrossEntropyLoss(),
            input_shape=tuple(images.shape[1:]),
            nb_classes=kinds,
            clip_values=(0.0, 1.0),
            device_type="gpu" if images.is_cuda else "cpu",
        )
        wished = (labels + 1) % kinds if target else labels
        made = getattr(evasion, name)(classifier, verbose=False, **options)
        return torch.from_numpy(made.generate(images.cpu().numpy(), wished.cpu().numpy())).to(images)

    return attack


def adv_lib_one(name: str, **options: Any) -> Library:
    def attack(victim: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        # A plotting client that the attacks import, and do not need.
        sys.modules.setdefault("visdom", ModuleType("visdom"))
        from adv_lib import attacks

        found: Tensor = getattr(attacks, name)(victim, images, labels, **options).detach()
        return found

    return attack
