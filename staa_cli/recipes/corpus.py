"""The recipe of `staa prepare`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from staa_cli.recipes.base import OneOf, Split, Strict, Switch


class Ratios(Strict):
    """Shares of the utterances, reached as nearly as whole speakers allow, of every emotion and gender alike."""

    train: float = Field(ge=0, le=1)
    val: float = Field(ge=0, le=1)
    test: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def sum_to_one(self) -> Self:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"the three ratios sum to {self.train + self.val + self.test:g}, expected 1")
        return self


class Lists(Strict):
    """The speakers or the sessions of each split, by the names that the corpus gives them."""

    train: list[str]
    val: list[str] = Field([])
    test: list[str]

    @model_validator(mode="after")
    def disjoint(self) -> Self:
        twice = sorted(name for name, count in Counter([*self.train, *self.val, *self.test]).items() if count > 1)
        if twice:
            raise ValueError(f"{', '.join(twice)} listed more than once: splits must not share a speaker")
        return self


class Folds(Strict):
    """Cross-validation: one prepared folder is one fold."""

    count: int | None = Field(None, ge=2, description="null: as many as there are speakers (or sessions), so one of them is left out")
    fold: int = Field(1, ge=1, description="which fold is the test set")
    val: int = Field(1, ge=0, description="how many of the folds after it are the val set")
    by: Literal["speaker", "session"] = "speaker"

    @model_validator(mode="after")
    def enough(self) -> Self:
        if self.count is not None and self.fold > self.count:
            raise ValueError(f"fold {self.fold} of {self.count}: expected 1 to {self.count}")
        if self.count is not None and self.val > self.count - 2:
            raise ValueError(f"'val: {self.val}' of {self.count} folds leaves none to train on")
        return self


class SplitRecipe(OneOf):
    """How speakers are dealt to train, val and test."""

    ratios: Ratios | None = None
    speakers: Lists | None = None
    sessions: Lists | None = None
    folds: Folds | None = None


class Loudness(OneOf):
    """One gain per utterance, never so large that a sample would clip."""

    peak_dbfs: float | None = Field(None, ge=-100, le=0)
    rms_dbfs: float | None = Field(None, ge=-100, le=0)


class DemoRecipe(Strict):
    """The built-in corpus: synthetic voices as speakers, prosody as emotion."""

    speakers: int = Field(16, ge=3, le=16)
    utterances: int = Field(30, ge=5, le=500, description="per speaker")


class RavdessRecipe(Strict):
    """RAVDESS has sung utterances too."""

    song: Switch = False


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


class FoldersRecipe(Strict):
    """Where a path below --source tells what."""

    pattern: Annotated[str, AfterValidator(check_pattern)] = Field(
        "{emotion}/*", description="'*' is any text within a folder; {speaker} of the path, without its suffix"
    )
    speaker: str = Field("", description="of all files, where the pattern has no {speaker}")
    language: str = Field("", description="of all files, where the pattern has no {language}")


class AudformatRecipe(Strict):
    """An audformat database: a folder below --source, or one that `audb` fetches."""

    name: str | None = Field(None, description="let audb fetch this database; then there is no --source")
    version: str | None = Field(None, description="of the database; null is the latest")
    table: str | None = Field(None, description="the table that holds the emotion; null looks for it")
    emotion: str = Field("emotion", description="its column")
    speaker: str = Field("speaker", description="the column or scheme of the speaker")

    @model_validator(mode="after")
    def version_of_something(self) -> Self:
        if self.version is not None and self.name is None:
            raise ValueError("'version' needs 'name'")
        return self


class PrepareRecipe(Strict):
    """`staa prepare`: a corpus as a manifest and 16 kHz mono audio."""

    step: Literal["prepare"]
    corpus: Literal[
        "demo",
        "demos",
        "iemocap",
        "emodb",
        "emovo",
        "ravdess",
        "cremad",
        "tess",
        "savee",
        "urdu",
        "nemo",
        "csv",
        "folders",
        "audformat",
    ]
    seconds: float | None = Field(None, gt=0, le=3600, description="bring all to this length by repeating; null keeps the native one")
    longer: Literal["cut", "split"] = Field(
        "cut", description="an utterance longer than that: keep its start, or make each piece an utterance, the last one repeated"
    )
    channel: int | None = Field(None, ge=1, description="one channel, counted from 1; null takes the mean of all")
    trim_db: float | None = Field(None, gt=0, le=150, description="drop the start and end that lie this far below the loudest frame")
    loudness: Loudness | None = Field(None, description="null leaves it as recorded")
    rename: dict[str, str] = Field({}, description="emotions to merge or to call by another name")
    emotions: list[str] | None = Field(None, description="keep these only, after 'rename'")
    splits: SplitRecipe | None = Field(None, description="null takes the splits that the source fixes")
    expected: dict[Split, int] | None = Field(None, description="published numbers of utterances to compare with")
    demo: DemoRecipe = DemoRecipe()
    ravdess: RavdessRecipe = RavdessRecipe()
    folders: FoldersRecipe = FoldersRecipe()
    audformat: AudformatRecipe = AudformatRecipe()
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def length_to_split_at(self) -> Self:
        if self.longer == "split" and self.seconds is None:
            raise ValueError("'longer: split' needs 'seconds', the length of a piece")
        return self
