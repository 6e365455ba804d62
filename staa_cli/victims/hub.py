"""The Hugging Face hub. No torch here.

`HF_HUB_OFFLINE=1`, `HF_HOME` and `HF_TOKEN` mean what they mean to huggingface_hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.provenance import hash_file, hash_json

TRANSFORMERS = ("config.json", "preprocessor_config.json", "*.safetensors", "*.safetensors.index.json")
"""The files of a model of transformers. No pickle among them."""


def model_files(folder: Path) -> list[Path]:
    """Those that make up a model of transformers."""
    return sorted(path for pattern in TRANSFORMERS for path in folder.glob(pattern))


def hash_folder(folder: Path) -> str:
    return hash_json({path.name: hash_file(path) for path in model_files(folder)})


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Keep the hub's progress bars and log lines off the terminal, and leave its settings as they were."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars, logging

    verbosity, bars = logging.get_verbosity(), not are_progress_bars_disabled()
    logging.set_verbosity(logging.CRITICAL)
    disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            enable_progress_bars()


def fetch(name: str) -> Path:
    """A model of the Hugging Face hub, from the local cache or over the network. Pickles are not fetched.

    Raises:
        UsageError: it cannot be had.
    """
    from huggingface_hub import snapshot_download

    try:
        with quiet_hub():
            folder = Path(snapshot_download(name, allow_patterns=list(TRANSFORMERS)))
    except (OSError, ValueError, RuntimeError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UsageError(f"hf:{name} could not be fetched from the Hugging Face hub ({reason})", "download", name=name) from None
    if not any(folder.glob("*.safetensors")):
        raise UsageError(f"hf:{name} has no safetensors, which staa needs: other forms are pickles, which run code when they are opened")
    return folder
