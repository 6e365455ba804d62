"""What goes into which table."""

from __future__ import annotations

import copy
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from staa_cli.evaluation.request import refined
from staa_cli.reporting.formats import render
from staa_cli.reporting.model import Beside, Number, Table
from staa_cli.reporting.pooling import Entry, differing
from staa_cli.reporting.runs import FinishedRun, LoadedRun
from staa_cli.reporting.tables import TABLES, build_tables
from staa_cli.runtime.errors import UsageError

from .conftest import PAPER


def only(runs: list[LoadedRun], which: str, published: bool = False) -> Table:
    (table,) = build_tables(runs, which, published)
    return table


def keys(table: Table) -> list[str]:
    return [column.key for column in table.shown]


def test_every_kind_that_the_runs_fill_in_order(mixed: Any) -> None:
    assert [table.name for table in build_tables(mixed)] == ["corpus", "victims", "attacks", "ablation"]
    assert [table.name for table in build_tables(mixed[1:3])] == ["victims"]


def test_corpus_counts_add_up(prepared: Any) -> None:
    table = only([prepared()], "corpus")
    assert keys(table) == ["split", "anger", "fear", "neutral", "total", "speakers", "minutes"]
    numbers = [[row[key].value for key in keys(table)[1:]] for row in table.rows]  # type: ignore[union-attr]
    assert [row["split"] for row in table.rows] == ["train", "val", "test", "total"]
    assert numbers == [[7, 3, 5, 15, 2, 10.0], [2, 0, 0, 2, 1, 1.5], [0, 6, 1, 7, 2, 0.5], [9, 9, 6, 24, 5, 12.0]]


def test_a_corpus_prepared_twice_is_told_apart_by_its_folder(prepared: Any) -> None:
    tables = build_tables([prepared(name="a"), prepared(name="b"), prepared("ravdess")], "corpus")
    assert [table.title for table in tables] == [
        "Emotion distribution of EmoDB (runs/a)",
        "Emotion distribution of EmoDB (runs/b)",
        "Emotion distribution of RAVDESS",
    ]


def test_victims_show_the_corpus_only_where_it_differs(victim: Any) -> None:
    one = only([victim("zhao19"), victim("emo18")], "victims")
    assert keys(one) == ["model", "val_accuracy", "val_uar", "test_accuracy", "test_uar"]
    assert [row["model"] for row in one.rows] == ["Emo18", "Zhao19"]
    assert "EmoDB" in one.title
    two = only([victim("emo18"), victim("emo18", "ravdess")], "victims")
    assert [row["corpus"] for row in two.rows] == ["EmoDB", "RAVDESS"]
    assert keys(two)[0] == "corpus"


def test_victims_without_a_split_have_no_columns_for_it(victim: Any) -> None:
    assert keys(only([victim(val=None)], "victims")) == ["model", "test_accuracy", "test_uar"]
    both = only([victim(val=None), victim("zhao19", test=None)], "victims")
    assert both.rows[0].get("val_uar") is None
    assert both.rows[1]["val_uar"] == Number(68.0)


def test_val_and_test_of_one_attacker_share_a_row(attack: Any) -> None:
    table = only([attack(split="test", snr=18.0), attack(split="val", snr=19.0)], "attacks")
    (row,) = table.rows
    assert (row["snr_val"], row["snr_test"]) == (Number(19.0), Number(18.0))
    measures = [f"{measure}_{split}" for measure in ("snr", "sparsity", "seconds", "emo18", "zhao19") for split in ("val", "test")]
    assert keys(table) == ["threat_model", "attacker", *measures]


def test_empty_splits_and_unmeasured_victims_have_no_columns(attack: Any) -> None:
    table = only([attack(asr={"emo18": 1.0, "wavlm": None}), attack("PGD", asr={"zhao19": 2.0})], "attacks")
    assert keys(table) == ["threat_model", "attacker", "snr_val", "sparsity_val", "seconds_val", "emo18_val", "zhao19_val"]
    assert table.rows[0].get("emo18_val") is None


def test_attack_rows_are_ordered_as_in_the_paper(attack: Any) -> None:
    threats, attackers = ("mine", "wavlm", "emo18"), ("STAA-Net", "SparseFool", "PGD")
    table = only([attack(attacker, threat) for threat in threats for attacker in attackers], "attacks")
    names = [(row["threat_model"], row["attacker"]) for row in table.rows]
    assert names == [(threat, attacker) for threat in ("Emo18", "WavLM", "mine") for attacker in ("SparseFool", "PGD", "STAA-Net")]


def test_budgets_are_a_column_where_they_differ(attack: Any) -> None:
    same = only([attack(), attack("PGD")], "attacks")
    assert "budget" not in keys(same)
    assert "Budget: peak SNR 20 dB" in same.notes
    table = only([attack(), attack(budget={"linf": 0.05, "peak_snr_db": None}, name="linf")], "attacks")
    assert [row["budget"] for row in table.rows] == ["20 dB", "ε 0.05"]
    assert "Budget: peak SNR 20 dB, or ε 0.05 on the waveform in [-1, 1]" in table.notes
    assert "budget" in keys(table)
    log_mel = only([attack(budget={"db": 4}, name="mel")], "attacks")
    assert "Budget: ε 4 dB on the log-Mel spectrogram" in log_mel.notes


def test_a_legend_says_what_the_headings_mean(attack: Any) -> None:
    for which in ("attacks", "ablation"):
        notes = "\n".join(only([attack(PAPER)], which).notes)
        for words in (
            "ASR, attack success rate: share of all utterances",
            "share of samples changed, lower is sparser",
            "Speed: median seconds per",
        ):
            assert words in notes


def test_notes_say_headings_not_keys(attack: Any) -> None:
    runs = [attack(split=None, seed=seed, asr={"cnn-lstm": asr}, snr=None) for seed, asr in enumerate((1.0, None))]
    assert any(note.endswith("; ASR on CNN-LSTM (%) over 1") for note in only(runs, "attacks").notes)


def test_queries_have_a_column_where_an_attacker_counts_them(attack: Any) -> None:
    table = only([attack(), attack("One-Pixel", queries=5_123.4)], "attacks")
    assert "queries_val" in keys(table)
    assert [row.get("queries_val") for row in table.rows] == [Number(5_123.4), None]
    assert any(note.startswith("Queries: ") for note in table.notes)
    assert "One-Pixel" in (text := render([table], "markdown"))
    assert " 5123 |" in text
    assert "queries_val" not in keys(only([attack()], "attacks"))


def test_targets_are_explained_and_never_averaged_with_untargeted_runs(attack: Any) -> None:
    def run(target: str | None, seed: int) -> LoadedRun:
        title = "PGD" if target is None else f"PGD → {target}"
        recipe = {"attack": "pgd", "budget": {"peak_snr_db": 20}, "target": target}
        made: LoadedRun = attack(title, target=target, seed=seed, name=f"{title}{seed}", recipe=recipe)
        return made

    table = only([run(None, 0), run("fear", 0), run("fear", 1), run("anger", 0)], "attacks")
    assert [row["attacker"] for row in table.rows] == ["PGD", "PGD → fear", "PGD → anger"]
    assert any("targeted" in note for note in table.notes)


def test_a_key_that_an_older_recipe_does_not_know_is_no_difference(attack: Any) -> None:
    said = {"attack": "sparsefool", "budget": {"linf": 0.05}}
    runs = [attack("SparseFool", recipe=said), attack("SparseFool", seed=1, recipe={**said, "lam": 3.0, "reference": "prediction"})]
    assert len(only(runs, "attacks").rows) == 1
    others = [attack("SparseFool", seed=seed, recipe={**said, "lam": float(seed)}) for seed in (2, 3)]
    assert [row["attacker"] for row in only(runs[:1] + others, "attacks").rows] == [
        "SparseFool",
        "SparseFool (lam 2.0)",
        "SparseFool (lam 3.0)",
    ]


def test_a_seed_that_comes_twice_is_no_repetition(attack: Any) -> None:
    old, new = attack(recipe={"epochs": 3}), attack(recipe={"epochs": 3, "augment": {"shift": 1.0}}, name="new")
    assert [row["attacker"] for row in only([old, new], "attacks").rows] == ["STAA-Net", "STAA-Net (augment.shift 1.0)"]


def test_threat_models_of_one_name_are_told_apart_by_their_weights(attack: Any) -> None:
    def judged(seed: int, threat: str) -> LoadedRun:
        made: LoadedRun = attack(seed=seed, name=f"{threat}-{seed}", checkpoints={"victims": [threat * 64]})
        return made

    plain, noise = judged(0, "a"), judged(0, "b")
    assert [row["attacker"] for row in only([plain, noise], "attacks").rows] == [
        "STAA-Net (threat model aaaaaaa)",
        "STAA-Net (threat model bbbbbbb)",
    ]
    assert len(only([plain, judged(1, "b")], "attacks").rows) == 1, "each seed has its own"
    one, other = ({"attack": "pgd", "steps": 5}, "a"), ({"steps": 5, "attack": "pgd"}, "b")
    made = [attack(recipe=recipe, name=threat, checkpoints={"victims": [threat * 64]}) for recipe, threat in (one, other)]
    assert len(only(made, "attacks").rows) == 2, "in whatever order recipes have their keys"


def test_each_seed_has_its_own_threat_model_also_where_a_setting_is_swept(attack: Any) -> None:
    def swept(seed: int, steps: int, threat: str) -> LoadedRun:
        name, recipe = f"{threat}-{seed}-{steps}", {"attack": "pgd", "steps": steps}
        made: LoadedRun = attack("PGD", seed=seed, name=name, recipe=recipe, checkpoints={"victims": [threat * 64]})
        return made

    runs = [swept(seed, steps, threat) for seed, threat in ((0, "a"), (1, "b")) for steps in (5, 10)]
    assert [row["attacker"] for row in only(runs, "attacks").rows] == ["PGD (steps 5)", "PGD (steps 10)"]
    again = only([*runs, swept(0, 5, "c")], "attacks")
    assert len(again.rows) == 5, "with another threat model for one of the seeds, none can be averaged"
    assert all("threat model" in str(row["attacker"]) for row in again.rows)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ({"positions": None}, {"positions": {"percent": 5.0}}, ["positions.percent"]),
        ({}, {"positions": {"percent": 5.0}}, []),
        ({}, {"positions": None}, []),
        ({"augment": {"shift": None}}, {"augment": {"shift": 1.0, "mask": 2}}, ["augment.shift"]),
        ({"labels": {}}, {"labels": None}, ["labels"]),
        ({"inner": {"seed": 1}, "seed": 2}, {"inner": {"seed": 3}, "seed": 4}, []),
    ],
)
def test_what_two_recipes_differ_in(attack: Any, one: dict[str, Any], other: dict[str, Any], differ: list[str]) -> None:
    runs = [FinishedRun(*attack(recipe=recipe, seed=seed)) for seed, recipe in enumerate((one, other))]
    assert differing([Entry(run, {}, "", {}, run.settings) for run in runs]) == differ


def test_each_corpus_has_its_table(attack: Any) -> None:
    tables = build_tables([attack(corpus="emovo"), attack(corpus="demos"), attack("PGD", corpus="emovo")], "attacks")
    assert [table.title for table in tables] == ["Attack performance on EMOVO", "Attack performance on DEMoS"]
    assert [len(table.rows) for table in tables] == [2, 1]


def test_folders_without_a_corpus_have_one_set_of_columns_and_are_not_averaged(attack: Any) -> None:
    def folder(name: str, inputs: str, seed: int) -> LoadedRun:
        made: LoadedRun = attack(split=None, corpus=None, seed=seed, snr=20.0 + seed, name=name, inputs={"sha256": inputs})
        return made

    table = only([folder("a", "1", 0), folder("b", "2", 0), folder("c", "2", 1)], "attacks")
    assert keys(table)[2:] == ["snr", "sparsity", "seconds", "emo18", "zhao19"]
    assert [row["attacker"] for row in table.rows] == ["STAA-Net (inputs of a)", "STAA-Net (inputs of b)"]
    assert table.rows[1]["snr"] == Number(20.5, stdev([20, 21]), 2)


def test_seeds_become_mean_and_standard_deviation(attack: Any) -> None:
    values = [80.0, 81.5, 86.0]
    table = only([attack(seed=seed, asr={"emo18": value}) for seed, value in enumerate(values)], "attacks")
    (row,) = table.rows
    assert row["emo18_val"] == Number(fmean(values), stdev(values), 3, beside=Beside())
    assert "Every number: mean ± standard deviation (n − 1) over 3 runs (seeds 0, 1, 2)" in table.notes


def test_single_runs_are_plain_and_missing_values_are_counted(attack: Any) -> None:
    table = only([attack(seed=0), attack(seed=1, snr=None), attack("PGD")], "attacks")
    pgd, staa = table.rows
    assert pgd["snr_val"] == Number(20.0)
    assert staa["snr_val"] == Number(20.0)
    assert "STAA-Net: mean ± standard deviation (n − 1) over 2 runs (seeds 0, 1); SNR (dB) Val over 1" in table.notes
    table = only([attack(seed=seed, snr=value) for seed, value in enumerate((18.0, None, 20.0))], "attacks")
    assert table.rows[0]["snr_val"] == Number(19.0, stdev([18, 20]), 2)


def test_runs_with_other_settings_are_not_averaged(attack: Any, victim: Any) -> None:
    short, long = {"steps": 20, "positions": None}, {"steps": 40, "positions": {"percent": 12.5}}
    table = only(
        [attack("PGD", seed=0, recipe=short), attack("PGD", seed=1, recipe=short), attack("PGD", recipe=long, name="long")], "attacks"
    )
    assert [row["attacker"] for row in table.rows] == ["PGD (steps 20)", "PGD (steps 40, positions.percent 12.5)"]
    assert [row["snr_val"].runs for row in table.rows] == [2, 1]  # type: ignore[union-attr]
    rates = only([victim(recipe={"learning_rate": rate}) for rate in (0.001, 0.01)], "victims")
    assert len(rates.rows) == 1, "the same folder twice counts once"
    rates = only([victim(seed=seed, recipe={"learning_rate": rate}) for seed, rate in enumerate((0.001, 0.01))], "victims")
    assert [row["model"] for row in rates.rows] == ["Emo18 (learning_rate 0.001)", "Emo18 (learning_rate 0.01)"]


def test_val_and_test_may_come_from_generators_trained_on_different_splits(attack: Any) -> None:
    runs = [attack(split="val", recipe={"train_on": "train"}), attack(split="test", recipe={"train_on": "train+val"})]
    assert [row["attacker"] for row in only(runs, "attacks").rows] == ["STAA-Net"]


def test_runs_on_different_inputs_are_not_averaged(attack: Any, victim: Any) -> None:
    def names(made: Any, counts: str, hashes: str) -> list[Any]:
        """Of the rows of runs that differ in their seed, with these inputs."""
        runs = [
            made(seed=seed, inputs={"count": int(count), "sha256": sha256})
            for seed, (count, sha256) in enumerate(zip(counts, hashes, strict=True))
        ]
        table = build_tables(runs)[0]
        return [row.get("attacker", row.get("model")) for row in table.rows]

    assert names(attack, "555", "aaa") == ["STAA-Net"]
    assert names(attack, "564", "aba") == ["STAA-Net (5 inputs)", "STAA-Net (6 inputs)", "STAA-Net (4 inputs)"]
    one, two = "STAA-Net-emo18-emodb-val-0-", "STAA-Net-emo18-emodb-val-1-"
    assert names(attack, "555", "abb") == [f"STAA-Net (inputs of {one})", f"STAA-Net (inputs of {two})"]
    assert names(victim, "55", "aa") == ["Emo18"]
    assert names(victim, "55", "ab") == ["Emo18 (inputs of emo18-emodb-0)", "Emo18 (inputs of emo18-emodb-1)"]


def test_inputs_in_folders_of_one_name_are_told_apart_by_the_whole_path(attack: Any) -> None:
    runs = [(Path(f"runs/seed-{seed}/pgd"), attack("PGD", seed=0, inputs={"count": 8, "sha256": f"{seed}"})[1]) for seed in range(2)]
    assert [row["attacker"] for row in only(runs, "attacks").rows] == [
        "PGD (inputs of runs/seed-0/pgd)",
        "PGD (inputs of runs/seed-1/pgd)",
    ]


def test_one_seed_against_three_victims_of_one_model_is_repeated(attack: Any) -> None:
    runs = [(Path(f"runs/seed-{victim}/pgd"), attack("PGD", inputs={"count": 8, "sha256": "a"})[1]) for victim in range(3)]
    (row,) = only(runs, "attacks").rows
    assert row["emo18_val"] == Number(81.25, 0.0, 3, beside=Beside())


def test_two_victims_of_one_model(attack: Any) -> None:
    table = only([attack(asr={"emo18:a": 1.0, "emo18:b": 2.0})], "attacks")
    assert [column.title for column in table.shown][-2:] == ["ASR on Emo18:a (%) Val", "ASR on Emo18:b (%) Val"]


def test_a_folder_given_twice_counts_once(attack: Any) -> None:
    path, metrics = attack()
    table = only([(path, metrics), (Path("runs/../") / path, metrics)], "attacks")
    assert table.rows[0]["snr_val"] == Number(20.0)


def test_ablations_stay_out_of_the_attack_table_unless_asked_for(mixed: Any, attack: Any) -> None:
    attacks, ablation = build_tables(mixed)[2:]
    assert {row["attacker"] for row in attacks.rows} == {"PGD", "SparseFool", "One-Pixel", PAPER}
    assert [row["attacker"] for row in ablation.rows] == ["w/o sparsity loss", "w/o quantisation loss", PAPER, PAPER]
    asked = only([attack(PAPER), attack(PAPER, ablation="w/o sparsity loss")], "attacks")
    assert {row["attacker"] for row in asked.rows} == {PAPER, f"{PAPER} w/o sparsity loss"}


def test_the_ablation_is_of_the_papers_form_alone(mixed: Any, attack: Any) -> None:
    ours = [attack("STAA-Net 5 %"), attack("STAA-Net guided 5 %")]
    assert only([*mixed, *ours], "ablation").rows == only(mixed, "ablation").rows
    with pytest.raises(UsageError, match=r"'ablation' needs results of 'staa attack' with STAA-Net \(paper\)"):
        only(ours, "ablation")


def sweep(attack: Any, percent: float | None, seed: int = 0, refine: int = 0, **extra: Any) -> LoadedRun:
    """A run of a generator, as `staa attack` keeps it."""
    name = f"STAA-Net guided {percent:g} %" + (f" {refined(refine)}" if refine else "")
    generator = {"step": "train-generator", "guide": "gradient", "epochs": 20, "seed": seed}
    recipe = {"sparsity": percent, "snr": None, "target": None, "refine": refine, "generator": generator}
    made: LoadedRun = attack(name, seed=seed, sparsity=percent, recipe=recipe, **extra)
    del made[1]["recipe"]["seed"]  # its generator's is the only one
    return made


def test_the_rows_of_a_sweep_stand_in_the_order_of_its_values_and_pool_over_seeds(attack: Any) -> None:
    percents = (10.0, 16.5, 1.0, 2.0, 6.25, 5.0)
    runs = [sweep(attack, percent, seed, asr={"emo18": percent + seed}) for seed in range(3) for percent in percents]
    runs += [sweep(attack, 2.0, refine=refine) for refine in (20, 1, 5)]
    table = only([*runs, attack("sPGD 16 %"), attack("BIM"), attack("sPGD 2 %")], "attacks")
    guided = [f"STAA-Net guided {percent} %" for percent in ("1", "2", "5", "6.25", "10", "16.5")]
    stepped = [f"STAA-Net guided 2 % {refined(refine)}" for refine in (1, 5, 20)]
    assert [row["attacker"] for row in table.rows] == ["sPGD 2 %", "sPGD 16 %", "BIM", *guided, *stepped]
    assert table.rows[3]["emo18_val"] == Number(2.0, 1.0, 3, beside=Beside())
    assert [row["sparsity_val"].runs for row in table.rows] == [1] * 3 + [3] * 6 + [1] * 3  # type: ignore[union-attr]


def test_generators_trained_otherwise_are_no_repetitions(attack: Any) -> None:
    runs = [sweep(attack, 5.0, seed) for seed in range(2)]
    runs[1][1]["recipe"]["generator"]["epochs"] = 40
    assert [row["attacker"] for row in only(runs, "attacks").rows] == [
        "STAA-Net guided 5 % (generator.epochs 20)",
        "STAA-Net guided 5 % (generator.epochs 40)",
    ]


def test_budgets_of_a_sweep_stand_in_the_order_of_their_values(attack: Any) -> None:
    runs = [attack(budget={"peak_snr_db": decibels}, name=f"{decibels}") for decibels in (30, 5, 20)]
    assert [row["budget"] for row in only(runs, "attacks").rows] == ["5 dB", "20 dB", "30 dB"]


def test_failures_and_devices_are_noted(attack: Any) -> None:
    table = only([attack(failed=3), attack("PGD", device="cuda:0")], "attacks")
    assert "runs/STAA-Net-emo18-emodb-val-0-: 3 utterances failed, not counted" in table.notes
    speed = "Speed: median seconds per utterance, the attack alone, on"
    assert f"{speed} cpu (STAA-Net); cuda:0 (PGD)" in table.notes
    path, metrics = attack()
    metrics["summary"]["batch_size"] = 8
    assert f"{speed} cpu in batches of 8" in only([(path, metrics)], "attacks").notes


def test_rows_that_rest_on_other_inputs_are_noted(attack: Any) -> None:
    many, few = attack(), attack("One-Pixel")
    many[1]["inputs"], few[1]["inputs"] = {"count": 16, "sha256": "a"}, {"count": 4, "sha256": "b"}
    assert "Inputs differ, val: 16 inputs (STAA-Net); 4 inputs (One-Pixel)" in only([many, few], "attacks").notes
    assert not [note for note in only([many], "attacks").notes if "differ" in note]


def test_null_summaries_are_empty_cells(attack: Any) -> None:
    path, metrics = attack()
    for key in ("sparsity_percent", "snr_peak_db", "seconds_per_utterance", "budget"):
        metrics["summary"][key] = None
    (row,) = only([(path, metrics)], "attacks").rows
    assert [row.get(key) for key in ("snr_val", "sparsity_val", "seconds_val", "budget")] == [None] * 4


def test_runs_are_not_changed(mixed: Any) -> None:
    before = copy.deepcopy(mixed)
    build_tables(mixed, None, published=True)
    assert mixed == before


@pytest.mark.parametrize(
    ("which", "index", "words"),
    [
        ("victims", 0, ["runs/corpus", "'staa prepare'", "'victims'", "'staa train-victim'"]),
        ("corpus", 1, ["runs/emo18-emodb-0", "'staa train-victim'", "'corpus'", "'staa prepare'"]),
        ("ablation", 3, ["runs/PGD", "'staa baseline' with PGD", "'ablation'", "'staa attack' with STAA-Net"]),
        (None, None, ["runs/stranger", "'staa stroll'", "no table"]),
    ],
)
def test_a_run_that_fits_no_table_is_named(mixed: Any, which: str | None, index: int | None, words: list[str]) -> None:
    stranger = (Path("runs/stranger"), {"command": "stroll", "summary": {}})
    runs = [stranger] if index is None else [mixed[index]]
    with pytest.raises(UsageError) as caught:
        build_tables(runs, which)
    assert [word for word in words if word not in str(caught.value)] == []


def test_unknown_tables_and_nothing_to_report(mixed: Any) -> None:
    with pytest.raises(UsageError, match=r"unknown table 'attack', expected one of .*; did you mean 'attacks'"):
        build_tables(mixed, "attack")
    with pytest.raises(UsageError, match="no runs"):
        build_tables([], "attacks")
    with pytest.raises(UsageError, match=r"runs/x/metrics\.json holds no summary"):
        build_tables([(Path("runs/x"), {"command": "prepare"})])
    recognised = ["corpus", "speakers", "victims", "confusion", "groups"]
    assert list(TABLES) == [*recognised, "generators", "attacks", "ablation", "attacked", "across", "emotions", "pairs", "paired"]


def test_a_table_takes_what_fits_it_from_any_set_of_runs(mixed: Any) -> None:
    stranger = (Path("runs/stranger"), {"command": "stroll", "summary": {}})
    assert build_tables([*mixed, stranger]) == build_tables(mixed)
    for which in ("corpus", "victims", "attacks"):
        (table, *_) = build_tables([stranger, *mixed], which)
        assert table.name == which


def test_a_copy_of_a_run_is_no_repetition(attack: Any) -> None:
    one, other = attack(seed=0, snr=20.0, name="one"), attack(seed=1, snr=22.0, name="other")
    copy = (Path("elsewhere/one"), one[1])
    for runs in ([one, other, copy], [one, one, other]):
        (table,) = build_tables(runs, "attacks")
        (row,) = table.rows
        assert row["snr_val"] == Number(21.0, pytest.approx(2**0.5), 2)  # type: ignore[arg-type]
        assert ("elsewhere/one is the same run as runs/one and counts once" in table.notes) == (copy in runs)
