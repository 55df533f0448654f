"""State targets: what a platform holds is compared with what it should hold, and told the difference."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl
import polars_hash  # noqa: F401  (registers the `chash` namespace on expressions)

from flows.audience import is_excluding
from flows.channels.filing import Payload
from flows.clock import present
from flows.ledger.claims import claim
from flows.ledger.exposure import shown_lately
from flows.ledger.membership import forget_older, write_members
from flows.ledger.store import open_ledger
from flows.line.batches import Job, Noted, Staged, publish_batch, reasons_of, within_budget
from flows.line.excluding import is_held_out
from flows.line.looking import latest_look
from flows.line.permitting import forbidden
from flows.line.planned import scan_decisions
from flows.line.request import Published
from flows.line.rows import Rows, by_customer
from flows.line.shelf import shelf
from flows.line.sources import buried, erased
from flows.line.watching import scan_published
from flows.schemas import KEYS
from flows.stages.audience import told
from flows.stages.claims import (
    MEMBERS,
    Reach,
    held_elsewhere,
    held_under,
    in_small_audiences,
    less,
    reconciled,
    since,
    told_before,
    without,
)
from flows.stages.crowd import floors
from flows.stages.delivery import EXCLUDE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.channels import Target
    from flows.line.batches import Look
    from flows.line.shelf import Shelf
    from flows.settings import Settings


def publish_state(job: Job) -> Published:
    """Publish additions and removals of one state target and brand; nothing where it holds already what it should.

    Customers are compared in windows, since what a target holds may be too much to have in hand.

    Raises:
        StateError: the published membership is missing from the state folder.
        OutboxError: the disk is full.
    """
    with open_ledger(job.workspace.settings) as ledger:
        if (why := forbidden(ledger, job.workspace, job.plan, job.brand)) is not None:
            return Published(job.target.name, job.brand, None, stopped=why)
    published = scan_published(job.workspace.settings, job.target, job.brand)
    if _concerns_others(job, published):
        return Published(job.target.name, job.brand, None)
    look = latest_look(job.workspace, job.plan)
    bounds = by_customer(published, job.scan(), job.left_out())
    with shelf(job.workspace.settings, len(bounds)) as kept:
        held = Rows.within(published, bounds)
        return _published(job, look, _compared(job, look, kept, bounds, held), held)


def _concerns_others(job: Job, published: pl.LazyFrame) -> bool:
    """Whether a plan for some customers has nothing for the target, and nothing of theirs, or to be forgotten, is held there."""
    settings, customers = job.workspace.settings, job.plan.order.customers
    if not customers or buried(settings).height:
        return False
    held = published.filter(pl.col("customer_id").is_in(list(customers)))
    return all(rows.limit(1).collect().is_empty() for rows in (job.scan(), job.left_out(), held))


def _published(job: Job, look: Look, found: _Comparison, held: Rows) -> Published:
    settings, target, kept = job.workspace.settings, job.target, found.kept
    members, unchanged, removed = kept.rows("members"), found.unchanged, found.take_away()
    files = _files(found)
    changes = sum(found.rows.values())
    if not changes:
        return Published(target.name, job.brand, None, unchanged=unchanged, dropped=dict(found.dropped))
    with open_ledger(settings) as ledger, ledger.transaction():
        ends_at = max(found.ends, default=present())
        # What is taken away, or left out, stays so: it must be loaded though nothing may be shown to anybody.
        if removed or any(file.use for file in files):
            ends_at = max(ends_at, present() + settings.plan_expires)
        batch = claim(ledger, job.header(), [], ends_at, row_count=changes)
        noted = Noted.of(ledger, job.workspace, sorted(found.products))

    def keep(barred: pl.Series) -> None:
        is_out = pl.col("message_id").is_in(barred.implode())
        looked_through = members if barred.len() else [MEMBERS.to_frame()]  # mostly nobody is
        out = pl.concat(held_under(rows.filter(is_out)) for rows in looked_through)

        def noted_as(rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
            return since(without(rows, before, barred, out), before, batch.batch_id)

        pieces = members.map(noted_as, held)
        write_members(settings, target.name, job.brand, batch.batch_id, pieces[0] if len(pieces) == 1 else pieces)

    keep(pl.Series(dtype=pl.String))
    sent, unsaid = kept.rows("sent"), kept.rows("unsaid")
    creatives, nobody = job.creatives(found.creatives), sent[0].clear()
    contents = Staged(job, batch, noted, sent, creatives, files, look.at, nobody, unsaid, keep)
    sealed = publish_batch(contents, look)
    if sealed.folder is not None:
        forget_older(settings, target.name, job.brand, batch.batch_id)
    if sealed.stopped is not None:
        return Published(target.name, job.brand, None, stopped=sealed.stopped)
    dropped = dict(found.dropped + Counter(reasons_of(sealed.barred)))
    about = found.rows["exclude-removals"] + sum(
        rows.join(sealed.barred, on="message_id", how="anti").height for rows in unsaid
    )
    return Published(target.name, job.brand, sealed.folder, sealed.rows, removed, unchanged, about, dropped)


def _compared(job: Job, look: Look, kept: Shelf, bounds: Sequence[pl.Expr], held: Rows) -> _Comparison:
    """All customers compared; once more where audiences turn out to be too small, without who would have been new there."""
    with open_ledger(job.workspace.settings) as ledger:
        lately = shown_lately(ledger, job.plan.order.as_of, job.workspace.settings.exposure)
    small, now = pl.DataFrame(schema={"message_id": pl.String}), present()
    found = _Comparison(job, look, lately, now, kept, small).over(bounds, held)
    small = in_too_small(kept.rows("members"), held, job.target, job.workspace.settings)
    if small.height:
        kept.clear()
        found = _Comparison(job, look, lately, now, kept, small).over(bounds, held)
        found.dropped += Counter(AUDIENCE_TOO_SMALL=small.height)
    return found


@dataclass
class _Comparison:
    """What a target holds, compared with what it should hold: window by window, and what has come of each is put away.

    Attributes:
        job, look, lately: what is wanted, and what bars it.
        now: UTC instant; what is valid until then or earlier goes.
        kept: of each window `members` (`MEMBERS` as they will be), `removals` (those that hold no longer), the new deliveries,
            which are `sent`, or `unsaid` where campaigns leave people out, and their rows in files, `said` and `told`.
        small: `message_id` of what would be new in audiences that are too small.
        products, creatives: of all that is sent.
        rows: the stem of a file -> how many rows it has in all windows.
        unchanged: how many are there already.
        dropped: reason -> how many are not wanted.
        ends: when `members` are true no more, at the latest, in UTC.
    """

    job: Job
    look: Look
    lately: pl.DataFrame
    now: datetime
    kept: Shelf
    small: pl.DataFrame
    products: set[str] = field(default_factory=set)
    creatives: set[str] = field(default_factory=set)
    rows: Counter[str] = field(default_factory=Counter)
    unchanged: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    ends: list[datetime] = field(default_factory=list)

    def over(self, bounds: Sequence[pl.Expr], held: Rows) -> _Comparison:
        """It, of all windows."""
        for holds, published in zip(bounds, held, strict=True):
            self._add(holds, published)
        return self

    def _add(self, holds: pl.Expr, published: pl.DataFrame) -> None:
        job, target = self.job, self.job.target
        planned = (rows.filter(holds).collect() for rows in (job.scan(), job.left_out()))
        looked = self.look.on(pl.concat(planned, how="diagonal"))
        said = within_budget(job.workspace, looked.filter(~is_excluding()), self.lately)
        rows = pl.concat([said, looked.filter(is_excluding())], how="diagonal")
        free = rows.filter(pl.col("reason").is_null())
        content = _content(job, free)
        wanted = members_of(free, content, target).join(self.small, on="message_id", how="anti")
        barred = _barred(job, holds, published, self.look)
        difference = reconciled(published, wanted, barred, _reach(job, published), self.now)
        new = free.join(difference.additions, on="message_id", how="semi")
        sent, unsaid = new.filter(~is_excluding()), new.filter(is_excluding())
        written = [content.join(rows, on="message_id", how="semi", maintain_order="left") for rows in (sent, unsaid)]
        plain = written[1].select(*dict.fromkeys(("message_id", *target.identity)))
        self.kept.put(members=difference.members, removals=difference.removals)
        self.kept.put(sent=sent, unsaid=unsaid, said=written[0], told=plain)
        self.products |= set(sent["product"])
        self.creatives |= set(sent["creative_id"])
        self.rows += Counter({"additions": sent.height, "exclude-additions": unsaid.height})
        self.unchanged += difference.unchanged
        self.dropped += Counter(reasons_of(rows))
        self.ends += difference.members.select(pl.col("valid_until").max()).drop_nulls().to_series().to_list()

    def take_away(self) -> int:
        """Put away by what people are taken away: `gone`, or `gone_unsaid` where campaigns left them out; returns how many."""
        target, gone, out = self.job.target, self.kept.rows("removals"), is_excluding()
        # What is known by its message is nobody else's.
        are_shared = len(gone) > 1 and "message_id" not in target.identity
        for rows in taken_away(gone, self.kept.rows("members")) if are_shared else gone:
            said, unsaid = rows.filter(~out), rows.filter(out)
            self.kept.put(gone=identifiers(said, target), gone_unsaid=identifiers(unsaid, target))
            self.rows += Counter({"removals": said.height, "exclude-removals": unsaid.height})
        return self.rows["removals"] + self.rows["exclude-removals"]


def taken_away(gone: Rows, members: Rows) -> Rows:
    """What is taken away of all customers, given `claims.Difference` of those of each window.

    That is nothing by which somebody in another window is held, and the same once.

    Args:
        gone: `removals`.
        members: as they will be, in the same windows.
    """
    held = held_elsewhere(gone, members)
    left = gone.map(lambda rows: less(rows, held))
    again = told_before(left)
    return left.map(lambda rows: rows.filter(~pl.col("message_id").is_in(again.implode())))


def _content(job: Job, free: pl.DataFrame) -> pl.DataFrame:
    """The rows of the target's files, of those that say something, and of those that do not."""
    said, unsaid = free.filter(~is_excluding()), free.filter(is_excluding())
    content = job.content(said, job.creatives(said["creative_id"]))
    if unsaid.is_empty():
        return content
    return pl.concat([content, told(unsaid, job.target, job.workspace.settings.name)], how="diagonal")


def _files(found: _Comparison) -> list[Payload]:
    """What is taken away and added; apart, and by its identifiers alone, what is of people whom campaigns leave out."""
    kept = found.kept
    files = [
        Payload("removals", "remove", kept.rows("gone")),
        Payload("exclude-removals", "remove", kept.rows("gone_unsaid"), EXCLUDE),
        Payload("additions", "append", kept.rows("said")),
        Payload("exclude-additions", "append", kept.rows("told"), EXCLUDE),
    ]
    return [file for file in files if found.rows[file.stem]]


def in_too_small(members: Rows, published: Rows, target: Target, settings: Settings) -> pl.DataFrame:
    """`message_id` of new `MEMBERS` of audiences that have too few people for the platform, or for the workspace.

    Who is shown an ad was counted with the crowd before; of those whom campaigns leave out the audience itself is the crowd.

    Args:
        members: as they would be.
        published: as they are, in the same windows.
        target: of the platform.
        settings: of the workspace.
    """
    if target.audience is None:
        return pl.DataFrame(schema={"message_id": pl.String})
    least, out = max(settings.smallest_audience, target.smallest), is_excluding()
    shown, hidden = (members.map(lambda rows, which=which: rows.filter(which)) for which in (~out, out))
    crowd = max(least, floors(settings)[target.channel])
    return pl.concat([in_small_audiences(shown, published, least), in_small_audiences(hidden, published, crowd)])


def members_of(rows: pl.DataFrame, content: pl.DataFrame, target: Target) -> pl.DataFrame:
    """Deliveries as `MEMBERS`, by what the target's file says of each."""
    digest: pl.Expr = pl.struct(pl.all()).struct.json_encode().chash.sha2_256()  # type: ignore[attr-defined]
    payloads = content.select(
        "message_id",
        payload_sha256=digest,
        identity=pl.struct(target.identity).struct.json_encode(),
        audience=target.audience or pl.lit(None, dtype=pl.String),
        since_batch=pl.lit(None, dtype=pl.String),
    )
    return rows.join(payloads, on="message_id", how="left").select(MEMBERS.names())


def identifiers(members: pl.DataFrame, target: Target) -> pl.DataFrame:
    """The columns by which a state target takes `members` away, as they were published."""
    kind = pl.Struct(dict.fromkeys(target.identity, pl.String))
    return members.select(pl.col("identity").str.json_decode(kind)).unnest("identity")


def _barred(job: Job, holds: pl.Expr, published: pl.DataFrame, look: Look) -> pl.DataFrame:
    """`message_id` of what of some customers must not be held any more.

    That is what is barred now, held out, or ended, or of a product or a target that speaks no more; of an audience also who
    has left the segment, since being in it says that one is.
    """
    workspace, as_of = job.workspace, job.plan.order.as_of
    settings = workspace.settings
    if settings.targets.get(job.brand, {}).get(job.target.channel) != job.target.name:
        return published.select("message_id")
    decisions = scan_decisions(job.folder).select(*KEYS, "reason").filter(holds).collect()
    held_wins = decisions.filter(pl.col("reason") == "HOLDOUT")
    left = published.filter(pl.col("audience").is_not_null()).join(decisions, on=KEYS, how="anti", nulls_equal=True)
    live = [product.name for product in workspace.live(as_of)]
    barred = [
        look.no_more(published),
        published.filter((pl.col("message_type") == "marketing") & is_held_out(workspace.settings_drawn)),
        left,
        published.join(held_wins, on=["customer_id", "brand", "product"], how="semi"),
        published.filter(~pl.col("product").is_in(live)),
    ]
    return pl.concat([frame.select("message_id") for frame in barred]).unique()


def _reach(job: Job, published: pl.DataFrame) -> Reach:
    """What a run looks at: a whole run everything that is held, a narrowed one only what, and whom, it is about."""
    order = job.plan.order
    mine = {*order.products, *order.audiences}
    products = mine if order.is_narrowed else {*job.workspace.products, *published["product"].unique()}
    settings = job.workspace.settings
    gone = erased(settings, published, buried(settings))
    return Reach(products, order.customers, gone["person_key"].to_list())
