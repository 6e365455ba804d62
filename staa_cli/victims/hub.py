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
NOT_FETCHED = "not fetched"
"""In place of the hash of a model that only a real run would fetch."""


def model_files(folder: Path) -> list[Path]:
    """Those that make up a model of transformers."""
    return sorted(path for pattern in TRANSFORMERS for path in folder.glob(pattern))


def hash_folder(folder: Path) -> str:
    return hash_json({path.name: hash_file(path) for path in model_files(folder)})


def not_fetched(name: str) -> str:
    return (
        f"the model '{name}' of the Hugging Face hub is not here yet: its revision is not known, nor whether a finished run used the same"
    )


def revision(folder: Path) -> str | None:
    """The commit of a folder in the hub's cache."""
    return folder.name if folder.parent.name == "snapshots" else None


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


def snapshot(name: str, *, network: bool) -> Path:
    """The folder of the newest revision that the network, or the cache alone, knows; of models without safetensors, of the revision into
    which the hub converted them."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE

    def folder(revision: str | None = None) -> Path:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(TRANSFORMERS), local_files_only=not network))

    main = folder()
    if any(main.glob("*.safetensors")):
        return main
    if network:
        from transformers.safetensors_conversion import get_conversion_pr_reference

        return folder(get_conversion_pr_reference(HfApi(), name))
    conversions = sorted(Path(HF_HUB_CACHE, f"models--{name.replace('/', '--')}", "refs/refs/pr").glob("*"))
    converted = [found for one in conversions if any((found := folder(f"refs/pr/{one.name}")).glob("*.safetensors"))]
    return converted[0] if converted else main


def fetched(name: str, advice: str = "download") -> Path:
    """A model of the Hugging Face hub: its newest revision, or where the network does not help the one in the cache. No pickles.

    Args:
        advice: what helps where it cannot be had; see `StaaError`.

    Raises:
        UsageError: it cannot be had.
    """
    try:
        with quiet_hub():
            folder = snapshot(name, network=True)
    except Exception as error:  # whatever the hub, its converter and the network raise
        if (known := cached(name)) is not None:
            return known
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__).rstrip(".")
        raise UsageError(f"the model '{name}' could not be fetched from the Hugging Face hub ({reason})", advice, name=name) from None
    if not any(folder.glob("*.safetensors")):
        raise UsageError(
            f"the model '{name}' of the Hugging Face hub has no safetensors, which staa needs: other forms are pickles, which run code "
            "when they are opened"
        )
    return folder


def cached(name: str) -> Path | None:
    """A model of the hub that was fetched before; None for any other."""
    try:
        with quiet_hub():
            folder = snapshot(name, network=False)
    except Exception:  # there is none, or half of one
        return None
    return folder if any(folder.glob("*.safetensors")) else None
