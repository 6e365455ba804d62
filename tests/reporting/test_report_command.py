"""`staa report` on finished runs, without running anything; what its room may know of the others."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import staa_cli.reporting
from staa_cli.commands.advice import advised
from staa_cli.commands.report import report
from staa_cli.reporting.formats import render
from staa_cli.reporting.tables import build_tables
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.folders import read_metrics

ROOM = Path(inspect.getfile(staa_cli.reporting)).parent
KEPT = Path(__file__).parents[1] / "benchmarks" / "results"


@pytest.fixture
def run(victim: Any, tmp_path: Path) -> Path:
    """The folder of a victim's run."""
    folder = tmp_path / "emo18"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(victim()[1]))
    return folder


@pytest.mark.parametrize(
    ("name", "asked", "format"),
    [
        ("t.tex", None, "latex"),
        ("t.csv", None, "csv"),
        ("t.md", None, "markdown"),
        ("t.JSON", None, "json"),
        ("t.txt", None, "rich"),
        ("t", None, "markdown"),
        ("t.dat", "markdown", "markdown"),
        ("t.tex", "csv", "csv"),
        ("t.md", "rich", "rich"),
    ],
)
def test_a_file_holds_what_its_name_says(run: Path, tmp_path: Path, name: str, asked: str | None, format: str) -> None:
    assert report([run], out=tmp_path / name, format_=asked) == 0
    assert (tmp_path / name).read_text() == render(build_tables([(run, read_metrics(run))]), format)


def test_an_end_that_is_no_format_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.docx ends in '\.docx', expected one of \.txt, \.md, ") as refused:
        report([run], out=tmp_path / "t.docx")
    assert "--format" in advised(refused.value)
    assert not (tmp_path / "t.docx").exists()


def test_json_wins_over_the_name(run: Path, tmp_path: Path) -> None:
    report([run], out=tmp_path / "t.csv", json=True)
    assert json.loads((tmp_path / "t.csv").read_text())[0]["table"] == "victims"


def test_a_file_is_replaced_only_when_told_to(run: Path, tmp_path: Path) -> None:
    report([run], out=tmp_path / "t.md")
    with pytest.raises(UsageError, match="--overwrite"):
        report([run], out=tmp_path / "t.md")
    assert report([run], out=tmp_path / "t.md", overwrite=True) == 0


def test_stdout_takes_the_default_format(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report([run])
    assert capsys.readouterr().out.startswith("Victim performance on EmoDB\n")
    with pytest.raises(UsageError, match="unknown format 'tex'"):
        report([run], format_="tex")


def test_every_kept_run_still_loads() -> None:
    runs = [(path.parent, read_metrics(path.parent)) for path in sorted(KEPT.rglob("metrics.json"))]
    names = {table.name for table in build_tables(runs)}
    assert names == {"corpus", "victims", "generators", "attacks", "ablation"}


def test_the_room_needs_no_torch() -> None:
    modules = [f"staa_cli.reporting.{path.stem}" for path in ROOM.glob("*.py") if path.stem != "__init__"]
    code = f"import sys, staa_cli.commands.report, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_tables_start_without_recipes() -> None:
    """Their schemas, by pydantic, would make every report start later."""
    code = "import sys, staa_cli.reporting.tables; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_the_room_knows_nothing_of_the_command_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "staa_cli.commands" not in text
    assert re.findall(r"--[a-z]\w*|\B-o\b", text) == []
