"""How many marketing messages people have had lately, for the caps: what was claimed, and what held-out people would have had."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import polars as pl

from flows.caps import earliest
from flows.channels import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.caps import Cap
    from flows.ledger.store import Ledger

HEARD = pl.Schema(
    {"person_key": pl.String(), "brand": pl.String(), "channel": pl.String(), "at": pl.Datetime("us")},
)
"""Marketing messages with the instant of their claim, in UTC without its zone. A claim that is released is gone; one on hold, or
ahead of the clock, counts. A held-out win counts as the message that it stands for, so that the caps bind both arms alike."""

HEARD_SINCE = """
    SELECT person_key, brand, channel, claimed_at AS at FROM claim
    WHERE message_type = 'marketing' AND claimed_at >= $since
    UNION ALL
    SELECT d.person_key, d.brand, d.channel, r.started_at AS at FROM decision d JOIN run r USING (run_id)
    WHERE d.reason = 'HOLDOUT' AND d.channel IS NOT NULL AND r.started_at >= $since
"""
"""The rows of `HEARD` from an instant on: only that end of the history is read, since it grows by time."""


def heard_lately(ledger: Ledger, caps: Sequence[Cap], at: datetime) -> pl.DataFrame:
    """`HEARD` as far back as any cap looks, of whom a message by each channel could be too many."""
    if not caps:
        return HEARD.to_frame()
    lanes = sum(channel.sends for channel in CHANNELS.values())
    rows = ledger.rows(
        f"SELECT * FROM ({HEARD_SINCE}) QUALIFY count(*) OVER (PARTITION BY person_key, brand) > $few",
        {"since": earliest(caps, at), "few": min(cap.most for cap in caps) - lanes},
    )
    return rows.cast(dict(HEARD))  # type: ignore[arg-type]


def heard_by(ledger: Ledger, persons: Sequence[str], caps: Sequence[Cap], at: datetime) -> pl.DataFrame:
    """`HEARD` of one person as far back as any cap looks, whichever of their keys it was noted under, under the first.

    Args:
        ledger: open.
        persons: their keys, the one in use first.
        caps: of the workspace.
        at: UTC instant from which the caps look back.
    """
    if not caps:
        return HEARD.to_frame()
    rows = ledger.rows(
        f"SELECT * FROM ({HEARD_SINCE}) WHERE person_key IN (SELECT unnest($persons))",
        {"since": earliest(caps, at), "persons": list(persons)},
    )
    return rows.cast(dict(HEARD)).with_columns(person_key=pl.lit(persons[0]))  # type: ignore[arg-type]


def claimed_since(ledger: Ledger, at: datetime) -> dict[tuple[str, str], int]:
    """Brand and channel -> how many marketing messages were claimed at an instant or later; what was released is gone."""
    rows = ledger.rows(
        """
        SELECT brand, channel, count(*) AS messages FROM claim
        WHERE message_type = 'marketing' AND claimed_at >= $at GROUP BY brand, channel
        """,
        {"at": at.astimezone(UTC).replace(tzinfo=None)},
    )
    return {(brand, channel): int(messages) for brand, channel, messages in rows.iter_rows()}
