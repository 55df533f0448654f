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
    """One reason.

    Attributes:
        code: what the history and the plan call it.
        of: what it is said of: a help that somebody could have had, or a delivery of one that was decided on.
        meaning: a sentence for people.
        example: somebody whom it befalls.
        remedy: what to do where that was not meant.
    """

    code: str
    of: tuple[Of, ...]
    meaning: str
    example: str
    remedy: str


_BOTH: tuple[Of, ...] = ("candidate", "delivery")

REASONS: tuple[Reason, ...] = (
    Reason(
        "ERASED",
        _BOTH,
        "the person asked to be forgotten",
        "Ann asked for it in May; the warehouse still has a row of hers.",
        "Nothing: it is for good. Delete the row in the warehouse, too.",
    ),
    Reason(
        "EXCLUDED",
        _BOTH,
        "a query in sql/exclusions/ names the person, or their country is stopped",
        "Ben has a complaint open, and sql/exclusions/open_complaints.sql names him.",
        "Look at the query that the detail names, or end the stop of a country with `justenough go`.",
    ),
    Reason(
        "SUPPRESSED",
        _BOTH,
        "the address is on a suppression list",
        "Cid's mailbox was full for weeks, and his address bounced for good.",
        "Ask for another address. One that is listed by mistake is taken off where the list comes from.",
    ),
    Reason(
        "NO_CONSENT",
        _BOTH,
        "there is no consent for this topic on this channel, or it was withdrawn",
        "Dee has agreed to e-mails about orders, and this is one about care.",
        "Ask people for it. If nobody has any, look whether sql/consent.sql yields the topic as product.yaml has it.",
    ),
    Reason(
        "BAD_ADDRESS",
        _BOTH,
        "the address cannot be one",
        "Eve's e-mail address reads `eve@gmial,com`.",
        "Mend it at the source.",
    ),
    Reason(
        "UNREACHABLE",
        _BOTH,
        "there is no address on the channels that are left, or the message is longer than the platform takes",
        "Fay has no app, and the product speaks by push alone.",
        "Name another channel under `first_of`, or shorten the words.",
    ),
    Reason(
        "SILENCED_BY_SERVICE",
        _BOTH,
        "a service message goes to this person today",
        "Gus hears today that his parcel is late, and so nothing about tents.",
        "Nothing: marketing waits for another day.",
    ),
    Reason(
        "STALE_CONTEXT",
        _BOTH,
        "the occasion is over",
        "The offer that Hal looked at ended at noon, and the run began at one.",
        "Run earlier, give `when.valid_for` more time, or have quiet hours hold for less.",
    ),
    Reason(
        "REPEATED",
        _BOTH,
        "the person had this help within `once_every`, or a decision today",
        "Ida got the care guide three weeks ago, and it comes once in sixty days.",
        "Nothing, or a shorter `once_every` where the help may come again sooner.",
    ),
    Reason(
        "CAPPED",
        _BOTH,
        "the person has had as many messages as the caps allow",
        "Jon has had three messages since Monday, and `3 in 7 days` is the cap.",
        "Nothing, or other `caps`; `justenough explain` says until when.",
    ),
    Reason(
        "BELOW_THRESHOLD",
        ("candidate",),
        "the help is not relevant enough now",
        "Kim's order came five weeks ago, and by then the signal has faded to 0.14.",
        "Nothing, or a lower `relevance.threshold`; `justenough explain` has the terms of the score.",
    ),
    Reason(
        "OUTRANKED",
        ("candidate",),
        "another help is more relevant",
        "Lea could get the care guide, but her basket of this morning weighs more.",
        "Nothing: one help at a time. Compare the scores where one help never gets its turn.",
    ),
    Reason(
        "HOLDOUT",
        ("candidate",),
        "the person is in a holdout, so that effects can be measured",
        "Max is of the twentieth that gets no marketing at all.",
        "Nothing: without it no readout could say what helps. Its share is `global_holdout`, or `test.holdout`.",
    ),
    Reason(
        "EXPOSED",
        _BOTH,
        "too many dimensions were shown to the person lately",
        "Ned was shown his order, his size, his store, his points, his street and his birthday in one month.",
        "Show less: put the dimension last in product.yaml. The bounds are the setting `exposure`.",
    ),
    Reason(
        "CROWD_TOO_SMALL",
        ("delivery",),
        "too few people share these facts",
        "Only seven visitors of the website have the Alpine 3 in red.",
        "Show something that more people share, such as the kind of tent; the floor is the setting `crowd`.",
    ),
    Reason(
        "OVER_BUDGET",
        ("delivery",),
        "the channel's budget is spent on better uses",
        "The budget is 20,000 text messages a day, and Ole's is worth the least of 20,001.",
        "Nothing: tomorrow it is looked at again. Or raise the budget of that channel.",
    ),
    Reason(
        "AUDIENCE_TOO_SMALL",
        ("delivery",),
        "the audience is below the platform's minimum",
        "Sixty people would be in an audience for Meta, which begins at a hundred.",
        "Wait until there are more of them, or have fewer wordings, each of which is an audience of its own.",
    ),
    Reason(
        "DUPLICATE_ADDRESS",
        ("delivery",),
        "another customer with the same address gets the message",
        "Pia and Quin share a mailbox, and Pia's score is the higher one.",
        "Nothing, or bring the two together in the warehouse where they are one person.",
    ),
    Reason(
        "LOCALE_MISMATCH",
        _BOTH,
        "the help does not speak the person's language, or not yet",
        "Rosa reads French, and the words are there in English and German.",
        "Have them translated: `justenough strings export`. Where a role has to sign them, `justenough check` says which.",
    ),
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
