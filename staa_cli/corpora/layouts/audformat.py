"""Databases in audformat (https://audeering.github.io/audformat), also those that `audb` fetches. Needs the extra `audformat`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from staa_cli.corpora.recipe import PrepareRecipe
from staa_cli.corpora.utterance import Listing, Utterance
from staa_cli.runtime.errors import StaaError, UsageError
from staa_cli.runtime.schema import Strict

if TYPE_CHECKING:
    from audformat import Database

MISSING = "audformat databases need the packages audformat and audb; install them with: pip install 'staa[audformat]'"


class Options(Strict):
    """A database on the disk, or one that `audb` fetches."""

    name: str | None = Field(None, description="let audb fetch this database; then there is no source")
    version: str | None = Field(None, description="of the database; null is the latest")
    table: str | None = Field(None, description="the table that holds the emotion; null looks for it")
    emotion: str = Field("emotion", description="its column")
    speaker: str = Field("speaker", description="the column or scheme of the speaker")

    @model_validator(mode="after")
    def version_of_something(self) -> Self:
        if self.version is not None and self.name is None:
            raise ValueError("'version' needs 'name'")
        return self


def fetch(source: Path | None, recipe: PrepareRecipe, folder: Path) -> Path | None:
    """`source`, or the folder of the database that the recipe names: `audb` has it in its cache or downloads it into there.

    Raises:
        UsageError: both are given, or the extra is not installed.
        StaaError: there is no such database, or no network.
    """
    options: Options = recipe.options
    if options.name is None:
        return source
    if source is not None:
        raise UsageError(f"audb fetches the database '{options.name}'", "name-without-source")
    try:
        import audb
    except ImportError:
        raise UsageError(MISSING) from None
    try:
        database = audb.load(options.name, version=options.version, verbose=False)
    except Exception as error:  # whatever the network and the repositories come up with
        version = f" version {options.version}" if options.version else ""
        raise StaaError(
            f"audb cannot load the database '{options.name}'{version} ({error or type(error).__name__})", "source-or-name"
        ) from None
    return Path(database.root)


def read(source: Path, recipe: PrepareRecipe) -> Listing:
    """Every file or segment that has an emotion and a speaker.

    Raises:
        UsageError: the extra is not installed, the folder holds no database, or the database no such column.
    """
    try:
        from audformat import Database
    except ImportError:
        raise UsageError(MISSING) from None
    if not (source / "db.yaml").is_file():
        raise UsageError(f"{source} holds no db.yaml, expected the folder of an audformat database")
    database = Database.load(str(source))
    options: Options = recipe.options
    table = labels(database, options)
    language = only_language(database)
    listing = Listing([])
    for index, row in zip(table.index, table.to_dict("records"), strict=True):
        file, start, end = index if isinstance(index, tuple) else (index, None, None)
        emotion, speaker = text(row[options.emotion]), text(row[options.speaker])
        if not emotion or not speaker:
            listing.left_out[f"no {'emotion' if not emotion else 'speaker'} in the database"] += 1
            continue
        first = start.total_seconds() if start is not None else 0.0
        last = end.total_seconds() if end is not None and end == end else None  # NaT is not equal to itself
        listing.utterances.append(
            Utterance(
                source / file,
                segment_name(file, first, last),
                emotion,
                speaker,
                text(row["gender"]),
                text(row["language"]) or language,
                text(row["session"]),
                text(row["transcription"]),
                start=first,
                end=last,
            )
        )
    return listing


def labels(database: Database, options: Options) -> Any:
    """The data frame of all that we want to know, by file or by segment."""
    wanted = [options.speaker, "gender", "language", "session", "transcription"]
    try:
        table = database.get(options.emotion, wanted, tables=[options.table] if options.table else None)
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"the database '{database.name}' gives no single '{options.emotion}' for every file ({' '.join(str(error).split())[:300]}); "
            f"choose one of its tables ({', '.join(database.tables)}) with 'audformat.table'"
        ) from None
    for column, key in ((options.emotion, "emotion"), (options.speaker, "speaker")):
        if not len(table) or table[column].isna().all():
            raise UsageError(
                f"the database '{database.name}' has no values of '{column}' (tables: {', '.join(database.tables)}; "
                f"schemes: {', '.join(database.schemes)}); name the column with 'audformat.{key}'"
            )
    return table


def text(value: Any) -> str:
    """A cell as text; empty for a missing one."""
    return "" if value is None or value != value else str(value)


def only_language(database: Database) -> str:
    """ISO 639-1 of a database in one language (audformat keeps ISO 639-3), else empty."""
    from iso639 import Lang

    return str(Lang(database.languages[0]).pt1) if len(database.languages) == 1 else ""


def segment_name(file: str, start: float, end: float | None) -> str:
    """A name for a part of a file, with its milliseconds."""
    if not start and end is None:
        return file
    path = Path(file)
    return str(path.with_name(f"{path.stem}_{round(start * 1000):06d}-{'end' if end is None else f'{round(end * 1000):06d}'}{path.suffix}"))
