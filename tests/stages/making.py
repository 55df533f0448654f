"""Small people, products and moments for the tests of the stages; each test says only what it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flows.channels import CHANNELS
from flows.clock import Moment
from flows.keys import Key
from flows.product import Product
from flows.schemas import CONSENT, EXCLUSIONS, HISTORY, INSTANT
from flows.settings import Settings
from flows.stages.eligibility import Bars, latest_consent

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MOMENT = Moment(TODAY, NOW, NOW, datetime(2026, 11, 22, tzinfo=UTC))
KEY = Key("k1", "0f" * 32)
SOON = NOW + timedelta(days=1)
TARGETS = {
    "nordtal": {"email": "email_file", "sms": "sms_file", "web": "web_profiles", "push": "push_file"},
    "seewind": {"email": "email_file"},
}
IDENTITY = {
    key: f"{key} of it"
    for key in [
        "name",
        "sender_name",
        "sender_email",
        "reply_to",
        "legal_name",
        "postal_address",
        "privacy_url",
        "unsubscribe_url",
        "site_url",
    ]
}


def product(name: str = "care_guide", **changes: Any) -> Product:
    """A product for marketing to nordtal's and seewind's customers, with what is changed about it."""
    return Product.model_validate(
        {
            "name": name,
            "help": {"need": "n", "kind": "teach", "action": {"label": "Read", "url": "/care"}},
            "owner": "o",
            "status": "live",
            "review_by": "2027-06-30",
            "message_type": "marketing",
            "topic": "care",
            "brands": ["nordtal", "seewind"],
            "segment": "buyers",
            "channels": {"first_of": ["email", "sms"], "also": ["web"]},
            "once_every": {"every": "60 days", "per": "person"},
            "success": {"helped": "h", "business": "b", "within": "14 days"},
        }
        | changes
    )


def settings(**changes: Any) -> Settings:
    """A workspace's settings: two brands, nobody held out."""
    brands = {brand: {"default": IDENTITY} for brand in TARGETS}
    given = {"workspace": Path(), "name": "w", "global_holdout": 0.0, "targets": TARGETS, "brands": brands}
    return Settings.model_validate(given | changes)


def people(*customers: str | dict[str, Any], brand: str = "nordtal") -> pl.DataFrame:
    """Customers with an address of each kind: as `Bars.people` has them."""
    rows = []
    for given in customers:
        customer = {"customer_id": given} if isinstance(given, str) else given
        who = customer["customer_id"]
        rows.append(
            {
                "brand": brand,
                "country": "DE",
                "locale": "de-DE",
                "time_zone": "Europe/Berlin",
                "email": f"{who}@example.com",
                "email_match": f"{who}@example.com",
                "email_fault": None,
                "phone": f"+49{who}",
                "phone_match": f"+49{who}",
                "phone_fault": None,
                "push_token": f"token-{who}",
            }
            | customer
        )
    schema = dict.fromkeys(
        [
            "customer_id",
            "brand",
            "country",
            "locale",
            "time_zone",
            "email",
            "email_match",
            "email_fault",
            "phone",
            "phone_match",
            "phone_fault",
            "push_token",
        ],
        pl.String,
    )
    return pl.DataFrame(rows, schema=schema).with_columns(person_key=KEY.of(pl.col("customer_id")))


def said(*events: dict[str, Any]) -> pl.DataFrame:
    """Consent events, `yes` to everything from c1 to nordtal a month ago where an event does not say otherwise."""
    usual = {
        "event_id": "e",
        "customer_id": "c1",
        "brand": "nordtal",
        "channel": "*",
        "topic": "*",
        "state": "yes",
        "happened_at": NOW - timedelta(days=30),
        "until": None,
        "source": None,
        "wording": None,
    }
    return pl.DataFrame([usual | event for event in events], schema=CONSENT)


def bars(
    who: pl.DataFrame,
    *events: dict[str, Any],
    suppressed: list[tuple[str, str, str]] | None = None,
    excluded: list[dict[str, Any]] | None = None,
    erased: list[str] | None = None,
) -> Bars:
    """What stands in the way of these people; without events all have agreed to everything."""
    given = events or tuple(
        {"customer_id": customer, "brand": brand} for customer, brand in who.select("customer_id", "brand").iter_rows()
    )
    gone = people(*(erased or []))
    exclusions = [dict.fromkeys(EXCLUSIONS) | {"detail": "file"} | row for row in excluded or []]
    return Bars(
        people=who,
        consent=latest_consent(said(*given), NOW),
        suppressed=pl.DataFrame(
            suppressed or [], dict.fromkeys(("channel", "address_match", "brand"), pl.String), orient="row"
        ),
        exclusions=pl.DataFrame(exclusions, schema=EXCLUSIONS),
        erased=gone.select("person_key"),
    )


def candidates(*rows: dict[str, Any], of: Product | None = None) -> pl.DataFrame:
    """Candidates of one product, about c1 and valid until tomorrow where a row does not say otherwise."""
    of = of or product()
    usual = {"customer_id": "c1", "brand": "nordtal", "subject_id": None, "valid_until": SOON}
    schema = {"customer_id": pl.String, "brand": pl.String, "subject_id": pl.String, "valid_until": INSTANT}
    frame = pl.DataFrame([usual | row for row in rows], schema_overrides=schema, infer_schema_length=None)
    subject = pl.when(pl.col("subject_id").is_not_null()).then(KEY.of(pl.col("subject_id")))
    return frame.with_columns(product=pl.lit(of.name), message_type=pl.lit(of.message_type), subject_key=subject)


def history(*rows: dict[str, Any]) -> pl.DataFrame:
    """What was claimed before; `customer` and `subject` stand for their keys."""
    keys = people(*{row.get("customer", "c1") for row in rows}).select("customer_id", "person_key")
    key_of = dict(keys.iter_rows())
    subjects = {row["subject"] for row in rows if row.get("subject")}
    frame = pl.DataFrame({"subject": sorted(subjects)}, schema={"subject": pl.String})
    subject_of = dict(frame.with_columns(key=KEY.of(pl.col("subject"))).iter_rows())
    done = [
        {
            "person_key": key_of[row.get("customer", "c1")],
            "brand": row.get("brand", "nordtal"),
            "product": row.get("product", "care_guide"),
            "message_type": row.get("message_type", "marketing"),
            "subject_key": subject_of.get(row.get("subject")),
            "as_of": row.get("as_of", TODAY - timedelta(days=1)),
        }
        for row in rows
    ]
    return pl.DataFrame(done, schema=HISTORY)


def channels(of: Product) -> list[Any]:
    """The ways that a product names."""
    return [CHANNELS[name] for name in of.channels.all]
