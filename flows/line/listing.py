"""A platform's suppression list held against ours, both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.addresses import own_forms, told_forms
from flows.channels import CHANNELS, target
from flows.clock import moment
from flows.durable import write_bytes
from flows.durations import spoken
from flows.errors import SourceError, UsageError, nearest
from flows.incoming import Shape, read_incoming
from flows.keys import load_key
from flows.ledger.lists import ages, note_comparison, take_list
from flows.ledger.store import open_ledger
from flows.line.sources import Source, database, read_bars, read_shared, take_notices
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from pathlib import Path

    from flows.settings import Settings
    from flows.stages.eligibility import Bars
    from flows.workspace import Workspace


@dataclass(frozen=True)
class Compared:
    """What the comparison of a platform's list with ours found.

    Attributes:
        target: whose list.
        listed: addresses on it.
        added: of these, new to us; they are suppressed from now on.
        gone: on an earlier list, and on this one no more; they stay suppressed.
        missing: addresses of customers that are barred by us, and not on it.
    """

    target: str
    listed: int
    added: int
    gone: int
    missing: int


def reconcile_list(workspace: Workspace, target_name: str, file: Path, brand: str, missing_to: Path | None) -> Compared:
    """Take over a platform's whole suppression list, and tell what it lacks. A run may be under way.

    Args:
        workspace: the workspace.
        target_name: whose list it is.
        file: an address a line, or CSV with a column `address` (or `email`, `phone`, `token`).
        brand: whose account it is from; '*' is all.
        missing_to: where to write the addresses that it lacks, for an upload there; None writes none.

    Raises:
        UsageError: there is no such target or brand.
        SourceError, DataError: the file cannot be read, is not whole, or has no such column.
    """
    settings = workspace.settings
    used = {name: channel for ways in settings.targets.values() for channel, name in ways.items()}
    if target_name not in used:
        raise UsageError("justenough reconcile", f"'{target_name}' is no target here", nearest(target_name, used))
    if brand not in settings.brands and brand != "*":
        raise UsageError("--brand", f"'{brand}' is no brand of this workspace", nearest(brand, settings.brands))
    channel, addresses = target(target_name).channel, _addresses(file)
    key = load_key(settings.key_file)  # after the file: a fork would have it too
    now = moment(None, settings.zone)
    path = database(settings, now.as_of)
    take_notices(settings)
    bars = read_bars(Source(workspace, path, now, read_shared(workspace, path, now)), Scope(), key)
    theirs = told_forms(pl.DataFrame({"address": addresses, "channel": [channel] * addresses.len()}))["form"]
    is_theirs = [form.is_in(theirs.implode()) for form in own_forms(pl.col("match"))]
    missing = (
        _barred(bars, channel, brand).filter(~pl.any_horizontal(is_theirs).fill_null(value=False)).select("address")
    )
    with open_ledger(settings) as ledger, ledger.transaction():
        added, gone = take_list(ledger, target_name, channel, brand, addresses, key)
        counts = {"listed": addresses.n_unique(), "added": added, "gone": gone, "missing": missing.height}
        note_comparison(ledger, target_name, brand, counts)
    if missing_to is not None:
        write_bytes(missing_to, missing.write_csv().encode())
    return Compared(target_name, **counts)


def check_lists(settings: Settings) -> dict[str, str]:
    """How old the comparisons are that the setting `suppression_lists` asks for: target -> age, as people say it.

    Raises:
        SourceError: one is older than it may be, or was never made.
    """
    if not settings.suppression_lists:
        return {}
    with open_ledger(settings) as ledger:
        found = ages(ledger, list(settings.suppression_lists))
    for name, age in found.items():
        limit = settings.suppression_lists[name]
        if age is None or age > limit:
            since = f"was last compared {spoken(age)} ago" if age is not None else "was never compared with ours"
            what = f"its suppression list {since}, and {spoken(limit)} are allowed"
            raise SourceError(f"target {name}", what, f"export it there, then: justenough reconcile {name} FILE")
    return {name: spoken(age) for name, age in found.items() if age is not None}


LIST = Shape(
    columns={"address": ("address", "email", "phone", "token")},
    required=("address",),
    plain="address",
    hint="export it again, whole: an address a line, or CSV with a column address, email, phone or token",
    in_any_case=True,
    is_whole=True,
    may_be_empty=True,
    has_gaps=True,
)
"""A platform's list: every row may be somebody who said stop, so none may be lost."""


def _addresses(file: Path) -> pl.Series:
    found = read_incoming(file, LIST)
    if found.refusal:
        raise found.refusal
    return pl.Series("address", found.values("address"), pl.String).drop_nulls()


def _barred(bars: Bars, channel: str, brand: str) -> pl.DataFrame:
    """`address, match` of the customers whom we never write to on a channel: suppressed, or with a no to everything there."""
    column = CHANNELS[channel].address
    match = f"{column}_match" if f"{column}_match" in bars.people.columns else column
    people = bars.people.filter(pl.lit(brand == "*") | (pl.col("brand") == brand), pl.col(column).is_not_null())
    here = pl.col("channel").is_in([channel, "*"])
    listed = bars.suppressed.filter(here).select(pl.col("address_match").alias(match), "brand")
    noes = bars.consent.filter(here, pl.col("topic") == "*", pl.col("state") == "no").select("customer_id", "brand")
    for_all = pl.col("brand").is_null() | (pl.col("brand") == "*")
    barred = [
        people.join(listed.filter(for_all), on=match, how="semi"),
        people.join(listed, on=[match, "brand"], how="semi"),
        people.join(noes.filter(for_all), on="customer_id", how="semi"),
        people.join(noes, on=["customer_id", "brand"], how="semi"),
    ]
    return pl.concat(barred).select(address=column, match=match).unique().sort("address")
