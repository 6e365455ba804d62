"""What to type where something went wrong: the library's errors say what was found and expected, this says what would help."""

from __future__ import annotations

from staa_cli.runtime.errors import StaaError

LABELS = (
    "Say what its words mean with --labels MAP.yaml, a line for each, 'WORD OF THE MODEL: word of the corpus', or leave those inputs out "
    "with --known-labels"
)
ADVICE = {
    "against": "name it with --against",
    "black-box": (
        "Judge by it with --victim, choose an attack by queries, or give the threat model as a .pt2 file (torch.export), a folder of "
        "transformers or a plugin"
    ),
    "cpu": "use --device cpu",
    "fewer-processes": "use a smaller --nproc_per_node, or --device cpu",
    "float32": "use --set precision=float32",
    "format": "say what it shall hold with --format",
    "in-sample": "choose another split with --split, or have them marked in every table with --in-sample",
    "inside": "choose a folder inside it with -o",
    "download": "fetch it with 'hf download {name} --local-dir DIR' where there is a network, and give DIR as the victim",
    "labels": f"{LABELS}{{near}}",
    "labels-perhaps": f"{LABELS}; perhaps:{{lines}}",
    "name-without-source": "give no --source, or set 'audformat.name: null'",
    "new": "choose a new or empty folder with -o",
    "no-patience": "use --set patience=null",
    "no-source": "give no --source",
    "override": "Correct --set {given}",
    "out": "choose another folder with -o",
    "overwrite": "choose another folder with -o, or replace it with --overwrite",
    "pretrained": "choose another encoder with --set pretrained=DIR, for example {example}",
    "fetch": "fetch it with 'hf download {name} --local-dir DIR' where there is a network, and use it with --set pretrained=DIR",
    "seconds": "prepare the corpus with 'seconds' set, for example --set seconds=3.0",
    "source": "give its place with --source",
    "source-or-name": "look at the names in audb.available(), or give a database on disk with --source and 'audformat.name: null'",
    "table": "choose one with --table",
    "victim": "Judge by it with --victim instead",
    "wait": "wait for it or choose another folder with -o",
}


def advised(error: StaaError) -> str:
    """What an error says, with what to do about it."""
    if not error.advice:
        return str(error)
    advice = ADVICE[error.advice].format(**error.facts)
    return f"{error}{' ' if str(error).endswith('?') else '. ' if advice[0].isupper() else '; '}{advice}"
