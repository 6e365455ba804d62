"""Any corpus whose paths tell the emotion, by a pattern such as `{emotion}/{speaker}_*`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing, Utterance, audio_files
from staa_cli.runtime.schema import Strict

FIELDS = ("emotion", "speaker", "gender", "language", "session", "text")


def check_pattern(pattern: str) -> str:
    """A layout such as '{emotion}/{speaker}_*'."""
    fields = re.findall(r"\{([^{}]*)\}", pattern)
    strange = [field for field in fields if field not in FIELDS]
    if strange:
        raise ValueError(f"unknown field '{{{strange[0]}}}' in '{pattern}', expected {', '.join(f'{{{field}}}' for field in FIELDS)}")
    if "emotion" not in fields:
        raise ValueError(f"'{pattern}' has no {{emotion}}, expected for example '{{emotion}}/{{speaker}}_*'")
    twice = sorted(field for field, count in Counter(fields).items() if count > 1)
    if twice:
        raise ValueError(f"{{{twice[0]}}} stands more than once in '{pattern}'")
    return pattern


class Options(Strict):
    """What the path of a file below the source tells."""

    pattern: Annotated[str, AfterValidator(check_pattern)] = Field(
        "{emotion}/*", description="'*' is any text within a folder; {speaker} of the path, without its suffix"
    )
    speaker: str = Field("", description="of all files, where the pattern has no {speaker}")
    language: str = Field("", description="of all files, where the pattern has no {language}")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern: `{field}` is some text within a folder's or file's name, as little as fits, `*` any."""
    parts = re.split(r"(\{\w+\}|\*)", pattern)
    return re.compile(
        "".join(f"(?P<{p[1:-1]}>[^/]+?)" if p[:1] == "{" else "[^/]*" if p == "*" else re.escape(p) for p in parts), re.DOTALL
    )


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    options: Options = recipe.options
    pattern = compile_pattern(options.pattern)
    listing = Listing([])
    for path in audio_files(source):
        name = str(path.relative_to(source))
        match = pattern.fullmatch(str(Path(name).with_suffix("")))
        if match is None:
            listing.problems.append(f"{path} does not fit the pattern '{options.pattern}'; change it with 'folders.pattern'")
            continue
        found = match.groupdict()
        listing.utterances.append(
            Utterance(
                path,
                name,
                found["emotion"],
                found.get("speaker") or options.speaker or "unknown",
                found.get("gender", ""),
                found.get("language") or options.language,
                found.get("session", ""),
                found.get("text", ""),
            )
        )
    return listing
