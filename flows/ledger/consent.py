"""What the inbox has told: consent events of people, and addresses that get nothing any more; both append-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.addresses import own_forms, told_forms
from flows.channels import CHANNELS
from flows.clock import present
from flows.ledger import inbox
from flows.schemas import CONSENT, INSTANT

if TYPE_CHECKING:
    from flows.keys import Key
    from flows.ledger.store import Ledger
    from flows.settings import Settings

EVENTS = pl.Schema(
    {"person_key": pl.String(), **{name: kind for name, kind in CONSENT.items() if name != "customer_id"}}
)
"""`schemas.CONSENT` by the person's key."""
FORMS = pl.Schema({"form_key": pl.String(), "brand": pl.String(), "channel": pl.String()})
_SENT = pl.Schema(dict.fromkeys(("message_id", "sent_to", "sent_by", "sent_over", "address_key"), pl.String()))
_OF_PEOPLE = ("no", "yes", "pending", "snooze")
_ALL = pl.lit("*")


def drain(settings: Settings, ledger: Ledger, key: Key) -> int:
    """Take over what is in the inbox, and empty it. A notice that is drained again, after a kill, counts once.

    Args:
        settings: where the inbox is, and how the brands are spelt.
        ledger: open, in no transaction.
        key: for the identities, which are not kept.

    Returns:
        The number of the latest drain, this one or an earlier one: see `barred_since`.

    Raises:
        DataError: a file in the inbox cannot be read. Nothing leaves until it is mended, since it may hold a no.
    """
    files = inbox.waiting(settings)
    latest = latest_drain(ledger)
    if not files:
        return latest
    notices = _spelt(inbox.read(files), settings)
    known = ledger.rows("SELECT event_id FROM consent_event SEMI JOIN notices USING (event_id)", notices=notices)
    new = _about(ledger, notices.join(known.cast(pl.String), on="event_id", how="anti"), key)
    added = {"drain": pl.lit(latest + 1, dtype=pl.Int64), "received_at": pl.lit(present(), dtype=INSTANT)}
    with ledger.transaction():
        ledger.append("consent_event", new.select(*_EVENT).with_columns(**added))
        ledger.append("suppression", _suppressions(new, key).with_columns(**added))
    inbox.remove(files)
    return latest + 1


def latest_drain(ledger: Ledger) -> int:
    """How often something was drained."""
    return int(ledger.rows("SELECT coalesce(max(drain), 0) FROM consent_event").item())


def told(ledger: Ledger) -> pl.DataFrame:
    """`EVENTS` that people have told us directly."""
    names = ", ".join(EVENTS)
    rows = ledger.rows(
        f"SELECT {names} FROM consent_event WHERE person_key IS NOT NULL AND state IN $states",
        {"states": list(_OF_PEOPLE)},
    )
    instants = [pl.col(name).dt.replace_time_zone("UTC") for name, kind in EVENTS.items() if kind == INSTANT]
    return rows.with_columns(instants).cast(dict(EVENTS))  # type: ignore[arg-type]


def told_suppressions(ledger: Ledger) -> pl.DataFrame:
    """`FORMS` of the addresses that get nothing any more."""
    return ledger.rows("SELECT DISTINCT form_key, brand, channel FROM suppression").cast(dict(FORMS))  # type: ignore[arg-type]


def suppressed(forms: pl.DataFrame, addresses: pl.DataFrame, key: Key) -> pl.DataFrame:
    """Those of some addresses that are suppressed.

    Args:
        forms: `FORMS`.
        addresses: `brand, channel, address_match`.
        key: of the workspace.

    Returns:
        `channel, address_match, brand`, each once.
    """
    if forms.is_empty():
        return addresses.clear().select("channel", "address_match", "brand")
    whole, national = own_forms(pl.col("address_match"))
    keyed = addresses.unique().with_columns(
        form_key=pl.concat_list(
            key.of("address", whole),
            key.of("address", national),
            key.of(pl.col("brand"), pl.col("channel"), pl.col("address_match")),
        )
    )
    met = keyed.explode("form_key").join(forms, on="form_key", suffix="_told")
    meant = [
        pl.col(f"{name}_told").is_in(["*"]) | (pl.col(f"{name}_told") == pl.col(name)) for name in ("brand", "channel")
    ]
    return met.filter(*meant).select("channel", "address_match", "brand").unique()


def is_told_since(ledger: Ledger, drain: int) -> bool:
    """Whether anything has been told since a drain."""
    found = ledger.rows(
        """
        SELECT EXISTS (SELECT 1 FROM consent_event WHERE drain > $drain)
            OR EXISTS (SELECT 1 FROM suppression WHERE drain > $drain)
        """,
        {"drain": drain},
    )
    return bool(found.item())


def barred_since(ledger: Ledger, drain: int, rows: pl.DataFrame, key: Key) -> pl.DataFrame:
    """What has been told since consent was looked at, and bars messages that are about to leave.

    A no counts even where a later yes may have come with it: the next run weighs them.

    Args:
        ledger: open, and drained.
        drain: the number of the latest drain when consent was looked at.
        rows: `message_id, person_key, brand, channel, topic, address_match`.
        key: of the workspace.

    Returns:
        `message_id, reason`: SUPPRESSED or NO_CONSENT.
    """
    refused = ledger.rows(
        """
        SELECT DISTINCT r.message_id FROM rows r JOIN consent_event e USING (person_key)
        WHERE e.drain > $drain AND e.state IN ('no', 'snooze')
          AND e.brand IN ('*', r.brand) AND e.channel IN ('*', r.channel) AND e.topic IN ('*', lower(r.topic))
        """,
        {"drain": drain},
        rows=rows,
    ).cast(pl.String)
    forms = ledger.rows("SELECT form_key, brand, channel FROM suppression WHERE drain > $drain", {"drain": drain})
    listed = suppressed(forms.cast(dict(FORMS)), rows.select("brand", "channel", "address_match"), key)  # type: ignore[arg-type]
    barred = rows.join(listed, on=["brand", "channel", "address_match"], how="semi").select("message_id")
    said = refused.join(barred, on="message_id", how="anti").with_columns(reason=pl.lit("NO_CONSENT"))
    return pl.concat([barred.with_columns(reason=pl.lit("SUPPRESSED")), said])


_EVENT = (
    "event_id",
    "person_key",
    "message_id",
    "brand",
    "channel",
    "topic",
    "state",
    "happened_at",
    "until",
    "source",
    "wording",
)


def _spelt(notices: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Notices in our spelling. A no about what nobody knows is one about everything; it counts from now at the latest."""
    brands = {brand.lower(): brand for brand in settings.brands}
    plain = {name: pl.col(name).str.strip_chars().str.to_lowercase() for name in ("brand", "channel", "topic")}
    bars = ~pl.col("state").is_in(["yes", "pending"])
    is_known = {
        "brand": pl.col("brand").is_in(list(settings.brands)),
        "channel": pl.col("channel").is_in(list(CHANNELS)),
        "topic": pl.col("topic") != "",
    }
    at = pl.lit(present(), dtype=INSTANT)
    return (
        notices.with_columns(**plain)
        .with_columns(
            pl.col("brand").replace(brands),
            happened_at=pl.min_horizontal("happened_at", pl.when(bars).then(at)).fill_null(at),
        )
        .with_columns(
            pl.when(bars & ~known).then(_ALL).otherwise(pl.col(name)).alias(name) for name, known in is_known.items()
        )
    )


def _about(ledger: Ledger, notices: pl.DataFrame, key: Key) -> pl.DataFrame:
    """Notices with `person_key`, and, of a message's, the brand that sent it; `sent_over` and `address_key` of the message."""
    sent = ledger.rows(
        """
        SELECT message_id, c.person_key AS sent_to, c.brand AS sent_by, c.channel AS sent_over, c.address_key
        FROM claim c SEMI JOIN notices USING (message_id)
        UNION  -- what is shown on the web or in ads is not claimed
        SELECT d.message_id, e.person_key, e.brand, b.channel, NULL
        FROM delivery d SEMI JOIN notices USING (message_id) JOIN decision e USING (decision_id) JOIN batch b USING (batch_id)
        WHERE b.kind = 'state'
        """,
        notices=notices.select("message_id").drop_nulls(),
    ).cast(dict(_SENT))  # type: ignore[arg-type]
    own = key.of(pl.col("customer_id"))
    known = notices.join(sent.unique("message_id"), on="message_id", how="left", maintain_order="left")
    return known.with_columns(
        brand=pl.when(pl.col("brand") == "*").then(pl.coalesce("sent_by", "brand")).otherwise("brand"),
        person_key=pl.when(pl.col("customer_id").is_not_null()).then(own).otherwise("sent_to"),
    )


def _suppressions(notices: pl.DataFrame, key: Key) -> pl.DataFrame:
    """What notices take from the addresses that they are about: all of them by address, of a message bounces and complaints."""
    columns = ("event_id", "form_key", "brand", "channel", "reason")
    listed = notices.rename({"state": "reason"})
    by_address = listed.filter(pl.col("address").is_not_null())
    written = told_forms(by_address.select("event_id", "address", "brand", "channel", "reason"))
    returned = listed.filter(pl.col("address_key").is_not_null(), pl.col("reason").is_in(["bounced", "complained"]))
    return pl.concat(
        [
            written.with_columns(form_key=key.of("address", pl.col("form"))).select(columns),
            returned.with_columns(form_key="address_key", channel="sent_over").select(columns),
        ]
    )
