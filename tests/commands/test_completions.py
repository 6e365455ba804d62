"""The committed completion scripts are those that the command line generates."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import run_process, without_torch

FOLDER = Path(__file__).parents[2] / "completions"
SCRIPTS = {"bash": "staa.bash", "zsh": "_staa", "fish": "staa.fish"}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_are_up_to_date(shell: str) -> None:
    outcome = without_torch(_STAA_COMPLETE=f"source_{shell}")
    assert outcome.code == 0, outcome.err
    # zsh reads its directive on the first line only, which typer leaves blank.
    expected = outcome.out.lstrip("\n") if shell == "zsh" else outcome.out
    assert (FOLDER / SCRIPTS[shell]).read_text() == expected, "run 'make completions' and commit the result"


def test_zsh_finds_its_directive_on_the_first_line() -> None:
    assert (FOLDER / "_staa").read_text().startswith("#compdef staa\n")


def test_bash_completes_through_the_script() -> None:
    bash, staa = shutil.which("bash"), Path(sys.executable).parent / "staa"
    if bash is None or not staa.exists():
        pytest.skip("no bash, or no installed staa")
    script = 'source "$1"; COMP_WORDS=(staa train-); COMP_CWORD=1; _staa_completion "$2"; echo "${COMPREPLY[@]}"'
    outcome = run_process(bash, "-c", script, "bash", FOLDER / SCRIPTS["bash"], staa)
    assert outcome.out.split() == ["train-victim", "train-generator"], outcome.err


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_are_valid(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run([program, "-n", FOLDER / SCRIPTS[shell]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
