"""For utterances of which length a model was exported, read from its file. No torch here: dry runs need it too."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from staa_cli.victims.references import Reference


def fixed_samples(reference: Reference) -> int | None:
    """The samples of each utterance; None where the length is open, or where the file is damaged, which is told when it is loaded."""
    try:
        match reference.kind:
            case "torch.export":
                return of_program(reference.path)
            case "onnx":
                return of_onnx(reference.path)
            case _:
                return None
    except Exception:  # whatever a parser says of a damaged file
        return None


def of_program(path: Path) -> int | None:
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/models/model.json"))
        module = json.loads(archive.read(name))["graph_module"]
    (waveforms,) = (one["user_input"]["arg"]["as_tensor"]["name"] for one in module["signature"]["input_specs"] if "user_input" in one)
    _, samples = module["graph"]["tensor_values"][waveforms]["sizes"]
    return samples.get("as_int")  # type: ignore[no-any-return]


def of_onnx(path: Path) -> int | None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    samples = session.get_inputs()[0].shape[1]
    return samples if isinstance(samples, int) else None
