"""Victims that installed packages bring along.

A package registers a factory under the entry points `staa.victims`:

    [project.entry-points."staa.victims"]
    my-ser = "my_package.staa:build"

and users name it as `plugin:my-ser`. The factory takes no argument and returns the trained model:

    def build() -> torch.nn.Module:
        model = MyModel()
        safetensors.torch.load_model(model, files("my_package") / "model.safetensors")
        model.labels = ["anger", "happiness", "neutral", "sadness"]
        return model

The contract:
- `model(waveforms)` maps float32 waveforms `(B, T)` at 16 kHz in [-1, 1], of any T, to logits `(B, K)`, not to probabilities;
- normalisation and feature extraction happen inside, in torch where the model is to be a threat model, because attacks follow the
  gradient down to the waveform;
- `model.labels` names the K emotions in the order of the logits;
- `model.min_samples`, if there, is the shortest T; shorter utterances are repeated;
- the weights must not change without the package's version: results are recognised by it.

staa moves the model to its device, sets `eval()` and freezes its parameters. Only what is installed and registered can be named: neither
a recipe nor a checkpoint can make staa import anything else.
"""

from __future__ import annotations

from torch import nn

from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.runtime.plugins import registered
from staa_cli.victims.base import Victim
from staa_cli.victims.references import GROUP, Reference


def load_plugin(reference: Reference) -> Victim:
    """
    Raises:
        UsageError: what the factory returns does not keep the contract.
        StaaError: the factory fails.
    """
    name = str(reference.path)
    point = registered(GROUP)[name]
    try:
        model = point.load()()
    except Exception as error:
        raise StaaError(f"plugin:{name} ({point.value}) failed to build its model: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise UsageError(f"plugin:{name} ({point.value}) returned a {type(model).__name__}, expected a torch.nn.Module")
    labels = getattr(model, "labels", None)
    if not isinstance(labels, list | tuple) or not all(isinstance(label, str) for label in labels) or len(set(labels)) < 2:
        raise UsageError(f"plugin:{name} ({point.value}) has labels {labels!r}, expected an attribute 'labels', a list of at least 2 words")
    return Victim(model, list(labels), int(getattr(model, "min_samples", 1)), normalise=None)
