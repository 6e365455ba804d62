"""Weights as safetensors files that say what they are, and training states that can be taken up again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import MODEL, STATE, model_file, write_bytes

LAST = "last.safetensors"


@dataclass(frozen=True)
class Header:
    """What a weights file says about itself.

    Attributes:
        kind: `victim` or `generator`.
        config: all that is needed to build the module again.
    """

    kind: str
    config: dict[str, Any]


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and JSON metadata as one safetensors file, whole or not at all."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(contiguous, {"staa": json.dumps(metadata, allow_nan=False)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises:
        UsageError: the file is damaged, no safetensors file, or not written by staa.
    """
    data = path.read_bytes()
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {}).get("staa")
        parsed = json.loads(metadata) if metadata is not None else None
    except (SafetensorError, ValueError) as error:
        raise UsageError(f"{path} is damaged or no safetensors file ({error}); train it again or copy it again from its source") from None
    if not isinstance(parsed, dict):
        raise UsageError(
            f"{path} holds weights that staa did not write, expected a checkpoint of 'staa train-victim' or 'staa train-generator'"
        )
    return tensors, parsed


def save_module(path: Path, module: nn.Module, header: Header) -> None:
    write_tensors(path, module.state_dict(), asdict(header))


def read_header(folder: Path, kind: str) -> tuple[Header, dict[str, Tensor]]:
    """The header and weights of a checkpoint folder.

    Raises:
        UsageError: as `model_file` and `read_tensors`, or the checkpoint is of another kind.
    """
    tensors, metadata = read_tensors(model_file(folder, kind))
    try:
        header = Header(**metadata)
    except TypeError:
        raise UsageError(f"{folder / MODEL} does not say what it is (found: {', '.join(metadata)}); train it again") from None
    if header.kind != kind:
        raise UsageError(
            f"{folder} is a {header.kind}, expected a {kind}: it was made by 'staa train-{header.kind}', not by 'staa train-{kind}'"
        )
    return header, tensors


def fill(module: nn.Module, tensors: dict[str, Tensor], folder: Path) -> None:
    """Load weights into a module built from the same checkpoint's header.

    Raises:
        UsageError: names or shapes do not fit: the file is of another architecture; or weights are NaN or infinite.
    """
    broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise UsageError(f"{folder / MODEL} holds weights that are NaN or infinite ({broken[0]}): its training went astray; train it again")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).split("\n")[1].strip() if "\n" in str(error) else str(error)
        raise UsageError(f"{folder / MODEL} does not fit the model that it names: {first}") from None


def with_prefix(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in module.state_dict().items()}


def without_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


@dataclass
class TrainingState:
    """Where a training stands: enough to go on exactly as if it had not been interrupted.

    Attributes:
        epoch: epochs done.
        history: one record per epoch done.
        best_epoch: the epoch whose weights are kept as `model.safetensors` (counted from 1; 0 for none).
    """

    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0

    def save(self, folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        tensors = with_prefix("module.", module)
        for index, slots in optimizer.state_dict()["state"].items():
            tensors.update({f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in slots.items()})
        write_tensors(folder / STATE, tensors, asdict(self))

    @classmethod
    def restore(cls, folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> TrainingState:
        """The state saved in `folder`, with the modules and `optimizer` filled from it; a fresh one where nothing was saved."""
        if not (folder / STATE).exists():
            return cls()
        tensors, metadata = read_tensors(folder / STATE)
        module.load_state_dict(without_prefix("module.", tensors))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, slot = name.split(".", 2)
                slots.setdefault(int(index), {})[slot] = tensor
        optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
        return cls(**metadata)
