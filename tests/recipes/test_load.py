"""Recipes: what is read as what, every mistake at once, and the shipped ones."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from staa_cli.commands.advice import advised
from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.evaluation.recipe import BaselineRecipe
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.recipes import find_recipe, load_preset, load_recipe, shipped
from staa_cli.recipes.load import read_recipe
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.schema import Strict
from staa_cli.runtime.yaml_text import dump_yaml, parse_yaml
from staa_cli.victims.recipe import TrainVictimRecipe

VICTIM = "step: train-victim\nmodel: emo18\n"
GENERATOR = "step: train-generator\nbudget: {linf: 0.05}\nthreshold: {}\n"
EXACT = "step: train-generator\nbudget: {linf: 0.05}\n"
PGD = "step: baseline\nattack: pgd\nbudget: {linf: 0.05}\n"
PREPARE = "step: prepare\ncorpus: csv\n"
KINDS = {VICTIM: TrainVictimRecipe, GENERATOR: TrainGeneratorRecipe, PGD: BaselineRecipe, PREPARE: PrepareRecipe}
SCHEMAS: dict[str, type[Strict]] = {
    "prepare": PrepareRecipe,
    "train-victim": TrainVictimRecipe,
    "train-generator": TrainGeneratorRecipe,
    "baseline": BaselineRecipe,
}
ALL = [(step, name) for step in SCHEMAS for name in shipped(step)]
FOLDER = Path(__file__).parents[2] / "recipes"


def load(folder: Path, text: str, *overrides: str, base: str = VICTIM, kind: type[Strict] | None = None, seed: int | None = None) -> Any:
    path = folder / "recipe.yaml"
    path.write_text(base + text)
    return load_recipe(str(path), kind or KINDS[base], overrides, seed)


def refused(folder: Path, text: str, *overrides: str, base: str = VICTIM, kind: type[Strict] | None = None) -> str:
    with pytest.raises(UsageError) as refusal:
        load(folder, text, *overrides, base=base, kind=kind)
    return str(refusal.value)


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "0.0001", ".0001", "+1e-4", "1.e-04"])
def test_numbers_are_numbers(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, f"learning_rate: {text}\n").learning_rate == 1e-4
    assert load(tmp_path, "", f"learning_rate={text}").learning_rate == 1e-4


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1e5", 1e5),
        ("-3", -3),
        ("3.", 3.0),
        ("off", "off"),
        ("NO", "NO"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("1e", "1e"),
        ("e5", "e5"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("2024-13-45", "2024-13-45"),
        ("2024-01-02", "2024-01-02"),
        ("'1e-4'", "1e-4"),
    ],
)
def test_values(text: str, value: object) -> None:
    read = parse_yaml(text)
    assert read == value
    assert type(read) is type(value)


SWITCHES = {"on": True, "Yes": True, "true": True, "TRUE": True, "off": False, "NO": False, "false": False, "False": False}


@pytest.mark.parametrize("word", SWITCHES)
def test_switches(tmp_path: Path, word: str) -> None:
    assert load(tmp_path, f"early_stop: {word}\n", base=PGD).early_stop is SWITCHES[word]
    assert load(tmp_path, "", f"early_stop={word}", base=PGD).early_stop is SWITCHES[word]


@pytest.mark.parametrize("word", ["1", "0", "y", "'maybe'", "[on]"])
def test_no_switches(tmp_path: Path, word: str) -> None:
    assert "early_stop: found" in refused(tmp_path, f"early_stop: {word}\n", base=PGD)


MISTAKES = [
    (VICTIM, "epoch: 3\n", ["epoch: unknown key; did you mean 'epochs'?"]),
    (VICTIM, "zzz: 3\n", ["zzz: unknown key, expected one of step, model, train_on, epochs"]),
    (VICTIM, "epochs: 3\nepochs: 4\n", ["key 'epochs' stands twice", "line"]),
    (EXACT, "threshold: {weights: {sparsity: 1, sparsity: 2}}\n", ["key 'sparsity' stands twice"]),
    (VICTIM, "epochs: 0\n", ["epochs: found 0, expected greater than or equal to 1"]),
    (VICTIM, "epochs: 3.5\n", ["epochs: found 3.5, expected integer"]),
    (VICTIM, "epochs: '3'\n", ["epochs: found '3', expected integer"]),
    (VICTIM, "epochs: true\n", ["epochs: found True, expected integer"]),
    (VICTIM, "learning_rate: .nan\n", ["learning_rate: found nan, expected a finite number"]),
    (VICTIM, "learning_rate: 1e999\n", ["learning_rate: found inf"]),
    (VICTIM, "select: uarr\n", ["select: found 'uarr', expected 'uar' or 'accuracy'; did you mean 'uar'?"]),
    (VICTIM, "seed: -1\n", ["seed: found -1"]),
    (EXACT, "threshold: {weights: 3}\n", ["weights: found 3, expected keys and values (magnitude, sparsity, quantisation)"]),
    (EXACT, "threshold: {weights: {sparsty: 1}}\n", ["weights.sparsty: unknown key; did you mean 'sparsity'?"]),
    (EXACT, "sparsity: {trained: [1, 30, 50]}\n", ["sparsity.trained: found [1, 30, 50]"]),
    (EXACT, "sparsity: {trained: [30, 1]}\n", ["expected lowest ≤ default ≤ highest"]),
    (EXACT, "sparsity: {default: 40}\n", ["'trained' is [1.0, 30.0] and 'default' 40, expected lowest ≤ default ≤ highest"]),
    (EXACT, "", ["expected one of 'sparsity' (an exact share, on demand) and 'threshold' (the paper's)"]),
    (GENERATOR, "sparsity: {}\n", ["expected one of 'sparsity' (an exact share, on demand) and 'threshold' (the paper's)"]),
    (GENERATOR, "trained_snr: [10, 30]\n", ["needs a 'budget.peak_snr_db' between its ends"]),
    (GENERATOR, "looks: 4\n", ["'looks: 4' are for the gradient, which 'guide: none' does not use"]),
    (GENERATOR, "target: any\nreference: label\n", ["'reference: label' names a class to leave, and 'target: any' leaves none"]),
    ("step: baseline\nattack: pgd\n", "", ["budget: missing"]),
    ("step: baseline\nattack: pgd\n", "budget: {}\n", ["budget: expected exactly one of 'linf', 'peak_snr_db'"]),
    ("step: baseline\nattack: pgd\n", "budget: {linf: 1, peak_snr_db: 2}\n", ["expected exactly one of"]),
    ("step: baseline\nattack: fgsm\n", "budget: {linf: 1}\nsteps: 3\n", ["fgsm is the single step"]),
    (PREPARE, "splits: {ratios: {train: 0.5, val: 0.1, test: 0.1}}\n", ["splits.ratios: the three ratios sum to 0.7"]),
    (PREPARE, "splits: {speakers: {train: [a], test: [a]}}\n", ["splits.speakers: a listed more than once"]),
    (PREPARE, "splits: {speakers: {train: [03], test: ['a']}}\n", ["splits.speakers.train.0: found 3, expected string"]),
    (PREPARE, "emotions: happy\n", ["emotions: found 'happy', expected list"]),
    ("", "", ["holds nothing"]),
    ("", "- step\n", ["holds a list"]),
    ("", "just text\n", ["holds a str"]),
    ("", "{a: [}\n", ["is no readable YAML", "line 1"]),
    ("", "step: !!python/object/apply:os.system ['true']\n", ["is no readable YAML"]),
    ("", "? [a, b]\n: c\n", ["is no readable YAML"]),
    ("", "1: 2\n", ["mistakes in the recipe"]),
    ("model: emo18\n", "", ["step: missing"]),
    ("step: train-vitcim\nmodel: emo18\n", "", ["did you mean 'train-victim'?"]),
    ("step: {}\nmodel: emo18\n", "", ["step: found {}, expected 'train-victim'"]),
    (
        "step: baseline\nattack: pdg\n",
        "budget: {linf: 1}\nearly_stp: on\n",
        ["unknown attack 'pdg'", "early_stp: unknown key; did you mean 'early_stop'?"],
    ),
]


@pytest.mark.parametrize(("base", "text", "words"), MISTAKES, ids=lambda value: value.strip()[-40:] if isinstance(value, str) else "")
def test_mistakes_are_named(tmp_path: Path, base: str, text: str, words: list[str]) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(base + text)
    kind = next((schema for step, schema in SCHEMAS.items() if base.startswith(f"step: {step}\n")), TrainVictimRecipe)
    with pytest.raises(UsageError) as refusal:
        load_recipe(str(path), kind)
    assert refusal.value.exit_code == 2
    for word in (*words, str(path)):
        assert word in str(refusal.value)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = refused(tmp_path, "epochz: 3\nbatch_size: 1\nlearning_rate: fast\nselect: best\n", "seed=-3")
    lines = text.splitlines()
    assert lines[0].endswith("recipe.yaml: 5 mistakes in the recipe")
    assert sorted(line.split(":")[0].strip() for line in lines[1:]) == ["batch_size", "epochz", "learning_rate", "seed", "select"]


def test_binary_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(UsageError, match="is no readable YAML"):
        load_recipe(str(tmp_path / "bad.yaml"), TrainVictimRecipe)
    with pytest.raises(UsageError, match="is a folder, expected a recipe"):
        load_recipe(str(tmp_path), TrainVictimRecipe)


# --- Overrides


def test_overrides(tmp_path: Path) -> None:
    recipe = load(tmp_path, "", "threshold.weights.sparsity=1e-6", "threshold.level=0.7", "size=base", "decay=null", base=GENERATOR, seed=7)
    assert (recipe.threshold.weights.sparsity, recipe.threshold.weights.magnitude) == (1e-6, 1e-3)
    assert (recipe.threshold.level, recipe.size, recipe.decay, recipe.seed) == (0.7, "base", None, 7)
    budget = load(tmp_path, "", "budget.linf=null", "budget.peak_snr_db=20", base=GENERATOR).budget
    assert (budget.linf, budget.peak_snr_db) == (None, 20)
    assert load(tmp_path, "", "budget={peak_snr_db: 20}", base=GENERATOR).budget == budget
    prepared = load(tmp_path, "", "corpus=folders", "folders.pattern={emotion}/{speaker}_*", base=PREPARE)
    assert prepared.folders.pattern == "{emotion}/{speaker}_*"  # no YAML, so it is text


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epochs", "the override 'epochs' was not understood, expected key=value"),
        ("=3", "the override '=3' was not understood, expected key=value"),
        ("epochs=[", "epochs: found '[', expected integer"),
        ("model.name=x", "the override 'model.name=x': 'model' is 'emo18', which has no keys of its own"),
        ("epochs=", "epochs: found None"),
        ("epohcs=3", "did you mean 'epochs'?"),
        ("a..b=3", "a: unknown key"),
        ("step=baseline", "step: found 'baseline', expected 'train-victim'"),
    ],
)
def test_wrong_overrides(tmp_path: Path, override: str, words: str) -> None:
    assert words in refused(tmp_path, "", override)


# --- Names


@pytest.mark.parametrize(("step", "name"), ALL)
def test_shipped_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_recipe(name, step) == find_recipe(f"{name}.yaml", step) == shipped(step)[name]


@pytest.mark.parametrize("name", ["emo18.yml", "emo18.old", "victims", "../recipes/victims/emo18", "victims/emo18", "", "emo81"])
def test_no_other_name_is_taken_for_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"emo18"):
        find_recipe(name, "train-victim")


@pytest.mark.parametrize(
    ("step", "name", "words"),
    [
        ("baseline", "emodb/pgd", "there is no recipe 'emodb/pgd'; did you mean 'pgd'?"),
        ("baseline", "demos/sparsefool", "there is no recipe 'demos/sparsefool'; did you mean 'sparsefool'?"),
        ("train-victim", "iemocap/wav2vec2", "did you mean 'wav2vec2'?"),
        ("train-generator", "ravdess/staa-net", "did you mean 'staa-net'?"),
        ("baseline", "survy", "there is no recipe 'survy'; did you mean 'survey'?"),
        ("baseline", "xyz", "there is no recipe 'xyz', neither a file nor one of bim, bim-logmel, "),
        ("train-victim", "pgd", "'pgd' is a recipe of 'staa baseline', not of 'staa train-victim'; expected a file or one of cnn-lstm, "),
        ("train-victim", "pgd.yaml", "'pgd' is a recipe of 'staa baseline', not of 'staa train-victim'; expected a file or "),
        ("train-victim", ".", ". is a folder, expected a recipe: a YAML file or one of cnn-lstm, cnn-lstm-paper, "),
    ],
)
def test_what_the_command_could_use_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, name: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=re.escape(words)):
        find_recipe(name, step)


def test_a_file_goes_before_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "emo18").write_text(VICTIM)
    assert find_recipe("emo18", "train-victim") == Path("emo18")


# --- A recipe that extends another


def test_what_a_recipe_extends_is_replaced_key_by_key(tmp_path: Path) -> None:
    plain, extended = load_recipe("pgd", BaselineRecipe), load(tmp_path, "", base="extends: pgd\n", kind=BaselineRecipe)
    assert extended == plain
    changed = load(
        tmp_path, "extends: pgd\nbudget: {linf: 0.01}\npositions: {percent: 2}\n", "steps=7", base="", kind=BaselineRecipe, seed=4
    )
    assert changed.budget.model_dump(exclude_none=True) == {"linf": 0.01}
    assert (changed.positions.percent, changed.steps, changed.step_size, changed.seed) == (2, 7, 0.1, 4)


def test_a_path_is_meant_from_where_the_recipe_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "emo18").write_text(f"{VICTIM}epochs: 3\npatience: 2\n")
    (tmp_path / "below" / "middle.yaml").write_text("extends: ../emo18\nbatch_size: 4\n")
    (tmp_path / "top.yaml").write_text("extends: below/middle.yaml\nepochs: 5\n")
    monkeypatch.chdir("/")
    chain = load_recipe(str(tmp_path / "top.yaml"), TrainVictimRecipe)
    assert (chain.epochs, chain.batch_size, chain.patience) == (5, 4, 2)
    (tmp_path / "emo18").unlink()
    (tmp_path / "below" / "middle.yaml").write_text("extends: emo18\n")
    assert load_recipe(str(tmp_path / "top.yaml"), TrainVictimRecipe).batch_size == 8, "without such a file it is the shipped one"


def test_a_recipe_that_extends_may_bear_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "emo18.yaml").write_text("extends: emo18\nepochs: 4\n")
    assert load_recipe(str(tmp_path / "emo18.yaml"), TrainVictimRecipe).epochs == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extends: recipe.yaml\n", "'extends: recipe.yaml' leads back to where it came from"),
        ("extends: other.yaml\n", "'extends: recipe.yaml' leads back to where it came from"),
        ("extends: 3\n", "'extends' is 3, expected the name or the path of a recipe"),
        ("extends: [emo18]\n", "'extends' is ['emo18'], expected the name or the path"),
        ("extends:\n", "'extends' is None, expected the name or the path"),
        ("extends: emo81\n", "there is no recipe 'emo81'; did you mean 'emo18'?"),
        ("extends: pgd.yaml\n", "pgd.yaml is a recipe for 'staa baseline', expected one for 'staa train-victim'"),
        ("extends: emo18\nepochs: 0\nbatch: 3\n", "recipe.yaml: 2 mistakes in the recipe"),
    ],
)
def test_what_cannot_be_extended(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "other.yaml").write_text("extends: recipe.yaml\n")
    (tmp_path / "pgd.yaml").write_text(PGD)
    assert words in refused(tmp_path, text, base="", kind=TrainVictimRecipe)


def test_a_preset_extends_another(tmp_path: Path) -> None:
    (tmp_path / "preset.yaml").write_text("extends: survey\nbudget: {linf: 0.05}\n")
    survey, ours = load_preset("survey", BaselineRecipe), load_preset(str(tmp_path / "preset.yaml"), BaselineRecipe)
    assert ours.keys() == survey.keys()
    assert {recipe.budget.linf for recipe in ours.values()} == {0.05}


# --- Presets

PRESET = """
step: baseline
budget: {linf: 0.05}
seed: 3
attackers:
  one: {attack: bim, steps: 5, step_size: 0.5}
  two: {attack: pgd, budget: {peak_snr_db: 20}, positions: {percent: 2}}
"""


def preset(folder: Path, *overrides: str, text: str = PRESET, seed: int | None = None) -> dict[str, Any]:
    (folder / "preset.yaml").write_text(text)
    return load_preset(str(folder / "preset.yaml"), BaselineRecipe, overrides, seed)


def test_a_preset_is_its_attackers_recipes(tmp_path: Path) -> None:
    assert preset(tmp_path) == {
        "one": load(tmp_path, "steps: 5\nstep_size: 0.5\nseed: 3\n", "attack=bim", base=PGD),
        "two": load(tmp_path, "positions: {percent: 2}\nseed: 3\n", "budget={peak_snr_db: 20}", base=PGD),
    }


def test_an_override_holds_for_all_or_for_the_one_it_names(tmp_path: Path) -> None:
    both = preset(tmp_path, "budget={linf: 0.01}", "steps=7", seed=9)
    assert [(recipe.budget.linf, recipe.steps, recipe.seed) for recipe in both.values()] == [(0.01, 7, 9)] * 2
    one = preset(tmp_path, "attackers.two.positions.percent=3", "steps=7", "attackers.two.steps=8")
    assert (one["one"].steps, one["two"].positions.percent) == (7, 3)
    assert one["two"].steps == 7, "what holds for all comes last"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("step_sise=1", ["1 mistake\n  step_sise: unknown key; did you mean 'step_size'?"]),
        ("attackers.two.positions.percent=0", ["1 mistake", "attackers.two.positions.percent: found 0"]),
        ("attackers.twoo.steps=3", ["attacker 'twoo' is {'steps': 3}", "did you mean 'two'?"]),
        ("attackers.one.attack=bimm", ["attackers.one.attack: unknown attack 'bimm'", "did you mean 'bim'?"]),
        ("attackers.one=3", ["attacker 'one' is 3, expected keys and values"]),
    ],
)
def test_mistakes_of_a_preset_name_the_attacker(tmp_path: Path, override: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as refusal:
        preset(tmp_path, override)
    assert all(word in str(refusal.value) for word in words), refusal.value


@pytest.mark.parametrize(
    ("attackers", "words"),
    [
        ("{}", "'attackers' is {}, expected names"),
        ("[pgd]", "'attackers' is ['pgd'], expected names"),
        ("{../up: {attack: bim}}", "attacker '../up' cannot be the name of a folder"),
        ("{.hidden: {attack: bim}}", "attacker '.hidden' cannot be the name of a folder"),
    ],
)
def test_attackers_have_names_of_folders(tmp_path: Path, attackers: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        preset(tmp_path, text=f"step: baseline\nbudget: {{linf: 0.05}}\nattackers: {attackers}\n")


def test_only_baseline_takes_a_preset(tmp_path: Path) -> None:
    (tmp_path / "preset.yaml").write_text(PRESET)
    with pytest.raises(UsageError, match="expected one for 'staa train-victim'"):
        load_recipe(str(tmp_path / "preset.yaml"), TrainVictimRecipe)


# --- The shipped recipes


def resolved(step: str, name: str) -> list[Strict]:
    """A recipe, or all of a preset."""
    return list(load_preset(name, SCHEMAS[step]).values())


@pytest.mark.parametrize(("step", "name"), ALL)
def test_resolved_recipes_read_back(tmp_path: Path, step: str, name: str) -> None:
    for recipe in resolved(step, name):
        (tmp_path / "recipe.yaml").write_text(dump_yaml(recipe.model_dump()))
        assert load_recipe(str(tmp_path / "recipe.yaml"), SCHEMAS[step]) == recipe


def test_texts_that_look_like_something_else_read_back(tmp_path: Path) -> None:
    names = ["1e4", "03", "on", "null", "2024-01-02", "1:30", "ü", "", "a: b", "- c", "1_000", "0x1f", ".5", "=", "<<"]
    recipe = load(tmp_path, "", f"splits.speakers={{train: {json.dumps(names)}, test: [x]}}", base=PREPARE)
    assert recipe.splits.speakers.train == names
    (tmp_path / "recipe.yaml").write_text(dump_yaml(recipe.model_dump()))
    assert load_recipe(str(tmp_path / "recipe.yaml"), PrepareRecipe) == recipe


@pytest.mark.parametrize(("step", "name"), ALL)
def test_shipped_recipes_say_how_to_use_them(step: str, name: str) -> None:
    """What it is, in a line; what it needs; the exact command, which names this very recipe, an output and a source of the right sort."""
    lines = shipped(step)[name].read_text().splitlines()
    comment = [line[1:].strip() for line in lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]]
    assert 20 < len(comment[0]) <= 100
    assert comment[0].endswith(".") or ":" in comment[0]
    assert any(line.startswith("Needs:") for line in comment)
    commands = [shlex.split(line) for line in comment if re.match(r"staa [a-z]", line)]
    (command,) = [command for command in commands if command[1:3] == [step, name] and "-o" in command]
    if "--source" in command:
        assert Path(command[command.index("--source") + 1]).suffix == (".csv" if name == "csv" else "")


def test_every_recipe_lies_where_a_command_looks() -> None:
    names = [path.stem for path in FOLDER.rglob("*.y*ml")]
    assert sorted(names) == sorted(name for _, name in ALL if name in names)
    assert len(names) == len(ALL) <= 62


def test_a_name_of_one_command_is_not_that_of_two_of_its_folders() -> None:
    attacks, presets = ({path.stem for path in (FOLDER / folder).iterdir()} for folder in ("attacks", "presets"))
    assert not attacks & presets


def test_no_two_recipes_are_the_same() -> None:
    told = {}
    for step, name in ALL:
        recipes = load_preset(name, SCHEMAS[step])
        text = dump_yaml({own_name: recipe.model_dump() for own_name, recipe in recipes.items()})
        assert text not in told, f"{name} says what {told.get(text)} does"
        told[text] = name


@pytest.mark.parametrize(("step", "name"), ALL)
def test_what_extends_says_only_what_differs(step: str, name: str) -> None:
    path, whole = read_recipe(name, step)
    own = parse_yaml(path.read_text())
    if "extends" in own:
        _, base = read_recipe(own.pop("extends"), step)
        assert whole == {**base, **own}
        assert all(base.get(key) != value for key, value in own.items())


def test_the_papers_budgets() -> None:
    """What the STAA-Net paper has for its two corpora (section 4.2 and 4.3)."""
    for suffix, epsilon, percent, weight in (("", 0.05, 6.25, 1e-3), ("-iemocap", 0.01, 25, 1e-4)):
        attackers: dict[str, Any] = dict(load_preset(f"paper-1{suffix}", BaselineRecipe))
        assert {recipe.budget.linf for recipe in attackers.values()} == {epsilon}
        assert attackers["pgd"].positions.percent == percent
        generator = load_recipe(f"paper{suffix}", TrainGeneratorRecipe)
        assert (generator.budget.linf, generator.threshold and generator.threshold.weights.magnitude, generator.size) == (
            epsilon,
            weight,
            "large",
        )


@pytest.mark.parametrize(
    ("overrides", "words", "given"),
    [
        (["epochs=many"], " with epochs=many: 1 mistake\n  epochs: found 'many', expected integer", "epochs=many"),
        (["epochs=3", "model=x"], " with model=x: 1 mistake\n  model: found 'x'", "model=x"),
        (["augment.shift=far"], " with augment.shift=far: 1 mistake\n  augment.shift: found 'far'", "augment.shift=far"),
        (["augment={shfit: 1}"], " with augment={shfit: 1}: 1 mistake\n  augment.shfit: unknown key", "augment={shfit: 1}"),
    ],
)
def test_a_mistake_of_an_override_is_not_the_file_s(tmp_path: Path, overrides: list[str], words: str, given: str) -> None:
    with pytest.raises(UsageError) as refusal:
        load(tmp_path, "", *overrides)
    assert f"recipe.yaml{words}" in str(refusal.value)
    assert advised(refusal.value).endswith(f" Correct --set {given}")


def test_mistakes_of_both_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"recipe\.yaml: 2 mistakes in the recipe\n") as refusal:
        load(tmp_path, "batch_size: few\n", "epochs=many")
    assert advised(refusal.value).endswith(". Correct --set epochs=many")
    with pytest.raises(UsageError, match=r"preset\.yaml with attackers\.two\.steps=x: 1 mistake\n  attackers\.two\.steps: found 'x'"):
        preset(tmp_path, "attackers.two.steps=x")
