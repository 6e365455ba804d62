"""The victims that an attack is steered by and judged by."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from staa_cli.corpora.utterance import spread
from staa_cli.evaluation.inputs import Inputs
from staa_cli.evaluation.task import Task
from staa_cli.runtime.device import device_type
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.interrupts import held
from staa_cli.runtime.listener import SILENT, Listener
from staa_cli.victims.labels import mismatch
from staa_cli.victims.lengths import fixed_samples
from staa_cli.victims.references import Reference, resolve, used

if TYPE_CHECKING:
    import torch

    from staa_cli.audio.budget import Budget
    from staa_cli.evaluation.preflight import Probe
    from staa_cli.victims.checkpoint import LoadedVictim


class Jury:
    """The threat model first, then further victims. All attackers of a preset share one: it is loaded and looked at once, when needed.

    A victim that is given twice, or again as the threat model, is one.

    Args:
        threat, victims: as `staa_cli.victims.references` reads them.
        label_map: the models' words → the inputs' words.
        device: as on the command line.
        fetch: whether victims may be fetched from the hub; of those that are not here nothing can be asked else.

    Attributes:
        device_type: see `staa_cli.runtime.device`.
    """

    def __init__(
        self,
        threat: str,
        victims: Sequence[str] = (),
        label_map: Mapping[str, str] | None = None,
        device: str = "auto",
        listener: Listener = SILENT,
        *,
        fetch: bool = True,
    ) -> None:
        self.device_name, self.device_type = device, device_type(device)
        label_map = label_map or {}
        found: dict[str, Reference] = {}
        for victim in [threat, *victims]:
            reference = resolve(victim, label_map, fetch=fetch)
            if reference.absent:
                listener.warning(reference.absent)
            found[reference.sha256] = reference  # the later one, if it is the same: the user's own name for a copied threat model
        self.references = list(found.values())
        used(label_map, self.references)
        self.listener = listener
        self.checks: dict[tuple[bool, str], dict[str, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """To another process travels what is needed to load the victims there."""
        return {**{key: value for key, value in vars(self).items() if key not in ("device", "victims")}, "listener": SILENT}

    @cached_property
    def device(self) -> torch.device:
        from staa_cli.runtime.device import resolve_device

        return resolve_device(self.device_name)

    @cached_property
    @held()
    def victims(self) -> dict[str, LoadedVictim]:
        """By their names in the results."""
        device = self.device
        from staa_cli.victims.checkpoint import load_victim

        loaded = [load_victim(reference, device) for reference in self.references]
        return dict(zip(names(loaded), loaded, strict=True))

    def load(self) -> None:
        """Load the victims now, so that a device or a victim that cannot be used is found before the work begins."""
        self.victims  # noqa: B018 - a cached property

    @property
    def revisions(self) -> dict[str, str]:
        """The commits of those that are of the hub."""
        return {str(reference.name): reference.revision for reference in self.references if reference.revision}

    @property
    def threat(self) -> LoadedVictim:
        return next(iter(self.victims.values()))

    def check_labels(self, inputs: Inputs) -> None:
        """Labels that a victim cannot predict would make every accuracy a lie.

        Raises:
            UsageError: naming both lists, and the map that would bring them together.
        """
        for name, victim in self.victims.items():
            if inputs.labels - set(victim.labels):
                raise mismatch(inputs.labels, name, victim.labels)

    def check_target(self, target: str | None) -> None:
        """A victim that cannot predict the target could not be led there.

        Raises:
            UsageError: naming the victim and its labels.
        """
        for name, victim in self.victims.items():
            if target is not None and target not in victim.labels:
                raise UsageError(f"the target is '{target}', but victim '{name}' knows {', '.join(victim.labels)}")

    def known(self, inputs: Inputs) -> Inputs:
        """The inputs whose labels all victims can predict; the others are counted in `left_out`.

        Raises:
            UsageError: none is left.
        """
        common = set.intersection(*(set(victim.labels) for victim in self.victims.values()))
        kept = inputs.of_labels(common)
        if not kept.files:
            name, victim = min(self.victims.items(), key=lambda pair: len(inputs.labels & set(pair[1].labels)))
            raise mismatch(inputs.labels, name, victim.labels)
        return kept

    def longest(self) -> int | None:
        """The samples that all of them take; None where none was exported for utterances of one length."""
        return min((length for one in self.references if (length := fixed_samples(one)) is not None), default=None)

    def preflight(self, tasks: Sequence[Task], budget: Budget | None, *, follow: bool) -> dict[str, Any]:
        """What they make of some of the utterances, which attackers of one kind share.

        Args:
            budget: on the waveform; None where that is not attacked.
            follow: the threat model's gradients will be followed.
        """
        from staa_cli.evaluation.preflight import preflight

        kind = follow, repr(budget)
        if kind not in self.checks:
            threat = next(iter(self.victims)) if follow else None
            self.checks[kind] = preflight(self.victims, probes(tasks), self.device, self.listener, threat=threat, budget=budget)
        return self.checks[kind]


def probes(tasks: Sequence[Task]) -> list[Probe]:
    """Some of the utterances; what cannot be read is reported when its turn comes."""
    import torch

    from staa_cli.audio.files import AudioError
    from staa_cli.evaluation.preflight import UTTERANCES, Probe

    found = []
    for task in spread(tasks, UTTERANCES):
        try:
            found.append(Probe(torch.from_numpy(task.read().samples).unsqueeze(0), task.input.label))
        except AudioError:
            continue
    return found


def names(victims: list[LoadedVictim]) -> list[str]:
    """The model's name; where two victims are of one model, with that of its folder or file, or of the nearest folder above that differs.

    Raises:
        UsageError: a victim is named twice.
    """
    models = [victim.model for victim in victims]
    found = []
    for victim in victims:
        alike = [other.reference.path.resolve() for other in victims if other.model == victim.model]
        depths = range(1, min(len(path.parts) for path in alike) + 1)
        depth = next((depth for depth in depths if len({path.parts[-depth] for path in alike}) == len(alike)), 1)
        found.append(victim.model if len(alike) == 1 else f"{victim.model}:{victim.reference.path.resolve().parts[-depth]}")
    for name, model in zip(found, models, strict=True):
        if found.count(name) > 1:
            raise UsageError(f"two victims would both be called '{name}' in the results; give the folders of '{model}' different names")
    return [os.fsencode(name).decode(errors="replace") for name in found]
