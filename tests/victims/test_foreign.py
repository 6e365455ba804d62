"""Victims that staa did not train: they answer as they do at home, keep their gradients, and travel with generators."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from staa_cli.commands.advice import advised
from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.victims import plugins
from staa_cli.victims.base import Victim
from staa_cli.victims.checkpoint import LoadedVictim, load_victim
from staa_cli.victims.references import resolve

from ..commands.conftest import results, without_torch
from ..conftest import Staa, World
from .conftest import export, make_classifier, tiny

CPU = torch.device("cpu")
LABELS = ["calm", "glad", "wild"]


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model of each kind; tests must not change them."""
    root = tmp_path_factory.mktemp("foreign")
    return {
        "pt2": export(root / "exported.pt2", tiny(), LABELS),
        "onnx": export(root / "blackbox.onnx", tiny(), LABELS),
        "transformers": make_classifier(root / "published", LABELS),
    }


def speech(seed: int = 0, samples: int = 4_000) -> Tensor:
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(seed)) + 0.02


def gradient(victim: LoadedVictim, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(victim.victim(x)[:, 0].sum(), x)
    return found


# --- They answer as they do at home


@pytest.mark.parametrize("kind", ["pt2", "onnx"])
def test_exported_models_answer_as_the_model_did(foreign: dict[str, Path], kind: str) -> None:
    loaded = load_victim(str(foreign[kind]), CPU)
    assert (loaded.model, loaded.labels) == ({"pt2": "exported", "onnx": "blackbox"}[kind], LABELS)
    for samples in (400, 4_001):
        x = speech(samples=samples)
        torch.testing.assert_close(loaded.victim(x), tiny()(x))
    assert not any(parameter.requires_grad for parameter in loaded.victim.parameters())


def test_exported_model_has_the_model_s_gradient(foreign: dict[str, Path]) -> None:
    x = speech()
    expected = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(tiny()(expected)[:, 0].sum(), expected)
    torch.testing.assert_close(gradient(load_victim(foreign["pt2"], CPU), x), wanted)


@pytest.mark.parametrize("normalise", [True, False, None], ids=["normalised", "as it is", "unsaid"])
def test_transformers_answer_as_their_own_pipeline(tmp_path: Path, normalise: bool | None) -> None:
    from transformers import AutoModelForAudioClassification, Wav2Vec2FeatureExtractor

    folder = make_classifier(tmp_path / "model", LABELS, normalise=normalise)
    x = speech() / 100  # as quiet as the epsilon of a normalisation begins to matter
    extractor = Wav2Vec2FeatureExtractor() if normalise is None else Wav2Vec2FeatureExtractor.from_pretrained(folder)
    values = extractor(list(x.numpy()), sampling_rate=16_000, return_tensors="pt").input_values
    model = AutoModelForAudioClassification.from_pretrained(folder).eval()
    loaded = load_victim(folder, CPU)
    with torch.no_grad():
        torch.testing.assert_close(loaded.victim(x), model(values).logits, rtol=1e-4, atol=1e-5)
    assert (loaded.model, loaded.labels) == ("model", LABELS)
    assert gradient(loaded, x).abs().sum() > 0


def test_labels_of_transformers_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    labels = [f"word{number}" for number in range(11)]
    assert load_victim(make_classifier(tmp_path / "model", labels), CPU).labels == labels


def test_plugin(plugin: Path) -> None:
    loaded = load_victim("plugin:foreign", CPU)
    assert (loaded.model, loaded.labels) == ("foreign", LABELS)
    x = speech()
    torch.testing.assert_close(loaded.victim(x), x.abs().mean(dim=1, keepdim=True) @ torch.tensor([[1.0, -1.0, 0.5]]))
    before = loaded.sha256
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-ser\nVersion: 1.1\n")
    assert resolve("plugin:foreign").sha256 != before, "a new version is another victim"


@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_fixed_sizes(tmp_path: Path, suffix: str) -> None:
    path = export(tmp_path / f"fixed{suffix}", tiny(), LABELS, samples=400, batch=1)
    loaded = load_victim(path, CPU)
    x = speech(samples=400)
    torch.testing.assert_close(loaded.victim(x), tiny()(x))
    with pytest.raises(StaaError, match=r"exported for utterances of 400 samples \(0.025 s\), found 500"):
        loaded.victim(speech(samples=500))


# --- What identifies them


@pytest.mark.parametrize("kind", ["pt2", "onnx", "transformers"])
def test_hash_follows_content_and_labels(foreign: dict[str, Path], tmp_path: Path, kind: str) -> None:
    original = foreign[kind]
    first = resolve(original).sha256
    copied = Path(shutil.copytree(original if original.is_dir() else original.parent, tmp_path / "copy"))
    copy = copied if original.is_dir() else copied / original.name
    assert resolve(copy).sha256 == first
    assert resolve(copy, {"calm": "quiet"}).sha256 != first
    assert resolve(copy, {"other": "word"}).sha256 == first, "a word that the model does not have says nothing of it"
    weights = copy / "model.safetensors" if copy.is_dir() else copy.with_name(f"{copy.name}.data") if kind == "onnx" else copy
    if not weights.is_file():
        weights = copy
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert resolve(copy).sha256 != first


def test_recurrent_layers_can_be_differentiated_on_every_device(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cuDNN wants them in training mode; those with dropout, which would then answer by chance, stay as they are."""
    model = nn.ModuleDict({"plain": nn.GRU(1, 2), "dropping": nn.LSTM(1, 2, num_layers=2, dropout=0.5), "norm": nn.BatchNorm1d(2)})
    monkeypatch.setattr(plugins, "load_plugin", lambda reference: Victim(model, ["a", "b"]))
    load_victim("plugin:foreign", CPU)
    assert [model[name].training for name in ("plain", "dropping", "norm")] == [True, False, False]


@pytest.mark.parametrize("kind", ["pt2", "transformers", "plugin"])
def test_a_copy_beside_a_generator_is_the_same_victim(foreign: dict[str, Path], plugin: Path, tmp_path: Path, kind: str) -> None:
    reference = resolve("plugin:foreign" if kind == "plugin" else foreign[kind], {"glad": "merry"})
    reference.copy_to(tmp_path / "threat")
    copied = resolve(tmp_path / "threat")
    assert (copied.sha256, copied.name, copied.kind) == (reference.sha256, reference.name, reference.kind)
    x = speech()
    assert torch.equal(load_victim(reference, CPU).victim(x), load_victim(copied, CPU).victim(x))
    assert load_victim(copied, CPU).labels == ["calm", "merry", "wild"]


# --- Labels


def test_two_words_for_one_emotion_are_one_class(foreign: dict[str, Path]) -> None:
    x = speech()
    plain, merged = load_victim(foreign["pt2"], CPU), load_victim(resolve(foreign["pt2"], {"wild": "calm"}), CPU)
    assert merged.labels == ["calm", "glad"]
    logits = plain.victim(x)
    torch.testing.assert_close(merged.victim(x), torch.stack([logits[:, [0, 2]].amax(dim=1), logits[:, 1]], dim=1))


def test_mismatch_prints_both_lists_and_the_map_that_helps(staa: Staa, world: World, tmp_path: Path) -> None:
    data = Path(shutil.copytree(world.data, tmp_path / "data"))
    text = (data / "manifest.csv").read_text()
    (data / "manifest.csv").write_text(text.replace(",glad,", ",happiness,").replace(",wild,", ",anger,"))
    model = export(tmp_path / "model.pt2", tiny(4), ["ang", "happy", "calm", "sad"])
    command = ("baseline", world.recipes["pgd"], data, "--split", "test", "--threat", model, "-o", tmp_path / "out")
    outcome = staa(*command)
    assert outcome.code == 2
    assert "the labels anger, calm, happiness" in outcome.err
    assert "'model' knows ang, happy, calm, sad" in outcome.err
    proposal = [line.strip() for line in outcome.err.splitlines() if line.startswith("  ")]
    assert proposal == ["ang: anger", "happy: happiness"], "offered for the words that are missing, and only for those"
    assert "--labels MAP.yaml" in outcome.err
    (tmp_path / "map.yaml").write_text("\n".join(proposal))
    outcome = staa(*command, "--labels", tmp_path / "map.yaml")
    assert outcome.code == 0, outcome.err
    assert {record["clean"] for record in results(tmp_path / "out")} <= {"anger", "happiness", "calm", "sad"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "expected a YAML mapping"),
        ("{", "is no readable YAML"),
        ("calm: 3\n", "expected a YAML mapping"),
        ("clam: quiet\n", 'maps "clam", which no victim predicts'),
    ],
)
def test_wrong_maps(staa: Staa, foreign: dict[str, Path], world: World, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "map.yaml").write_text(text)
    command = ("baseline", world.recipes["pgd"], world.data, "--threat", foreign["pt2"], "--labels", tmp_path / "map.yaml")
    outcome = staa(*command, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert words in outcome.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "says nothing of its labels: write them to"),
        ("a: b\n", "expected a YAML list of words"),
        ("- a\n- 3\n", "expected a YAML list of words"),
        ("- a\n- a\n", "at least 2 different labels"),
        ("- a\n", "at least 2 different labels"),
    ],
)
def test_wrong_label_lists(tmp_path: Path, text: str | None, words: str) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    if text is not None:
        (tmp_path / "model.labels.yaml").write_text(text)
    with pytest.raises(UsageError, match=words):
        resolve(tmp_path / "model.onnx")


# --- The command line


def test_all_kinds_judge_one_attack(staa: Staa, foreign: dict[str, Path], plugin: Path, world: World, tmp_path: Path) -> None:
    victims = [word for victim in (*foreign.values(), "plugin:foreign") for word in ("--victim", victim)]
    command = ("attack", world.generator, world.data, "--split", "test", *victims, "-o", tmp_path / "out")
    outcome = staa(*command)
    assert outcome.code == 0, outcome.err
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert list(metrics["summary"]["victims"]) == ["emo18", "exported", "blackbox", "published", "foreign"]
    assert len(set(metrics["checkpoints"]["victims"])) == 5
    assert "nothing to do" in staa(*command).err


def test_dry_run_with_foreign_victims_needs_no_torch(foreign: dict[str, Path], world: World, tmp_path: Path) -> None:
    victims = [word for victim in foreign.values() for word in ("--victim", victim)]
    options = ("--device", "cpu", "--dry-run", "-o", tmp_path / "out")
    outcome = without_torch("attack", world.generator, world.data, "--split", "test", *victims, *options)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("kind", ["pt2", "transformers"])
def test_generator_against_a_foreign_threat_model(staa: Staa, foreign: dict[str, Path], world: World, tmp_path: Path, kind: str) -> None:
    threat = Path(shutil.copytree(foreign[kind] if kind == "transformers" else foreign[kind].parent, tmp_path / "there"))
    threat = threat if kind == "transformers" else threat / foreign[kind].name
    out = tmp_path / "generator"
    options = ("--set", "epochs=1")
    outcome = staa("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", threat, "-o", out, *options)
    assert outcome.code == 0, outcome.err
    shutil.rmtree(tmp_path / "there")
    outcome = staa("attack", out, world.data, "--split", "test", "--victim", foreign[kind], "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert len(metrics["summary"]["victims"]) == 1, "the threat model, given again, is one victim"


@pytest.mark.parametrize("command", ["baseline", "train-generator"])
def test_black_box_is_no_threat_model(staa: Staa, foreign: dict[str, Path], world: World, tmp_path: Path, command: str) -> None:
    rest = (world.recipes["pgd"], world.data) if command == "baseline" else (world.recipes["staa-net"], "--data", world.data)
    outcome = staa(command, *rest, "--threat", foreign["onnx"], "-o", tmp_path / "out")
    assert outcome.code == 2
    for words in ("ONNX model, which gives no gradients", "--victim", "torch.export"):
        assert words in outcome.err


# --- Bad input


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".pkl", ".ckpt"])
def test_pickles_are_refused_unopened(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    with pytest.raises(UsageError, match="runs whatever code its author put into it"):
        load_victim(path, CPU)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "wav2vec2"}')
    shutil.copy(path, folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"pytorch_model.bin is a pickle.*save_pretrained"):
        load_victim(folder, CPU)
    assert not (tmp_path / "exploded").exists()


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def rewritten(path: Path, target: Path, change: dict[str, bytes]) -> Path:
    """A copy of an archive with entries replaced or added, by the end of their name."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        root = old.namelist()[0].split("/")[0]
        entries = {name: old.read(name) for name in old.namelist()}
        for name, data in ({f"{root}/{end}": data for end, data in change.items()}).items():
            entries[name] = data
        for name, data in entries.items():
            new.writestr(name, data)
    shutil.copy(path.with_suffix(".labels.yaml"), target.with_suffix(".labels.yaml"))
    return target


@pytest.mark.parametrize("place", ["weights", "sample inputs", "object", "compiled"])
def test_pt2_that_hides_code_is_refused_unopened(foreign: dict[str, Path], tmp_path: Path, place: str) -> None:
    """torch.export.load itself unpickles all of these, or would run what is compiled."""
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"), protocol=2)
    with zipfile.ZipFile(foreign["pt2"]) as archive:
        name = next(name for name in archive.namelist() if name.endswith("weights_config.json"))
        config = json.loads(archive.read(name))
    config["config"]["classifier.bias"]["use_pickle"] = True
    path = config["config"]["classifier.bias"]["path_name"]
    change = {
        "weights": {"data/weights/model_weights_config.json": json.dumps(config).encode(), f"data/weights/{path}": bomb},
        "sample inputs": {"data/sample_inputs/model.pt": bomb},
        "object": {"data/constants/custom_obj_0": bomb},
        "compiled": {"data/aotinductor/model/model.so": b"\x7fELF"},
    }[place]
    with pytest.raises(UsageError, match=r"carries"):
        load_victim(rewritten(foreign["pt2"], tmp_path / "bad.pt2", change), CPU)
    assert not (tmp_path / "exploded").exists()


def test_pt2_with_an_entry_twice(foreign: dict[str, Path], tmp_path: Path) -> None:
    """One reader may find the harmless entry, another the other one."""
    path = rewritten(foreign["pt2"], tmp_path / "twice.pt2", {})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(archive.namelist()[0], b"x")
    with pytest.raises(UsageError, match="holds an entry twice"):
        load_victim(path, CPU)


def test_damaged_graph_leaves_no_traceback(foreign: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = rewritten(foreign["pt2"], tmp_path / "graph.pt2", {"models/model.json": b"{}"})
    with pytest.raises(UsageError, match="is damaged or was written by another version of torch"):
        load_victim(path, CPU)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["pt2", "onnx"])
@pytest.mark.parametrize("how", ["truncated", "text", "empty"])
def test_damaged_exports(foreign: dict[str, Path], tmp_path: Path, kind: str, how: str) -> None:
    path = tmp_path / f"bad.{kind}"
    data = foreign[kind].read_bytes()
    path.write_bytes({"truncated": data[: len(data) // 2], "text": b"dear diary", "empty": b""}[how])
    shutil.copy(foreign[kind].with_suffix(".labels.yaml"), path.with_suffix(".labels.yaml"))
    with pytest.raises(UsageError, match="is damaged or no"):
        load_victim(path, CPU)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": b"cut"}, "is damaged or no audio classifier"),
        ({"config.json": b"{"}, "cannot be read"),
        ({"config.json": b"[]"}, "holds a list, expected keys"),
        ({"preprocessor_config.json": b"{"}, "cannot be read"),
        ({"preprocessor_config.json": b'{"sampling_rate": 8000}'}, "takes audio at 8000 Hz, expected 16000 Hz"),
        ({"model_type": "bert"}, "holds a model of type 'bert', expected one that takes the waveform"),
        ({"hidden_size": 32}, "have another shape of"),
        ({"hidden_size": "wide"}, "is damaged or no audio classifier"),
        ({"num_hidden_layers": 3}, "lack wav2vec2.encoder.layers.2"),
        ({"head": "classifier.dense"}, "lack classifier.bias, classifier.weight"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_damaged_transformers(foreign: dict[str, Path], tmp_path: Path, change: dict, words: str) -> None:
    folder = Path(shutil.copytree(foreign["transformers"], tmp_path / "model"))
    weights = folder / "model.safetensors"
    for key, value in change.items():
        if key == "weights":
            weights.write_bytes(weights.read_bytes()[:-100])
        elif key == "head":
            # A head of another form, as many published emotion models have it: transformers would make up the one that it expects.
            tensors = {name.replace("classifier.", f"{value}."): tensor for name, tensor in load_file(weights).items()}
            save_file(tensors, weights, {"format": "pt"})
        elif key.endswith(".json"):
            (folder / key).write_bytes(value)
        else:
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps({**config, key: value}))
    with pytest.raises(UsageError, match=words):
        load_victim(folder, CPU)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plugin:foriegn", "unknown plugin 'foriegn', expected one of 'broken', 'foreign'.*did you mean 'foreign'"),
        ("plugin:number", "returned a int, expected a torch.nn.Module"),
        ("plugin:unlabelled", "has labels None, expected an attribute 'labels'"),
        ("plugin:broken", "failed to build its model: RuntimeError: no weights here"),
        ("plugin:os.system", "unknown plugin 'os.system'"),
    ],
)
def test_wrong_plugins(plugin: Path, name: str, words: str) -> None:
    with pytest.raises(StaaError, match=words):
        load_victim(name, CPU)


def test_no_plugin_installed() -> None:
    with pytest.raises(UsageError, match="no installed package registers a victim"):
        load_victim("plugin:foreign", CPU)


def test_other_things(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"x")
    with pytest.raises(UsageError, match="is a file, expected a victim"):
        load_victim(tmp_path / "model.tflite", CPU)


def test_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*arguments: object, **options: object) -> None:
        raise OSError("cannot connect\nand so on")

    monkeypatch.setattr("huggingface_hub.snapshot_download", no_network)
    with pytest.raises(UsageError, match=r"\(cannot connect\)") as refusal:
        load_victim("hf:org/ser", CPU)
    assert "; fetch it with 'hf download org/ser --local-dir DIR'" in advised(refusal.value)


def test_a_name_of_the_hub_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="org/ser does not exist here; a model of the Hugging Face hub is written hf:org/ser"):
        load_victim("org/ser", CPU)
    (tmp_path / "org").mkdir()
    with pytest.raises(UsageError, match="does not exist, expected a folder made by"):
        load_victim("org/ser/model", CPU)


def test_hub_model(foreign: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: str(foreign["transformers"]))
    loaded = load_victim("hf:org/ser", CPU)
    assert (loaded.model, loaded.sha256) == ("ser", resolve(foreign["transformers"]).sha256)


def test_onnx_without_its_extra(foreign: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"needs onnxruntime: install staa with the extra 'onnx'"):
        load_victim(foreign["onnx"], CPU)
