"""What platforms tell of people who said stop, and of dead addresses: it holds at once, whatever becomes of the rest.

A message tells best whom it is about: which address, and which brand. Where none is known it is the customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS
from flows.clock import present
from flows.keys import load_keys
from flows.ledger.consent import drain
from flows.ledger.erasure import tombstones
from flows.ledger.inbox import Notice, write
from flows.ledger.outcomes import whose
from flows.ledger.store import open_ledger
from flows.line.sources import erased
from flows.schemas import INSTANT
from flows.tokens import ID_DIGITS

if TYPE_CHECKING:
    from flows.ledger.store import Ledger
    from flows.settings import Settings

_TEXTS = ("message_id", "customer_id", "channel", "state", "source")
_SAID = pl.Schema({**dict.fromkeys(_TEXTS, pl.String()), "happened_at": INSTANT})


def stop(settings: Settings, said: pl.DataFrame) -> int:
    """Put into the inbox who gets nothing any more, and take it over. What was told before is not told again.

    Args:
        settings: of the workspace.
        said: `message_id` or `customer_id`, `state` (no, bounced, complained; null says nothing), `source`; and where known
            `channel` (of what is told of a customer; all, where it is not) and `happened_at`.

    Returns:
        How many notices were new.
    """
    absent = [pl.lit(None, kind).alias(name) for name, kind in _SAID.items() if name not in said.columns]
    is_about_one = pl.any_horizontal(pl.col("message_id", "customer_id").is_not_null())
    told = said.with_columns(absent).filter(pl.col("state").is_not_null(), is_about_one).select(list(_SAID))
    if told.is_empty():
        return 0
    is_over = pl.col("happened_at") <= pl.lit(present())
    told = told.with_columns(pl.col("message_id").str.head(ID_DIGITS), happened_at=pl.when(is_over).then("happened_at"))
    keys = load_keys(settings.key_file)
    with open_ledger(settings) as ledger:
        customer = pl.col("customer_id")
        keyed = _about_one(ledger, told).with_columns(person_key=keys[0].of(customer, only=customer.is_not_null()))
        gone = erased(settings, keyed.drop_nulls("customer_id"), tombstones(ledger))
        new = _new(ledger, keyed.join(gone, on="person_key", how="anti", maintain_order="left"))
        rows = new.iter_rows(named=True)
        write(settings, [Notice(**{name: value for name, value in row.items() if value is not None}) for row in rows])
        drain(settings, ledger, keys[0])
    return new.height


def _about_one(ledger: Ledger, told: pl.DataFrame) -> pl.DataFrame:
    """`told`, each about one: the message where it is known, or the only one named; else the customer, who said no."""
    is_known = pl.col("message_id").is_in(whose(ledger, told["message_id"])["message_id"].implode())
    by_message = pl.col("message_id").is_not_null() & (is_known | pl.col("customer_id").is_null())
    channel = pl.when(pl.col("channel").is_in(list(CHANNELS))).then("channel").otherwise(pl.lit("*"))
    return told.with_columns(
        message_id=pl.when(by_message).then("message_id"),
        customer_id=pl.when(~by_message).then("customer_id"),
        channel=pl.when(~by_message).then(channel),
        state=pl.when(by_message).then("state").otherwise(pl.lit("no")),
    ).unique(maintain_order=True)


def _new(ledger: Ledger, told: pl.DataFrame) -> pl.DataFrame:
    """What nobody has told yet of the same message or person, at the same time where one is told."""
    names = ("message_id", "person_key", "channel", "state")
    noted = ledger.rows(f"SELECT {', '.join(names)}, happened_at FROM consent_event")
    noted = noted.with_columns(pl.col(*names).cast(pl.String), pl.col("happened_at").dt.replace_time_zone("UTC"))
    of_people = noted.filter(pl.col("message_id").is_null())
    is_timed, new = pl.col("happened_at").is_not_null(), []
    for rows, also in ((told.filter(~is_timed), ()), (told.filter(is_timed), ("happened_at",))):
        left = rows.join(noted, on=["message_id", "state", *also], how="anti", maintain_order="left")
        new.append(
            left.join(of_people, on=["person_key", "channel", "state", *also], how="anti", maintain_order="left")
        )
    return pl.concat(new).drop("person_key")
