"""Every column once, with its type and meaning; the frames of the line are built from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import DataError, nearest
from flows.links import OF_RECIPIENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

INSTANT = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Column:
    """A column: its type in every frame, what it means, and a value that stands in it."""

    type: pl.DataType
    meaning: str
    example: str


def _string(meaning: str, example: str) -> Column:
    return Column(pl.String(), meaning, example)


COLUMNS: dict[str, Column] = {
    # who
    "customer_id": _string("the workspace's id of a customer", "C0000018"),
    "brand": _string("the brand that speaks", "nordtal"),
    "person_key": _string("HMAC of customer_id", "5f0c…, 32 digits of a hash"),
    "country": _string("ISO 3166 country of the customer", "AT"),
    "locale": _string("language and region, as in de-AT", "de-AT"),
    "time_zone": _string("IANA name of the customer's time zone", "Europe/Vienna"),
    "email": _string("e-mail address", "ann@example.com"),
    "phone": _string("telephone number", "+4366412345678"),
    "push_token": _string("the app's token for push messages", "dXNlcjoxOmFwcA…, as the app was given it"),
    # what may be said
    "event_id": _string("id of an event in the source", "consent-88231"),
    "channel": _string("email, sms, push, web, ads or call; '*' where all are meant", "sms"),
    "topic": _string("what a person can leave without leaving everything; '*' for all", "product_care"),
    "state": _string("yes, no, pending or snooze", "snooze"),
    "happened_at": Column(INSTANT, "when it happened", "2026-11-22 08:15:00 UTC"),
    "until": Column(INSTANT, "when it ends", "2026-12-24 00:00:00 UTC"),
    "source": _string("where it was said", "checkout"),
    "wording": _string("the words that were agreed to", "Yes, tell me how to care for what I have bought."),
    "address": _string("an address in the form in which it is used", "+46701234567"),
    "reason": _string("a code of reasons.py; null where nothing is in the way", "CAPPED"),
    "detail": _string("what brought the reason about: a file's name, never data", "open_complaints.sql"),
    "message_type": _string("marketing or service", "service"),
    # a help for somebody
    "product": _string(
        "name of the product; `exclude:` and that of an audience where campaigns are to leave people out", "care_guide"
    ),
    "subject_id": _string("what the help is about (an order); null where it is about the person", "order-5531"),
    "subject_key": _string("HMAC of subject_id; null without one", "b771…, 32 digits, of order-5531"),
    "valid_until": Column(INSTANT, "until when the message is true", "2026-11-27 22:59:59 UTC"),
    "next_due_on": Column(pl.Date(), "when the row may become a candidate", "2026-11-30"),
    "score": Column(pl.Float64(), "relevance, 0..1", "0.38"),
    "terms": Column(
        pl.List(pl.Struct({"name": pl.String, "log_odds": pl.Float64})),
        "the addends of the score, base included",
        "[{base, −2.0}, {delivered_at, 1.49}]",
    ),
    "closed": Column(
        pl.List(pl.Struct({"channel": pl.String, "reason": pl.String, "detail": pl.String})),
        "the product's channels that are barred, by what, and the detail of that",
        "[{sms, NO_CONSENT, null}]",
    ),
    "decision_id": _string(
        "HMAC of workspace, brand, product, subject, person and date", "0b52…, 32 digits, of this help on this day"
    ),
    "came_by": _string(
        "the channel by which the person came in, which is the first to carry an answer; null where nothing tells",
        "push",
    ),
    "variant": _string("the variant of the words that was drawn; null without a test", "checklist"),
    "drawn_level": Column(
        pl.Int8(), "the detail level that was drawn, 0..3; null without a test, or where not all is known", "2"
    ),
    "propensity": Column(pl.Float64(), "probability of the draws that led here, 0..1", "0.475, which is half of 95 %"),
    "level": Column(pl.Int8(), "how many of the product's dimensions may be used, 0..3", "1"),
    "facts": Column(pl.List(pl.String), "the dimensions actually used, in the product's order", "[last_order]"),
    "facts_at": Column(
        pl.List(pl.Struct({"dimension": pl.String, "at": INSTANT})),
        "as of when each fact is known, where the segment says so",
        "[{last_order, 2026-11-20 10:00:00 UTC}]",
    ),
    "missed": Column(
        pl.List(pl.Struct({"dimension": pl.String, "why": pl.String})),
        "the product's dimensions that are not among the facts, and why: absent, stale or not permitted",
        "[{name, absent}]",
    ),
    "consent_event": _string(
        "the event_id of the yes that a delivery relies on; null where none is needed", "consent-71004"
    ),
    "as_of": Column(pl.Date(), "the date of the run", "2026-11-22"),
    # a delivery
    "lane": _string("'first' for the one channel of first_of, else the channel's name", "first"),
    "target": _string("the platform format", "ses"),
    "address_match": _string(
        "the address in the form that tells whether two are the same", "ann@example.com, for Ann@Example.com"
    ),
    "creative_id": _string("digest of the words of one key, in one brand and country", "7c218346d66a1245"),
    "shown": _string("HMAC of the facts that a delivery shows, names aside", "a418…, 32 digits, of “Alpine 3”"),
    "message_id": _string("HMAC of decision, lane and attempt", "9c96adb8a8860e98a2b027233fcbb304"),
    "not_before": Column(
        INSTANT, "when the message may be sent at the earliest; null where nothing is sent", "2026-11-22 07:00:00 UTC"
    ),
    "not_after": Column(
        INSTANT, "when it may be sent at the latest; null where nothing is sent", "2026-11-22 19:00:00 UTC"
    ),
}


def frame_schema(*names: str) -> pl.Schema:
    """The schema with these columns, in this order."""
    return pl.Schema({name: COLUMNS[name].type for name in names})


CUSTOMERS = frame_schema("customer_id", "brand", "country", "locale", "time_zone", "email", "phone", "push_token")
CONSENT = frame_schema(
    "event_id", "customer_id", "brand", "channel", "topic", "state", "happened_at", "until", "source", "wording"
)
SUPPRESSIONS = frame_schema("channel", "address", "brand", "reason", "happened_at")
EXCLUSIONS = frame_schema("customer_id", "brand", "product", "channel", "message_type", "until", "detail")
AUDIENCE = frame_schema("customer_id", "brand", "until")
SEGMENT = frame_schema("customer_id", "brand", "subject_id", "valid_until", "next_due_on")
HISTORY = frame_schema("person_key", "brand", "product", "message_type", "subject_key", "as_of")
OUTCOMES = pl.Schema(
    {
        **frame_schema("event_id", "customer_id", "brand", "subject_id", "happened_at"),
        "outcome": pl.String(),
        "loaded_at": INSTANT,
        "value": pl.Float64(),
        "channel": pl.String(),
        "file": pl.String(),
    }
)
"""What came of people's needs: `outcome` is its name, `loaded_at` when it came to be known, `value` what it was worth, and `file`
the one of sql/outcomes/ that tells it. None of these is a column of the line, so that a field may be called so."""
KEYS = ("customer_id", "brand", "product", "subject_id")
DECISIONS = frame_schema(
    *KEYS,
    "message_type",
    "person_key",
    "subject_key",
    "decision_id",
    "score",
    "terms",
    "closed",
    "came_by",
    "variant",
    "drawn_level",
    "propensity",
    "valid_until",
    "reason",
    "detail",
)
ROUTED = frame_schema(
    *KEYS,
    "message_type",
    "person_key",
    "subject_key",
    "decision_id",
    "score",
    "variant",
    "valid_until",
    "level",
    "facts",
    "facts_at",
    "country",
    "locale",
    "time_zone",
    "lane",
    "channel",
    "target",
    "address",
    "address_match",
    "phone",
    "consent_event",
    "shown",
    "reason",
)


# Columns that the stages put beside a segment's own for a while.
_PASSING = frozenset(
    [
        "is_erased",
        "is_listed",
        "is_past",
        "is_granted",
        "has_no",
        "has_yes",
        "yes_event",
        "dropped",
        "sender",
        "words",
        "key",
        *OF_RECIPIENTS,
    ]
)
_OF_A_CHANNEL = re.compile(
    r"(email|sms|push|web|ads|call)_(reason|detail|address|match|phone|fault|event)|s\d+(_html)?|_.*"
)


def is_taken(name: str) -> bool:
    """Whether the line has a column of this name itself, so that a field or signal cannot have it."""
    return name in COLUMNS or name in _PASSING or _OF_A_CHANNEL.fullmatch(name) is not None


def spoken(kind: pl.DataType) -> str:
    """A kind of column in the words of people."""
    if isinstance(kind, pl.List):
        return "a list"
    if isinstance(kind, pl.Datetime):
        return "an instant"
    if kind.is_numeric():
        return "a number"
    return {pl.String: "text", pl.Date: "a date", pl.Boolean: "true or false"}.get(type(kind), str(kind))


def conform(frame: pl.DataFrame, schema: pl.Schema, *, where: str, optional: Iterable[str] = ()) -> pl.DataFrame:
    """The columns of `schema` in its order and types; other columns are left out.

    Args:
        frame: what a query yielded.
        schema: what is wanted of it.
        where: the file that an error names.
        optional: columns that are filled with null where the query does not yield them.

    Raises:
        DataError: a column is missing, or has values of another kind.
    """
    optional = set(optional)
    columns = []
    for name, wanted in schema.items():
        if name in frame.columns:
            columns.append(_cast(frame[name], wanted, where))
        elif name in optional:
            columns.append(pl.Series(name, [None], dtype=wanted).new_from_index(0, frame.height))
        else:
            raise DataError(where, f"the column '{name}' is missing", nearest(name, frame.columns))
    return pl.DataFrame(columns, schema=schema)


def _cast(column: pl.Series, wanted: pl.DataType, where: str) -> pl.Series:
    given = column.dtype
    if given == wanted:
        return column
    if wanted == INSTANT and isinstance(given, pl.Datetime):
        column = column.dt.replace_time_zone("UTC") if given.time_zone is None else column.dt.convert_time_zone("UTC")
        return column.cast(wanted)
    if wanted == INSTANT and given == pl.Date:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    plain = given.is_integer() or isinstance(given, pl.String | pl.Categorical | pl.Enum | pl.Null)
    if (wanted == pl.String and plain) or given == pl.Null or (wanted == pl.Date and isinstance(given, pl.Datetime)):
        return column.cast(wanted)
    what = f"the column '{column.name}' is {spoken(given)}, and should be {spoken(wanted)}"
    raise DataError(where, what, "cast it in the query")
