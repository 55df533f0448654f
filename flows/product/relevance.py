"""How well a help fits a customer now: a logistic score over the signals of the segment, each with its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.documents import STRICT
from flows.durations import Duration
from flows.errors import nearest
from flows.schemas import is_taken

if TYPE_CHECKING:
    from collections.abc import Mapping

STRENGTHS = {"low": 0.5, "medium": 1.0, "high": 2.0}  # log-odds; Source: CONTRACTS, Relevance without outcomes


class Term(BaseModel):
    """One addend of the relevance, in log-odds.

    Attributes:
        strength: low (0.5), medium (1) or high (2). `strength: high`
        weight: a number instead of a strength. `weight: 1.5`
        fades_in: the half-life of a signal `…_at`, which is an instant. `fades_in: 5 days`
    """

    model_config = STRICT
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
        base: the log-odds without any signal; -2 if missing. `base: -3`
        threshold: the score, from 0 to 1, below which nothing is said; 0.25 if missing. `threshold: 0.4`
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
