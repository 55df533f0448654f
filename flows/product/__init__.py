"""product.yaml -> Product: one help, for one segment, in every channel; the help first, the data last."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from flows.days import Days
from flows.documents import STRICT, Document, Text, read_document
from flows.durations import Duration, Share
from flows.errors import ProductError
from flows.experiment import Experiment, Success
from flows.hours import QuietHours
from flows.locales import LOCALE, Locales, chain
from flows.product.relevance import Relevance, Term

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Action", "Channels", "Help", "OnceEvery", "Product", "Relevance", "Term", "When"]

MOST_DIMENSIONS = 3
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
        label: what the button says: one text, or one for each locale and a default.
            `label: {default: Read the guide, de: Zur Anleitung}`
        url: where it leads: a path on the brand's site, or an address with https://. `url: /care`
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
            `need: New owners ask how to look after it.`
        kind: how it helps. `kind: teach`
        action: what the customer can do next. `action: {label: Read the guide, url: /care}`
        evidence: how one knows of the need. `evidence: Three in ten who call us in the first fortnight ask about care.`
    """

    need: Text
    kind: Literal["teach", "guide", "reassure", "remind", "resolve"]
    action: Action
    evidence: str | None = None


class When(_Strict):
    """In which days the product runs, and how long a message stays true.

    Attributes:
        starts: the first day; at once if missing. `starts: 2026-12-01`
        ends: the last day; never if missing. `ends: 2026-12-24`
        not_on: days between on which it says nothing, and what platforms hold of it is taken away. `not_on: [2026-12-06]`
        valid_for: how long a message stays true, from the start of its day; 2 days if missing. `valid_for: 5 days`
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
            `first_of: [push, email, sms]`
        also: these go along, wherever the message goes out. `also: [web, ads]`
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
        every: not again within this time. `every: 60 days`
        per: person (unless given), or subject: an order, say, that the segment's row is about. `per: subject`
    """

    every: Duration
    per: Literal["person", "subject"] = "person"


class Product(_Strict, Document):
    """A personalisation product: one help, for one segment, in every channel.

    Attributes:
        name: that of its folder.
        help: the need, and the help that answers it.
            `help: {need: Owners ask about care., kind: teach, action: {label: Read on, url: /care}}`
        owner: who is asked about it. `owner: crm@example.com`
        status: whether it speaks: only what is live does. `status: live`
        review_by: the last day on which it speaks before somebody has looked at it again. `review_by: 2027-06-30`
        message_type: marketing needs a yes; service, the news of an order, say, does not. `message_type: marketing`
        topic: what a person can leave without leaving everything. `topic: product_care`
        campaign: what addresses call it, where its name says too much of those who get it; its name if missing.
            `campaign: care_2`
        brands: for which it speaks. `brands: [nordtal]`
        segment: the query in sql/segments/ that says who may need it. `segment: recent_buyers`
        when: in which days it runs, and how long a message stays true. `when: {starts: 2026-12-01, valid_for: 5 days}`
        locales: the languages it speaks, or each with its first day; if missing all, and the default one to others.
            `locales: [en, de]`
        channels: the ways to the customer. `channels: {first_of: [push, email, sms], also: [web, ads]}`
        quiet_hours: channel -> hours at which nothing is sent, where the person is; else those of the settings, for
            service none.
            `quiet_hours: {sms: hold from 19:00 until 09:00}`
        once_every: how soon the same help may come again. `once_every: {every: 60 days, per: subject}`
        ends_when: outcomes that end the need: what is on its way then is called back. `ends_when: [returned]`
        relevance: how well it fits a customer now; without it everybody in the segment is spoken to.
            `relevance: {delivered_at: {strength: high, fades_in: 5 days}}`
        success: how one can tell that it helped, and that it paid.
            `success: {helped: no_care_contact, business: ordered_again, within: 14 days}`
        test: variants of the words, detail levels, and a holdout of its own.
            `test: {variants: {a: 50%, b: 50%}, holdout: 10%}`
        because: the dimensions that people can tell from getting this at all. `because: [last_order]`
        unseen: the other dimensions by which people are chosen -> why people cannot tell.
            `unseen: {visits: Everybody with such an order may get it.}`
        dimensions: last, the data: what the words use, in the order in which it earns its place; three at most.
            `dimensions: [last_order, name]`
        level: of these only the first so many are used, 0 to 3, whatever the words could show; if missing all. `level: 1`
        floor: the share of its brands' customers that it has to reach within thirty days to be worth keeping; 0.1 % if
            missing.
            `floor: 2%`
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
