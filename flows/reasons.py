"""Why somebody gets nothing, or a delivery does not leave: a closed list in fixed precedence.

A candidate carries the first reason that applies to it. A unit (marketing: person and brand; service: person, brand and
subject) for which nothing was decided carries the reason of the candidate that got furthest down this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

Of = Literal["candidate", "delivery"]


@dataclass(frozen=True)
class Reason:
    """One reason: its code, what it is said of, and a sentence for people."""

    code: str
    of: tuple[Of, ...]
    meaning: str


REASONS: tuple[Reason, ...] = (
    Reason("ERASED", ("candidate", "delivery"), "the person asked to be forgotten"),
    Reason(
        "EXCLUDED",
        ("candidate", "delivery"),
        "a query in sql/exclusions/ names the person, or their country is stopped",
    ),
    Reason("SUPPRESSED", ("candidate", "delivery"), "the address is on a suppression list"),
    Reason(
        "NO_CONSENT",
        ("candidate", "delivery"),
        "there is no consent for this topic on this channel, or it was withdrawn",
    ),
    Reason("BAD_ADDRESS", ("candidate", "delivery"), "the address cannot be one"),
    Reason(
        "UNREACHABLE",
        ("candidate", "delivery"),
        "there is no address on the channels that are left, or the message is longer than the platform takes",
    ),
    Reason("SILENCED_BY_SERVICE", ("candidate", "delivery"), "a service message goes to this person today"),
    Reason("STALE_CONTEXT", ("candidate", "delivery"), "the occasion is over"),
    Reason(
        "REPEATED",
        ("candidate", "delivery"),
        "the person had this help within `once_every`, or a decision today",
    ),
    Reason("CAPPED", ("candidate", "delivery"), "the person has had as many messages as the caps allow"),
    Reason("BELOW_THRESHOLD", ("candidate",), "the help is not relevant enough now"),
    Reason("OUTRANKED", ("candidate",), "another help is more relevant"),
    Reason("HOLDOUT", ("candidate",), "the person is in a holdout, so that effects can be measured"),
    Reason("EXPOSED", ("candidate", "delivery"), "too many dimensions were shown to the person lately"),
    Reason("CROWD_TOO_SMALL", ("delivery",), "too few people share these facts"),
    Reason("OVER_BUDGET", ("delivery",), "the channel's budget is spent on better uses"),
    Reason("AUDIENCE_TOO_SMALL", ("delivery",), "the audience is below the platform's minimum"),
    Reason("DUPLICATE_ADDRESS", ("delivery",), "another customer with the same address gets the message"),
    Reason("LOCALE_MISMATCH", ("candidate", "delivery"), "the help does not speak the person's language, or not yet"),
)

BARRED: tuple[str, ...] = ("ERASED", "EXCLUDED", "SUPPRESSED", "NO_CONSENT", "BAD_ADDRESS", "UNREACHABLE")
"""Nobody may speak to the person, whatever the help; all that comes later in the list depends on it, or on what was sent."""
CODES: tuple[str, ...] = tuple(reason.code for reason in REASONS)
RANK: dict[str, int] = {code: place for place, code in enumerate(CODES)}
MEANING: dict[str, str] = {reason.code: reason.meaning for reason in REASONS}


def rank(reason: pl.Expr) -> pl.Expr:
    """The place of each reason in the precedence; null stays null. Raises on a code that is not in the list."""
    return reason.replace_strict(RANK, return_dtype=pl.Int8)


def named(place: pl.Expr) -> pl.Expr:
    """The reason at each place: the inverse of `rank`."""
    return place.replace_strict(dict(enumerate(CODES)), return_dtype=pl.String)


def first_of(*reasons: pl.Expr) -> pl.Expr:
    """The earliest in the precedence of several reason columns; null where all are null."""
    return named(pl.min_horizontal(rank(reason) for reason in reasons))


def furthest(*reasons: pl.Expr) -> pl.Expr:
    """The latest in the precedence of several reason columns; null where all are null."""
    return named(pl.max_horizontal(rank(reason) for reason in reasons))
