"""Bad input: each kind has its own message and exit code, the rest of the work is done, nothing of the user's is touched."""

from __future__ import annotations

import errno
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from safetensors.torch import load_file, save_file

from staa_cli.audio.files import read_audio

from ..conftest import Outcome, Staa, World
from .conftest import BAD, GOOD, contents, in_process, make_mixture, make_waves, results, run_process, work_of

Attack = Callable[..., Outcome]


@pytest.fixture(params=["attack", "baseline"])
def attack(request: pytest.FixtureRequest, staa: Staa, world: World) -> Attack:
    """Either command that attacks files: `attack(INPUT…, "-o", OUT)`."""
    if request.param == "attack":
        return lambda *rest: staa("attack", world.generator, *rest)
    return lambda *rest: staa("baseline", world.recipes["pgd"], "--threat", world.emo18, *rest)


def copy_of(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


# --- Files


def test_where_every_file_failed_no_others_are_promised(attack: Attack, tmp_path: Path) -> None:
    text = tmp_path / "notes.md"
    text.write_text("no sound")
    outcome = attack(text, "-o", tmp_path / "out")
    assert outcome.code == 1
    assert f"1 of 1 files failed; there are no others in {tmp_path / 'out'}" in outcome.err


def test_damaged_files_fail_alone(attack: Attack, tmp_path: Path) -> None:
    good = make_mixture(tmp_path / "in")
    before = contents(tmp_path / "in")
    outcome = attack(tmp_path / "in", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert f"{len(BAD)} of {len(BAD) + len(good)} files failed" in outcome.err
    assert contents(tmp_path / "in") == before
    records = {record["file"]: record for record in results(tmp_path / "out")}
    assert records.keys() == {*good, *BAD}
    for name, (_, words) in BAD.items():
        line = next(line for line in outcome.err.splitlines() if name in line)
        assert words in line
        assert words in records[name]["error"]
        assert not (tmp_path / "out" / name).exists()
    for name in good:
        clean, written = read_audio(tmp_path / "in" / name), read_audio(tmp_path / "out" / records[name]["output"])
        assert len(clean.samples) == len(written.samples) == records[name]["audio"]["samples"]
        assert records[name]["linf"] == pytest.approx(float(abs(written.samples - clean.samples).max()))
        # 16-bit steps are cut towards x; the waveform itself is float32, whose sums are exact to a 24-bit step.
        tolerance = 0 if records[name]["audio"]["subtype"] == "PCM_16" else 2**-23
        assert records[name]["linf"] <= records[name]["epsilon"] + tolerance
        assert soundfile.info(tmp_path / "out" / records[name]["output"]).samplerate == 16_000
    subtypes = {name: records[name]["audio"]["subtype"] for name in good}
    assert subtypes == {
        "8-bit.wav": "PCM_16",
        "16-bit.wav": "PCM_16",
        "24-bit.wav": "PCM_24",
        "float.wav": "FLOAT",
        "flac.flac": "PCM_16",
        "48k-stereo.wav": "PCM_16",
    }
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["summary"]["failed"] == len(BAD)


def test_a_repaired_file_completes_the_run(attack: Attack, tmp_path: Path) -> None:
    make_mixture(tmp_path / "in")
    assert attack(tmp_path / "in", "-o", tmp_path / "out").code == 1
    first = {record["file"]: record for record in results(tmp_path / "out")}
    for name in BAD:
        (tmp_path / "in" / name).write_bytes(GOOD)
    assert attack(tmp_path / "in", "-o", tmp_path / "out").code == 0
    second = {record["file"]: record for record in results(tmp_path / "out")}
    assert all("error" not in record for record in second.values())
    assert all(second[name] == first[name] for name in first.keys() - BAD.keys())


def test_only_damaged_files(attack: Attack, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").write_text("x")
    outcome = attack(tmp_path / "in", "-o", tmp_path / "out", "--json")
    assert outcome.code == 1
    assert json.loads(outcome.out)["summary"]["utterances"] == 0


def test_prepare_leaves_damaged_files_out(staa: Staa, world: World, tmp_path: Path) -> None:
    good = make_mixture(tmp_path / "in")
    rows = [f"{name},calm,{'abc'[index % 3]},{('train', 'val', 'test')[index % 3]}" for index, name in enumerate(good)]
    rows += [f"{name},calm,a,train" for name in (*BAD, "gone.wav")] + ["x.wav,,a,train", f"{good[0]},glad,a,train", "..,calm,a,train"]
    (tmp_path / "in" / "table.csv").write_text("file,emotion,speaker,split\n" + "\n".join(rows) + "\n")
    before = contents(tmp_path / "in")
    outcome = staa("prepare", world.recipes["prepare"], "--source", tmp_path / "in" / "table.csv", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert contents(tmp_path / "in") == before
    words = {name: text for name, (_, text) in BAD.items()} | {
        "gone.wav": "does not exist",
        "line 14": "no value for emotion",
        "line 15": "stands in an earlier line already",
        "line 16": "is a folder",
    }
    for name, text in words.items():
        assert any(name in line and text in line for line in outcome.err.splitlines()), f"{name}: {text}"
    assert len((tmp_path / "out" / "manifest.csv").read_text().splitlines()) == 1 + len(good)
    problems = json.loads((tmp_path / "out" / "metrics.json").read_text())["summary"]["problems"]
    assert len(problems) == len(words)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist, expected an audio file or a folder"),
        (lambda path: path.mkdir(), "is an empty folder, expected .wav"),
        (lambda path: (path.mkdir(), (path / "notes.txt").write_text("x")), "holds no audio file"),
    ],
    ids=["missing", "empty", "no audio"],
)
def test_folders_without_audio(attack: Attack, tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "in")
    outcome = attack(tmp_path / "in", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert words in outcome.err
    assert not (tmp_path / "out").exists()


def test_unreadable_file_fails_alone(attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, to whom nothing is forbidden: the refusal is played."""
    make_waves(tmp_path / "in", "a.wav", "b.wav")
    read, open_ = Path.read_bytes, Path.open

    def refuse(original: Callable[..., object]) -> Callable[..., object]:
        def method(path: Path, *arguments: object, **options: object) -> object:
            if path.name == "a.wav" and path.parent.name == "in":
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return original(path, *arguments, **options)

        return method

    monkeypatch.setattr(Path, "read_bytes", refuse(read))
    monkeypatch.setattr(Path, "open", refuse(open_))
    outcome = attack(tmp_path / "in", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "not allowed to read or write" in outcome.err
    assert "Errno" not in outcome.err
    assert (tmp_path / "out" / "b.wav").is_file()


# --- Output folders


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("in", "output folder {out} is the input itself"),
        (".", "lies inside the output folder"),
        ("notes.txt", "is a file, expected a new or empty folder"),
        ("notes.txt/below", "notes.txt is a file; choose another folder with -o"),
        ("foreign", "holds files that staa did not write"),
        ("dangling", "broken symbolic link"),
        ("/proc/staa-out", "cannot be made"),
    ],
)
def test_outputs_that_are_refused(attack: Attack, tmp_path: Path, out: str, words: str) -> None:
    make_waves(tmp_path / "in", "a.wav")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("mine too")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = contents(tmp_path)
    place = tmp_path / out
    for extra in ((), ("--overwrite",)):
        outcome = attack(tmp_path / "in", "-o", place, *extra)
        assert outcome.code == 2
        assert words.format(out=place) in outcome.err
        assert str(place) in outcome.err
        assert contents(tmp_path) == before


def test_mount_point_is_refused_before_the_work(attack: Attack, tmp_path: Path, tiny_disk: Callable[[str], Path]) -> None:
    disk = tiny_disk("1m")
    outcome = attack(make_waves(tmp_path / "in", "a.wav"), "-o", disk)
    assert outcome.code == 2
    assert "is a mount point" in outcome.err


def test_output_inside_the_input_is_never_attacked(attack: Attack, tmp_path: Path) -> None:
    folder = make_waves(tmp_path / "in", "a.wav", "sub/b.wav")
    command = (folder, "-o", folder / "adv")
    assert attack(*command).code == 0
    make_waves(folder, "c.wav")
    assert attack(*command).code == 0
    assert [record["file"] for record in results(folder / "adv")] == ["a.wav", "c.wav", "sub/b.wav"]


def test_listed_output_is_never_attacked(attack: Attack, tmp_path: Path) -> None:
    """`find . -name '*.wav' > list` finds the outputs of an earlier run, and of an interrupted one, too."""
    folder = make_waves(tmp_path / "in", "a.wav", "adv-of-mine.wav", ".adv.staa-partial/x.wav")
    for _ in range(2):
        (tmp_path / "list").write_text("\n".join(str(path) for path in folder.rglob("*.wav")))
        outcome = attack("--files-from", tmp_path / "list", "-o", folder / "adv")
        assert outcome.code == 0, outcome.err
        assert [record["file"] for record in results(folder / "adv")] == ["a.wav", "adv-of-mine.wav"]


def test_prepare_inside_its_source(staa: Staa, tmp_path: Path) -> None:
    folder = make_waves(tmp_path / "corpus", "03a01Fa.wav", "03a01Wa.wav", "08a01Fa.wav", "08a01Wa.wav", "09a01Fa.wav", "09a01Wa.wav")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("step: prepare\ncorpus: emodb\nsplits: {speakers: {train: ['03'], val: ['08'], test: ['09']}}\n")
    command = ("prepare", recipe, "--source", folder, "-o", folder / "prepared")
    assert staa(*command).code == 0
    again = staa(*command)
    assert again.code == 0, again.err
    assert "nothing to do" in again.err
    for out in (folder, tmp_path):
        outcome = staa("prepare", recipe, "--source", folder, "-o", out, "--overwrite")
        assert outcome.code == 2
        assert "the output folder" in outcome.err


# --- Names


@pytest.mark.parametrize(
    ("names", "arguments"),
    [
        (("x/a.wav", "y/a.wav"), ("x/a.wav", "y/a.wav")),
        (("a.flac", "a.wav", "a.flac.wav"), (".",)),
    ],
)
def test_two_files_never_share_a_result(attack: Attack, tmp_path: Path, names: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    folder = make_waves(tmp_path / "in", *names)
    outcome = attack(*(folder / name for name in arguments), "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "would both be written to" in outcome.err


def test_a_suffix_tells_files_of_one_stem_apart(attack: Attack, tmp_path: Path) -> None:
    folder = make_waves(tmp_path / "in", "a.wav", "a.flac", "a.WAV")
    assert attack(folder, "-o", tmp_path / "out").code == 0
    outputs = {record["file"]: record["output"] for record in results(tmp_path / "out")}
    assert outputs == {"a.wav": "a.wav", "a.flac": "a.flac.wav", "a.WAV": "a.WAV.wav"}


def test_a_file_given_twice_is_one_file(attack: Attack, tmp_path: Path) -> None:
    folder = make_waves(tmp_path / "in", "a.wav", "b.wav")
    assert attack(folder / "a.wav", folder / "b.wav", folder / "a.wav", "-o", tmp_path / "out").code == 0
    assert [record["file"] for record in results(tmp_path / "out")] == ["a.wav", "b.wav"]


@pytest.mark.parametrize("name", ["../../secret.wav", "/etc/secret.wav", ""])
def test_a_manifest_cannot_lead_out_of_the_output(attack: Attack, world: World, tmp_path: Path, name: str) -> None:
    data = copy_of(world.data, tmp_path / "data")
    lines = (data / "manifest.csv").read_text().splitlines()
    (data / "manifest.csv").write_text("\n".join([lines[0], ",".join([name, *lines[1].split(",")[1:]])]) + "\n")
    outcome = attack(data, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "expected paths below" in outcome.err


# --- Recipes


def test_three_mistakes_are_named_together(staa: Staa, world: World, tmp_path: Path) -> None:
    recipe = tmp_path / "bad.yaml"
    recipe.write_text("step: baseline\nattack: pgdd\nbudget: {linf: -1}\nsteps: 3\nearly_stpo: on\n")
    outcome = staa("baseline", recipe, make_waves(tmp_path / "in", "a.wav"), "--threat", world.emo18, "-o", tmp_path / "out")
    assert outcome.code == 2
    for words in ("3 mistakes", "did you mean 'pgd'?", "budget.linf: found -1", "did you mean 'early_stop'?", str(recipe)):
        assert words in outcome.err
    assert not (tmp_path / "out").exists()


def test_recipe_of_another_step(staa: Staa, world: World, tmp_path: Path) -> None:
    outcome = staa("baseline", world.recipes["emo18"], world.data, "--threat", world.emo18, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "is a recipe for 'staa train-victim', expected one for 'staa baseline'" in outcome.err


# --- Checkpoints


def tampered(path: Path, kind: str) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    match kind:
        case "pickle":
            path.write_bytes(pickle.dumps({"weights": list(range(1_000))}))
        case "cut":
            path.write_bytes(data[:-100])
        case "tiny":
            path.write_bytes(data[:4])
        case "empty":
            path.write_bytes(b"")
        case "header":
            path.write_bytes(data[:8] + b"?" * length + data[8 + length :])
        case "foreign":
            save_file(load_file(path), path)
        case "metadata" | "unnamed":
            header["__metadata__"]["staa"] = "{" if kind == "metadata" else '{"sort": "victim"}'
            text = json.dumps(header).encode()
            path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pickle", "no safetensors file"),
        ("cut", "damaged"),
        ("tiny", "damaged"),
        ("empty", "damaged"),
        ("header", "damaged"),
        ("foreign", "staa did not write"),
        ("metadata", "damaged"),
        ("unnamed", "does not say what it is"),
    ],
)
@pytest.mark.parametrize("place", ["generator", "threat", "victim"])
def test_damaged_checkpoints(staa: Staa, world: World, tmp_path: Path, place: str, kind: str, words: str) -> None:
    generator, victim = copy_of(world.generator, tmp_path / "generator"), copy_of(world.zhao19, tmp_path / "zhao19")
    folder = {"generator": generator, "threat": generator / "threat", "victim": victim}[place]
    tampered(folder / "model.safetensors", kind)
    outcome = staa("attack", generator, world.data, "--split", "test", "--victim", victim, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert words in outcome.err
    assert str(folder) in outcome.err
    assert not (tmp_path / "out").exists()
    assert in_process(tmp_path / "out") == []


def test_checkpoints_of_another_kind(staa: Staa, world: World, tmp_path: Path) -> None:
    wrong: list[tuple[tuple[object, ...], str]] = [
        (("attack", world.emo18, world.data), "is no generator"),
        (("attack", world.generator, world.data, "--split", "test", "--victim", world.generator), "is a generator, expected a victim"),
        (("baseline", world.recipes["pgd"], world.data, "--threat", world.generator), "is a generator, expected a victim"),
        (("train-generator", world.recipes["staa-net"], "--data", world.data, "--threat", world.generator), "expected a victim"),
        (("attack", world.data, world.data), "holds no model.safetensors, expected a folder made by 'staa train-generator'"),
        (("attack", tmp_path / "gone", world.data), "does not exist"),
        (("attack", world.generator, world.data, "--split", "test", "--victim", world.data), "made by 'staa train-victim'"),
        (("train-victim", world.recipes["emo18"], "--data", world.emo18), "holds no manifest.csv"),
    ]
    for command, words in wrong:
        outcome = staa(*command, "-o", tmp_path / "out")
        assert outcome.code == 2, command
        assert words in outcome.err


def test_weights_of_another_architecture(staa: Staa, world: World, tmp_path: Path) -> None:
    """The header of one model before the weights of another."""
    mixed = copy_of(world.emo18, tmp_path / "mixed")
    data = (world.emo18 / "model.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    save_file(load_file(world.zhao19 / "model.safetensors"), mixed / "model.safetensors", header)
    outcome = staa("attack", world.generator, world.data, "--split", "test", "--victim", mixed, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "does not fit the model that it names" in outcome.err


def test_generator_with_another_recipe_beside_it(staa: Staa, world: World, tmp_path: Path) -> None:
    generator = copy_of(world.generator, tmp_path / "generator")
    text = (generator / "recipe.yaml").read_text()
    (generator / "recipe.yaml").write_text(text.replace("peak_snr_db: 10", "peak_snr_db: 30"))
    outcome = staa("attack", generator, world.data, "--split", "test", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "is not the recipe that the weights beside it were trained with" in outcome.err


def test_labels_that_a_victim_does_not_know(attack: Attack, world: World, tmp_path: Path) -> None:
    data = copy_of(world.data, tmp_path / "data")
    text = (data / "manifest.csv").read_text()
    (data / "manifest.csv").write_text(text.replace(",glad,", ",bored,"))
    outcome = attack(data, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "the labels bored, calm, wild" in outcome.err
    assert "knows calm, glad, wild" in outcome.err
    assert "cannot predict bored" in outcome.err


def test_victims_given_twice_are_one(staa: Staa, world: World, tmp_path: Path) -> None:
    again = copy_of(world.emo18, tmp_path / "again")
    victims = (world.zhao19, world.emo18, world.zhao19, again)
    data = (world.data, "--split", "test")
    outcome = staa("attack", world.generator, *data, *(word for victim in victims for word in ("--victim", victim)), "-o", tmp_path / "a")
    assert outcome.code == 0, outcome.err
    assert list(json.loads((tmp_path / "a" / "metrics.json").read_text())["summary"]["victims"]) == ["emo18", "zhao19"]
    assert staa("attack", world.generator, *data, "--victim", world.zhao19, "-o", tmp_path / "b").code == 0
    assert work_of(tmp_path / "a") == work_of(tmp_path / "b")


# --- Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--split", "tset"), "unknown split 'tset', expected one of train, val, test"),
        (("--device", "tpu"), "unknown device 'tpu'"),
        (("--device", "cuda:²"), "unknown device"),
        (("--device", "cuda"), "torch sees no CUDA device; use --device cpu"),
        (("-q", "-v"), "exclude each other"),
        (("--seed", "-1"), "--seed"),
        (("-0",), "-0 needs a list"),
        (("--files-from", "gone.txt"), "the list gone.txt cannot be read"),
        (("-", "--files-from", "-"), "exclude each other"),
    ],
)
def test_wrong_options(attack: Attack, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple, words: str) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    outcome = attack(world.data, "--split", "test", *options, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert words in outcome.err
    assert not (tmp_path / "out").exists()


def test_split_needs_a_prepared_folder(attack: Attack, tmp_path: Path) -> None:
    outcome = attack(make_waves(tmp_path / "in", "a.wav"), "--split", "test", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "the split 'test' needs a folder made by 'staa prepare'" in outcome.err


# --- A full disk


def test_full_disk_then_space(attack: Attack, tmp_path: Path, tiny_disk: Callable[[str], Path]) -> None:
    disk = tiny_disk("24k")
    folder = make_waves(tmp_path / "in", *(f"{number}.wav" for number in range(8)))
    outcome = attack(folder, "-o", disk / "out")
    assert outcome.code == 1
    assert "no space left on the disk" in outcome.err
    assert "run the same command again to go on" in outcome.err
    assert not (disk / "out").exists()
    done = len(list((disk / ".out.staa-partial").glob("*.wav")))
    assert 0 < done < 8
    tiny_disk("4m")
    outcome = attack(folder, "-o", disk / "out")
    assert outcome.code == 0, outcome.err
    assert "of 8 utterances were finished before" in outcome.err
    assert attack(folder, "-o", tmp_path / "out").code == 0
    assert work_of(disk / "out") == work_of(tmp_path / "out")
    assert [path.name for path in disk.iterdir()] == ["out"]


def test_full_disk_while_training(staa: Staa, world: World, tiny_disk: Callable[[str], Path]) -> None:
    disk = tiny_disk("12m")
    command = ("train-victim", world.recipes["emo18"], "--data", world.data, "-o", disk / "out")
    outcome = staa(*command)
    assert outcome.code == 1
    assert "no space left" in outcome.err
    assert not (disk / "out").exists()
    tiny_disk("60m")
    assert staa(*command).code == 0
    assert work_of(disk / "out") == work_of(world.emo18)


@pytest.mark.parametrize("call", [1, 3, 6, 8])
def test_no_space_at_any_write(staa: Staa, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    folder = make_waves(tmp_path / "in", *(f"{number}.wav" for number in range(5)))
    command = ("attack", world.generator, folder, "-o", tmp_path / "out")
    write, calls = Path.write_bytes, iter(range(1, 100))

    def full(path: Path, data: bytes) -> int:
        if next(calls) == call:
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        outcome = staa(*command)
    assert outcome.code == 1
    assert "no space left on the disk" in outcome.err
    assert not (tmp_path / "out").exists()
    assert staa(*command).code == 0
    assert staa("attack", world.generator, folder, "-o", tmp_path / "undisturbed").code == 0
    assert work_of(tmp_path / "out") == work_of(tmp_path / "undisturbed")
    assert in_process(tmp_path / "out") == []


# --- Usage errors that were once called defects


def test_a_nul_byte_in_a_table(staa: Staa, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"file,emotion,speaker\na\0b.wav,x,y\n")
    outcome = staa("prepare", "csv", "--source", tmp_path / "table.csv", "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "line 2: the path holds a NUL byte" in outcome.err


def test_a_recipe_that_is_nested_too_deeply(staa: Staa, world: World, tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text("a: " + "[" * 3_000 + "]" * 3_000)
    outcome = staa("baseline", tmp_path / "deep.yaml", world.data, "--threat", world.emo18, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "is nested too deeply" in outcome.err


def test_a_step_that_is_a_list(staa: Staa, world: World, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("{step: [baseline], attack: pgd, budget: {linf: 0.1}}")
    outcome = staa("baseline", tmp_path / "odd.yaml", world.data, "--threat", world.emo18, "-o", tmp_path / "out")
    assert outcome.code == 2
    assert "step: found ['baseline'], expected 'baseline'" in outcome.err


def test_a_list_from_a_closed_stdin(world: World, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "staa_cli", "attack", world.generator, "-", "-o", tmp_path / "out"]
    done = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the list of inputs is empty" in done.stderr


def test_signs_that_a_terminal_lacks() -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "", "PYTHONCOERCECLOCALE": "0"}
    done = run_process(sys.executable, "-m", "staa_cli", "baseline", "--list", **ascii_only)
    assert done.code == 0
    assert "C&W \\u2113\\u221e" in done.out


def test_control_characters_in_names_are_shown(staa: Staa, world: World, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/\x1b[31mred\x07.wav").write_text("dear diary")
    make_waves(tmp_path / "in", "a.wav")
    outcome = staa("attack", world.generator, tmp_path / "in", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "\\x1b[31mred\\x07.wav cannot be read as audio" in outcome.err
    assert "\x1b[31m" not in outcome.err
