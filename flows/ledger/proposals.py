"""What readouts have found and propose, in the ledger: kept by a look, ended by a person or by what a later one sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present

if TYPE_CHECKING:
    from collections.abc import Collection

    from flows.ledger.store import Ledger

READOUT = pl.Schema(
    {
        "product": pl.String(),
        "product_version": pl.Int32(),
        "as_of": pl.Date(),
        "since": pl.Date(),
        "until": pl.Date(),
        "verdict": pl.String(),
        "metric": pl.String(),
        "lift": pl.Float64(),
        "lift_low": pl.Float64(),
        "lift_high": pl.Float64(),
        "alarms": pl.List(pl.String()),
        "found": pl.String(),
        "read_at": pl.Datetime("us", "UTC"),
    }
)
"""A look at a product. `lift` is of the metric that says whether it helped; `found` is JSON."""
PROPOSED = pl.Schema(
    {
        "proposal_id": pl.String(),
        "product": pl.String(),
        "product_version": pl.Int32(),
        "kind": pl.String(),
        "what": pl.String(),
        "says": pl.String(),
        "reach_change": pl.Int64(),
        "evidence": pl.String(),
        "edits": pl.String(),
        "about": pl.String(),
    }
)
"""A proposal as a readout makes it; the last three are JSON."""
OPEN = pl.Schema(
    {
        "product": pl.String(),
        "id": pl.String(),
        "kind": pl.String(),
        "what": pl.String(),
        "says": pl.String(),
        "reach_change": pl.Int64(),
        "made_at": pl.Datetime("us", "UTC"),
    }
)
"""A proposal that waits for a person; `reach_change` in people per thirty days, null where that is few, or nobody can tell."""


def keep(ledger: Ledger, looked: pl.DataFrame, proposed: pl.DataFrame) -> None:
    """Keep a look, in one transaction: proposals that were found before are renewed, those that no longer are withdrawn.

    Args:
        ledger: open for writing.
        looked: `READOUT`, one row for each product that was looked at. An earlier look of that day makes way; of those of earlier
            days what is in columns stays.
        proposed: `PROPOSED`, all that is proposed of these products.
    """
    at = present().replace(tzinfo=None)
    with ledger.transaction():
        again = "(product, as_of) IN (SELECT (product, as_of) FROM looked)"
        ledger.execute(f"DELETE FROM readout WHERE {again}", looked=looked)
        ledger.execute("UPDATE readout SET found = NULL WHERE product IN (SELECT product FROM looked)", looked=looked)
        ledger.append("readout", looked)
        ledger.execute(
            """
            UPDATE proposal SET state = 'withdrawn', ended_at = $at WHERE state = 'open'
            AND product IN (SELECT product FROM looked) AND proposal_id NOT IN (SELECT proposal_id FROM proposed)
            """,
            {"at": at},
            looked=looked,
            proposed=proposed,
        )
        ledger.execute(
            """
            UPDATE proposal SET product_version = p.product_version, says = p.says, reach_change = p.reach_change,
                evidence = p.evidence, edits = p.edits, about = p.about, renewed_at = $at
            FROM proposed p WHERE proposal.proposal_id = p.proposal_id AND proposal.state = 'open'
            """,
            {"at": at},
            proposed=proposed,
        )
        known = ledger.rows("SELECT proposal_id FROM proposal WHERE state IN ('open', 'accepting')")
        new = proposed.join(known.cast(pl.String), on="proposal_id", how="anti", maintain_order="left")
        ledger.append("proposal", new.with_columns(state=pl.lit("open"), made_at=pl.lit(at), renewed_at=pl.lit(at)))


def open_proposals(ledger: Ledger) -> pl.DataFrame:
    """`OPEN`: what waits for a person, by product, the newest first."""
    rows = ledger.rows(
        """
        SELECT product, proposal_id AS id, kind, what, says, reach_change, made_at FROM proposal
        WHERE state IN ('open', 'accepting') ORDER BY product, made_at DESC, kind, what
        """
    )
    return _zoned(rows, "made_at").cast(dict(OPEN))  # type: ignore[arg-type]


def last_readouts(ledger: Ledger) -> pl.DataFrame:
    """`READOUT` of the last look at each product that was kept, by product."""
    rows = ledger.rows(
        f"""
        SELECT {", ".join(name if name != "found" else "found::varchar AS found" for name in READOUT)} FROM readout
        QUALIFY row_number() OVER (PARTITION BY product ORDER BY as_of DESC, read_at DESC) = 1 ORDER BY product
        """
    )
    return _zoned(rows, "read_at").cast(dict(READOUT))  # type: ignore[arg-type]


def proposals_of(ledger: Ledger, proposal_id: str) -> pl.DataFrame:
    """All that was ever proposed under an id, the latest last: `PROPOSED`, `state`, `made_at` and `ended_at`."""
    told = ", ".join(
        f"{name}::varchar AS {name}" if name in ("evidence", "edits", "about") else name for name in PROPOSED
    )
    rows = ledger.rows(
        f"SELECT {told}, state, made_at, ended_at FROM proposal WHERE proposal_id = $id ORDER BY made_at",
        {"id": proposal_id},
    )
    return _zoned(rows, "made_at", "ended_at").cast(dict(PROPOSED))  # type: ignore[arg-type]


def move(ledger: Ledger, proposal_id: str, state: str, *, of: Collection[str]) -> None:
    """Have a proposal that is in one of the states `of` be in another one."""
    at = None if state == "accepting" else present().replace(tzinfo=None)
    with ledger.transaction():
        ledger.execute(
            "UPDATE proposal SET state = $state, ended_at = $at WHERE proposal_id = $id AND list_contains($of, state)",
            {"state": state, "at": at, "id": proposal_id, "of": list(of)},
        )


def _zoned(rows: pl.DataFrame, *names: str) -> pl.DataFrame:
    return rows.with_columns(pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC") for name in names)
