"""Runs and product versions in the ledger: what is being delivered, what was decided, which words were the first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.durable import private_folder, sync_folder, write_bytes
from flows.ledger.choices import note
from flows.ledger.events import EVENTS
from flows.schemas import INSTANT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from flows.ledger.store import Ledger
    from flows.plan import Plan
    from flows.settings import Settings


def run_state(ledger: Ledger, run_id: str) -> str | None:
    """delivering, delivered or abandoned; None where the run never began to deliver."""
    states = ledger.rows("SELECT state FROM run WHERE run_id = $run", {"run": run_id})["state"].to_list()
    return states[0] if states else None


def is_of_plan(ledger: Ledger, run_id: str, plan_digest: str) -> bool:
    """Whether a run began to deliver just this plan: the SHA-256 of its plan.json as it was noted then."""
    rows = ledger.rows("SELECT plan_digest FROM run WHERE run_id = $run", {"run": run_id})
    return rows["plan_digest"].to_list() == [plan_digest]


def note_rewritten(ledger: Ledger, before: str, after: str) -> None:
    """A run that is delivering a plan goes on with the same one less the people who were forgotten; by the plans' digests."""
    with ledger.transaction():
        given = {"before": before, "after": after}
        ledger.execute(
            "UPDATE run SET plan_digest = $after WHERE plan_digest = $before AND state = 'delivering'", given
        )


def start_run(  # noqa: PLR0913, PLR0917  (all of it is one transaction)
    ledger: Ledger,
    plan: Plan,
    workspace: str,
    plan_digest: str,
    decisions: Iterable[pl.DataFrame],
    global_holdout: float,
    events: pl.DataFrame | None = None,
    choices: Iterable[pl.DataFrame] = (),
) -> None:
    """Note that a plan is being delivered, with the decisions it acts on: from now on it is finished after a crash.

    Args:
        ledger: open.
        plan: the plan.
        workspace: the workspace's name.
        plan_digest: SHA-256 of plan.json.
        decisions: `schemas.DECISIONS`, `channel` and `is_held_of_all`: those that are delivered, and the held-out wins, which are
            logged alike; of each part of the customers, and read inside the transaction.
        global_holdout: the share of people whom the global holdout holds.
        events: `ledger.events.EVENTS` that it answers.
        choices: `ledger.choices.NOTED` of each part, read like the decisions.
    """
    run = pl.DataFrame(
        {
            "run_id": plan.order.run_id,
            "workspace": workspace,
            "as_of": plan.order.as_of,
            "state": "delivering",
            "plan_digest": plan_digest,
            "people_count": plan.people_count,
            "expires_at": plan.expires_at,
            "source_rows": json.dumps(plan.order.source_rows),
            "source_columns": json.dumps(plan.order.source_columns),
            "started_at": present(),
            "global_holdout": global_holdout,
            "goes_by": pl.Series([plan.order.goes_by], dtype=pl.String),
        }
    )
    with ledger.transaction():
        ledger.append("run", run)
        if events is not None:
            noted = {"run_id": pl.lit(plan.order.run_id), "answered_at": pl.lit(present())}
            ledger.append("event", events.select(EVENTS.names()).with_columns(**noted))
        ledger.append("segment_count", _counts(plan))
        for part in decisions:
            rows = part.select(
                "decision_id", "person_key", "brand", "product", "subject_key", "message_type", "variant", "drawn_level",
                "propensity", "score", "reason", "valid_until", "channel", "is_held_of_all",
                run_id=pl.lit(plan.order.run_id), as_of=pl.lit(plan.order.as_of),
            )  # fmt: skip
            # Two plans of a day may hold the same decision; it is one all the same.
            ledger.append("decision", rows.join(_acted_on(ledger, rows), on="decision_id", how="anti"))
        for made in choices:
            note(ledger, plan.order.as_of, made)


def _counts(plan: Plan) -> pl.DataFrame:
    """What the next run compares its own segments with: of a run over everybody, for what it delivers."""
    compared = () if not plan.order.is_whole else [name for name in plan.order.products if name in plan.open_counts]
    rows = [(plan.order.run_id, name, plan.candidates[name], plan.open_counts[name]) for name in compared]
    audiences = plan.left_out if plan.order.is_whole else ()
    rows += [(plan.order.run_id, found.counted_as, found.base, found.open_count) for found in audiences]
    columns = {"run_id": pl.String, "product": pl.String, "row_count": pl.Int64, "open_count": pl.Int64}
    return pl.DataFrame(rows, columns, orient="row")


def _acted_on(ledger: Ledger, decisions: pl.DataFrame) -> pl.DataFrame:
    return ledger.rows(
        """
        SELECT DISTINCT d.decision_id FROM decision d JOIN run USING (run_id) JOIN added a ON a.decision_id = d.decision_id
        WHERE state <> 'abandoned'
        """,
        added=decisions.select("decision_id"),
    ).cast({"decision_id": pl.String})


def end_run(ledger: Ledger, run_id: str, state: str) -> None:
    """Note that a run has delivered, or that its plan could not be finished any more."""
    with ledger.transaction():
        ledger.execute(
            "UPDATE run SET state = $state, ended_at = $at WHERE run_id = $run",
            {"state": state, "at": present().replace(tzinfo=None), "run": run_id},
        )


def unfinished_runs(ledger: Ledger) -> pl.DataFrame:
    """`run_id, expires_at` of the runs that were killed while they delivered, the oldest first."""
    rows = ledger.rows("SELECT run_id, expires_at FROM run WHERE state = 'delivering' ORDER BY started_at")
    return rows.with_columns(pl.col("expires_at").dt.replace_time_zone("UTC"))


def begun_runs(ledger: Ledger, as_of: date) -> set[str]:
    """The runs for a day that have begun to deliver, whatever has become of them."""
    return set(ledger.rows("SELECT run_id FROM run WHERE as_of = $day", {"day": as_of})["run_id"])


def decided_at(ledger: Ledger, decisions: pl.Series) -> pl.DataFrame:
    """`decision_id, decided_at` (UTC): when the first run that acted on each of some decisions began to deliver."""
    if decisions.is_empty():
        return pl.DataFrame(schema={"decision_id": pl.String, "decided_at": INSTANT})
    rows = ledger.rows(
        """
        SELECT decision_id, min(started_at) AS decided_at FROM decision JOIN run USING (run_id)
        SEMI JOIN asked USING (decision_id) GROUP BY decision_id
        """,
        asked=decisions.to_frame("decision_id"),
    )
    return rows.with_columns(pl.col("decided_at").dt.replace_time_zone("UTC")).cast({"decision_id": pl.String})


def delivered_runs(ledger: Ledger) -> list[str]:
    """The runs that have delivered, the latest first."""
    rows = ledger.rows("SELECT run_id FROM run WHERE state = 'delivered' ORDER BY started_at DESC")
    return rows["run_id"].to_list()


def batches_of(ledger: Ledger, run_id: str) -> pl.DataFrame:
    """`target, brand, state, kind, row_count, released_count, batch_id` of the batches of a run that were not aborted."""
    return ledger.rows(
        """
        SELECT target, brand, state, kind, row_count, released_count, batch_id FROM batch
        WHERE run_id = $run AND state <> 'aborted'
        """,
        {"run": run_id},
    )


def claims_of(ledger: Ledger, run_id: str) -> int:
    """How many claims the batches of a run hold."""
    statement = "SELECT count(*) FROM claim JOIN batch USING (batch_id) WHERE run_id = $run"
    return int(ledger.rows(statement, {"run": run_id}).item())


def states_told(ledger: Ledger) -> pl.DataFrame:
    """`target, brand` of every state target that was ever told something."""
    rows = ledger.rows(
        "SELECT DISTINCT target, brand FROM batch WHERE kind = 'state' AND state IN ('published', 'loaded', 'sent')"
    )
    return rows.cast(pl.String)


def all_published(ledger: Ledger) -> dict[tuple[str, str], str]:
    """Target and brand -> the batch that holds there now: the last to be claimed, which a run for a past day may have been."""
    rows = ledger.rows(
        """
        SELECT target, brand, arg_max(batch_id, rowid) AS batch_id FROM batch WHERE state IN ('published', 'loaded', 'sent')
        GROUP BY target, brand
        """
    )
    return {(target, brand): batch for target, brand, batch in rows.iter_rows()}


def last_published(ledger: Ledger, target: str, brand: str) -> str | None:
    """The batch of `all_published` of one target and brand; None where there is none."""
    return all_published(ledger).get((target, brand))


def versions(ledger: Ledger, digests: Mapping[str, str]) -> pl.DataFrame:
    """The version of each product: `product, number, digest, is_new`; a digest never seen gets the next number.

    Args:
        ledger: open.
        digests: product -> digest of all its inputs.
    """
    wanted = pl.DataFrame({"product": list(digests), "digest": list(digests.values())}, _VERSION)
    return ledger.rows(
        """
        SELECT w.product, w.digest, v.number IS NULL AS is_new,
            coalesce(v.number, 1 + coalesce((SELECT max(number) FROM product_version p WHERE p.product = w.product), 0)) AS number
        FROM wanted w LEFT JOIN product_version v ON v.product = w.product AND v.digest = w.digest
        ORDER BY w.product
        """,
        wanted=wanted,
    )


def sources_known(ledger: Ledger) -> pl.Series:
    """The digests of the sources that receipts can refer to already."""
    return ledger.rows("SELECT DISTINCT sources_sha256 FROM source")["sources_sha256"]


def new_sources(sources: pl.DataFrame, used: pl.Series, known: pl.Series) -> pl.DataFrame:
    """The rows of `source` that the ledger does not have yet (`known`), of those that receipts refer to (`used`)."""
    digest = pl.col("sources_sha256")
    new = sources.filter(digest.is_in(used.unique().implode()), ~digest.is_in(known.implode()))
    return new.select("sources_sha256", "dimension", "columns").unique(
        ["sources_sha256", "dimension"], maintain_order=True
    )


def archive(settings: Settings, digest: str, files: Mapping[str, Path]) -> None:
    """Keep what a version of a product is made of in content/<digest>/, for receipts and rollbacks."""
    folder = settings.folder("content", digest)
    if folder.exists():
        return
    temporary = private_folder(folder.with_name(f".{digest}.tmp"))
    for name, file in files.items():
        write_bytes(temporary / name, file.read_bytes())
    temporary.rename(folder)
    sync_folder(folder.parent)


_VERSION = {"product": pl.String, "digest": pl.String}
