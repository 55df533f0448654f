"""What a plan counts: where everybody went, what leaves for where, and what stood in the way."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from flows.audience import key_of
from flows.reasons import BARRED


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Waterfall(_Kept):
    """Where a base went: what passed, and the first reason of each other. `base = passed + sum(reasons)`."""

    base: int
    passed: int
    reasons: dict[str, int]

    @property
    def is_balanced(self) -> bool:
        """Whether it adds up."""
        return self.base == self.passed + sum(self.reasons.values())


class LeftOut(Waterfall):
    """How many people of a brand an audience names, whom its campaigns leave out, and how many of them a platform is told of.

    Attributes:
        audience: its name.
        target: of the brand's ads.
        code: what the platform calls it.
    """

    audience: str
    brand: str
    target: str
    code: str

    @property
    def counted_as(self) -> str:
        """Under what the history counts it beside the products."""
        return f"{key_of(self.audience)} for {self.brand}"

    @property
    def open_count(self) -> int:
        """How many the platform may be told of, were there enough of them."""
        return self.base - sum(count for reason, count in self.reasons.items() if reason in BARRED)


class Count(_Kept):
    """How many deliveries a plan has of one kind."""

    product: str
    target: str
    brand: str
    variant: str | None
    facts: tuple[str, ...]
    rows: int


class Crowd(_Kept):
    """How many people of a channel are shown the same facts, names aside.

    Attributes:
        floor: how many there have to be; 0 is any number.
        smallest: the fewest who are shown the same; null where nobody is shown anything.
        lowered: deliveries that show fewer facts than they could, because too few people share those.
        barred: deliveries that cannot be, because even without facts there are too few.
    """

    channel: str
    floor: int
    smallest: int | None
    lowered: int
    barred: int


class Price(_Kept):
    """What it takes to be sent by a channel that has a budget.

    Attributes:
        budget: as it is told: `20,000 a day`.
        spent: of it, by earlier runs of the day.
        price: the lowest at which the budget suffices; a message that is not worth more falls away, or goes by another channel.
        planned: messages that go by it.
        moved, fallen: those that had been picked for it and go by another channel, or by none.
        gap: at most this share of what could be had of all budgets of the brand is missed.
    """

    brand: str
    channel: str
    budget: str
    spent: int
    price: float
    planned: int
    moved: int
    fallen: int
    gap: float


class Missed(_Kept):
    """Why people of a product are told nothing that is known of them.

    Attributes:
        decided: people for whom the product was decided.
        bare: those of them with no fact at all.
        dimension, why, people: for how many of these a dimension was absent, stale or not permitted.
    """

    product: str
    decided: int
    bare: int
    dimension: str
    why: str
    people: int


class Capped(_Kept):
    """How many people have had as many messages as a cap allows.

    Attributes:
        cap: as it is told: `3 messages in 7 days`.
        people: who were due, and get nothing because of it, of each brand.
        until: the day, where they live, on which the last of them has room again.
    """

    cap: str
    people: int
    until: date


class Held(_Kept):
    """How many messages of a channel wait for the end of quiet hours.

    Attributes:
        since, until: UTC instants before which the first, and the last, of them may not be sent.
    """

    channel: str
    messages: int
    since: datetime
    until: datetime
