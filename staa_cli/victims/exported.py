"""Models from files: `.pt2` of torch.export, with gradients, and `.onnx` through onnxruntime, without.

Both take float32 waveforms `(B, T)` at 16 kHz in [-1, 1] and give logits `(B, K)`; whatever normalisation they need is inside them.
"""

from __future__ import annotations

import json
import logging
import pickle
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.victims.base import Victim
from staa_cli.victims.labels import read_labels
from staa_cli.victims.references import Reference, labels_file


class Fixed(nn.Module):
    """A model that runs as it was exported: neither its mode nor, where they were fixed, its sizes can be changed.

    Args:
        call: `(B, T)` → `(B, K)`.
        batch, samples: the sizes that the export fixed; None for those left open.
    """

    def __init__(self, path: Path, call: Callable[[Tensor], Tensor], batch: int | None, samples: int | None) -> None:
        super().__init__()
        self.path, self.call, self.batch, self.samples = path, call, batch, samples

    def train(self, mode: bool = True) -> Fixed:
        """An exported module refuses both modes: it stays as it was exported."""
        self.training = mode
        return self

    def forward(self, waveforms: Tensor) -> Tensor:
        if self.samples is not None and waveforms.shape[1] != self.samples:
            raise StaaError(
                f"{self.path} was exported for utterances of {self.samples} samples ({self.samples / 16_000:g} s), found "
                f"{waveforms.shape[1]}: cut them into segments or prepare the corpus with that length, or export the model with a dynamic "
                "second dimension"
            )
        try:
            if self.batch is None or len(waveforms) == self.batch:
                return self.call(waveforms)
            return torch.cat([self.call(waveform) for waveform in waveforms.split(self.batch)])
        except (RuntimeError, ValueError, AssertionError, TypeError, IndexError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise StaaError(f"{self.path} cannot take a waveform of shape {tuple(waveforms.shape)}: {reason}") from error


def load_exported(reference: Reference, device: torch.device) -> Victim:
    """
    Raises:
        UsageError: a damaged archive, one that hides code, or a model of another signature.
    """
    path = reference.path
    check_archive(path)
    try:
        with warnings.catch_warnings(), silent("torch.export"):
            warnings.simplefilter("ignore")  # about buffers of its own that nobody may write to
            program = torch.export.load(path)
        inputs = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in program.graph_signature.user_inputs]
        shapes = [tuple(node.meta["val"].shape) for node in inputs]
        if device.type != "cpu":
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, str(device))
        module = program.module()
    except Exception as error:  # torch.export raises whatever its parsers raise
        raise UsageError(
            f"{path} is damaged or was written by another version of torch ({type(error).__name__}); export it again"
        ) from None
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise UsageError(f"{path} takes inputs of shape {shapes}, expected one of shape (batch, samples)")
    batch, samples = (size if isinstance(size, int) else None for size in shapes[0])
    # The network registers the module, which is one, as a child.
    return fixed_victim(Fixed(path, module, batch, samples))


def fixed_victim(network: Fixed) -> Victim:
    """Shorter utterances than those that it was exported for are repeated, as for every victim that has a shortest input."""
    victim = Victim(network, read_labels(labels_file(network.path), network.path), network.samples or 1, normalise=None)
    if network.samples is not None:
        length = f"{network.samples} samples ({network.samples / 16_000:g} s)"
        victim.assumptions.append(f"was exported for utterances of {length}: shorter ones are repeated, longer ones cut into segments")
    return victim


@contextmanager
def silent(name: str) -> Iterator[None]:
    """Keep a library's log, which would print its tracebacks, off the terminal."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def check_archive(path: Path) -> None:
    """Refuse an archive that carries pickled objects or compiled code; both would run on loading.

    torch.export reads both without asking. Its graph is data, but its parser is not made for hostile files: use .pt2 files from people
    whom you trust.

    Raises:
        UsageError: also where the file is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise UsageError(f"{path} holds an entry twice, so that readers may differ in what they find; export the model again")
            for name in names:
                if "/aotinductor/" in name or "custom_obj_" in name or name.endswith((".so", ".pkl")):
                    raise UsageError(f"{path} carries code or pickled objects ({name}), which would run on loading; export the model alone")
                if name.endswith("_config.json"):
                    entries = json.loads(archive.read(name)).get("config", {}).values()
                    if any(entry.get("use_pickle") for entry in entries):
                        raise UsageError(
                            f"{path} carries pickled tensors ({name}), which may run code on loading; export it from plain tensors"
                        )
                if name.endswith(".pt"):
                    check_tensors(path, name, archive.read(name))
    except (zipfile.BadZipFile, ValueError, AttributeError, OSError) as error:
        raise UsageError(f"{path} is damaged or no file of torch.export.save ({error}); export or copy it again") from None


def check_tensors(path: Path, name: str, data: bytes) -> None:
    if not data:
        return
    try:
        torch.load(BytesIO(data), weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UsageError(f"{path} carries pickled objects ({name}), which may run code on loading; export it without them") from error


def load_onnx(reference: Reference) -> Victim:
    """A black box on the CPU.

    Raises:
        UsageError: onnxruntime is not installed, the file is damaged, or the model has another signature.
    """
    path = reference.path
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise UsageError(f"{path} needs onnxruntime: install staa with the extra 'onnx' (pip install 'staa[onnx]')") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen exceptions without a common base
        reason = " ".join(str(error).split())[:160]
        raise UsageError(f"{path} is damaged or no ONNX model that onnxruntime can run: {reason}") from None
    inputs, output = session.get_inputs(), session.get_outputs()[0].name
    if len(inputs) != 1 or len(inputs[0].shape) != 2 or inputs[0].type != "tensor(float)":
        found = [(entry.type, entry.shape) for entry in inputs]
        raise UsageError(f"{path} takes {found}, expected one float input of shape (batch, samples)")
    batch, samples = (size if isinstance(size, int) else None for size in inputs[0].shape)

    def call(waveforms: Tensor) -> Tensor:
        values: Any = run(session, output, inputs[0].name, waveforms)
        return torch.from_numpy(values).to(waveforms.device)

    return fixed_victim(Fixed(path, call, batch, samples))


def run(session: Any, output: str, name: str, waveforms: Tensor) -> Any:
    try:
        return session.run([output], {name: waveforms.detach().cpu().contiguous().numpy()})[0]
    except Exception as error:  # as above
        raise RuntimeError(str(error)) from None
