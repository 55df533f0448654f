"""product.yaml -> Product: one help, for one segment, in every channel; the help first, the data last."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from flows.documents import read_document
from flows.durations import Duration, Share
from flows.errors import ProductError
from flows.locales import LOCALE, chain
from flows.schemas import is_taken

if TYPE_CHECKING:
    from pathlib import Path

MOST_DIMENSIONS = 3
STRENGTHS = {
    "low": 0.5,
    "medium": 1.0,
    "high": 2.0,
}  # log-odds; Source: CONTRACTS, Relevance without outcomes
Channel = Literal["email", "sms", "push", "web", "ads"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Action(_Strict):
    """What the customer can do next: the label of the button and where it leads, a path on the brand's site or an address.

    The label is one text, or one for each locale: `{default: Read the guide, de: Zur Anleitung}`.
    """

    label: str | dict[str, str]
    url: str

    @field_validator("label")
    @classmethod
    def _has_a_default(cls, label: str | dict[str, str]) -> str | dict[str, str]:
        if isinstance(label, str):
            return label
        for locale in label.keys() - {"default"}:
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
        if not re.fullmatch(r"(/|https://[\w.-]+(/|$))[^\s<>\"'`\\]*", url):
            raise ValueError(
                "this leads nowhere | write a path on the brand's site, as in '/care', or an address with https://"
            )
        return url


class Help(_Strict):
    """The need, and the help that answers it."""

    need: str
    kind: Literal["teach", "guide", "reassure", "remind", "resolve"]
    action: Action
    evidence: str | None = None


class When(_Strict):
    """In which days the product runs, and how long a message stays true."""

    starts: date | None = None
    ends: date | None = None
    valid_for: Duration = timedelta(days=2)


class Channels(_Strict):
    """`first_of`: the first on which the person can be reached; `also`: those that go along."""

    first_of: list[Channel] = []
    also: list[Channel] = []

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
    """The same help not again within `every`, per person or per subject of the segment."""

    every: Duration
    per: Literal["person", "subject"] = "person"


class Term(_Strict):
    """One addend of the relevance, in log-odds: a signal's weight, and the half-life of an `…_at` signal."""

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


class Relevance(_Strict):
    """A logistic score: base and terms in log-odds, and the score below which nothing is said."""

    terms: dict[str, Term] = {}
    base: float = Field(default=-2.0, allow_inf_nan=False)
    threshold: float = Field(default=0.25, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _signals_beside_numbers(cls, value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, dict):
            return value
        numbers = {key: value[key] for key in ("base", "threshold") if key in value}
        return {**numbers, "terms": {key: term for key, term in value.items() if key not in numbers}}

    @model_validator(mode="after")
    def _signals_have_names_of_their_own(self) -> Relevance:
        for name in self.terms:
            if is_taken(name):
                raise ValueError(f"'{name}' is a column of the line itself | rename the signal in the query")
        return self


class Success(_Strict):
    """How one can tell that it helped, and that it paid, within how long."""

    helped: str
    business: str
    within: Duration


class Experiment(_Strict):
    """Variants of the words with their shares, and a holdout of this product's own."""

    variants: dict[str, Share] = {}
    holdout: Share = 0.0

    @model_validator(mode="after")
    def _shares_add_up(self) -> Experiment:
        if self.variants and abs(sum(self.variants.values()) - 1) > 1e-9:
            raise ValueError("the shares of the variants do not add up to 100 % | mend the shares")
        return self


class Product(_Strict):
    """A personalisation product. `name` is the name of its folder."""

    name: str
    help: Help
    owner: str
    status: Literal["draft", "live", "paused", "retired"]
    review_by: date
    message_type: Literal["marketing", "service"]
    topic: str
    brands: list[str] = Field(min_length=1)
    segment: str
    when: When = When()
    channels: Channels
    once_every: OnceEvery
    ends_when: list[str] = []
    relevance: Relevance | None = None
    success: Success
    test: Experiment = Experiment()
    because: list[str] = []
    unseen: dict[str, str] = {}
    dimensions: list[str] = []

    @field_validator("dimensions", "because")
    @classmethod
    def _each_dimension_once(cls, names: list[str]) -> list[str]:
        if len(names) != len(set(names)):
            raise ValueError("a dimension stands twice | name it once")
        return names

    def is_live(self, as_of: date) -> bool:
        """Whether the product speaks on that day."""
        started = self.when.starts is None or self.when.starts <= as_of
        return self.status == "live" and started and (self.when.ends is None or as_of <= self.when.ends)

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
        raise ProductError(
            f"templates/{folder.name}",
            "this is no name for a product",
            "use lower-case letters, digits and _",
        )
    return read_document(folder / "product.yaml", Product, ProductError, name=where, given={"name": folder.name})


def product_folders(templates: Path) -> list[Path]:
    """The folders in templates/ that hold a product, by name."""
    return sorted(file.parent for file in templates.glob("*/product.yaml") if not file.parent.name.startswith("_"))
