"""What people did, in the ledger: each event once, whichever file tells it first, and what scanners of links did kept apart.

What is in the table depends on the events alone, not on the files and the order in which they were told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.errors import StateError
from flows.ledger.acknowledging import acknowledge_each
from flows.schemas import INSTANT

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date, timedelta

    from flows.ledger.store import Ledger

CONTENT = ("happened_at", "outcome", "person_key", "message_id", "value", "channel")
"""What an event tells; whoever tells it once more has to tell the same."""
EVENTS = pl.Schema(
    {
        "event_id": pl.String(),
        "happened_at": INSTANT,
        "outcome": pl.String(),
        "person_key": pl.String(),
        "message_id": pl.String(),
        "value": pl.Float64(),
        "channel": pl.String(),
        "source": pl.String(),
    }
)


@dataclass(frozen=True)
class Taken:
    """What became of events, in counts.

    Attributes:
        taken: new, and people's.
        repeated: told before.
        contradicting: told before, otherwise; the first holds.
        scanners: new, and a scanner's.
    """

    taken: int
    repeated: int
    contradicting: int
    scanners: int


def whose(ledger: Ledger, messages: pl.Series) -> pl.DataFrame:
    """Of some messages, those that are known: `message_id, person_key`, null for copies to seed addresses."""
    return ledger.rows(
        """
        SELECT message_id, any_value(person_key) AS person_key FROM (
            SELECT message_id, person_key FROM claim SEMI JOIN asked USING (message_id)
            UNION ALL  -- what failed has given its claim back, and what is shown on the web or in ads is not claimed
            SELECT d.message_id, e.person_key
            FROM delivery d SEMI JOIN asked USING (message_id) JOIN decision e USING (decision_id)
            UNION ALL SELECT message_id, NULL FROM seed SEMI JOIN asked USING (message_id)
        ) GROUP BY message_id
        """,
        asked=pl.DataFrame({"message_id": messages.drop_nulls().unique()}, {"message_id": pl.String}),
    ).cast(pl.String)


def decided_about(ledger: Ledger, people: pl.Series) -> pl.DataFrame:
    """`person_key` of those of some people about whom something was decided."""
    asked = pl.DataFrame({"person_key": people.unique()}, {"person_key": pl.String})
    return ledger.rows("FROM asked SEMI JOIN decision USING (person_key)", asked=asked).cast(pl.String)


def oldest_decision(ledger: Ledger) -> date | None:
    """The day of the first decision that is kept; None where there is none."""
    found: date | None = ledger.rows("SELECT min(as_of) AS day FROM decision").item()
    return found


def take(
    ledger: Ledger,
    events: pl.DataFrame,
    also_as: pl.DataFrame,
    arrivals: pl.DataFrame,
    clicks: Collection[str],
    within: timedelta,
) -> Taken:
    """Take events in: all of them, or none. What was taken before changes nothing.

    Args:
        ledger: open, in no transaction.
        events: `EVENTS`; of those with one id the first is the one that holds.
        also_as: `event_id, known_as`: under which other ids an event may have been noted, by keys of before.
        arrivals: `message_id, arrived_at` of messages that arrived.
        clicks: the outcomes that scanners make.
        within: how soon after its arrival nobody can have read a message.
    """
    firsts = events.unique("event_id", keep="first", maintain_order=True)
    known = _known(ledger, firsts, also_as)
    new = firsts.join(known, on="event_id", how="anti", maintain_order="left")
    holds = pl.concat([known, new.select("event_id", *CONTENT)])
    told = events.join(holds, on="event_id", suffix="_first")
    is_other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_first")) for name in CONTENT)
    contradicting = int(told.select(is_other.sum()).item())
    with ledger.transaction():
        ledger.append("outcome", new.with_columns(received_at=pl.lit(present())))
        _note_arrivals(ledger, arrivals)
        touched = pl.concat([new.select("message_id"), arrivals.select("message_id")]).drop_nulls().unique()
        _part(ledger, touched, clicks, within)
        scanners = int(ledger.rows("SELECT count(*) FROM scan SEMI JOIN asked USING (event_id)", asked=new).item())
    return Taken(
        taken=new.height - scanners,
        repeated=events.height - new.height - contradicting,
        contradicting=contradicting,
        scanners=scanners,
    )


def _known(ledger: Ledger, events: pl.DataFrame, also_as: pl.DataFrame) -> pl.DataFrame:
    """Of events that were noted before, `event_id` as it is told now and `CONTENT` as it was first told."""
    asked = pl.concat([events.select("event_id", known_as="event_id"), also_as.select("event_id", "known_as")])
    columns = ", ".join(f"n.{name}" for name in CONTENT)
    rows = ledger.rows(
        f"""
        SELECT a.event_id, {columns} FROM (SELECT * FROM outcome UNION ALL SELECT * FROM scan) n
        JOIN asked a ON a.known_as = n.event_id
        """,
        asked=asked,
    )
    at = pl.col("happened_at").dt.replace_time_zone("UTC")
    return rows.with_columns(at).cast({name: EVENTS[name] for name in ("event_id", *CONTENT)})


def _note_arrivals(ledger: Ledger, arrivals: pl.DataFrame) -> None:
    """Keep the earliest that was told of each message."""
    if arrivals.is_empty():
        return
    earliest = arrivals.group_by("message_id").agg(pl.col("arrived_at").min())
    earliest = earliest.with_columns(pl.col("arrived_at").dt.replace_time_zone(None))
    ledger.execute(
        "DELETE FROM arrival USING told WHERE arrival.message_id = told.message_id AND arrival.arrived_at > told.arrived_at",
        told=earliest,
    )
    ledger.execute(
        "INSERT INTO arrival SELECT message_id, arrived_at FROM told ANTI JOIN arrival USING (message_id)",
        told=earliest,
    )


def _part(ledger: Ledger, messages: pl.DataFrame, clicks: Collection[str], within: timedelta) -> None:
    """Part what people did about some messages from what scanners did.

    Whoever follows a link before the message has arrived, or sooner than anybody can read, is a program.
    """
    if messages.is_empty():
        return
    theirs = """
        SELECT event_id FROM {table} o JOIN touched USING (message_id) LEFT JOIN arrival a USING (message_id)
        WHERE {condition}
    """
    scanned = "o.outcome IN $clicks AND o.happened_at < a.arrived_at + to_microseconds($within)"
    given = {
        "clicks": list(clicks),
        "within": within.microseconds + within.seconds * 10**6 + within.days * 86_400 * 10**6,
    }
    for table, other, condition in (("outcome", "scan", scanned), ("scan", "outcome", f"({scanned}) IS NOT TRUE")):
        moving = ledger.rows(theirs.format(table=table, condition=condition), given, touched=messages).cast(pl.String)
        if moving.height:
            ledger.execute(
                f"INSERT INTO {other} SELECT * FROM {table} SEMI JOIN moving USING (event_id)", moving=moving
            )
            ledger.execute(f"DELETE FROM {table} WHERE event_id IN (SELECT event_id FROM moving)", moving=moving)


def acknowledge_rows(ledger: Ledger, told: pl.DataFrame) -> pl.DataFrame:
    """Note what became of single messages, each in the batch that it was in then. What was told before changes nothing.

    Args:
        ledger: open, in no transaction.
        told: `row, message_id, state` (loaded, sent, failed) and `happened_at`.

    Returns:
        `row, why`: those that cannot be so.
    """
    # What failed may have been delivered again since: what is told of before is not about that.
    placed = ledger.rows(
        """
        SELECT t.row, t.message_id, t.state, b.batch_id FROM told t
        LEFT JOIN delivery d USING (message_id) LEFT JOIN batch b USING (batch_id)
        QUALIFY row_number() OVER (
            PARTITION BY t.row
            ORDER BY b.claimed_at <= t.happened_at DESC NULLS LAST,
                abs(epoch_us(b.claimed_at) - epoch_us(t.happened_at)), b.batch_id
        ) = 1
        """,
        told=told.with_columns(pl.col("happened_at").dt.replace_time_zone(None)),
    ).cast({"message_id": pl.String, "state": pl.String, "batch_id": pl.String})
    wrong = [placed.filter(pl.col("batch_id").is_null()).select("row", why=pl.lit("its message is in no batch"))]
    for (batch_id,), rows in (
        placed.drop_nulls("batch_id").sort("batch_id").partition_by("batch_id", as_dict=True).items()
    ):
        try:
            acknowledge_each(ledger, str(batch_id), rows.select("message_id", "state"))
        except StateError:
            wrong.append(rows.select("row", why=pl.lit("its batch cannot have become that")))
    return pl.concat(wrong)
