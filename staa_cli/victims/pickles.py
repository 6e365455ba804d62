"""Weights that are pickles are never opened: loading a pickle runs whatever code its author put into it. No torch here."""

from __future__ import annotations

from pathlib import Path

from staa_cli.runtime.errors import UsageError

SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"})

REASON = "is a pickle, and opening a pickle runs whatever code its author put into it; expected safetensors"


def refuse_pickle_file(path: Path) -> None:
    """
    Raises:
        UsageError: by its name, the file is a pickle.
    """
    if path.suffix.lower() in SUFFIXES:
        raise UsageError(
            f"{path} {REASON}. Export the model with torch.export.save (.pt2) or torch.onnx.export (.onnx), "
            "or save it with transformers' save_pretrained and give its folder"
        )


def refuse_pickled_weights(folder: Path) -> None:
    """
    Raises:
        UsageError: a folder of transformers whose weights are there as a pickle only.
    """
    pickled = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in SUFFIXES and path.stem.startswith(("pytorch", "model"))]
    if pickled and not any(folder.glob("*.safetensors")):
        raise UsageError(
            f"{pickled[0]} {REASON}. If you trust where it comes from, convert it once: "
            f'python -c "from transformers import AutoModel; AutoModel.from_pretrained({str(folder)!r}).save_pretrained({str(folder)!r})"'
        )
