"""What `staa attack` asks of a generator. No torch here: dry runs need it too."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from staa_cli.audio.budget import Budget
from staa_cli.generator.names import generator_name
from staa_cli.generator.recipe import TrainGeneratorRecipe
from staa_cli.runtime.errors import UsageError
from staa_cli.runtime.schema import Strict


class AttackRecipe(Strict):
    """One attack with a trained generator."""

    step: Literal["attack"] = Field("attack", description="the command")
    sparsity: float | None = Field(description="percent of the samples to move; null where the generator's threshold decides")
    snr: float | None = Field(description="peak SNR in dB, where it was trained for several; null: its budget")
    target: str | None = Field(description="the label that every prediction shall become")
    refine: int = Field(ge=0, description="further looks up to success, where the last answer led; a guided one's own but the first, too")
    generator: TrainGeneratorRecipe = Field(description="how the generator was trained")

    @property
    def budget(self) -> Budget:
        return self.generator.budget if self.snr is None else Budget(peak_snr_db=self.snr)

    @property
    def seed(self) -> int:
        return self.generator.seed

    def attacker(self, pool: list[str]) -> str:
        """Its name in tables. `pool`: the threat models that trained it."""
        parts = [generator_name(self.generator.guide, self.generator.threshold is not None)]
        parts += ["" if self.sparsity is None else f"{self.sparsity:g} %", refined(self.refine) if self.refine else ""]
        parts += [f"→ {self.target}" if self.target else "", f"of {' and '.join(pool)}" if len(pool) > 1 else ""]
        return " ".join(filter(None, parts))


def refined(looks: int) -> str:
    """How names say the further looks after the generator's first answer."""
    return f"+ {looks} look{'s' * (looks > 1)}"


def settle(
    recipe: TrainGeneratorRecipe, sparsity: float | None = None, snr: float | None = None, target: str | None = None, refine: int = 0
) -> AttackRecipe:
    """What is asked, with the generator's own values where nothing is.

    Raises:
        UsageError: the generator was not trained for it.
    """
    if recipe.sparsity is None:
        if sparsity is not None or refine:
            what = "asked for a sparsity" if sparsity is not None else "to be refined"
            raise UsageError(f"the generator is {what}, but its 'threshold' decides how many samples move; train one with 'sparsity'")
    else:
        low, high = recipe.sparsity.trained
        sparsity = recipe.sparsity.default if sparsity is None else sparsity
        if not low <= sparsity <= high:
            raise UsageError(f"a sparsity of {sparsity:g} % was asked for, but the generator was trained for {low:g} to {high:g} %")
    if recipe.trained_snr is None:
        if snr is not None and snr != recipe.budget.peak_snr_db:
            found = recipe.budget.model_dump(exclude_none=True)
            raise UsageError(f"a peak SNR of {snr:g} dB was asked for, but the generator was trained for {found}; train with 'trained_snr'")
        snr = None
    else:
        low, high = recipe.trained_snr
        snr = recipe.budget.peak_snr_db if snr is None else snr
        if snr is None or not low <= snr <= high:
            raise UsageError(f"a peak SNR of {snr:g} dB was asked for, but the generator was trained for {low:g} to {high:g} dB")
    if target is not None and recipe.target is None:
        raise UsageError(f"the target '{target}' was asked for, but the generator was trained without 'target: any'")
    return AttackRecipe(sparsity=sparsity, snr=snr, target=target, refine=refine, generator=recipe)
