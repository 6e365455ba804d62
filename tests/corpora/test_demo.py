"""The built-in corpus: the same bytes everywhere, balanced, audible."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from staa_cli.corpora.layouts.demo import EMOTIONS, SENTENCES, SPEAKERS, read
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing
from staa_cli.runtime.errors import UsageError

spoken = pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="the extra 'demo' (espeakng-loader) is not installed")


def synthesise(folder: Path, speakers: int = 4, utterances: int = 7) -> Listing:
    """The corpus below `folder`; by default a small one."""
    data = {"step": "prepare", "corpus": "demo", "demo": {"speakers": speakers, "utterances": utterances}}
    return read(folder, PrepareRecipe.schema_for(data).model_validate(data))


OTHER_PROCESS = """
import sys
from pathlib import Path
from tests.corpora.test_demo import synthesise
synthesise(Path(sys.argv[1]))
"""


def hashes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.wav")}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Listing]:
    """Every speaker, every emotion once, and one of them twice."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, synthesise(folder, speakers=16, utterances=6)


@spoken
def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    synthesise(tmp_path / "here")
    subprocess.run([sys.executable, "-c", OTHER_PROCESS, tmp_path / "there"], check=True, cwd=Path(__file__).parents[2])
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")


@spoken
def test_a_file_depends_on_its_name_only(corpus: tuple[Path, Listing], tmp_path: Path) -> None:
    synthesise(tmp_path)
    small, large = hashes(tmp_path), hashes(corpus[0])
    shared = small.keys() & large.keys()
    assert len(shared) == 4 * 6
    assert {name: small[name] for name in shared} == {name: large[name] for name in shared}


@spoken
def test_one_utterance_alone_equals_the_one_in_the_corpus(
    corpus: tuple[Path, Listing], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = SPEAKERS[-1]
    monkeypatch.setattr("staa_cli.corpora.layouts.demo.SPEAKERS", (last,))
    monkeypatch.setattr("staa_cli.corpora.layouts.demo.SENTENCES", SENTENCES[11 * 15 % 24 :] + SENTENCES[: 11 * 15 % 24])
    synthesise(tmp_path, speakers=3, utterances=5)
    assert hashes(tmp_path).items() <= hashes(corpus[0]).items()


@spoken
def test_speakers_genders_and_emotions_are_balanced(corpus: tuple[Path, Listing]) -> None:
    folder, listing = corpus
    assert listing.problems == []
    assert len({u.speaker for u in listing.utterances}) == 16
    assert Counter(u.gender for u in listing.utterances) == {"female": 48, "male": 48}
    for speaker in SPEAKERS:
        counts = Counter(u.emotion for u in listing.utterances if u.speaker == speaker.variant)
        assert counts == {emotion: 2 if emotion == "neutral" else 1 for emotion in EMOTIONS}
    assert {u.language for u in listing.utterances} == {"en"}
    assert all(u.path == folder / u.name for u in listing.utterances)
    assert len(hashes(folder)) == len(set(hashes(folder).values())) == len(listing.utterances)


@spoken
def test_every_utterance_is_audible_and_of_a_sane_length(corpus: tuple[Path, Listing]) -> None:
    for utterance in corpus[1].utterances:
        samples, rate = soundfile.read(utterance.path)
        assert (rate, samples.ndim) == (22_050, 1)
        assert 1 < len(samples) / rate < 5, utterance.name
        assert np.abs(samples).max() == pytest.approx(EMOTIONS[utterance.emotion].peak, abs=1e-3), utterance.name
        assert 0.02 < samples.std() < 0.3, utterance.name
        quiet = np.abs(samples) < 0.001
        assert quiet[: rate // 5].mean() < 0.9, f"{utterance.name} begins with silence"
        assert quiet.mean() < 0.5, utterance.name


@spoken
def test_emotions_move_the_rate_the_same_way_in_every_speaker(corpus: tuple[Path, Listing]) -> None:
    seconds = {(u.speaker, u.emotion): soundfile.info(u.path).duration for u in corpus[1].utterances if u.name.endswith("-00.wav")}
    for speaker in SPEAKERS:
        neutral = seconds[speaker.variant, "neutral"]
        assert seconds[speaker.variant, "sadness"] > 1.3 * neutral
        assert seconds[speaker.variant, "fear"] < 0.95 * neutral


def test_without_the_wheel_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UsageError, match=r"pip install 'staa\[demo\]'"):
        synthesise(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
