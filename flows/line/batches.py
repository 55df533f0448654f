"""One target and brand of a plan in hand: its rows checked again, its files staged, sealed and revealed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import CHANNELS, Creatives, Target
from flows.clock import present
from flows.keys import load_key
from flows.ledger.claims import Batch, Header
from flows.ledger.exposure import exposures, shown_lately
from flows.ledger.publishing import publish, refuse_unbalanced, staged
from flows.ledger.runs import archive, sources_known, versions
from flows.ledger.store import open_ledger
from flows.line.planning import SOURCES, read_creatives, scan_deliveries, source_of
from flows.line.sources import bars_of_deliveries
from flows.plan import Plan, plan_digest, plan_folder
from flows.stages.claims import claimable
from flows.stages.delivery import Payload, header, shaped, write_batch
from flows.stages.eligibility import rechecked
from flows.stages.exposure import exposed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from flows.workspace import Workspace


@dataclass(frozen=True)
class Job:
    """One target and brand of a plan."""

    workspace: Workspace
    plan: Plan
    target: Target
    brand: str

    @cached_property
    def folder(self) -> Path:
        """The plan's folder."""
        return plan_folder(self.workspace.settings, self.plan.order.run_id)

    def planned(self) -> pl.DataFrame:
        """The deliveries that the plan has for it, with their words."""
        mine = (pl.col("target") == self.target.name) & (pl.col("brand") == self.brand) & pl.col("reason").is_null()
        return scan_deliveries(self.folder).filter(mine).collect()

    def creatives(self, rows: pl.DataFrame) -> Creatives:
        """The creatives that some rows use, by their ids."""
        return read_creatives(self.folder, rows["creative_id"])

    def content(self, rows: pl.DataFrame, creatives: Creatives) -> pl.DataFrame:
        """Deliveries as the rows of the target's files."""
        return shaped(rows, creatives, self.target, self.plan.order.starts_at)

    def header(self) -> Header:
        """What the ledger notes of its batch."""
        order = self.plan.order
        return Header(order.run_id, self.target.name, self.brand, self.target.channel, self.target.kind, order.as_of)


def checked(workspace: Workspace, plan: Plan, rows: pl.DataFrame) -> tuple[pl.DataFrame, datetime]:
    """`rows` with what bars each now, the consent that it relies on, and as of when: never older than the claim."""
    at = present()
    if rows.is_empty():
        nothing = pl.lit(None, dtype=pl.String)
        return rows.with_columns(reason=nothing, consent_event=nothing), at
    source = source_of(workspace, plan.order)
    bars = bars_of_deliveries(replace(source, moment=replace(source.moment, present=at)), rows)
    return rechecked(rows, bars, workspace.products, CHANNELS, workspace.settings.targets, at), at


def within_budget(workspace: Workspace, plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    """Planned deliveries, EXPOSED where what left since the plan was made has used up what may be shown to the person."""
    with open_ledger(workspace.settings) as ledger:
        lately = shown_lately(ledger, plan.order.as_of, workspace.settings.exposure)
    return exposed(rows, lately, workspace.products, workspace.settings.exposure)


def claims_wanted(workspace: Workspace, plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    """What the ledger has to know of some deliveries: see `stages.claims.claimable`."""
    settings = workspace.settings
    return claimable(rows, workspace.products, settings, load_key(settings.key_file), plan.order.moment, present())


def publish_batch(
    job: Job,
    batch: Batch,
    rows: pl.DataFrame,
    creatives: Creatives,
    files: list[Payload],
    consent_checked_at: datetime,
) -> Path:
    """Stage, seal and reveal a claimed batch, and return its folder in the outbox.

    Args:
        job: its target and brand.
        batch: claimed.
        rows: the deliveries that get a receipt: those that send or show something.
        creatives: of the rows.
        files: what to write.
        consent_checked_at: UTC instant as of which consent was read.

    Raises:
        BalanceError: rows, files and manifest are not the same number; nothing is revealed then.
    """
    settings = job.workspace.settings
    digests = {
        name: job.workspace.product_digest(job.workspace.products[name]) for name in rows["product"].unique().sort()
    }
    with open_ledger(settings) as ledger:
        numbers, known_sources = versions(ledger, digests), sources_known(ledger)
    for product, digest in digests.items():
        archive(settings, digest, job.workspace.product_files(job.workspace.products[product]))
    products = rows.group_by("product", "variant", "facts").len("rows")
    listed = products.join(numbers.select("product", version="number"), on="product").sort(
        "product", "variant", "facts"
    )
    entries = header(batch, settings.name, plan_digest(job.folder), consent_checked_at, listed.to_dicts())
    written = write_batch(staged(settings, batch.batch_id), files, creatives, job.target, entries)
    refuse_unbalanced(batch.batch_id, claims=batch.row_count, rows=written)
    sources = pl.read_parquet(job.folder / SOURCES)
    receipts = _receipts(job, rows, creatives, numbers, sources).with_columns(
        batch_id=pl.lit(batch.batch_id), as_of=pl.lit(batch.as_of), consent_checked_at=pl.lit(consent_checked_at)
    )
    new = numbers.filter(pl.col("is_new")).select("product", "number", "digest", first_delivered_at=pl.lit(present()))
    records = {
        "delivery": rows.select(
            "message_id", "decision_id", "creative_id", "valid_until", batch_id=pl.lit(batch.batch_id)
        ),
        "receipt": receipts,
        "product_version": new,
        "exposure": exposures(rows, {name: job.workspace.products[name].because for name in digests}, batch),
        "source": _new_sources(sources, receipts["sources_sha256"], known_sources),
    }
    return publish(settings, batch, records)


def valid_until(rows: pl.DataFrame) -> datetime:
    """A batch may be loaded as long as any of its rows is true."""
    return max(rows["valid_until"].drop_nulls().to_list(), default=present())


def reasons_of(rows: pl.DataFrame) -> dict[str, int]:
    """Reason -> number of rows."""
    return dict(rows.drop_nulls("reason").group_by("reason").len().sort("reason").iter_rows())


def _new_sources(sources: pl.DataFrame, used: pl.Series, known: pl.Series) -> pl.DataFrame:
    """The rows of `source` that the ledger does not have yet, of those that receipts refer to."""
    digest = pl.col("sources_sha256")
    new = sources.filter(digest.is_in(used.unique().implode()), ~digest.is_in(known.implode()))
    return new.select("sources_sha256", "dimension", "columns").unique(
        ["sources_sha256", "dimension"], maintain_order=True
    )


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
    numbered = rows.with_columns(words_sha256=pl.col("creative_id").replace_strict(words, return_dtype=pl.String))
    receipts = numbered.join(numbers.select("product", product_version="number"), on="product", how="left")
    receipts = receipts.join(reasons, on="product", how="left")
    words_key = ["product", "words_sha256"]
    told = receipts.join(sources.select(*words_key, "sources_sha256").unique(), on=words_key, how="left")
    has_event = pl.col("consent_event").is_not_null()
    key = load_key(job.workspace.settings.key_file)
    return told.select(
        "message_id",
        "product",
        "product_version",
        "level",
        "facts",
        "because",
        _of_these_facts(rows),
        "words_sha256",
        "sources_sha256",
        consent_key=pl.when(has_event).then(key.of(pl.col("consent_event"))),
    )


def _of_these_facts(rows: pl.DataFrame) -> pl.Expr:
    """`facts_at` of the facts that the delivery's own words use: a channel may show fewer than were decided."""
    known = pl.element().struct.field("dimension")
    each = [
        pl.when(pl.col("facts").list.contains(name)).then(
            pl.col("facts_at").list.eval(pl.element().filter(known == name)).list.first()
        )
        for name in rows["facts"].explode().drop_nulls().unique().sort()
    ]
    return (pl.concat_list(each).list.drop_nulls() if each else pl.col("facts_at").list.head(0)).alias("facts_at")


_BECAUSE: dict[str, pl.DataType | type[pl.DataType]] = {"product": pl.String, "because": pl.List(pl.String)}
