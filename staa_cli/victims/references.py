"""What a VICTIM argument may be, told apart, named and hashed. No torch here: dry runs need it too.

- a folder made by `staa train-victim`;
- a folder of transformers (`config.json` and safetensors), or `hf:ORGANISATION/NAME` for one on the Hugging Face hub;
- a `.pt2` file written by `torch.export.save`, or an `.onnx` file (a black box), with `NAME.labels.yaml` beside it;
- `plugin:NAME`, a model that an installed package registers (see `staa_cli.victims.plugins`).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from staa_cli.runtime.errors import UsageError, unknown
from staa_cli.runtime.folders import MODEL, model_file, write_bytes, write_text
from staa_cli.runtime.plugins import registered
from staa_cli.runtime.provenance import hash_file, hash_json
from staa_cli.runtime.yaml_text import parse_yaml
from staa_cli.victims.hub import NOT_FETCHED, cached, fetched, hash_folder, model_files, not_fetched, revision
from staa_cli.victims.labels import own_labels, read_label_map, read_labels
from staa_cli.victims.pickles import refuse_pickle_file, refuse_pickled_weights

GROUP = "staa.victims"
"""The entry-point group of plugins."""
NOTE = "victim.yaml"
"""What a copied victim was called, and where it came from if its weights cannot be copied."""
LABELS = "labels.yaml"
EXPORTED = "model.pt2"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class Reference:
    """A victim that was found, but not loaded.

    Attributes:
        kind: `staa`, `transformers`, `torch.export`, `onnx` or `plugin`; `hf` for a model of the hub that was not fetched.
        path: its folder or file; of a plugin and of what was not fetched, its name.
        name: what it is called in tables; None for a staa checkpoint, which knows its own name.
        label_map: the model's word → the corpus's word.
        sha256: identifies weights, architecture and labels.
        revision: the commit of a model of the hub.
    """

    kind: str
    path: Path
    name: str | None
    label_map: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}" if self.kind in ("plugin", "hf") else str(self.path)

    @property
    def absent(self) -> str:
        """What cannot be said of a model of the hub that was not fetched; empty for all others."""
        return not_fetched(str(self.path)) if self.kind == "hf" else ""

    def require_gradients(self, what: str) -> None:
        """
        Raises:
            UsageError: a black box was given where `what` follows gradients.
        """
        if self.kind == "onnx":
            raise UsageError(
                f"{self.path} is an ONNX model, which gives no gradients: it cannot be the threat model of {what}", "black-box"
            )

    def files(self) -> list[Path]:
        """All files that the victim consists of, without its labels."""
        match self.kind:
            case "staa":
                return [model_file(self.path, "victim")]
            case "transformers":
                return model_files(self.path)
            case "torch.export":
                return [self.path]
            case "onnx":
                # Larger models keep their weights in a second file.
                return [path for path in (self.path, self.path.with_name(f"{self.path.name}.data")) if path.is_file()]
            case _:
                return []

    def copy_to(self, folder: Path) -> None:
        """Copy all that `resolve(folder)` needs to find an equal victim there."""
        note: dict[str, Any] = {"name": self.name}
        if self.kind == "plugin":
            note["plugin"] = str(self.path)
        for path in self.files():
            write_bytes(folder / (EXPORTED if self.kind == "torch.export" else path.name), path.read_bytes())
        if self.kind == "torch.export":
            shutil.copyfile(labels_file(self.path), labels_file(folder / EXPORTED))
        if self.kind != "staa":
            write_text(folder / NOTE, yaml.safe_dump(note, sort_keys=False))
        if self.label_map:
            write_text(folder / LABELS, yaml.safe_dump(dict(self.label_map), allow_unicode=True))


def labels_file(model: Path) -> Path:
    """`model.pt2` → `model.labels.yaml`"""
    return model.with_suffix(".labels.yaml")


def resolve(text: str | Path, label_map: Mapping[str, str] | None = None, *, fetch: bool = True) -> Reference:
    """Find the victim that `text` means.

    Args:
        label_map: entries for victims of any kind; those that a victim does not know are not its own. They go before the ones in a
            `labels.yaml` inside the victim's folder.
        fetch: whether a model may be fetched from the hub.

    Raises:
        UsageError: there is no such victim, or it is of a form that is not accepted.
    """
    text = str(text)
    beside = Path(text) / LABELS
    if text.startswith("plugin:"):
        found = Reference("plugin", Path(text.removeprefix("plugin:")), text.removeprefix("plugin:"))
    elif text.startswith("hf:"):
        name = text.removeprefix("hf:")
        folder = fetched(name) if fetch else cached(name)
        if folder is None:
            return Reference("hf", Path(name), name.split("/")[-1], sha256=NOT_FETCHED)
        found = Reference("transformers", folder, name.split("/")[-1], revision=revision(folder))
    else:
        found = local(Path(text))
    return identify(found, {**(read_label_map(beside) if beside.is_file() else {}), **(label_map or {})})


def local(path: Path) -> Reference:
    """The victim in a folder or file."""
    note = read_note(path / NOTE)
    if "plugin" in note:
        return Reference("plugin", Path(str(note["plugin"])), note.get("name"))
    if (path / EXPORTED).is_file() and not (path / MODEL).is_file():
        return Reference("torch.export", path / EXPORTED, note.get("name") or path.resolve().name)
    if (path / "config.json").is_file():
        refuse_pickled_weights(path)
        return Reference("transformers", path, note.get("name") or path.resolve().name)
    if path.is_file():
        refuse_pickle_file(path)
        kinds = {".pt2": "torch.export", ".onnx": "onnx"}
        if path.suffix.lower() not in kinds:
            raise UsageError(
                f"{path} is a file, expected a victim: the folder of a model (made by 'staa train-victim' or by transformers), "
                "a .pt2 or .onnx file, hf:ORGANISATION/NAME or plugin:NAME"
            )
        return Reference(kinds[path.suffix.lower()], path, path.stem)
    if path.is_dir():
        refuse_pickled_weights(path)
    elif not path.exists() and HUB_NAME.fullmatch(str(path)):
        raise UsageError(f"{path} does not exist here; a model of the Hugging Face hub is written hf:{path}")
    model_file(path, "victim")
    return Reference("staa", path, None)


def read_note(path: Path) -> dict[str, Any]:
    try:
        note = parse_yaml(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {error}; copy the victim again from its source") from None
    return note if isinstance(note, dict) else {}


def identify(found: Reference, label_map: Mapping[str, str]) -> Reference:
    """The reference with its own part of the label map, and its hash."""
    content: Any
    if found.kind == "plugin":
        content, own = plugin_identity(str(found.path)), None
    elif found.kind == "staa":
        content, own = hash_file(model_file(found.path, "victim")), own_labels(found.path / MODEL)
    elif found.kind == "transformers":
        content = hash_folder(found.path)
        own = own_labels(found.path / "config.json")
    else:
        own = read_labels(labels_file(found.path), found.path)
        content = hash_json([*(hash_file(path) for path in found.files()), own])
    mapping = dict(label_map) if own is None else {word: label_map[word] for word in own if word in label_map}
    sha256 = hash_json([content, mapping]) if mapping else content
    return replace(found, label_map=mapping, sha256=sha256)


def plugin_identity(name: str) -> str:
    """The hash of a plugin's registration: package, version and installed files. Its weights must not change without its version."""
    known = registered(GROUP)
    if name not in known:
        if not known:
            raise UsageError(f"there is no plugin '{name}': no installed package registers a victim under the entry points '{GROUP}'")
        raise unknown("plugin", name, known)
    point = known[name]
    package = point.dist
    files = sorted(f"{file} {file.hash.value}" for file in (package.files or [] if package else []) if file.hash)
    return hash_json([point.name, point.value, package.name if package else None, package.version if package else None, files])


def used(label_map: Mapping[str, str], references: list[Reference]) -> None:
    """
    Raises:
        UsageError: the map names a label that no victim has: a spelling mistake would be silent otherwise.
    """
    if any(reference.kind in ("plugin", "hf") for reference in references):
        return  # whose labels are not known before they are loaded, or fetched
    strange = [word for word in label_map if not any(word in reference.label_map for reference in references)]
    if strange:
        raise UsageError(
            f"the map of labels maps {json.dumps(strange, ensure_ascii=False)[1:-1]}, which no victim predicts: models' words stand left"
        )
