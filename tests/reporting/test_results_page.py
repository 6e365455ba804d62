"""The results page holds what the kept results give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..benchmarks import results

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_the_page_is_what_the_kept_results_give() -> None:
    assert results.PAGE.read_text(encoding="utf-8") == results.page(), "write it with: python -m tests.benchmarks.results"


def test_check_tells_a_page_that_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "PAGE", tmp_path / "RESULTS.md")
    monkeypatch.setattr("sys.argv", ["results"])
    assert results.main() == 0
    monkeypatch.setattr("sys.argv", ["results", "--check"])
    assert results.main() == 0
    results.PAGE.write_text("by hand", encoding="utf-8")
    assert results.main() == 1
    assert results.PAGE.read_text(encoding="utf-8") == "by hand"


def test_the_page_is_written_without_torch() -> None:
    done = run("-c", "import sys; sys.modules['torch'] = None; import tests.benchmarks.results as results; results.page()")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("-m", "tests.benchmarks.results", "--check").returncode == 0


def test_every_kept_run_stands_on_the_page() -> None:
    patterns = [pattern for parts in results.SECTIONS.values() for part in parts for pattern in part.runs]
    shown = {path for pattern in patterns for path in results.KEPT.glob(f"{pattern}/metrics.json")}
    assert shown == set(results.KEPT.rglob("metrics.json"))


def test_every_measured_speed_stands_on_the_page() -> None:
    rows = [line for line in (results.KEPT / "baselines.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) > 2
    assert [row for row in rows if row not in results.PAGE.read_text(encoding="utf-8").splitlines()] == []
