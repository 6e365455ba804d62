"""The results page, `RESULTS.md`, from the results that are kept in `results/`. Needs no torch.

From the repository's root, after results were added:

    python -m tests.benchmarks.results            writes the page
    python -m tests.benchmarks.results --check    exits with 1 if the page is not what would be written
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from staa_cli.reporting.formats import render
from staa_cli.reporting.model import Column, Number, Row, Table
from staa_cli.reporting.tables import build_tables
from staa_cli.runtime.folders import read_metrics

HERE = Path(__file__).parent
KEPT, PAGE = HERE / "results", HERE / "RESULTS.md"
INTRODUCTION = """\
# Results

Written by `python -m tests.benchmarks.results` from what `tests/benchmarks/results/` keeps of our runs. No measured number is typed by
hand.

Every success rate stands beside its placebo, in brackets: the attack's own changes thrown about, each to a random sample with a random
sign. What the placebo does as well is no success of the attack. Success rates of earlier versions had no placebo; they are gone.

Victims are weak on corpora this small and are judged by speakers that they have never heard.
"""
LEAKY = {
    "leaky": "copies of the training utterances among it, as in the paper",
    "speakers known": "other utterances of the same speakers",
    "speakers apart": "other speakers",
}


@dataclass(frozen=True)
class Part:
    """Tables of some of the runs.

    Attributes:
        words: what to know of them, a sentence or two.
        command: what made the runs.
        runs: their folders in `results/`, as patterns, in the order of the rows.
        table: the kind of table, by default what the runs fill.
        suffix: an end for the tables' titles, where another part has the same.
        measure: of attackers, as `staa report --measure` knows it.
    """

    words: str
    command: str
    runs: tuple[str, ...]
    table: str | None = None
    suffix: str = ""
    measure: str = "asr"

    def render(self) -> str:
        """Its words, its command and its tables; nothing where no run of it is kept."""
        found = [path.parent for pattern in self.runs for path in sorted(KEPT.glob(f"{pattern}/metrics.json"))]
        if not found:
            return ""
        tables = build_tables([(folder.relative_to(KEPT), read_metrics(folder)) for folder in found], self.table, measure=self.measure)
        titled = [replace(table, title=table.title + self.suffix) for table in tables]
        return f"{self.words}\n\n    {self.command}\n\n{render(titled, 'markdown')}"


H100 = "make generators CORPUS=emodb SEEDS=0,1,2 GENERATORS='unguided-10 unguided-pool-10 guided guided-paper' RUNS=runs/h100 DEVICE=cuda"
EMOVO = (
    "make generators CORPUS=emovo SEEDS=0 GENERATORS='staa-net staa-net-10 unguided-10 guided' VICTIMS='emo18 zhao19 cnn-lstm' TARGETED="
)
RAVDESS = (
    "make runs/generators/ravdess/seed-0/{}-test/sparsity-16.5/metrics.json CORPUS=ravdess KEPT_SHARES=2,6.25,10,16.5 "
    "VICTIMS='emo18 zhao19 cnn-lstm'"
)
"""For the name of a generator."""
SECOND = "make RUNS=runs/second CORPUS=emodb VICTIMS='emo18 emo18-paper' runs/second/generators/emodb/seed-{0,1}"
CONDITIONAL = (
    "make generators RUNS=runs/second CORPUS=emodb SEEDS=0,1,2 GENERATORS='staa-net staa-net-10 unguided-10 pool pool-10 pool-again "
    "guided' VICTIMS='emo18 zhao19 cnn-lstm' TARGETED="
)
SECTIONS = {
    "Victims": [
        Part(
            "EmoDB has two test speakers and seven emotions: chance is 14.3 %. Victims trained as in the papers, and those that heard "
            "shifts and noise, whose rows name them.",
            "make victims CORPUS=emodb SEEDS=0,1,2",
            ("emodb/data", "victims/emodb/**"),
        ),
        Part(
            "The same recipes and seeds of EmoDB, trained on an NVIDIA H100.",
            H100,
            ("h100/victims/emodb/**",),
            suffix=", trained on a GPU",
        ),
        Part(
            "The same recipes on a second processor, two seeds: other victims, which the refined attacks below were made against.",
            "make victims CORPUS=emodb SEEDS=0,1 MODELS='emo18 emo18-paper' RUNS=runs/second",
            ("second/victims/emodb/**",),
            suffix=", trained on a second processor",
        ),
        Part(
            "EMOVO has four speakers to learn from and one to test on; seven emotions: chance is 14.3 %. Trained with noise: seed 0 alone.",
            "make victims CORPUS=emovo SEEDS=0,1,2 MODELS='cnn-lstm-paper emo18-paper zhao19-paper'",
            ("victims/emovo/**",),
        ),
        Part(
            "RAVDESS has five test speakers and eight emotions: chance is 12.5 %. Trained with noise: seed 0 alone; Zhao19 so only.",
            "make victims CORPUS=ravdess SEEDS=0,1,2 MODELS='emo18-paper cnn-lstm-paper'",
            ("victims/ravdess/**",),
        ),
        Part(
            "The same victims by the gender of the speakers.",
            "staa report runs/victims/ravdess/*/* --table groups",
            ("victims/ravdess/**",),
            "groups",
            ", RAVDESS",
        ),
    ],
    "Training options": [
        Part(
            "One seed of each, beside the same seed without options.",
            "make options CORPUS=emodb MODELS='emo18-paper cnn-lstm-paper' SEEDS=0",
            (
                "victims/emodb/seed-0/emo18-paper",
                "options/emodb/emo18-paper/**",
                "victims/emodb/seed-0/cnn-lstm-paper",
                "options/emodb/cnn-lstm-paper/**",
            ),
            suffix=", by training option",
        )
    ],
    "Placebos": [
        Part(
            "Emo18 as its paper trains it, under noise and three attacks that follow it, judged by victims trained plainly "
            "(today's `emo18-paper`) and with noise (`emo18`). All 127 test utterances of two unseen speakers, one seed.",
            "make truth CORPUS=emodb SEEDS=0",
            ("truth/emodb/plain/*",),
            suffix=", plain Emo18",
        ),
        Part(
            "The same attacks, following Emo18 that heard shifts and noise in training.",
            "make truth CORPUS=emodb SEEDS=0",
            ("truth/emodb/noise/*",),
            suffix=", noise-trained Emo18",
        ),
    ],
    "STAA-Net": [
        Part(
            "Guided by the gradient of Emo18 as its paper trains it, and judged by it and by victims trained with noise. All 127 test "
            "utterances of two unseen speakers. Each seed has its own victims. What was chosen was chosen on val.",
            "make generators CORPUS=emodb SEEDS=0,1,2",
            ("generators/emodb/*/guided-paper-test/*",),
            suffix=", guided by plain Emo18",
        ),
        Part(
            "Guided by noise-trained Emo18. Zhao19 and the CNN-LSTM took no part in training; of Zhao19 it was seen on val that this form "
            "transfers, and so were two other seeds of Emo18.\n\n![Success against sparsity](results/generators/emodb/curve.png)",
            "make generators CORPUS=emodb SEEDS=0,1,2",
            ("generators/emodb/*/guided-test/*",),
            suffix=", guided by noise-trained Emo18",
        ),
        Part(
            "Told nothing (`guide: none`), after ten epochs as all that are told nothing here: one pass, without a threat model.",
            "make generators CORPUS=emodb SEEDS=0,1,2 GENERATORS=unguided-10",
            ("generators/emodb/*/unguided-10-test/*",),
            suffix=", not guided",
        ),
        Part(
            "The same on an NVIDIA H100, with victims of its own; the attacks ran on a CPU, and gave the rates of the GPU where it had "
            "attacked too (one seed).",
            H100,
            ("h100/generators/emodb/*/unguided-10-test/*",),
            suffix=", not guided, trained on a GPU",
        ),
        Part(
            "Not guided, two threat models, noise-trained Emo18 and CNN-LSTM, one drawn at each step: it transfers less to Zhao19 than "
            "Emo18 alone does. Victims of the H100, generators trained on a CPU. Twice the epochs changed nothing on val (one seed).",
            H100,
            ("h100/generators/emodb/*/unguided-pool-10-test/*",),
            suffix=", two threat models",
        ),
        Part(
            "Attacks on the same victims and as many samples, on the H100; the others of the preset are still to run there. One step along "
            "the gradient transfers to Zhao19 as well as STAA-Net.",
            H100,
            ("h100/generators/emodb/*/transfer/*",),
            suffix=", attacks on a GPU",
        ),
        Part(
            "STAA-Net as its recipe is, told the class that Emo18 hears, after 30 epochs. On a second processor, with victims of its own "
            "for each seed. That it is told, and for how long it trains, was chosen on val, by other seeds of Emo18; Zhao19 and the "
            "CNN-LSTM chose nothing. Longer training is stronger on Emo18 for every seed and share; on Zhao19 it is for two of three. The "
            "picture has the one told nothing for ten epochs beside it.\n\n"
            "![Success against sparsity](results/second/generators/emodb/curve.png)",
            CONDITIONAL,
            ("second/generators/emodb/*/staa-net-test/*",),
            suffix=", conditional",
        ),
        Part(
            "After ten epochs, against the same victims.",
            CONDITIONAL,
            ("second/generators/emodb/*/staa-net-10-test/*",),
            suffix=", conditional, ten epochs",
        ),
        Part(
            "Guided by three looks at noise-trained Emo18, against the same victims.",
            CONDITIONAL,
            ("second/generators/emodb/*/guided-test/*",),
            suffix=", guided by noise-trained Emo18, second processor",
        ),
        Part(
            "Told nothing, after ten epochs, against the same victims: weaker on Emo18 than the one told the class for as long, for every "
            "seed and share; on the others the seeds' spread is larger than what lies between the two.",
            CONDITIONAL,
            ("second/generators/emodb/*/unguided-10-test/*",),
            suffix=", not guided, second processor",
        ),
        Part(
            "Told the class, two threat models, noise-trained Emo18 and CNN-LSTM, one drawn at each step. Of the same victims only Zhao19 "
            "took no part in its training: there it is as strong as the one trained against Emo18 alone; by seed stronger, stronger, far "
            "weaker. On the CNN-LSTM, which it trained against, its lift at 16.5 % is nearly twice as high.",
            CONDITIONAL,
            ("second/generators/emodb/*/pool-test/*",),
            suffix=", conditional, two threat models",
        ),
        Part(
            "The same, each trained again from another seed, against the same victims: of two, val may choose. On val the weak training of "
            "the third seed is far behind the second one, the first one of the first seed is ahead, and those of the second are equal.",
            CONDITIONAL,
            ("second/generators/emodb/*/pool", "second/generators/emodb/*/pool-again"),
            suffix=", two threat models",
        ),
        Part(
            "What those that were trained again do: on Zhao19 less than the first ones on the mean, and with a smaller spread.",
            CONDITIONAL,
            ("second/generators/emodb/*/pool-again-test/*",),
            suffix=", conditional, two threat models, trained again",
        ),
        Part(
            "Of each two the one that is stronger on val, the first where they are equal: on Zhao19 stronger on the mean than either set "
            "of three. The other of the two equals is weaker on test, at every share.",
            CONDITIONAL,
            tuple(f"second/generators/emodb/{chosen}-test/*" for chosen in ("seed-0/pool", "seed-1/pool", "seed-2/pool-again")),
            suffix=", conditional, two threat models, chosen on val",
        ),
        Part(
            "After ten epochs, against the same victims.",
            CONDITIONAL,
            ("second/generators/emodb/*/pool-10-test/*",),
            suffix=", conditional, two threat models, ten epochs",
        ),
        Part(
            "Attacks on as many samples, on the same victims. On Zhao19 one step, PGD and MI transfer worse than the STAA-Net that is told "
            "the class, for each seed; Frank-Wolfe, by 20 looks and no stop at success, about as well, for more than ten times its time. "
            "σ-zero, sPGD and VMI of the preset are still to run there.",
            CONDITIONAL,
            ("second/generators/emodb/*/transfer/*",),
            suffix=", attacks, second processor",
        ),
        Part(
            "Attacks made for transfer and the strongest sparse ones, on as many samples, from noise-trained Emo18. The settings of MI "
            "and VMI were chosen by their transfer to Zhao19 on val.",
            "make generators CORPUS=emodb SEEDS=0",
            ("generators/emodb/*/transfer/*",),
            suffix=", attacks made for transfer",
        ),
        Part(
            "Further looks, on 2 % of the samples, guided by plain Emo18; beside it Frank-Wolfe and sPGD, which start from nothing. "
            "Without further looks three gradients make the answer; with `+ 5 looks` up to eight, as many as Frank-Wolfe has with eight "
            "steps, and all stop at success. The threat models are those of a second processor, one for each of two seeds; sPGD with 100 "
            "and 300 steps had one of them. All worked on one utterance at a time, while the other core trained. What the generator "
            "is worth differs from victim to victim: a line for each.\n\n"
            "![Success against mean seconds](results/second/generators/emodb/guided-paper-seconds.png)",
            f"{SECOND}/guided-paper-refined/20/metrics.json",
            ("second/generators/emodb/*/guided-paper-refined/*",),
            suffix=", refined, plain Emo18",
        ),
        Part(
            "The same, guided by noise-trained Emo18: here Frank-Wolfe alone gets as far with as many looks, and sooner.\n\n"
            "![Success against mean seconds](results/second/generators/emodb/guided-seconds.png)",
            f"{SECOND}/guided-refined/20/metrics.json",
            ("second/generators/emodb/*/guided-refined/*",),
            suffix=", refined, noise-trained Emo18",
        ),
        Part(
            "A generator for all targets, guided by eight looks at plain Emo18, on 6.25 % of the samples, and with up to eight further "
            "looks: success is that the prediction is the target, also where it was before. How many looks the recipe has was chosen on "
            "val, for the first of two seeds. On the second processor.",
            "make RUNS=runs/second CORPUS=emodb runs/second/generators/emodb/seed-{0,1}/targeted-paper-pairs/8/sadness/metrics.json",
            ("second/generators/emodb/*/targeted-paper-pairs/*/*",),
            suffix=", targets",
        ),
        Part(
            "EMOVO, one seed, 98 utterances of one speaker, on whom Emo18 is right three times in ten: no credible victim, but another "
            "language and other voices. Not guided.",
            EMOVO,
            ("generators/emovo/*/unguided-10-test/*",),
            suffix=", not guided",
        ),
        Part(
            "The same, told the class that Emo18 hears, after 30 epochs. The victims were trained again for it and came out the same, bit "
            "for bit. From 5 % on no other STAA-Net here does better on Zhao19 or the CNN-LSTM.",
            EMOVO,
            ("generators/emovo/*/staa-net-test/*",),
            suffix=", conditional",
        ),
        Part(
            "After ten epochs, as the rest here: weaker at every share, on all three.",
            EMOVO,
            ("generators/emovo/*/staa-net-10-test/*",),
            suffix=", conditional, ten epochs",
        ),
        Part(
            "The same, guided by noise-trained Emo18.",
            EMOVO,
            ("generators/emovo/*/guided-test/*",),
            suffix=", guided by noise-trained Emo18",
        ),
        Part(
            "Attacks made for transfer on EMOVO, the same victims. Frank-Wolfe, with 20 looks and no stop at success, fools as many of "
            "Zhao19's predictions as STAA-Net after 30 epochs.",
            EMOVO,
            ("generators/emovo/*/transfer/*",),
            suffix=", attacks made for transfer",
        ),
        Part(
            "RAVDESS, one seed, 300 utterances of five speakers, on whom the victims' UAR is 44 to 48 %. Not guided.",
            RAVDESS.format("unguided-10"),
            ("generators/ravdess/*/unguided-10-test/*",),
            suffix=", not guided",
        ),
        Part(
            "The same, told the class that Emo18 hears, after 30 epochs. The victims were trained again for it and came out the same, bit "
            "for bit. One training, of the seed that transferred best after ten epochs: stronger than those at every share on all three, "
            "but on Zhao19 at 6.25 %. The CNN-LSTM rose from the placebo's rate to 12 and more points above it.",
            RAVDESS.format("staa-net"),
            ("generators/ravdess/*/staa-net-test/*",),
            suffix=", conditional",
        ),
        Part(
            "After ten epochs: two trainings on the same victims, which differ in their seed "
            "alone. The first sends nearly all utterances to one class, and Zhao19 follows it there; the second has no such class. The "
            "victims were trained again for it and came out the same, bit for bit.",
            f"{RAVDESS.format('staa-net-10')}; the second: "
            "V=runs/victims/ravdess/seed-0; G=runs/generators/ravdess/seed-0/staa-net-10-seed-1; "
            "staa train-generator staa-net --set epochs=10 --seed 1 --data runs/ravdess/data --threat $V/emo18 -o $G; staa attack $G "
            "runs/ravdess/data --split test --victim $V/zhao19 --victim $V/cnn-lstm --sparsity 2,6.25,10,16.5 -o $G-test",
            ("generators/ravdess/*/staa-net-10*-test/*",),
            suffix=", conditional, ten epochs",
        ),
        Part(
            "Attacks on as many samples, on the same victims. Frank-Wolfe, with 20 looks and no stop at success, transfers as well as "
            "STAA-Net does on average of the two trainings of ten epochs. σ-zero, sPGD and VMI of the preset are still to run there.",
            "V=runs/victims/ravdess/seed-0; staa baseline transfer runs/ravdess/data --split test --threat $V/emo18 --victim $V/zhao19 "
            "--victim $V/cnn-lstm -o runs/generators/ravdess/seed-0/transfer",
            ("generators/ravdess/*/transfer/*",),
            suffix=", attacks made for transfer",
        ),
        Part(
            "Guided by the same Emo18; its answers without further looks are judged by three victims, the rest by Emo18 alone. Beside it "
            "Frank-Wolfe with as many gradients (three, and eight for the five further looks), and sPGD with up to 300 steps. The victims "
            "were trained again for it and came out the same, bit for bit.",
            f"{RAVDESS.format('guided')}; the others such as: "
            "G=runs/generators/ravdess/seed-0; staa attack $G/guided runs/ravdess/data --split test --sparsity 2 --refine 5 "
            "-o $G/refined/5; staa baseline frank-wolfe runs/ravdess/data --split test --threat runs/victims/ravdess/seed-0/emo18 "
            "--set steps=3 --set percent=6.25 -o $G/frank-wolfe-3",
            (
                "generators/ravdess/*/guided-test/*",
                "generators/ravdess/*/refined/*",
                "generators/ravdess/*/frank-wolfe-3",
                "generators/ravdess/*/sparse-pgd",
            ),
            suffix=", guided by noise-trained Emo18",
        ),
    ],
    "The paper's table 4 on a small corpus": [
        Part(
            "The paper's own form, `small`, within ε = 0.05 as all attackers here, with the victims that our own do not replace; on a "
            "second processor. On 300 utterances it moves nothing or next to nothing: from the first epoch on hardly a position is open. "
            "SparseFool attacked 8 utterances and One-Pixel 4, with up to 6,301 queries each; where STAA-Net moved no sample there is no "
            "PGD to compare with.",
            "make table4 RUNS=runs/second FORM='paper --set size=small' BASELINES='pgd sparsefool' LIMIT=8; then with BASELINES=one-pixel "
            "LIMIT=4",
            ("second/paper/emodb/*/*/whole/*",),
            suffix=", the paper's form",
        ),
    ],
    "The paper's table 6 on a small corpus": [
        Part(
            "The paper's own form, `small`, without one of its parts, after five epochs, against Emo18 and the CNN-LSTM as their papers "
            "train them. With both the sparsity loss closes every position: a form that has it and factorises moves nothing. Without it, "
            "or without factorisation, most samples move, and do about what the placebo does, or less.",
            "make table6 PAPER=runs/ablation/emodb FORM='paper --set size=small --set epochs=5' VICTIMS='emo18-paper cnn-lstm-paper'",
            ("ablation/emodb/*/*/*/attack",),
            "ablation",
        ),
    ],
    "The second paper": [
        Part(
            "The CNN-LSTM as its paper trains it (`cnn-lstm-paper`) and with noise (`cnn-lstm`), under the paper's attacks and a peak SNR "
            "of 20 dB, with fewer steps where a CPU would need minutes for an utterance; 16 test utterances of unseen speakers, one "
            "seed: an utterance is 6 points. Where an accuracy rises, the attack led wrong predictions to the right class. EMOVO's "
            "plain victim is at chance on its unseen speaker; its victims of one gender learn from two speakers and have no val.",
            "make paper-2 CORPUS=emodb LIMIT=16 QUICK=yes, and so with emovo and ravdess",
            ("paper-2/*/*/on-*/*",),
            "across",
            measure="accuracy",
        ),
    ],
}


@dataclass(frozen=True)
class Measured:
    """A table of one measurement.

    Attributes:
        words, command: as of a `Part`.
        heading: of the table.
        columns: the first one holds a text.
        file: its lines in `results/`.
        names: what to write in place of the first column's texts.
    """

    words: str
    command: str
    heading: str
    columns: Sequence[Column]
    file: str
    names: Mapping[str, str] | None = None

    def render(self) -> str:
        table = Table(self.heading, list(self.columns), kept_rows(self.file, self.columns, self.names))
        return f"{self.words}\n\n    {self.command}\n\n{render([table], 'markdown')}"


MEASURED = {
    "Speed of STAA-Net": Measured(
        "One utterance of 6 s on one core, medians of twelve, all on the same noise-trained Emo18; 6.25 % of the samples where asked.",
        "python -m tests.benchmarks.generator_speed --threat runs/victims/emodb/seed-0/emo18 --data runs/emodb/data --utterances 12",
        "Seconds per utterance",
        [
            Column("attacker", "Attacker"),
            Column("seconds", "Seconds", kind="seconds"),
            Column("times real time", "Times real time", kind="decimal"),
            Column("PGD takes", "Times as fast as PGD", kind="decimal"),
        ],
        "generators/speed.jsonl",
    ),
    "What the threat model hears in training": Measured(
        "`staa-net-demo` with four epochs, not guided, on the demo's val. Each option beside the recipe's shift, noise and spectral gain. "
        "Success, its standard deviation over the generator's seeds, and in brackets the placebo's. None helps: shuffling blocks, warping "
        "time and the loss on features are not in the program.",
        "python -m tests.benchmarks.hearing --data runs/demo/data --threat runs/demo/emo18 --victim runs/demo/zhao19 --epochs 4 "
        "--sparsity 5 --seeds 0,1 -o runs/hearing",
        "Success by what is heard",
        [
            Column("trial", "Beside the recipe"),
            Column("attacker", "Attacker"),
            Column("seeds", "Seeds", kind="count"),
            Column("emo18", "ASR on Emo18 (%)"),
            Column("zhao19", "ASR on Zhao19 (%)"),
        ],
        "generators/hearing.jsonl",
    ),
    "Folders of many files": Measured(
        "`staa attack` on folders of WAVs of 1 s, `small` generator and Emo18, start-up included. Other work had the cores too "
        "in the rows of 100 and 10,000 files and before, so that their walls say little: beside them stands the processor time of the "
        "process that worked most. 'Before' is the version without this: one utterance, and one form of it, at a time.",
        "python -m tests.benchmarks.folders --generator runs/demo/staa-net --data runs/demo/data --files 100 1000 4000 10000 --jobs 1 2",
        "The cost of a folder",
        [
            Column("what", "Folder"),
            Column("wall", "Wall (s)", kind="seconds"),
            Column("busiest", "Busiest process (s)", kind="seconds"),
            Column("busiest_ms", "Its time for a file (ms)", kind="decimal"),
            Column("memory_mb", "Largest process (MB)", kind="count"),
        ],
        "generators/folders.jsonl",
    ),
    "Folders that grow": Measured(
        "Noise as the attack and a victim that takes no time, start-up included, with much other work on the machine: what is left is the "
        "cost of a file. A dry run lists the folder and hashes its files; typed again, the finished command does so too. All in seconds of "
        "the processor.",
        "python -m tests.benchmarks.folders --tiny --data runs/demo/data --files 100 1000 10000 --seconds 0.1",
        "How the cost of a folder grows",
        [
            Column("what", "Folder"),
            Column("busiest", "The run (s)", kind="decimal"),
            Column("busiest_ms", "For a file (ms)", kind="decimal"),
            Column("memory_mb", "Memory (MB)", kind="count"),
            Column("listing", "Dry run (s)", kind="decimal"),
            Column("again", "Typed again (s)", kind="decimal"),
        ],
        "generators/growth.jsonl",
    ),
    "A folder beside its passes": Measured(
        "Wall-clock of `staa attack` on WAVs of 1 s, one thread, beside the slower of what it cannot do without: reading and writing them "
        "with soundfile, and the passes of the demo's generator and Emo18 alone. The tests ran on the other core.",
        "python -m tests.benchmarks.folders --generator runs/demo/staa-net --data runs/demo/data --files 3000 --wall",
        "Beside the passes alone",
        [
            Column("what", "Folder"),
            Column("soundfile", "Reading and writing (s)", kind="seconds"),
            Column("passes", "Passes (s)", kind="seconds"),
            Column("work", "Without start-up (s)", kind="seconds"),
            Column("wall", "Whole (s)", kind="seconds"),
            Column("wall_ratio", "Whole over passes", kind="decimal"),
        ],
        "generators/wall.jsonl",
    ),
    "Long recordings": Measured(
        "One recording of the demo's speech, attacked with a `small` generator in segments of 3 s and judged by Emo18 on one core, the "
        "start of the process included; in one piece: as one utterance.",
        "python -m tests.benchmarks.long_audio --data runs/demo/data --generator runs/demo/staa-net",
        "Long recordings",
        [
            Column("recording", "Recording"),
            Column("seconds", "Seconds", kind="decimal"),
            Column("seconds_per_minute", "Seconds per minute of audio", kind="decimal"),
            Column("megabytes", "Peak memory (MB)", kind="count"),
        ],
        "long_audio.jsonl",
    ),
    "Leaky split": Measured(
        "The CNN-LSTM, trained three times on equally many utterances of EmoDB and their copies, one seed.",
        "python -m tests.benchmarks.leaky_split --data runs/emodb/data --model cnn-lstm --epochs 5",
        "Test scores on EmoDB by what the test set holds",
        [
            Column("protocol", "The test set"),
            Column("utterances", "Utterances", kind="count"),
            Column("test_utterances_heard_in_training", "Of them heard in training", kind="count"),
            Column("accuracy_percent", "Accuracy (%)", kind="decimal"),
            Column("uar_percent", "UAR (%)", kind="decimal"),
        ],
        "victims/emodb/leaky_split.jsonl",
        LEAKY,
    ),
}


def page() -> str:
    """The whole page."""
    filled = {title: list(filter(None, (part.render() for part in parts))) for title, parts in SECTIONS.items()}
    sections = [f"## {title}\n\n" + "\n".join(parts) for title, parts in filled.items() if parts]
    *costs, leaky = [f"## {title}\n\n{one.render()}" for title, one in MEASURED.items()]
    return "\n".join([INTRODUCTION, *sections, *costs, speed(), leaky])


def speed() -> str:
    command = "python -m tests.benchmarks.baselines --data runs/emodb/data --victim runs/emodb/emo18 --plain"
    kept = (KEPT / "baselines.md").read_text(encoding="utf-8")
    words = "Our attacks and the libraries' at the same settings, on Emo18 and one core."
    return f"## Speed against libraries\n\n{words}\n\n    {command}\n\n{kept}"


def kept_rows(file: str, columns: Sequence[Column], names: Mapping[str, str] | None = None) -> list[Row]:
    """The lines of a kept file. `names`: what to write in place of the first column's texts."""
    label = columns[0].key
    found = [json.loads(line) for line in (KEPT / file).read_text(encoding="utf-8").splitlines()]
    rows = [{key: value if isinstance(value, str) else Number(value) for key, value in one.items()} for one in found]
    return [{**row, label: names[str(row[label])]} for row in rows] if names else rows


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the results page from the kept results.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if the page differs")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE} is not what the kept results give; write it with: python -m tests.benchmarks.results", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
