"""Calling back what may be sent still: because somebody said stop, a need has ended, or a person asks for it.

Whatever the cause, the messages are named by a batch of `kind` recall, which appears by the same protocol as any other; each
once, and only while it is valid. What state targets hold needs none: the next run takes it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import Target
from flows.channels.filing import Payload
from flows.clock import moment, present
from flows.errors import DataError, StateError, UsageError, nearest
from flows.incoming import Shape, read_incoming
from flows.keys import load_key, load_keys
from flows.ledger.claims import Header, claim
from flows.ledger.consent import drain
from flows.ledger.lock import run_lock
from flows.ledger.publishing import check_folders, publish, recover, staged
from flows.ledger.recalls import note_withdrawn, recallable, recalled_rows
from flows.ledger.restoring import mark, refuse_restored
from flows.ledger.store import open_ledger
from flows.line.carrying import carry_recalls, withdraw
from flows.line.ending import ENDED
from flows.line.health import healthy_sources, sources_before
from flows.line.looking import first_look
from flows.line.permitting import FALLEN
from flows.line.planned import read_planned
from flows.line.planning import source_of
from flows.line.request import Recalled
from flows.line.sources import Source, bars_of_deliveries, database, hear, read_shared, take_notices
from flows.line.watching import judged, looked_at_alone, seen, to_be_sent, waiting
from flows.plan import new_run_id
from flows.reasons import BARRED
from flows.seeds import seed_addresses, to_seeds
from flows.stages.delivery import header, write_batch
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows.keys import Key
    from flows.ledger.store import Ledger
    from flows.plan import Plan
    from flows.settings import Settings
    from flows.workspace import Workspace

MOST_ROWS = 1_000_000
BY_HAND = "by hand"
CUSTOMERS = Shape(
    columns={"customer_id": ("customer_id",)},
    required=("customer_id",),
    plain="customer_id",
    hint="write a customer's id a line",
    is_whole=True,
)
"""A file that names customers."""


@dataclass(frozen=True)
class Which:
    """What a person calls back: what meets all of these.

    Attributes:
        batch: only what is in it.
        product: only what it says.
        customers: a file that names those whose messages are meant, an id a line.
    """

    batch: str | None = None
    product: str | None = None
    customers: Path | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing is named."""
        return self.batch is None and self.product is None and self.customers is None


def recall(settings: Settings, which: Which) -> Recalled:
    """Call back by hand what may be sent still. The workspace's products may be broken: that may be why.

    Args:
        settings: say where everything is.
        which: what is called back.

    Raises:
        UsageError: nothing is named, or a product that nobody was sent.
        StateError: there is no such batch, or it was sent, failed or lapsed; or the ledger is from a backup.
        SourceError, DataError: the file cannot be read, or is not whole.
        LockedError: a run is going on.
        OutboxError: something cannot be written.
    """
    if which.is_open:
        raise UsageError("justenough recall", "nothing is named", "add --batch, --product or --customer-file")
    customers = None if which.customers is None else read_customers(which.customers)
    with run_lock(settings, "justenough recall"):
        check_folders(settings)
        refuse_restored(settings)
        recovered = recover(settings)
        keys = load_keys(settings.key_file)
        with open_ledger(settings) as ledger:
            drained = drain(settings, ledger, keys[0])
            _check_named(ledger.rows("SELECT batch_id, kind, state FROM batch ORDER BY rowid DESC"), which)
            if which.product is not None:
                _check_said(ledger.rows("SELECT DISTINCT product FROM claim")["product"], which.product)
            rows = recallable(ledger, present())
        done = called_back(settings, _meant(rows, which, customers, keys), drained)
        mark(settings)
    return Recalled(done.batches, done.reasons, done.carried, tuple(recovered))


def recall_now(workspace: Workspace) -> Recalled:
    """Call back what is due, without a run: see `recall_due`.

    Raises:
        SourceError: the warehouse is not in good health, as before a run.
        JustEnoughError: as `recall_due`; LockedError where a run is going on.
    """
    settings = workspace.settings
    with run_lock(settings, "justenough recall"):
        check_folders(settings)
        refuse_restored(settings)
        recovered = recover(settings)
        now = moment(None, settings.zone)
        path = database(settings, now.as_of)
        healthy_sources(path, workspace, sources_before(settings), now.present)
        done = recall_due(workspace, Source(workspace, path, now, read_shared(workspace, path, now)))
        mark(settings)
    return Recalled(done.batches, done.reasons, done.carried, tuple(recovered))


def recall_outdated(workspace: Workspace, plan: Plan) -> Recalled:
    """Call back what is due, as a run does by itself once its sources are known to be healthy: by what its look has seen.

    What has left since the plan was begun, or is about people who are not in it, is looked at by itself; but an answer to events
    looks at nobody else. Raises as `recall_due`.
    """
    look = first_look(workspace, plan)
    rows = waiting(workspace.settings, looked_at_alone(plan.order))
    others = rows.join(look.out, on="message_id", how="anti", maintain_order="left")
    alone = _looked_at(source_of(workspace, plan.order), others)
    return called_back(workspace.settings, _due(rows, pl.concat([look.out, alone])), look.drain)


def recall_due(workspace: Workspace, source: Source) -> Recalled:
    """Call back what may be sent still to people to whom nobody may speak any more, or whose need has ended.

    Call it under the run's lock.

    Args:
        workspace: says what is said to whom, and which outcomes end a need.
        source: the warehouse, in good health: else an empty table would call everything back.

    Raises:
        DataError, StatementError: a query does not yield what it should, or the inbox cannot be read.
        OutboxError: something cannot be written.
    """
    drained = take_notices(workspace.settings)
    with open_ledger(workspace.settings) as ledger:
        rows = recallable(ledger, present())
    return called_back(workspace.settings, _due(rows, _looked_at(source, rows)), drained)


def _looked_at(source: Source, rows: pl.DataFrame) -> pl.DataFrame:
    """`message_id, reason` of some `OPEN`, as `watching.judged` yields it now."""
    workspace = source.workspace
    out = to_be_sent(workspace, rows)
    if out.is_empty():
        return out.select("message_id", reason=pl.lit(None, pl.String))
    scope = source.about(out["customer_id"], Scope())
    bars = bars_of_deliveries(source, scope, out, load_key(workspace.settings.key_file), hear(workspace.settings))
    return judged(source, out, seen(workspace, out, bars, present()))


def _due(rows: pl.DataFrame, looked: pl.DataFrame) -> pl.DataFrame:
    """`OPEN` and `reason` of what is to be called back."""
    over = looked.filter(pl.col("reason").is_in([*BARRED, ENDED]))
    return rows.join(over, on="message_id", maintain_order="left")


def called_back(settings: Settings, rows: pl.DataFrame, drained: int) -> Recalled:
    """Publish for each target and brand a batch that names messages which must not be sent any more.

    What waits to be carried to another end never leaves: its batch fails, and its claims are released.

    Args:
        settings: say where everything is.
        rows: `ledger.recalls.OPEN` and `reason`.
        drained: the number of the latest emptying of the inbox.
    """
    if rows.is_empty():
        return Recalled()
    given_up = withdraw(settings, set(rows["batch_id"]), "something in it was called back")
    withdrawn = rows["batch_id"].is_in([each.batch_id for each in given_up if each.state == "failed"])
    with open_ledger(settings) as ledger:
        note_withdrawn(ledger, rows.filter(withdrawn))
    rows = rows.filter(~withdrawn)
    addressed = rows.join(
        read_planned(settings, rows).select("message_id", "customer_id", "address"),
        on="message_id",
        how="left",
        maintain_order="left",
    )
    as_of = moment(None, settings.zone).as_of
    run_id, found = new_run_id(as_of), {}
    for (name, brand, channel), mine in addressed.group_by("target", "brand", "channel", maintain_order=True):
        head = Header(run_id, str(name), str(brand), str(channel), "recall", as_of)
        folder = _published(settings, head, mine, drained)
        found[f"{folder.parent.name}/{folder.name}"] = mine.height
    reasons = dict(rows.group_by("reason").len().sort("reason").iter_rows())
    return Recalled(found, reasons, (*given_up, *carry_recalls(settings)))


def read_customers(file: Path) -> list[str]:
    """The ids that a file names.

    Raises:
        SourceError, DataError: it is no whole file of text, a link to one elsewhere, or names nobody.
    """
    found = read_incoming(file, CUSTOMERS)
    if found.refusal:
        raise found.refusal
    customers = [name for name in found.values("customer_id") if name]
    if not customers:
        raise DataError(file.name, "it names nobody", CUSTOMERS.hint)
    return customers


def _meant(rows: pl.DataFrame, which: Which, customers: Sequence[str] | None, keys: Sequence[Key]) -> pl.DataFrame:
    """Those of the messages that may be sent still which a person calls back."""
    if which.batch is not None:
        rows = rows.filter(pl.col("batch_id") == which.batch)
    if which.product is not None:
        rows = rows.filter(pl.col("product") == which.product)
    if customers is not None:
        named = pl.DataFrame({"customer_id": customers}, {"customer_id": pl.String})
        keyed = pl.concat(named.select(person_key=key.of(pl.col("customer_id"))) for key in keys)
        rows = rows.join(keyed, on="person_key", how="semi", maintain_order="left")
    return rows.with_columns(reason=pl.lit(BY_HAND))


_NOT_ANY_MORE = {
    "sent": (
        "this batch was sent",
        "it cannot be called back; tell its recipients once more with: justenough correct {}",
    ),
    "failed": ("this batch failed", "it reached nobody"),
    "lapsed": ("this batch lapsed", "it reached nobody"),
    "aborted": ("this batch never left", "it reached nobody"),
}


def _check_named(batches: pl.DataFrame, which: Which) -> None:
    """Refuse a batch of which nothing can be called back. Raises StateError."""
    if which.batch is None:
        return
    found = batches.filter(pl.col("batch_id") == which.batch).to_dicts()
    if not found:
        raise StateError(which.batch, "there is no such batch", nearest(which.batch, batches["batch_id"][:20]))
    if found[0]["kind"] != "message":
        what = "nothing of it is sent to anybody, so there is nothing to call back"
        raise StateError(which.batch, what, "what platforms hold is put right by: justenough run")
    if found[0]["state"] in _NOT_ANY_MORE:
        what, hint = _NOT_ANY_MORE[found[0]["state"]]
        raise StateError(which.batch, what, hint.format(which.batch))


def _check_said(known: pl.Series, product: str) -> None:
    if product not in known:
        raise UsageError("--product", f"nobody was sent anything of '{product}'", nearest(product, known))


class _Recalls:
    """What the seal has to know of a batch of recalls: it sends nothing, so nobody can bar it."""

    def __init__(self, rows: pl.DataFrame, batch_id: str) -> None:
        self._recalled = recalled_rows(rows, batch_id)

    def records(self) -> list[tuple[str, pl.DataFrame]]:
        """As `Contents.records`."""
        return [("recall", self._recalled)]

    def rows(self) -> list[pl.DataFrame]:
        """As `Contents.rows`."""
        names = ("message_id", "person_key", "brand", "channel", "topic", "address_match")
        return [pl.DataFrame(schema=dict.fromkeys(names, pl.String))]

    def is_current(self) -> bool:
        """As `Contents.is_current`."""
        return True

    def forbidden(self, _ledger: Ledger) -> None:
        """As `Contents.forbidden`: what is called back is, whatever is stopped."""

    def fallen(self, _ledger: Ledger) -> pl.DataFrame:
        """As `Contents.fallen`."""
        return FALLEN.to_frame()

    def leave_out(self, barred: pl.Series) -> int:
        """As `Contents.leave_out`."""
        raise NotImplementedError


def _published(settings: Settings, head: Header, rows: pl.DataFrame, drained: int) -> Path:
    with open_ledger(settings) as ledger, ledger.transaction():
        batch = claim(ledger, head, [], rows["valid_until"].max(), row_count=rows.height)  # type: ignore[arg-type]
    entries = {
        **header(batch, settings, "", present(), []),
        "plan_digest": None,
        "recalls": rows["batch_id"].unique().sort().to_list(),
    }
    # Not the target's own format: it may be given up, and a list of messages is the same for all.
    key = settings.pgp.get(head.target)
    form = Target(head.target, head.channel, "message", "csv", MOST_ROWS, rows=lambda rows: rows, certificate=key)
    named = rows.select("message_id", "batch_id", "customer_id", "address").sort("message_id", "batch_id")
    named = to_seeds(named, seed_addresses(settings, head.channel), settings)  # they are called back where they went
    write_batch(staged(settings, batch.batch_id), [Payload("removals", "remove", named)], {}, form, entries)
    publish(settings, batch, _Recalls(rows, batch.batch_id), drained)
    return settings.outbox / batch.target / batch.folder
