"""A row for each recipient of an e-mail, for platforms that fill the slots by themselves: address, creative and slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import RESERVED_SLOTS, Limit
from flows.words import is_words_slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flows.channels import Creatives


TEXT = "~"
"""What each value begins with for a platform that guesses types and keeps what it had where a value is blank."""


UNSEEN = "\u2060"
"""A word joiner: it takes a cell, and no room on a screen. It is the blank of a platform that keeps what it had where a value is
blank, and has nothing to take `TEXT` off again; and it parts what such a platform would take for its own language."""


def recipients(worded: pl.DataFrame) -> pl.DataFrame:
    """Worded deliveries -> `message_id, customer_id, email, creative_id, valid_until, unsubscribe_url` and their slots."""
    return worded.select(
        "message_id",
        "customer_id",
        pl.col("address").alias("email"),
        "creative_id",
        pl.col("valid_until").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "unsubscribe_url",
        *slots_of(worded.columns),  # beside s1 there is s1_html where a layout prints a text part in its HTML
    )


def slots_of(columns: Iterable[str]) -> list[str]:
    """The columns that hold values of the words."""
    return [name for name in columns if is_words_slot(name)]


def links_of(columns: Iterable[str]) -> list[str]:
    """The columns that hold links of the recipient's own, as to unsubscribe."""
    return [name for name in columns if name in RESERVED_SLOTS]


def contacts(worded: pl.DataFrame) -> pl.DataFrame:
    """Worded deliveries -> recipients in rounds, for a platform that keeps the slots at its contacts."""
    return in_rounds(recipients(worded), worded)


def as_texts(columns: Iterable[str]) -> list[pl.Expr]:
    """The slots, each value of which begins with `TEXT`: it is neither blank nor a number, a date or a truth."""
    return [(pl.lit(TEXT) + pl.col(name)).alias(name) for name in slots_of(columns)]


def attributes(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Recipients as contacts with attributes, each under its id in the column `key`; the words' values as texts."""
    return rows.select(
        pl.col("customer_id").alias(key),
        "email",
        "message_id",
        (pl.lit("c-") + pl.col("creative_id")).alias("creative"),
        "valid_until",
        *links_of(rows.columns),
        *as_texts(rows.columns),
    )


def in_rounds(rows: pl.DataFrame, worded: pl.DataFrame) -> pl.DataFrame:
    """Recipients with `round`: null for the first message to an address, `round-2` for the second.

    A platform that keeps the slots at its contacts has room for one message: the second file is loaded when the first has
    been sent. Most who come to that have two orders.

    Args:
        rows: recipients.
        worded: the deliveries that they are of, in the same order; with `round` where they are not all of the batch.
    """
    return rows.with_columns(worded["round"] if "round" in worded.columns else rounds(worded["address"]))


def rounds(addresses: pl.Series) -> pl.Series:
    """`round` of messages that follow each other, by their addresses: see `in_rounds`."""
    address = addresses.str.to_lowercase().alias("email")
    hashed = address.hash()
    # Few, if any; numbering everybody would take twice as long as writing the file.
    at = hashed.is_duplicated().arg_true() if hashed.n_unique() < address.len() else hashed.head(0)
    nth = pl.int_range(1, pl.len() + 1).over("email")
    later = pl.DataFrame({"email": address.gather(at)}).select(pl.when(nth > 1).then(pl.format("round-{}", nth)))
    none = pl.repeat(None, address.len(), dtype=pl.String, eager=True)
    return none.scatter(at, later.to_series()).alias("round")


def put_right(texts: pl.Expr, misread: str, right: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """Texts, of which those are put right that match what a platform would misread: few, and to look takes a fraction of it."""

    def some(values: pl.Series) -> pl.Series:
        at = values.str.contains(misread).arg_true()
        return values.scatter(at, values.gather(at).to_frame("text").select(right(pl.col("text"))).to_series())

    return texts.map_batches(some, return_dtype=pl.String)


def longest_value(most: int) -> Limit:
    """A value of the words, or a link, has so many characters at most: of a longer one a platform would cut off the end."""

    def sizes(rows: pl.DataFrame, _: Creatives) -> pl.Series:
        values = [pl.col(name).str.len_chars() for name in (*slots_of(rows.columns), *links_of(rows.columns))]
        return rows.select(pl.max_horizontal(pl.repeat(0, pl.len()), *values)).to_series()

    return Limit(most, "characters in one value", sizes)
