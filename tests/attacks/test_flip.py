"""The example of a new attack: it is one file, and everything else finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MARKDOWN = Path(__file__).parents[2] / "README.md"
"""Where the example is printed: the block of Python that defines `Flip`."""
PACKAGE = Path(__file__).parents[2] / "staa_cli"

USE = """
import torch
from staa_cli.attacks.core.registry import attack_names, find_attack
from staa_cli.audio.budget import Budget
from staa_cli.evaluation.recipe import BaselineRecipe

assert "flip" in attack_names()
victim = torch.nn.Linear(400, 3, bias=False)
x = 0.2 * torch.rand(20, 400) - 0.1
attack = find_attack("flip")(budget=Budget(linf=0.05), percent=20.0)
recipe = BaselineRecipe.schema_for({"attack": "flip"}).model_validate(
    {"step": "baseline", "attack": "flip", "budget": {"linf": 0.05}, "percent": 20.0}
)
adversarial = attack(victim, x)
assert torch.equal(adversarial, recipe(victim, x))
moved = (adversarial - x).abs()
assert adversarial.abs().max() <= 1 and moved.max() <= 0.05 + 1e-6
share = (moved > 0).double().mean(dim=1)
assert ((share == 0) | ((share > 0.1) & (share < 0.3))).all(), share
assert 5 < (victim(adversarial).argmax(dim=1) != victim(x).argmax(dim=1)).sum()
"""


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*.py")}


def example() -> str:
    """The block of Python in `MARKDOWN` that defines the attack."""
    blocks = MARKDOWN.read_text().split("```python\n")[1:]
    (block,) = [block for text in blocks if "class Flip" in (block := text.split("```")[0])]
    return block


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of the package with the example in it."""
    shutil.copytree(PACKAGE, tmp_path / "staa_cli", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "staa_cli/attacks/flip.py").write_text(example())
    return tmp_path


def python(folder: Path, *words: str) -> None:
    """Run Python in a folder, whose modules come first."""
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_short_and_one_file(scratch: Path) -> None:
    assert len(example().splitlines()) <= 25
    assert files(scratch / "staa_cli") - files(PACKAGE) == {Path("attacks/flip.py")}
    assert all((PACKAGE / path).read_bytes() == (scratch / "staa_cli" / path).read_bytes() for path in files(PACKAGE))


def test_it_is_found_and_keeps_to_the_ball(scratch: Path) -> None:
    python(scratch, "-c", f"import torch; torch.manual_seed(0){USE}")


def test_it_keeps_what_every_attack_promises(scratch: Path) -> None:
    for name in ("__init__.py", "attacks/__init__.py", "attacks/conftest.py", "attacks/test_all_attacks.py"):
        target = scratch / "tests" / name
        target.parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(Path(__file__).parents[1] / name, target)
    python(scratch, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "tests/attacks/test_all_attacks.py", "-k", "flip")
