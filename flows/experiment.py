"""What a product tries: variants of its words, detail levels, and a holdout of its own; and what counts as a success."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from flows.documents import STRICT, Text
from flows.durations import SHARE_SHAPE, Duration, Share

AUTOMATIC = "auto"
USUAL = "usual"
"""What the decisions are called, as a variant, of those who get nothing, since another system treats them as it always has."""
_HOLDOUT_SHAPE = {"anyOf": [*SHARE_SHAPE["anyOf"], {"const": AUTOMATIC}], "examples": ["10 %", AUTOMATIC]}


class Success(BaseModel):
    """How one can tell that it helped, and that it paid.

    Attributes:
        helped: the outcome that shows that it helped. `helped: no_care_contact`
        business: the outcome that shows that it paid. `business: ordered_again`
        within: how long after the message. `within: 14 days`
        largest_value: what the business outcomes of one person are worth at the most: more counts as that. So that an
            order for a whole company hides nothing; set it before anything is seen. `largest_value: 500`
    """

    model_config = STRICT

    helped: Text
    business: Text
    within: Duration
    largest_value: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class Guardrails(BaseModel):
    """Of how many more people, as a share of all, harm is borne before a product is paused.

    Nobody leaves over a message that they never got: against those who are held out there is always some harm.

    Attributes:
        unsubscribed: left; half a percent is usual.
        complained: called it spam. Source: what Gmail and Yahoo ask of bulk senders since 2024: less than 0.1 %.
        bounced: could not be reached under their address. Source: Amazon SES: below 2 %; reviews begin at 5.
    """

    model_config = STRICT

    unsubscribed: Share = 0.005
    complained: Share = 0.001
    bounced: Share = 0.02

    def of(self, outcome: str) -> float:
        """The share of an outcome that is one."""
        return float(getattr(self, outcome))


class Adaptive(BaseModel):
    """That the shares of variants follow what comes of them, from day to day: Thompson sampling.

    A variant gets the share that it is the best with, as far as is known of whose time is over: fewer people get what helps less.
    Every draw is logged with its probability, so that the readout stays as true as with fixed shares.

    Attributes:
        floor: the share that every variant keeps, so that one goes on learning of it. `floor: 10%`
    """

    model_config = STRICT

    floor: Share = 0.05

    @field_validator("floor")
    @classmethod
    def _is_some(cls, floor: float) -> float:
        if not floor:
            raise ValueError("a variant that nobody gets any more is never learnt of again | write a share, as 5 %")
        return floor


class Experiment(BaseModel):
    """What is tried.

    Attributes:
        variants: name -> the share of people who get these words; together 100 %.
            `variants: {guide: 50%, checklist: 50%}`
        levels: detail level, 0 to 3 -> the share of people who are shown no more than that, of those of whom everything
            is known that the highest of these levels shows; together 100 %. `levels: {0: 50%, 2: 50%}`
        holdout: the share of people who get nothing of this product; `auto` holds out the smallest of 2, 5 and 10 % that
            pays by the power check, and nobody where the global holdout is enough, or none would do. `holdout: auto`
        is_automatic: whether product.yaml has `auto` there. The share is what was found for it, 0 as long as nothing was.
        usual: the share, of those who are not held out, who get nothing of this product since another system or campaign
            treats them as it did before: business as usual, as a third arm. `usual: 20%`
        adaptive: the shares of the variants follow what comes of them; those that are set are what it begins with.
            `adaptive: {floor: 10%}`
        name: of the test. While one runs its shares hold, until an arm of it is taken out; another name begins another
            test at once, in which everybody is drawn anew. `name: shorter_words`
        hypothesis: what is expected of it, and why: it is read beside what came of it.
            `hypothesis: Owners read a checklist to its end.`
    """

    model_config = STRICT

    variants: dict[str, Share] = {}
    levels: dict[Annotated[int, Field(ge=0, le=3)], Share] = {}
    holdout: Annotated[Share, WithJsonSchema(_HOLDOUT_SHAPE)] = 0.0
    is_automatic: SkipJsonSchema[bool] = False
    usual: Share = 0.0
    adaptive: Adaptive | None = None
    name: Text | None = None
    hypothesis: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_found(cls, given: Any) -> Any:  # noqa: ANN401
        is_automatic = isinstance(given, dict) and given.get("holdout") == AUTOMATIC
        return {**given, "holdout": 0.0, "is_automatic": True} if is_automatic else given

    @field_validator("holdout", mode="before")
    @classmethod
    def _is_said(cls, given: object) -> object:
        if isinstance(given, str) and not any(letter.isdigit() for letter in given):
            raise ValueError(f"'{given}' is no share | write one, as 10 %, or {AUTOMATIC}")
        return given

    @model_validator(mode="after")
    def _shares_add_up(self) -> Experiment:
        for name, shares in (("variants", self.variants), ("levels", self.levels)):
            if shares and abs(sum(shares.values()) - 1) > 1e-9:
                raise ValueError(f"the shares of the {name} do not add up to 100 % | mend the shares")
        if self.usual and USUAL in self.variants:
            raise ValueError(f"a variant cannot be called '{USUAL}' beside `usual` | rename it, and its words")
        if len(self.levels) == 1:
            raise ValueError("a single detail level is compared with nothing | name another one, or drop levels")
        if self.adaptive is not None:
            spoken = sum(share > 0 for share in self.variants.values())
            if spoken < 2:
                raise ValueError(
                    "fewer than two variants have a share to be adapted | name another one, or drop adaptive"
                )
            if spoken * self.adaptive.floor >= 1:
                what = f"{spoken} variants that keep {self.adaptive.floor:.0%} leave nothing to be adapted"
                raise ValueError(f"{what} | lower the floor")
        return self

    def salt(self, draw: str) -> str:
        """The salt of one of its draws: the test's name is part of it, where it has one."""
        return f"{draw}/{self.name}" if self.name else draw
