"""The options that subcommands share, and the objects made from them."""

from __future__ import annotations

import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from staa_cli.commands import completion
from staa_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from staa_cli.commands.output import Output

Recipe = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe file, or the name of a shipped one (see --list).",
        autocompletion=completion.recipes,
        show_default=False,
    ),
]


def print_list(context: typer.Context, wanted: bool) -> None:
    if wanted:
        from staa_cli.commands.explain import list_recipes

        list_recipes(str(context.info_name), make_output(False, False, False))
        raise typer.Exit


def print_keys(context: typer.Context, name: str | None) -> None:
    if name is not None:
        from staa_cli.commands.explain import explain_recipe

        explain_recipe(name, str(context.info_name), make_output(False, False, False))
        raise typer.Exit


ListRecipes = Annotated[bool, typer.Option("--list", callback=print_list, is_eager=True, help="Print the shipped recipes.")]
Explain = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="RECIPE",
        callback=print_keys,
        is_eager=True,
        help="Print a recipe's keys, with what they mean.",
        autocompletion=completion.recipes,
        show_default=False,
    ),
]
Data = Annotated[Path, typer.Option("--data", metavar="DATA", help="A folder made by 'staa prepare'.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.", show_default=False)]
InputPaths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT...",
        help="Audio files, folders, a prepared DATA folder, or - for a list on stdin.",
        show_default=False,
    ),
]
VICTIM = "A folder made by 'staa train-victim' or by transformers, hf:ORG/NAME, plugin:NAME, or a .pt2 file."
Victims = Annotated[
    list[str] | None,
    typer.Option(
        "--victim", metavar="VICTIM", help=f"A further victim to judge by; repeatable. {VICTIM[:-1]} or an .onnx file.", show_default=False
    ),
]
LabelMap = Annotated[
    Path | None,
    typer.Option(
        "--labels", metavar="MAP", help="A YAML file of lines 'MODEL WORD: corpus word' for the victims' labels.", show_default=False
    ),
]
KnownLabels = Annotated[
    bool, typer.Option("--known-labels", help="Leave out inputs whose label a victim does not know, and count them, in place of refusing.")
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="SPLIT",
        help="The split of a prepared DATA folder: train, val or test.",
        autocompletion=completion.splits,
        show_default=False,
    ),
]
InSample = Annotated[
    bool, typer.Option("--in-sample", help="Attack also what the generator was trained on; tables mark it, for it is no result.")
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="Attack only N inputs, spread evenly over all.", show_default=False),
]
Perception = Annotated[
    bool,
    typer.Option(
        "--perception",
        help="Also measure what is heard of the change: STOI, ESTOI and its share above the masking threshold, some 0.15 s each; with the "
        "extra 'perceptual' PESQ and Zimtohrli too.",
    ),
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="LIST",
        help="Read INPUT paths from a file, one a line (- for stdin).",
        show_default=False,
    ),
]
Null = Annotated[bool, typer.Option("-0", "--null", help="Listed paths end with NUL, as 'find -print0' writes them.")]
BatchSize = Annotated[
    int, typer.Option("--batch-size", metavar="N", min=1, help="Utterances of one length at once; halved where memory runs out.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a recipe's key, e.g. budget.linf=0.01; repeatable.",
        autocompletion=completion.keys,
        show_default=False,
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Replace the recipe's seed.", show_default=False)]
NoSeed = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", min=0, hidden=True, help="Of no effect: a generator draws nothing, and a placebo's seed is the generator's."
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option("--seeds", metavar="N,N,...", help="Train once for each of these seeds, into OUT/seed-N.", show_default=False),
]
Device = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", envvar="STAA_DEVICE", help="auto, cpu, cuda or cuda:N.", autocompletion=completion.devices),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT where it holds a run with other settings.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and say what would be done.")]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also a line for every file.")]


def make_output(as_json: bool, quiet: bool, verbose: bool) -> Output:
    from staa_cli.commands.output import Output

    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")
    return Output(as_json=as_json, verbosity=-1 if quiet else int(verbose))


def parse_seeds(text: str) -> list[int]:
    """`0,1,2` as numbers.

    Raises:
        UsageError: something else, or a seed that stands twice.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"--seeds '{text}' was not understood, expected whole numbers with commas between them, such as 0,1,2")
    seeds = [int(part) for part in parts]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise UsageError(f"--seeds '{text}' names {', '.join(map(str, twice))} twice, expected each seed once")
    return seeds


def check_split(split: str | None) -> str | None:
    if split is not None and split not in completion.SPLITS:
        raise UsageError(f"unknown split '{split}', expected one of {', '.join(completion.SPLITS)}")
    return split


def listed_paths(arguments: list[str], files_from: str | None, null: bool) -> tuple[list[str], list[str] | None]:
    """The INPUT arguments without `-`, and the paths of a list where one was given."""
    from staa_cli.evaluation.inputs import read_list

    if "-" in arguments:
        if files_from is not None:
            raise UsageError("'-' and --files-from exclude each other")
        arguments, files_from = [argument for argument in arguments if argument != "-"], "-"
    if files_from is None:
        if null:
            raise UsageError("-0 needs a list: '-' or --files-from")
        return arguments, None
    if files_from == "-":
        return arguments, read_list(sys.stdin.buffer.read(), null=null)
    try:
        return arguments, read_list(Path(files_from).read_bytes(), null=null)
    except OSError as error:
        raise UsageError(f"the list {files_from} cannot be read: {error.strerror}") from None


def read_label_map(path: Path | None) -> dict[str, str]:
    from staa_cli.victims import labels

    return labels.read_label_map(path) if path is not None else {}


def numbers(option: str, text: str | None) -> list[float | None]:
    """`1,2,5` → the numbers, each once; None where the option is missing.

    Raises:
        UsageError: something else is among them.
    """
    if text is None:
        return [None]
    found: list[float | None] = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            raise UsageError(f"{option} has '{part}', expected a number, or several with commas between them")
        if value not in found:
            found.append(value)
    return found
