"""The victims that an attack is steered by and judged by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from staa_cli.attacks.inputs import Inputs
from staa_cli.corpora.utterance import spread
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.output import Output
from staa_cli.victims.references import Reference, resolve, used

if TYPE_CHECKING:
    import torch

    from staa_cli.victims.checkpoint import LoadedVictim
    from staa_cli.victims.preflight import Probe


class Jury:
    """The threat model first, then further victims. All attackers of a preset share one: it is loaded and looked at once, when needed.

    A victim that is given twice, or again as the threat model, is one.

    Args:
        threat, victims: as `staa_cli.victims.references` reads them.
        label_map: the models' words → the inputs' words.
        device: as on the command line.
    """

    def __init__(self, threat: str, victims: Sequence[str], label_map: dict[str, str], inputs: Inputs, device: str, output: Output) -> None:
        found: dict[str, Reference] = {}
        for victim in [threat, *victims]:
            reference = resolve(victim, label_map)
            found.setdefault(reference.sha256, reference)
        self.references = list(found.values())
        used(label_map, self.references)
        self.inputs, self.output, self.device_name = inputs, output, device
        self.checks: dict[bool, dict[str, Any]] = {}

    @property
    def sha256(self) -> list[str]:
        return [reference.sha256 for reference in self.references]

    @cached_property
    def device(self) -> torch.device:
        from staa_cli.runtime.device import resolve_device

        return resolve_device(self.device_name)

    @cached_property
    def victims(self) -> dict[str, LoadedVictim]:
        """By their names in the results."""
        from staa_cli.victims.checkpoint import load_victim

        loaded = [load_victim(reference, self.device) for reference in self.references]
        return dict(zip(names(loaded), loaded, strict=True))

    def load(self) -> None:
        """Load the victims now, so that a device or a victim that cannot be used is found before the work begins."""
        self.victims  # noqa: B018 - a cached property

    @property
    def threat(self) -> LoadedVictim:
        return next(iter(self.victims.values()))

    def preflight(self, *, follow: bool) -> dict[str, Any]:
        """What a look at the victims says of them. `follow`: the threat model's gradients will be followed."""
        from staa_cli.victims.preflight import preflight

        if follow not in self.checks:
            threat = next(iter(self.victims)) if follow else None
            self.checks[follow] = preflight(self.victims, self.probes(), self.device, self.output, threat=threat)
        return self.checks[follow]

    def probes(self) -> list[Probe]:
        """Some of the inputs; what cannot be read is reported when its turn comes."""
        import torch

        from staa_cli.audio.files import AudioError, read_audio
        from staa_cli.victims.preflight import UTTERANCES, Probe

        probes = []
        for file in spread(self.inputs.files, UTTERANCES):
            try:
                probes.append(Probe(torch.from_numpy(read_audio(file.path).samples).unsqueeze(0), file.label))
            except AudioError:
                continue
        return probes


def names(victims: list[LoadedVictim]) -> list[str]:
    """The model's name; with that of its folder or file where two victims are of one model.

    Raises:
        UsageError: two victims of one model lie in folders of one name.
    """
    models = [victim.model for victim in victims]
    unique = [
        victim.model if models.count(victim.model) == 1 else f"{victim.model}:{victim.reference.path.resolve().name}" for victim in victims
    ]
    for name in unique:
        if unique.count(name) > 1:
            raise UsageError(f"two victims would both be called '{name}' in the results; give their folders different names")
    return [os.fsencode(name).decode(errors="replace") for name in unique]
