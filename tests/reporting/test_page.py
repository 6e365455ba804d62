"""The page: what it says, that it asks nobody for anything, and that it works in a browser where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staa_cli.audio.files import write_wav
from staa_cli.commands.report import report
from staa_cli.reporting.outcomes import Judgement, by_victim, outcomes
from staa_cli.reporting.page.build import build_page
from staa_cli.reporting.page.choice import choose
from staa_cli.reporting.page.pictures import outline, wav_uri
from staa_cli.reporting.runs import FinishedRun
from staa_cli.reporting.sounds import Pair, load_pair, log_mel
from staa_cli.reporting.tables import build_tables

from ..conftest import tone as spoken

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SAMPLES = 8000
Finished = Callable[..., FinishedRun]


def tone(frequency: float, samples: int, seed: int) -> Any:
    """`(samples,)` as a 16-bit file holds it."""
    return np.round(np.asarray(spoken(frequency, samples, seed)) * 2**15).astype(np.float32) / 2**15


@pytest.fixture
def finished(attack: Any, tmp_path: Path) -> Finished:
    """finished(name, count): an attack with sounds, records and a placebo."""

    def make(name: str = "pgd", count: int = 14, *, placebo: float = 5.0, attacker: str = "PGD 5 %") -> FinishedRun:
        folder = tmp_path / name
        lines = []
        for number in range(count):
            clean = tone(200 + 40 * number, SAMPLES, number)
            change = np.zeros(SAMPLES, np.float32)
            change[:: 50 + 10 * number] = 0.01
            write_wav(tmp_path / f"in/{number}.wav", clean)
            write_wav(folder / f"{number}.wav", clean + change)
            moved = 100 * np.mean(change != 0)
            for victim, success in (("emo18", number % 3 > 0), ("zhao19", number % 4 == 1)):
                lines.append(
                    {
                        "file": f"{number}.wav",
                        "output": f"{number}.wav",
                        "key": str(number),
                        "victim": victim,
                        "label": "anger",
                        "clean": "anger",
                        "adversarial": "fear" if success else "anger",
                        "success": success,
                        "gender": "female",
                        "language": "de",
                        "margin": {"clean": -1.0, "adversarial": 0.5 if success else -0.5},
                        "sparsity_percent": moved,
                        "snr_peak_db": 20.0,
                        "snr_segmental_db": 30.0 - number,
                        "placebo": {"adversarial": "anger", "success": False},
                        "audio": {"samples": SAMPLES},
                        "run": {"source": f"../in/{number}.wav"},
                    }
                )
        metrics = attack(attacker, split="test", asr={"emo18": 64.0, "zhao19": 28.0}, placebo=placebo, sparsity=2.0)[1]
        for judged in metrics["summary"]["victims"].values():
            judged["placebo_interval_percent"] = [0.0, placebo + 5]
        folder.mkdir(exist_ok=True)
        (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "metrics.json").write_text(json.dumps(metrics))
        return FinishedRun(folder, metrics)

    return make


def page_of(*runs: FinishedRun, **extra: Any) -> str:
    return build_page(runs, build_tables([(run.path, run.metrics) for run in runs]), **extra)


def test_the_verdict_stands_beside_its_placebo(finished: Finished) -> None:
    page = page_of(finished()).replace("\N{NO-BREAK SPACE}", " ")
    assert "Emo18 changes its mind about 64 % of the 96 utterances of EmoDB when PGD 5 % moves" in page
    assert "placebo 5.0 %, lift 59.0 points" in page
    assert "Zhao19, which that attack has never seen, changes its mind about 28 % under PGD 5 % (noise: 5 %)" in page


def test_what_noise_does_as_well_is_no_verdict(finished: Finished) -> None:
    assert "no attack here is told apart from noise" in page_of(finished(placebo=60.0))


def test_nothing_is_asked_of_anybody(finished: Finished) -> None:
    page = page_of(finished())
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:|#)""", page)
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_names_are_no_markup(finished: Finished) -> None:
    assert "<script>alert" not in page_of(finished(attacker="<script>alert(1)</script>"))


def test_what_does_not_fit_is_left_out_and_said(finished: Finished) -> None:
    run = finished()
    whole = page_of(run)
    page = page_of(run, limit=len(whole.encode()) - 1000)
    assert len(page.encode()) <= len(whole.encode()) - 1000
    assert whole.count('<article class="card') == page.count('<article class="card') + 1
    assert "1 more did not fit" in page


def test_a_clean_file_that_is_gone_or_changed_is_said_in_its_place(finished: Finished, tmp_path: Path) -> None:
    run = finished()
    first, second = (next(one for one in outcomes(run) if one.file == name) for name in ("0.wav", "1.wav"))
    (tmp_path / "in/0.wav").unlink()
    write_wav(tmp_path / "in/1.wav", tone(999, SAMPLES, 5))
    assert "the clean file is gone" in str(load_pair(run, first))
    assert "the clean file has changed" in str(load_pair(run, second))
    assert "No sound: the clean file is gone" in page_of(run)


def test_the_files_of_older_runs_are_found_in_prepared_folders(finished: Finished, tmp_path: Path) -> None:
    run = finished()
    old = Judgement("3.wav", "3.wav", "emo18", None, "anger", "fear", True)
    assert isinstance(load_pair(run, old), str)
    assert isinstance(load_pair(run, old, [tmp_path / "in"]), Pair)


def test_a_segment_of_a_recording_is_heard_alone(finished: Finished) -> None:
    run = finished()
    lines = [json.loads(line) for line in (run.path / "results.jsonl").read_text().splitlines()]
    for line in lines[:2]:
        line["segment"] = {"number": 1, "start": 0.125, "end": 0.25}
        line["audio"]["written_rate"] = 8000
    (run.path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    first = outcomes(run)[0]
    assert first.name == "0.wav, 0.125 to 0.25 s"
    pair = load_pair(run, first)
    assert isinstance(pair, Pair)
    assert pair.seconds == 0.125


def test_utterances_are_chosen_to_be_told_apart(finished: Finished) -> None:
    victims = by_victim(outcomes(finished()))
    chosen = choose(victims, "emo18")
    success = {one.file: one.success for one in victims["emo18"]}
    assert len(chosen) == 10
    assert chosen["1.wav"] == "success on every victim" or chosen["1.wav"].startswith("success")
    assert all(success[file] == why.startswith("success") for file, why in chosen.items())
    assert {"success, the least audible", "success, the most audible", "failure, the least audible"} <= set(chosen.values())
    assert chosen == choose(victims, "emo18")


def test_sound_is_lossless() -> None:
    import io
    from base64 import b64decode

    import soundfile

    for waveform in (np.arange(-500, 500, dtype=np.float32) / 2**15, np.linspace(-1, 1, 999, dtype=np.float32)):
        read, rate = soundfile.read(io.BytesIO(b64decode(wav_uri(waveform).partition(",")[2])), dtype="float32")
        assert rate == 16_000
        assert np.array_equal(read, waveform)


def test_drawings_are_on_one_scale() -> None:
    waveform = tone(440, SAMPLES, 0)
    quiet, loud = log_mel([waveform, 2 * waveform])
    assert quiet.max() == 0
    assert np.allclose(log_mel([2 * waveform, waveform])[1].max(), -20 * np.log10(2), atol=0.01)
    assert outline(np.zeros(SAMPLES, np.float32), 1.0) == "", "nothing moves, nothing is drawn"
    assert loud.max() == 0


PROBE = f"<script>{(Path(__file__).parent / 'probe.js').read_text()}</script>"


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_it_works_in_a_browser(finished: Finished, tmp_path: Path) -> None:
    runs = [finished(name, attacker=f"PGD {number} %") for number, name in enumerate(("a", "b"), 5)]
    assert report([run.path for run in runs], out=tmp_path / "report.html") == 0
    page = (tmp_path / "report.html").read_text()
    assert len(page.encode()) <= 8_000_000
    probed = tmp_path / "probed.html"
    probed.write_text(page.replace("<style>", PROBE + "<style>", 1))
    log = tmp_path / "net.json"
    command = [BROWSER or "", "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--no-first-run"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}", "--disable-background-networking"]
    command += ["--disable-component-update", "--window-size=500,900", "--virtual-time-budget=20000", "--dump-dom", probed.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(re.search(r'<output id="told">(.*?)</output>', done.stdout)[1])  # type: ignore[index]
    assert told["faults"] == []
    assert "CONSOLE" not in done.stderr
    assert len(told["ready"]) == 30
    assert min(told["ready"]) >= 2
    assert all(length == pytest.approx(SAMPLES / 16_000) for length in told["lengths"])
    assert told["falling"] == sorted(told["falling"], reverse=True)
    assert told["rising"] == sorted(told["rising"])
    assert told["left"] == 0
    assert told["chosen"] == ["false", "false", "true"]
    assert told["wide"] <= 0, "nothing is wider than the screen"
    assert not [url for url in re.findall(r'"url":"(https?:[^"]+)', log.read_text()) if not re.search("google|gvt1", url)], "no request"
