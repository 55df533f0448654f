"""State targets: what a platform holds is compared with what it should hold, and told the difference."""

from __future__ import annotations

from collections import Counter
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
from flows.line.batches import Job, Noted, Staged, publish_batch, reasons_of, valid_until, within_budget
from flows.line.excluding import is_held_out
from flows.line.planned import scan_decisions
from flows.line.request import Published
from flows.line.rows import Rows
from flows.line.sources import buried, erased
from flows.line.watching import published_members
from flows.schemas import KEYS
from flows.stages.audience import told
from flows.stages.claims import MEMBERS, Reach, in_small_audiences, reconciled, since, without
from flows.stages.crowd import floors
from flows.stages.delivery import EXCLUDE

if TYPE_CHECKING:
    from flows.channels import Target
    from flows.line.batches import Look
    from flows.settings import Settings
    from flows.stages.claims import Difference


def publish_state(job: Job, look: Look) -> Published:
    """Publish additions and removals of one state target and brand; nothing where it holds already what it should.

    Raises:
        StateError: the published membership is missing from the state folder.
    """
    settings, target = job.workspace.settings, job.target
    published = published_members(settings, target, job.brand)
    looked = look.on(pl.concat([job.scan().collect(), job.left_out()], how="diagonal"))
    with open_ledger(settings) as ledger:
        lately = shown_lately(ledger, job.plan.order.as_of, settings.exposure)
    said = within_budget(job.workspace, looked.filter(~is_excluding()), lately)
    rows = pl.concat([said, looked.filter(is_excluding())], how="diagonal")
    free = rows.filter(pl.col("reason").is_null())
    content = _content(job, free)
    wanted, barred, reach, now = (
        members_of(free, content, target),
        _barred(job, published, look),
        _reach(job, published),
        present(),
    )
    difference = reconciled(published, wanted, barred, reach, now)
    small = in_too_small(difference.members, published, target, settings)
    if small.height:
        difference = reconciled(published, wanted.join(small, on="message_id", how="anti"), barred, reach, now)
    dropped = reasons_of(rows) | ({"AUDIENCE_TOO_SMALL": small.height} if small.height else {})
    new = free.join(difference.additions, on="message_id", how="semi")
    sent, unsaid = new.filter(~is_excluding()), new.filter(is_excluding())
    files, unchanged = _files(difference, content, new, target), difference.unchanged
    changes, removed = sum(file.height for file in files), difference.removals.height
    if not changes:
        return Published(target.name, job.brand, None, unchanged=unchanged, dropped=dropped)
    with open_ledger(settings) as ledger, ledger.transaction():
        ends_at = valid_until(difference.members)
        # What is taken away, or left out, stays so: it must be loaded though nothing may be shown to anybody.
        if removed or any(file.use for file in files):
            ends_at = max(ends_at, present() + settings.plan_expires)
        batch = claim(ledger, job.header(), [], ends_at, row_count=changes)
        noted = Noted.of(ledger, job.workspace, sent["product"].unique().sort())

    def keep(barred: pl.Series) -> None:
        members = since(without(difference.members, published, barred), published, batch.batch_id)
        write_members(settings, target.name, job.brand, batch.batch_id, members)

    keep(pl.Series(dtype=pl.String))
    nobody, creatives = new.clear(), job.creatives(sent["creative_id"])
    contents = Staged(job, batch, noted, Rows.of(sent), creatives, files, look.at, nobody, unsaid, keep)
    sealed = publish_batch(contents, look)
    if sealed.folder is not None:
        forget_older(settings, target.name, job.brand, batch.batch_id)
    dropped = dict(Counter(dropped) + Counter(reasons_of(sealed.barred)))
    about = difference.removals.filter(is_excluding()).height
    about += unsaid.join(sealed.barred, on="message_id", how="anti").height
    return Published(target.name, job.brand, sealed.folder, sealed.rows, removed, unchanged, about, dropped)


def _content(job: Job, free: pl.DataFrame) -> pl.DataFrame:
    """The rows of the target's files, of those that say something, and of those that do not."""
    said, unsaid = free.filter(~is_excluding()), free.filter(is_excluding())
    content = job.content(said, job.creatives(said["creative_id"]))
    if unsaid.is_empty():
        return content
    return pl.concat([content, told(unsaid, job.target, job.workspace.settings.name)], how="diagonal")


def _files(difference: Difference, content: pl.DataFrame, new: pl.DataFrame, target: Target) -> list[Payload]:
    """What is taken away and added; apart, and by its identifiers alone, what is of people whom campaigns leave out."""
    out = is_excluding()
    said, unsaid = (
        content.join(new.filter(which), on="message_id", how="semi", maintain_order="left") for which in (~out, out)
    )
    plain = dict.fromkeys(("message_id", *target.identity))
    gone, gone_unsaid = (identifiers(difference.removals.filter(which), target) for which in (~out, out))
    files = [
        Payload("removals", "remove", gone),
        Payload("exclude-removals", "remove", gone_unsaid, EXCLUDE),
        Payload("additions", "append", said),
        Payload("exclude-additions", "append", unsaid.select(*plain), EXCLUDE),
    ]
    return [file for file in files if file.height]


def in_too_small(members: pl.DataFrame, published: pl.DataFrame, target: Target, settings: Settings) -> pl.DataFrame:
    """`message_id` of new `MEMBERS` of audiences that have too few people for the platform, or for the workspace.

    Who is shown an ad was counted with the crowd before; of those whom campaigns leave out the audience itself is the crowd.
    """
    least, out = max(settings.smallest_audience, target.smallest), is_excluding()
    shown = in_small_audiences(members.filter(~out), published, least)
    hidden = in_small_audiences(members.filter(out), published, max(least, floors(settings)[target.channel]))
    return pl.concat([shown, hidden])


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


def _barred(job: Job, published: pl.DataFrame, look: Look) -> pl.DataFrame:
    """`message_id` of what must not be held any more.

    That is what is barred now, held out, or ended, or of a product or a target that speaks no more; of an audience also who
    has left the segment, since being in it says that one is.
    """
    workspace, as_of = job.workspace, job.plan.order.as_of
    settings = workspace.settings
    if settings.targets.get(job.brand, {}).get(job.target.channel) != job.target.name:
        return published.select("message_id")
    decisions = scan_decisions(job.folder).select(*KEYS, "reason").collect()
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
