"""`[tool.justenough.approval]`: what people have to let pass before it leaves. By itself nothing is asked for."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _rise(given: object) -> object:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", given) if isinstance(given, str) else None
    return float(found[1]) / 100 if found else given


Rise = Annotated[float, BeforeValidator(_rise), Field(ge=0, allow_inf_nan=False)]
"""By how much more than something: `50 %`, or 0.5; it may be more than all of it."""
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Approval(BaseModel):
    """Which plans, and which words, people have to approve.

    Attributes:
        over: a plan for more people than this needs one of the approvers.
        over_two: one for more than this needs two of them.
        new_product: how many of them a plan needs that has a product which was never delivered: 0, 1 or 2.
        new_version: how many it needs where what a product is made of was never delivered as it is now.
        rise: a plan needs one for people more than in any run over everybody of the seven days before, by more than this share.
        rise_from: of a plan for fewer people that is not asked.
        approvers: who may approve plans, by name.
        own_accounts: whether each of them needs an account of their own on the machine: two names under one account are one.
        wording: role (legal, brand, market) -> who signs words in it. Without a signature in each role a product speaks to nobody
            in those words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    over: int | None = Field(default=None, ge=0)
    over_two: int | None = Field(default=None, ge=0)
    new_product: int = Field(default=0, ge=0, le=2)
    new_version: int = Field(default=0, ge=0, le=2)
    rise: Rise | None = None
    rise_from: int = Field(default=1_000, ge=0)
    approvers: tuple[str, ...] = ()
    own_accounts: bool = False
    wording: dict[str, Names] = {}

    @property
    def most(self) -> int:
        """How many approvers a plan may need."""
        by_size = 2 if self.over_two is not None else int(self.over is not None or self.rise is not None)
        return max(by_size, self.new_product, self.new_version)

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked for, of plans and of words."""
        return not self.most and not self.wording

    @model_validator(mode="after")
    def _can_be_met(self) -> Approval:
        there = len(set(self.approvers))
        if there < self.most:
            what = f"a plan may need {self.most} approvers, and {there or 'none'} {'is' if there == 1 else 'are'} named"
            raise ValueError(f"{what} | name them: approvers = ['anna', 'ben']")
        return self
