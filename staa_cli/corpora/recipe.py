"""The recipe of `staa prepare`."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Self

from pydantic import Field, create_model, field_validator, model_validator

from staa_cli.corpora.registry import find_layout, layout_names, options_of
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.schema import OneOf, Split, Strict


class Ratios(Strict):
    """Shares of the utterances, reached as nearly as whole speakers allow, of every emotion and gender alike."""

    train: float = Field(ge=0, le=1, description="share to train on")
    val: float = Field(ge=0, le=1, description="share to choose on")
    test: float = Field(ge=0, le=1, description="share to report on; the three sum to 1")

    @model_validator(mode="after")
    def sum_to_one(self) -> Self:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"the three ratios sum to {self.train + self.val + self.test:g}, expected 1")
        return self


class Lists(Strict):
    """The speakers or the sessions of each split, by the names that the corpus gives them."""

    train: list[str] = Field(description="names as the corpus gives them")
    val: list[str] = Field([], description="the same")
    test: list[str] = Field(description="the same; none in two lists")

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
    by: Literal["speaker", "session"] = Field("speaker", description="what is dealt to the folds")

    @model_validator(mode="after")
    def enough(self) -> Self:
        if self.count is not None and self.fold > self.count:
            raise ValueError(f"fold {self.fold} of {self.count}: expected 1 to {self.count}")
        if self.count is not None and self.val > self.count - 2:
            raise ValueError(f"'val: {self.val}' of {self.count} folds leaves none to train on")
        return self


class SplitRecipe(OneOf):
    """How speakers are dealt to train, val and test."""

    ratios: Ratios | None = Field(None, description="speakers dealt so that emotions and genders are spread evenly")
    speakers: Lists | None = Field(None, description="lists of speakers")
    sessions: Lists | None = Field(None, description="lists of sessions")
    folds: Folds | None = Field(None, description="cross-validation")


class Loudness(OneOf):
    """One gain per utterance, never so large that a sample would clip."""

    peak_dbfs: float | None = Field(None, ge=-100, le=0, description="the largest sample, in dB of full scale")
    rms_dbfs: float | None = Field(None, ge=-100, le=0, description="the root mean square, in dB of a full-scale square wave")


class PrepareRecipe(Strict):
    """`staa prepare`: a corpus as a manifest and 16 kHz mono audio."""

    step: Literal["prepare"] = Field(description="the command that the recipe is for")
    corpus: str = Field(description="the layout that the corpus comes in; its own options stand under the same name")
    seconds: float | None = Field(None, gt=0, le=3600, description="bring all to this length by repeating; null keeps the native one")
    longer: Literal["cut", "split"] = Field(
        "cut", description="an utterance longer than that: keep its start, or make each piece an utterance, the last one repeated"
    )
    channel: int | None = Field(None, ge=1, description="one channel, counted from 1; null takes the mean of all")
    trim_db: float | None = Field(None, gt=0, le=150, description="drop the start and end that lie this far below the loudest frame")
    loudness: Loudness | None = Field(None, description="null leaves it as recorded")
    rename: dict[str, str] = Field({}, description="emotions to merge or to call by another name")
    emotions: list[str] | None = Field(None, description="keep these only, after 'rename'")
    genders: list[str] | None = Field(None, description="keep these speakers only: female, male")
    splits: SplitRecipe | None = Field(None, description="null takes the splits that the source fixes")
    expected: dict[Split, int] | None = Field(None, description="published numbers of utterances to compare with")
    seed: int = Field(0, ge=0, description="of the dealing of speakers")

    @property
    def name(self) -> str:
        """Of what it makes: the corpus, and whose part of it."""
        return f"{self.corpus} ({', '.join(self.genders)})" if self.genders else self.corpus

    @classmethod
    def schema_for(cls, data: Mapping[str, Any]) -> type[PrepareRecipe]:
        """The schema of the corpus that `data` names.

        Where there is none of that name, it is the nearest one's, which refuses the name and reports the other mistakes as well; and
        without a near one, what all corpora share.
        """
        near = difflib.get_close_matches(str(data.get("corpus") or ""), layout_names(), n=1)
        return schema_of(near[0]) if near else unknown_corpus()

    @field_validator("corpus")
    @classmethod
    def known(cls, corpus: str) -> str:
        try:
            find_layout(corpus)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return corpus

    @property
    def options(self) -> Any:
        """What the recipe says under its corpus's own name: the layout's `Options`, None where it has none."""
        return getattr(self, self.corpus, None)

    @model_validator(mode="after")
    def length_to_split_at(self) -> Self:
        if self.longer == "split" and self.seconds is None:
            raise ValueError("'longer: split' needs 'seconds', the length of a piece")
        return self


@cache
def schema_of(name: str) -> type[PrepareRecipe]:
    """The schema of the recipes of one corpus."""
    options = options_of(name)
    own: dict[str, Any] = {}
    if options is not None:
        required = any(field.is_required() for field in options.model_fields.values())
        own[name] = (options, Field(... if required else options(), description="options of this layout"))
    return create_model("PrepareRecipe", __base__=PrepareRecipe, **own)


def unknown_corpus() -> type[PrepareRecipe]:
    """The schema where `corpus` is missing or like no known one: what stands under the name of a corpus may be right."""
    others: dict[str, Any] = dict.fromkeys(layout_names(), (Any, None))
    return create_model("PrepareRecipe", __base__=PrepareRecipe, **others)
