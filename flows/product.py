"""product.yaml -> Product: one help, for one segment, in every channel; the help first, the data last."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from flows.days import Days
from flows.documents import STRICT, Document, Text, read_document
from flows.durations import Duration, Share
from flows.errors import ProductError, nearest
from flows.experiment import Experiment, Success
from flows.hours import QuietHours
from flows.locales import LOCALE, Locales, chain
from flows.schemas import is_taken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_DIMENSIONS = 3
STRENGTHS = {"low": 0.5, "medium": 1.0, "high": 2.0}  # log-odds; Source: CONTRACTS, Relevance without outcomes
Channel = Literal["email", "sms", "push", "web", "ads", "call"]
_SENT = ("email", "sms", "push", "call")
EACH_ONCE: dict[str, Any] = {"uniqueItems": True}
_URL = r"(/|https://[\w.-]+(/|$))[^\s<>\"'`\\]*"
_LABEL_SHAPE = {
    "anyOf": [
        {"type": "string", "pattern": r"\S"},
        {
            "type": "object",
            "required": ["default"],
            "properties": {"default": {"type": "string", "description": "for all other languages"}},
            "additionalProperties": {"type": "string", "pattern": r"\S"},
        },
    ]
}


class _Strict(BaseModel):
    model_config = STRICT


class Action(_Strict):
    """What the customer can do next.

    Attributes:
        label: what the button says: one text, or one for each locale: `{default: Read the guide, de: Zur Anleitung}`.
        url: where it leads: a path on the brand's site, as in /care, or an address with https://.
    """

    label: Annotated[str | dict[str, str], WithJsonSchema(_LABEL_SHAPE)]
    url: Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{_URL}$"})]

    @field_validator("label")
    @classmethod
    def _has_a_default(cls, label: str | dict[str, str]) -> str | dict[str, str]:
        texts = [label] if isinstance(label, str) else list(label.values())
        if not all(text.strip() for text in texts):
            raise ValueError("this is empty | write what the button says")
        if isinstance(label, str):
            return label
        for locale in sorted(label.keys() - {"default"}):
            if not LOCALE.fullmatch(locale):
                raise ValueError(f"'{locale}' is no locale | write it as in de or de-AT")
        if "default" not in label:
            raise ValueError("there is no label for all other languages | add default: …")
        return label

    @property
    def labels(self) -> dict[str, str]:
        """The label by locale; `default` for all others."""
        return {"default": self.label} if isinstance(self.label, str) else self.label

    def label_in(self, locale: str | None) -> str:
        """The label that goes with words in a locale, or with the default ones (None)."""
        return next(self.labels[step or "default"] for step in chain(locale) if (step or "default") in self.labels)

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str) -> str:
        if not re.fullmatch(_URL, url):
            hint = "write a path on the brand's site, as in '/care', or an address with https://"
            raise ValueError(f"this leads nowhere | {hint}")
        return url


class Help(_Strict):
    """The need, and the help that answers it.

    Attributes:
        need: what people need, in one sentence: it comes first, the data last.
        kind: how it helps.
        action: what the customer can do next.
        evidence: how one knows of the need.
    """

    need: Text
    kind: Literal["teach", "guide", "reassure", "remind", "resolve"]
    action: Action
    evidence: str | None = None


class When(_Strict):
    """In which days the product runs, and how long a message stays true.

    Attributes:
        starts: the first day; at once if missing.
        ends: the last day; never if missing.
        not_on: days between on which it says nothing, and what platforms hold of it is taken away.
        valid_for: how long a message stays true, from the start of its day; 2 days if missing.
    """

    starts: date | None = None
    ends: date | None = None
    not_on: list[Days] = []
    valid_for: Duration = timedelta(days=2)

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> When:
        if self.starts and self.ends and self.starts > self.ends:
            raise ValueError(f"it starts on {self.starts} and ends before that, on {self.ends} | mend one of the days")
        return self


class Channels(_Strict):
    """The ways to the customer, each of them once.

    Attributes:
        first_of: the first of these on which the person can be reached carries the message.
        also: these go along, wherever the message goes out.
    """

    shape: ClassVar[dict[str, Any]] = {
        "anyOf": [{"required": [key], "properties": {key: {"minItems": 1}}} for key in ("first_of", "also")]
    }
    first_of: list[Channel] = Field(default=[], json_schema_extra=EACH_ONCE)
    also: list[Channel] = Field(default=[], json_schema_extra=EACH_ONCE)

    @model_validator(mode="after")
    def _each_once(self) -> Channels:
        names = [*self.first_of, *self.also]
        if not names:
            raise ValueError("there is no channel | name at least one under first_of or also")
        if len(names) != len(set(names)):
            raise ValueError("a channel stands twice | keep it either in first_of or in also")
        return self

    @property
    def all(self) -> tuple[Channel, ...]:
        """Every channel of the product, first_of before also."""
        return (*self.first_of, *self.also)


class OnceEvery(_Strict):
    """How soon the same help may come again.

    Attributes:
        every: not again within this time.
        per: person (unless given), or subject: an order, say, that the segment's row is about.
    """

    every: Duration
    per: Literal["person", "subject"] = "person"


class Term(_Strict):
    """One addend of the relevance, in log-odds.

    Attributes:
        strength: low (0.5), medium (1) or high (2).
        weight: a number instead of a strength.
        fades_in: the half-life of a signal `…_at`, which is an instant.
    """

    shape: ClassVar[dict[str, Any]] = {"oneOf": [{"required": ["strength"]}, {"required": ["weight"]}]}
    strength: Literal["low", "medium", "high"] | None = None
    weight: float | None = Field(default=None, allow_inf_nan=False)
    fades_in: Duration | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Term:
        if (self.strength is None) == (self.weight is None):
            raise ValueError("a signal has one size | give either strength (low, medium, high) or weight")
        return self

    @property
    def size(self) -> float:
        """The weight in log-odds."""
        return STRENGTHS[self.strength] if self.strength else float(self.weight or 0)


class Relevance(BaseModel):
    """A logistic score. Keys beside these are signals, columns of the segment.

    Attributes:
        base: the log-odds without any signal; -2 if missing.
        threshold: the score, from 0 to 1, below which nothing is said; 0.25 if missing.
    """

    model_config = ConfigDict(**{**STRICT, "extra": "allow"})
    __pydantic_extra__: dict[str, Term] = Field(init=False)
    other_keys: ClassVar[type[BaseModel]] = Term
    base: float = Field(default=-2.0, allow_inf_nan=False)
    threshold: float = Field(default=0.25, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_known(cls, value: Any) -> Any:  # noqa: ANN401
        for name, given in value.items() if isinstance(value, dict) else ():
            if name not in cls.model_fields and not isinstance(given, dict):
                hint = nearest(str(name), cls.model_fields)
                raise ValueError(f"'{name}' is no number here, and a signal has strength or weight | {hint}")
        return value

    @model_validator(mode="after")
    def _signals_are_what_their_names_say(self) -> Relevance:
        for name, term in self.terms.items():
            if is_taken(name):
                raise ValueError(f"'{name}' is a column of the line itself | rename the signal in the query")
            if name.endswith("_at") and term.fades_in is None:
                what = f"'{name}' is an instant, and does not fade"
                raise ValueError(f"{what} | add its half-life, as in fades_in: 5 days")
            if not name.endswith("_at") and term.fades_in is not None:
                raise ValueError(
                    f"'{name}' is no instant (…_at), and only those fade | take out fades_in, or rename it"
                )
        return self

    def weighted(self, base: float, threshold: float, weights: Mapping[str, float]) -> Relevance:
        """The same signals, weighted otherwise."""
        terms = {name: {"weight": weights[name], "fades_in": term.fades_in} for name, term in self.terms.items()}
        given = {name: {key: value for key, value in term.items() if value is not None} for name, term in terms.items()}
        return Relevance.model_validate({"base": base, "threshold": threshold, **given})

    @property
    def terms(self) -> dict[str, Term]:
        """The signals with their terms."""
        return self.__pydantic_extra__


class Product(_Strict, Document):
    """A personalisation product: one help, for one segment, in every channel.

    Attributes:
        name: that of its folder.
        help: the need, and the help that answers it.
        owner: who is asked about it.
        status: whether it speaks: only what is live does.
        review_by: the last day on which it speaks before somebody has looked at it again.
        message_type: marketing needs a yes; service, the news of an order, say, does not.
        topic: what a person can leave without leaving everything.
        campaign: what addresses call it, where its name says too much of those who get it; its name if missing.
        brands: for which it speaks.
        segment: the query in sql/segments/ that says who may need it.
        when: in which days it runs, and how long a message stays true.
        locales: the languages it speaks, `[en, de]`, or each with its first day; if missing all, and the default one to others.
        channels: the ways to the customer.
        quiet_hours: channel -> hours at which nothing is sent, where the person is; else those of the settings, for service none.
        once_every: how soon the same help may come again.
        ends_when: outcomes that end the need: what is on its way then is called back.
        relevance: how well it fits a customer now; without it everybody in the segment is spoken to.
        success: how one can tell that it helped, and that it paid.
        test: variants of the words, detail levels, and a holdout of its own.
        because: the dimensions that people can tell from getting this at all.
        unseen: the other dimensions by which people are chosen -> why people cannot tell.
        dimensions: last, the data: what the words use, in the order in which it earns its place; three at most.
        level: of these only the first so many are used, 0 to 3, whatever the words could show; if missing all.
        floor: the share of its brands' customers that it has to reach within thirty days to be worth keeping; 0.1 % if missing.
    """

    name: str
    help: Help
    owner: Text
    status: Literal["draft", "live", "paused", "retired"]
    review_by: date
    message_type: Literal["marketing", "service"]
    topic: Text
    campaign: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    brands: list[str] = Field(min_length=1, json_schema_extra=EACH_ONCE)
    segment: str
    when: When = When()
    locales: Locales = {}
    channels: Channels
    quiet_hours: dict[str, QuietHours] = Field(default={}, json_schema_extra={"propertyNames": {"enum": list(_SENT)}})
    once_every: OnceEvery
    ends_when: list[str] = []
    relevance: Relevance | None = None
    success: Success
    test: Experiment = Experiment()
    because: list[str] = Field(default=[], json_schema_extra=EACH_ONCE)
    unseen: dict[str, Text] = {}
    dimensions: list[str] = Field(default=[], json_schema_extra={**EACH_ONCE, "maxItems": MOST_DIMENSIONS})
    level: int | None = Field(default=None, ge=0, le=MOST_DIMENSIONS)
    floor: Share = 0.001

    @field_validator("dimensions", "because", "brands")
    @classmethod
    def _each_once(cls, names: list[str]) -> list[str]:
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"'{name}' stands twice | name it once")
        return names

    @field_validator("quiet_hours")
    @classmethod
    def _of_its_channels(cls, hours: dict[str, object], given: ValidationInfo) -> dict[str, object]:
        for name in hours:
            if "channels" in given.data and name not in {*given.data["channels"].all} & {*_SENT}:
                raise ValueError(
                    f"this product sends nothing by {name} | take it out, or name the channel under channels"
                )
        return hours

    @field_validator("unseen")
    @classmethod
    def _is_not_seen(cls, unseen: dict[str, str], given: ValidationInfo) -> dict[str, str]:
        for name in unseen:
            if name in given.data.get("because", ()):
                raise ValueError(f"'{name}' stands under `because` too | people can tell it or they cannot")
        return unseen

    @model_validator(mode="after")
    def _levels_can_be(self) -> Product:
        highest = max(self.test.levels, default=0)
        if self.level is not None and highest > self.level:
            what = f"the detail level {highest} is tried, and `level` is {self.level}"
            raise ValueError(f"{what} | raise it, or try a lower one")
        is_too_much = len({*self.because, *self.dimensions[:highest]}) > MOST_DIMENSIONS
        if self.test.levels and (highest > len(self.dimensions) or is_too_much):
            what = f"the detail level {highest} is tried, and nobody can be shown so much"
            raise ValueError(f"{what} | try a lower one, or list more under `dimensions`")
        return self

    def is_due(self, as_of: date) -> bool:
        """Whether the product would speak on that day, if nobody had to look at it first."""
        started = self.when.starts is None or self.when.starts <= as_of
        is_over = self.when.ends is not None and as_of > self.when.ends
        return (
            self.status == "live"
            and started
            and not is_over
            and not any(each.holds(as_of) for each in self.when.not_on)
        )

    def is_live(self, as_of: date) -> bool:
        """Whether the product speaks on that day: not after its review date."""
        return self.is_due(as_of) and as_of <= self.review_by

    def is_spoken(self, locale: str, as_of: date) -> bool:
        """Whether words in a locale may be used on that day: all may unless `locales` says which."""
        if not self.locales:
            return True
        starts = self.locales.get(locale)
        return locale in self.locales and (starts is None or starts <= as_of)

    @property
    def signals(self) -> tuple[str, ...]:
        """The columns of the segment that the relevance reads."""
        return tuple(self.relevance.terms) if self.relevance else ()


def read_product(folder: Path) -> Product:
    """Read templates/<name>/product.yaml.

    Raises:
        ProductError: with file and line.
    """
    where = f"templates/{folder.name}/product.yaml"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", folder.name):
        hint = "use lower-case letters, digits and _"
        raise ProductError(f"templates/{folder.name}", "this is no name for a product", hint)
    return read_document(folder / "product.yaml", Product, ProductError, name=where, given={"name": folder.name})


def review_is_due(product: Product) -> ProductError:
    """The refusal of a product that nobody has looked at in time."""
    what = f"the review date {product.review_by} has passed, so this product says nothing any more"
    return ProductError(product.at("review_by"), what, "look at what it says and what it changes, then set a new date")


def product_folders(templates: Path) -> list[Path]:
    """The folders in templates/ that hold a product, by name; those that begin with `_` or `.` hold none.

    Raises:
        ProductError: a folder has no product.yaml, or one of another product inside.
    """
    folders = [entry for entry in sorted(templates.glob("[!_.]*")) if entry.is_dir()]
    for folder in folders:
        for file in folder.glob("*/**/product.yaml"):
            what = "a product inside another one is not read"
            raise ProductError(f"templates/{file.relative_to(templates)}", what, "move its folder up, into templates/")
        if not (folder / "product.yaml").is_file():
            misnamed = [file.name for file in sorted(folder.glob("[pP]roduct*"))]
            hint = f"rename {misnamed[0]}" if misnamed else "write it, or begin the folder's name with _"
            raise ProductError(f"templates/{folder.name}/product.yaml", "this file is missing", hint)
    return folders
