"""The suppression lists of platforms, compared with ours: what they have and we had not, and since when nobody has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.addresses import told_forms
from flows.clock import present
from flows.ledger.consent import latest_drain

if TYPE_CHECKING:
    from datetime import timedelta

    from flows.keys import Key
    from flows.ledger.store import Ledger


def take_list(ledger: Ledger, target: str, channel: str, brand: str, addresses: pl.Series, key: Key) -> tuple[int, int]:
    """Suppress what a platform's whole list has on it, for good; call it in a transaction.

    Args:
        ledger: in a transaction.
        target: whose list it is.
        channel: of the target.
        brand: whose account the list is from; '*' is all.
        addresses: everything on it.
        key: of the workspace.

    Returns:
        How many addresses are new to us, and how many were on an earlier list and are not any more.
    """
    listed = pl.DataFrame({"address": addresses.unique().sort()}).with_columns(
        channel=pl.lit(channel), brand=pl.lit(brand), row=pl.int_range(pl.len())
    )
    forms = told_forms(listed).with_columns(form_key=key.of("address", pl.col("form"))).select("row", "form_key")
    known = ledger.rows(
        "SELECT DISTINCT form_key FROM suppression WHERE brand IN ('*', $brand) AND channel IN ('*', $channel)",
        {"brand": brand, "channel": channel},
    ).cast(pl.String)
    new = forms.join(known, on="form_key", how="anti")
    gone = ledger.rows(
        """
        SELECT count(DISTINCT event_id) FROM suppression s
        WHERE source = $target AND brand = $brand
          AND NOT EXISTS (FROM suppression o JOIN forms USING (form_key) WHERE o.event_id = s.event_id)
        """,
        {"target": target, "brand": brand},
        forms=forms,
    ).item()
    stamp = present()
    ledger.append(
        "suppression",
        new.select(
            "form_key",
            event_id=pl.format("{}-{}-{}", pl.lit(target), pl.lit(f"{stamp:%Y%m%dT%H%M%S%f}"), pl.col("row")),
            brand=pl.lit(brand),
            channel=pl.lit(channel),
            reason=pl.lit("listed"),
            source=pl.lit(target),
            drain=pl.lit(latest_drain(ledger) + 1, dtype=pl.Int64),
            received_at=pl.lit(stamp),
        ),
    )
    return new["row"].n_unique(), int(gone)


def note_comparison(ledger: Ledger, target: str, brand: str, counts: dict[str, int]) -> None:
    """Note that a platform's list was compared with ours: `listed, added, gone, missing`."""
    row = {"target": target, "brand": brand, **{f"{name}_count": count for name, count in counts.items()}}
    ledger.append("reconciliation", pl.DataFrame([row]).with_columns(reconciled_at=pl.lit(present())))


def ages(ledger: Ledger, targets: list[str]) -> dict[str, timedelta | None]:
    """Target -> how long ago its list was last compared with ours; None where it never was."""
    rows = ledger.rows("SELECT target, max(reconciled_at) AS at FROM reconciliation GROUP BY target")
    last = dict(rows.iter_rows())
    now = present().replace(tzinfo=None)
    return {name: now - last[name] if name in last else None for name in targets}
