"""Any corpus whose paths tell the emotion, by a pattern such as `{emotion}/{speaker}_*`."""

from __future__ import annotations

import re
from pathlib import Path

from staa_cli.corpora.utterance import Listing, Utterance, audio_files
from staa_cli.recipes.corpus import PrepareRecipe


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern: `{field}` is some text within a folder's or file's name, as little as fits, `*` any."""
    parts = re.split(r"(\{\w+\}|\*)", pattern)
    return re.compile(
        "".join(f"(?P<{p[1:-1]}>[^/]+?)" if p[:1] == "{" else "[^/]*" if p == "*" else re.escape(p) for p in parts), re.DOTALL
    )


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    options = recipe.folders
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
