"""What the Makefile would run, by `make -n`: nothing is made."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise, product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def lines(target: str, folder: Path, *variables: str) -> list[str]:
    """What the target runs where nothing was made before."""
    asked = ["make", "--dry-run", "--no-print-directory", target, f"RUNS={folder}", "STAA=staa", *variables]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.replace("\\\n", " ").splitlines()


def commands(target: str, folder: Path, *variables: str) -> list[list[str]]:
    """The words of every `staa` among them."""
    return [line.split() for line in lines(target, folder, *variables) if line.startswith("staa ")]


def given(words: list[str], option: str) -> list[str]:
    """What follows an option, wherever it stands."""
    return [after for word, after in pairwise(words) if word == option]


def runs(found: list[list[str]], command: str) -> dict[str, list[str]]:
    """Of the runs of one command, by the names of their folders."""
    return {folder: words for words in found if words[1] == command for folder in given(words, "-o")}


@pytest.mark.parametrize("target", ["table4", "table5"])
def test_each_attacker_of_the_papers_tables_runs_on_each_split_of_each_threat_model(target: str, tmp_path: Path) -> None:
    found = commands(target, tmp_path, "CORPUS=emovo", "THREATS=emo18 cnn-lstm")
    cases = [f"{tmp_path}/paper/emovo/{threat}/{split}/whole" for threat, split in product(("emo18", "cnn-lstm"), ("val", "test"))]
    assert set(runs(found, "train-generator")) == {f"{case}/generator" for case in cases}
    assert set(runs(found, "attack")) == {f"{case}/attack" for case in cases}
    assert set(runs(found, "baseline")) == {f"{case}/{name}" for case, name in product(cases, ("pgd", "sparsefool", "one-pixel"))}


@pytest.mark.parametrize(("target", "epsilon", "recipe"), [("table4", "0.05", "paper"), ("table5", "0.01", "paper-iemocap")])
def test_the_attackers_of_a_table_share_the_generators_epsilon(target: str, epsilon: str, recipe: str, tmp_path: Path) -> None:
    found = commands(target, tmp_path, "THREATS=emo18-paper wav2vec2")
    trained = runs(found, "train-generator")
    assert {(folder.split("/")[-4], words[2]) for folder, words in trained.items()} == {
        ("emo18-paper", recipe),
        ("wav2vec2", "paper" if recipe == "paper" else f"{recipe}-wav2vec2"),
    }
    for words in runs(found, "baseline").values():
        assert f"'budget={{linf: {epsilon}}}'" in " ".join(words)


def test_the_victims_that_judge_can_be_named_and_a_threat_model_is_one(tmp_path: Path) -> None:
    found = commands("table4", tmp_path, "CORPUS=emovo", "THREATS=emo18", "VICTIMS=zhao19 wavlm")
    victims = [f"{tmp_path}/victims/emovo/seed-0/{name}" for name in ("zhao19", "wavlm", "emo18")]
    for words in (*runs(found, "attack").values(), *runs(found, "baseline").values()):
        assert given(words, "--victim") == victims
    assert set(runs(found, "train-victim")) == set(victims)


def test_a_generators_name_tells_how_it_is_trained(tmp_path: Path) -> None:
    found = commands("generators", tmp_path, "SEEDS=1", "TARGETED=", "GENERATORS=unguided pool-10 pool-again pool-10-again")
    trained = {Path(folder).name: words for folder, words in runs(found, "train-generator").items()}
    victims = f"{tmp_path}/victims/emodb/seed-1"
    assert " ".join(trained["unguided"][2:5]) == "staa-net --set guide=none"
    assert "epochs=10" not in trained["unguided"]
    for name in ("pool-10", "pool-10-again"):
        assert " ".join(trained[name][2:5]) == "staa-net --set epochs=10"
    for name, seed in (("pool-10", "1"), ("pool-again", "11"), ("pool-10-again", "11")):
        assert given(trained[name], "--threat") == [f"{victims}/emo18", f"{victims}/cnn-lstm"]
        assert given(trained[name], "--seed") == [seed]
    assert trained["pool-again"][2] == "staa-net"
    assert "epochs=10" not in trained["pool-again"]


def test_table_5_is_of_iemocap_unless_another_corpus_is_named(tmp_path: Path) -> None:
    (prepared,) = runs(commands("table5", tmp_path), "prepare").values()
    assert prepared[2] == "iemocap"
    (prepared,) = runs(commands("table5", tmp_path, "CORPUS=ravdess"), "prepare").values()
    assert prepared[2] == "ravdess"


@pytest.mark.parametrize("target", ["demo", "emodb", "victims", "truth", "generators", "table4", "table5", "table6"])
def test_no_two_commands_write_into_one_folder_and_every_recipe_is_shipped(target: str, tmp_path: Path) -> None:
    found = [words for words in commands(target, tmp_path) if words[1] != "report"]
    folders = [folder for words in found for folder in given(words, "-o")]
    assert len(folders) == len(found)
    assert len(set(folders)) == len(folders)
    shipped = {path.stem for path in (ROOT / "recipes").rglob("*.yaml")}
    assert {words[2] for words in found if words[1] != "attack"} <= shipped


@pytest.mark.parametrize(("target", "installed"), [("demo", ["demo,figures"]), ("test", ["demo,figures", "test,reference", "perceptual"])])
def test_only_what_a_target_needs_is_installed(target: str, installed: list[str], tmp_path: Path) -> None:
    found = lines(target, tmp_path, f"VENV={tmp_path}/venv")
    named = [line.split("'.[")[1].split("]'")[0] for line in found if "'.[" in line]
    assert list(dict.fromkeys(named)) == installed, "a make within make, which sees that nothing was made, names it again"
