"""One target and brand of a plan in hand: its rows checked again, its files staged, sealed and revealed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from flows.channels import CHANNELS
from flows.clock import present
from flows.errors import BalanceError
from flows.keys import load_key
from flows.ledger.claims import Batch, Header
from flows.ledger.exposure import exposures
from flows.ledger.publishing import Sealed, publish, refuse_unbalanced, staged
from flows.ledger.runs import archive, new_sources, sources_known, versions
from flows.line.excluding import scan_left_out
from flows.line.permitting import fallen, forbidden
from flows.line.planned import read_creatives, scan_deliveries
from flows.line.rows import Rows
from flows.line.seeding import SEED, orphans, seed_key
from flows.line.sources import by_phone
from flows.line.vouching import SOURCES
from flows.plan import Plan, plan_digest, plan_folder
from flows.seeds import to_seeds
from flows.stages.claims import claimable
from flows.stages.delivery import header, leave_out, shaped, write_batch
from flows.stages.exposure import exposed
from flows.stages.timing import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from flows.channels import Creatives, Target
    from flows.channels.filing import Payload
    from flows.keys import Key
    from flows.ledger.store import Ledger
    from flows.workspace import Workspace

_SHARE_OF_WHOLE = 10
"""How many times the memory a row takes that has the whole of an HTML text."""


@dataclass(frozen=True)
class Job:
    """One target and brand of a plan; `seeds` (`SEED`) are those to whom everything goes outside production."""

    workspace: Workspace
    plan: Plan
    target: Target
    brand: str
    seeds: pl.DataFrame = field(default_factory=SEED.to_frame)

    @cached_property
    def folder(self) -> Path:
        """The plan's folder."""
        return plan_folder(self.workspace.settings, self.plan.order.run_id)

    def scan(self) -> pl.LazyFrame:
        """The deliveries that the plan has for it, with their words."""
        return scan_deliveries(self.folder).filter(self._is_mine())

    def read(self, found: pl.LazyFrame) -> Rows:
        """Some of these, to be written in the target's order; fewer at a time where each has the whole of an HTML text."""
        is_whole = self.target.merge is None and any(part.is_html for part in CHANNELS[self.target.channel].parts)
        return Rows.read(found, self.target.order, _SHARE_OF_WHOLE if is_whole else 1)

    def left_out(self) -> pl.LazyFrame:
        """Whom the plan has for it in audiences that campaigns leave out: `stages.audience.LEFT_OUT`."""
        return scan_left_out(self.folder).filter(self._is_mine())

    def _is_mine(self) -> pl.Expr:
        return (pl.col("target") == self.target.name) & (pl.col("brand") == self.brand) & pl.col("reason").is_null()

    def creatives(self, used: Iterable[str]) -> Creatives:
        """Some of the plan's creatives, by their ids."""
        return read_creatives(self.folder, used)

    def content(self, rows: pl.DataFrame, creatives: Creatives) -> pl.DataFrame:
        """Deliveries as the rows of the target's files, outside production to seeds."""
        return shaped(self.addressed(rows), creatives, self.target, self.plan.order.starts_at)

    def addressed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Deliveries with whom they go to (`seeds.to_seeds`); once more it changes nothing."""
        return to_seeds(rows, self.seeds, self.workspace.settings)

    def header(self) -> Header:
        """What the ledger notes of its batch."""
        order = self.plan.order
        target = self.target
        return Header(order.run_id, target.name, self.brand, target.channel, target.kind, order.as_of, order.corrects)


@dataclass(frozen=True)
class Look:
    """What stood in the way of messages at one instant.

    Attributes:
        planned: `message_id, reason, consent_key` of planned deliveries: what bars each, see `eligibility.rechecked`, and the yes
            that it relies on, keyed.
        out: `message_id, reason` of what was out there (`watching.OUT_THERE`): what bars it, that its need has ended, or null
            where it may stay; a plan's look has nothing of who is no customer any more.
        seeds: `seed_key` of the seed addresses that nothing bars.
        at: UTC instant as of which consent was read.
        drain: the number of the latest drain of the inbox then.
    """

    planned: pl.DataFrame
    out: pl.DataFrame
    seeds: pl.DataFrame
    at: datetime
    drain: int

    def on(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Planned deliveries with `reason` and `consent_key`. Raises BalanceError where one was not looked at."""
        seen = rows.drop("reason", strict=False).join(self.planned, on="message_id", maintain_order="left")
        if seen.height != rows.height:
            what = f"{rows.height} deliveries, and {seen.height} of them were looked at"
            raise BalanceError("the last look", what, "nothing more was published; please report this")
        return seen

    def no_more(self, members: pl.DataFrame) -> pl.DataFrame:
        """`message_id` of what a state target may hold no more; who was not looked at is no customer any more."""
        free = self.out.filter(pl.col("reason").is_null())
        return members.join(free, on="message_id", how="anti").select("message_id")

    def open_seeds(self, seeds: pl.DataFrame, key: Key) -> pl.DataFrame:
        """`SEED` of those that nothing bars."""
        return seeds.filter(seed_key(key).is_in(self.seeds["seed_key"].implode()))


def within_budget(workspace: Workspace, rows: pl.DataFrame, lately: pl.DataFrame) -> pl.DataFrame:
    """Planned deliveries, EXPOSED where what left since the plan was made has used up what may be shown to the person.

    Args:
        workspace: gives products and settings.
        rows: planned deliveries.
        lately: `ledger.exposure.LATELY`, as it is now.
    """
    return exposed(rows, lately, workspace.products, workspace.settings.exposure)


def checked(workspace: Workspace, plan: Plan, rows: pl.DataFrame, look: Look, lately: pl.DataFrame) -> pl.DataFrame:
    """Planned deliveries with what bars each now, and when it may be sent: hours may have passed since the plan was made.

    Args:
        workspace: gives products and settings.
        plan: of which they are.
        rows: planned deliveries.
        look: the last.
        lately: as `within_budget` takes it.
    """
    good = within_budget(workspace, look.on(rows), lately)
    return timed(good, workspace.products, workspace.settings, look.at, plan.order.starts_at)


def claims_wanted(workspace: Workspace, plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    """What the ledger has to know of some deliveries: see `stages.claims.claimable`."""
    settings = workspace.settings
    return claimable(rows, workspace.products, settings, load_key(settings.key_file), plan.order.moment, present())


@dataclass(frozen=True)
class Gist:
    """What has to be known of all rows of a batch before any is written.

    Attributes:
        rows: how many they are.
        products, creatives: whose they are, and which they use.
        valid_until: as `valid_until` says.
    """

    rows: int
    products: tuple[str, ...]
    creatives: pl.Series
    valid_until: datetime

    @classmethod
    def of(cls, windows: Iterable[pl.DataFrame]) -> Gist:
        """Of deliveries, in any pieces."""
        by = ("product", "creative_id")
        told = [rows.group_by(by).agg(rows=pl.len(), valid_until=pl.col("valid_until").max()) for rows in windows]
        all_of_it = pl.concat(told)
        products = tuple(all_of_it["product"].unique().sort())
        return cls(int(all_of_it["rows"].sum()), products, all_of_it["creative_id"], valid_until(all_of_it))


@dataclass(frozen=True)
class Noted:
    """What the ledger knows of what a batch is made of.

    Attributes:
        digests: product -> the digest of all its inputs.
        versions: `ledger.runs.versions` of these.
        sources: the digests of the sources that receipts can refer to already.
    """

    digests: Mapping[str, str]
    versions: pl.DataFrame
    sources: pl.Series

    @classmethod
    def of(cls, ledger: Ledger, workspace: Workspace, products: Iterable[str]) -> Noted:
        """Of a batch about some products."""
        digests = {name: workspace.product_digest(workspace.products[name]) for name in products}
        return cls(digests, versions(ledger, digests), sources_known(ledger))


@dataclass
class Staged:
    """A claimed batch in the staging folder; what its seal has to know of it (`ledger.publishing.Contents`).

    Attributes:
        job: its target and brand.
        batch: claimed.
        noted: what the ledger knew of what it is made of.
        sent: the deliveries that get a receipt: those that send or show something.
        creatives: of these.
        files: what is written.
        consent_checked_at: UTC instant as of which consent was read.
        seeds: copies for seed addresses, which are in the files, too, and which nothing counts.
        unsaid: additions that say nothing to anybody: people whom campaigns are to leave out. They get no receipt.
        when_left_out: is told the `message_id` of what is left out at the seal.
    """

    job: Job
    batch: Batch
    noted: Noted
    sent: Rows
    creatives: Creatives
    files: list[Payload]
    consent_checked_at: datetime
    seeds: pl.DataFrame
    unsaid: Rows
    when_left_out: Callable[[pl.Series], None] | None = None
    _records: list[tuple[str, pl.DataFrame]] = field(default_factory=list, init=False)

    @property
    def _folder(self) -> Path:
        return staged(self.job.workspace.settings, self.batch.batch_id)

    def write(self) -> int:
        """Archive what its products are made of, stage its files, and return the number of rows, seeds left aside."""
        workspace = self.job.workspace
        for product, digest in self.noted.digests.items():
            archive(workspace.settings, digest, workspace.product_files(workspace.products[product]))
        self._prepare()
        rows = write_batch(self._folder, self.files, self.creatives, self.job.target, self._header())
        return rows - self.seeds.height

    def rows(self) -> Iterator[pl.DataFrame]:
        """As `Contents.rows`."""
        topics = {name: purpose.topic for name, purpose in self.job.workspace.purposes.items()}
        topic = pl.col("product").replace_strict(topics, return_dtype=pl.String)
        names = ("message_id", "person_key", "brand", "channel", "address_match", "product")
        for part in chain(self.sent, self.unsaid):  # not in a tuple, which would hold all windows
            going = part.select(*names, "phone")
            # What was said of texts is not of ads.
            numbers = by_phone(going).with_columns(person_key=pl.lit(None, pl.String))
            yield pl.concat([going.select(names), numbers.select(names)]).select(pl.exclude("product"), topic=topic)
        if self.seeds.height:
            yield self.seeds.select(names).select(pl.exclude("product"), topic=topic)

    def is_current(self) -> bool:
        """As `Contents.is_current`."""
        return self.job.workspace.is_current()

    def forbidden(self, ledger: Ledger) -> str | None:
        """As `Contents.forbidden`."""
        return forbidden(ledger, self.job.workspace, self.job.plan, self.job.brand)

    def fallen(self, ledger: Ledger) -> pl.DataFrame:
        """As `Contents.fallen`."""
        return fallen(ledger, self.job.workspace, self.job.plan, chain(self.sent, self.unsaid))

    def leave_out(self, barred: pl.Series) -> int:
        """As `Contents.leave_out`."""
        is_left = ~pl.col("message_id").is_in(barred.implode())
        self.sent, self.unsaid = (found.map(lambda rows: rows.filter(is_left)) for found in (self.sent, self.unsaid))
        if self.seeds.height:
            barred = pl.concat([barred, orphans(self.seeds, self.sent, self.creatives)])
            self.seeds = self.seeds.filter(~pl.col("message_id").is_in(barred.implode()))
        self._prepare()
        if self.when_left_out is not None:
            self.when_left_out(barred)
        rows = leave_out(self._folder, barred, self.files, self.creatives, self.job.target, self._header())
        return rows - self.seeds.height

    def records(self) -> Iterable[tuple[str, pl.DataFrame]]:
        """As `Contents.records`."""
        return self._records or self._recorded()

    def _prepare(self) -> None:
        """Make what becomes true with the seal before the ledger is kept for it, where it can be held."""
        self._records = list(self._recorded()) if len(self.sent) == 1 else []

    def _recorded(self) -> Iterator[tuple[str, pl.DataFrame]]:
        because = {name: self.job.workspace.products[name].because for name in self.noted.digests}
        sources = pl.read_parquet(self.job.folder / SOURCES)
        batch_id = pl.lit(self.batch.batch_id)
        used = []
        for sent in self.sent:
            receipts = _receipts(self.job, sent, self.creatives, self.noted.versions, sources).with_columns(
                batch_id=batch_id,
                as_of=pl.lit(self.batch.as_of),
                consent_checked_at=pl.lit(self.consent_checked_at),
            )
            used.append(receipts["sources_sha256"].unique())
            yield "delivery", sent.select("message_id", "decision_id", "creative_id", "valid_until", batch_id=batch_id)
            yield "receipt", receipts
            yield "exposure", exposures(sent, because, self.batch)
        new = self.noted.versions.filter(pl.col("is_new"))
        yield "product_version", new.select("product", "number", "digest", first_delivered_at=pl.lit(present()))
        yield "seed", self.seeds.select("message_id", batch_id=batch_id)
        yield "source", new_sources(sources, pl.concat(used), self.noted.sources)

    def _header(self) -> dict[str, Any]:
        by = ("product", "variant", "facts")
        counted = pl.concat([sent.group_by(by).len("rows") for sent in self.sent])
        products = counted.group_by(by).agg(pl.col("rows").sum())
        listed = products.join(self.noted.versions.select("product", version="number"), on="product").sort(by)
        settings, digest = self.job.workspace.settings, plan_digest(self.job.folder)
        seeds = self.seeds["message_id"]
        entries = header(self.batch, settings, digest, self.consent_checked_at, listed.to_dicts(), seeds)
        return {**entries, "corrects": self.job.plan.order.corrects}


def publish_batch(contents: Staged, look: Look) -> Sealed:
    """Stage, seal and reveal a claimed batch.

    Args:
        contents: of the batch.
        look: when consent was read.

    Raises:
        BalanceError: rows, files and manifest are not the same number; nothing is revealed then.
        JustEnoughError: as `ledger.publishing.publish`.
    """
    batch = contents.batch
    refuse_unbalanced(batch.batch_id, claims=batch.row_count, rows=contents.write())
    return publish(contents.job.workspace.settings, batch, contents, look.drain)


def valid_until(rows: pl.DataFrame) -> datetime:
    """A batch may be loaded as long as any of its rows is true."""
    return cast("datetime | None", rows["valid_until"].max()) or present()


def reasons_of(rows: pl.DataFrame) -> dict[str, int]:
    """Reason -> number of rows."""
    return dict(rows.drop_nulls("reason").group_by("reason").len().sort("reason").iter_rows())


def _receipts(
    job: Job,
    rows: pl.DataFrame,
    creatives: Mapping[str, Mapping[str, Any]],
    numbers: pl.DataFrame,
    sources: pl.DataFrame,
) -> pl.DataFrame:
    """What is noted of each message: what of a person's data it used, where from, as of when, and under which consent."""
    words = {name: creative["words_sha256"] for name, creative in creatives.items()}
    because = {name: list(product.because) for name, product in job.workspace.products.items()}
    reasons = pl.DataFrame({"product": list(because), "because": list(because.values())}, _BECAUSE)
    receipts = rows.select(
        "message_id",
        "product",
        "level",
        "facts",
        "consent_key",
        facts_at=_of_these_facts(rows),
        words_sha256=pl.col("creative_id").replace_strict(words, return_dtype=pl.String),
    )
    receipts = receipts.join(numbers.select("product", product_version="number"), on="product", how="left")
    receipts = receipts.join(reasons, on="product", how="left")
    words_key = ["product", "words_sha256"]
    return receipts.join(sources.select(*words_key, "sources_sha256").unique(), on=words_key, how="left")


def _of_these_facts(rows: pl.DataFrame) -> pl.Series:
    """`facts_at` of the facts that the delivery's own words use: a channel may show fewer than were decided."""
    decided = pl.col("facts_at").list.eval(pl.element().struct.field("dimension"))
    is_fewer = decided.list.set_difference("facts").list.len() > 0
    numbered = rows.select("facts", "facts_at", is_fewer=is_fewer).with_row_index("place")
    is_used = pl.col("facts").list.contains(pl.col("facts_at").struct.field("dimension"))
    used = numbered.filter("is_fewer").explode("facts_at").filter(is_used)
    fewer = used.group_by("place", maintain_order=True).agg(used="facts_at")
    seen = numbered.join(fewer, on="place", how="left", maintain_order="left")
    nothing = pl.col("facts_at").list.head(0)
    return seen.select(
        pl.when("is_fewer").then(pl.coalesce("used", nothing)).otherwise("facts_at").alias("facts_at")
    ).to_series()


_BECAUSE: dict[str, pl.DataType | type[pl.DataType]] = {"product": pl.String, "because": pl.List(pl.String)}
