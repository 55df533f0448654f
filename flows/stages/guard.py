"""decided, candidates -> guarded: the facts that may be used for each person, and not a column more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.facts import facts_of, highest_level, listed, shown_with, telling
from flows.schemas import COLUMNS, INSTANT
from flows.words import clean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flows.catalogue import Catalogue
    from flows.clock import Moment
    from flows.product import Product

MOST_ELEMENTS = 100  # of a list: a message with more of them would be none

# What exports write where there is no name. "Na" and "Test" are names of people, so they are not in the list.
_PLACEHOLDERS = ["null", "none", "nan", "n/a", "#n/a", "undefined", "unknown"]


def guarded(
    decided: pl.DataFrame,
    candidates: pl.DataFrame,
    product: Product,
    fields: Mapping[str, Collection[str]],
    catalogue: Catalogue,
    consent: pl.DataFrame,
    moment: Moment,
) -> pl.DataFrame:
    """The decisions of one product with `level` and `facts`; fields of any other dimension are null.

    It relies on nothing that was checked before: a field whose dimension the product does not list is empty for everybody, and
    no column but the fields goes on to the words.

    Args:
        decided: the decisions of this product for which something is to be said.
        candidates: the product's rows of `eligibility.eligible`, from which fields and channels come.
        product: gives the dimensions in the order in which they earn their place.
        fields: every field that the product's words name -> its dimensions, none where it says nothing about the person.
        catalogue: how long a dimension is fresh, and the consent it needs.
        consent: the latest per scope, as `eligibility.latest_consent` yields it.
        moment: of the run.

    Returns:
        The columns of `decided`, the channels' columns of `candidates`, `level` (Int8, 0..3), `facts` (the dimensions used,
        in the product's order), `facts_at` (as of when each is known, where the segment says so), `missed` (the other
        dimensions, and why), and the fields.
    """
    others = [name for name in candidates.columns if name not in fields]
    contacts = [name for name in others if name.endswith(("_reason", "_address", "_match", "_phone", "_event"))]
    contacts += ["country", "locale", "time_zone"]
    as_of = [name for name in others if name.endswith("_as_of")]
    rows = decided.join(
        candidates.select("customer_id", "brand", "subject_id", *contacts, *as_of, *fields),
        on=["customer_id", "brand", "subject_id"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
        validate="1:1",
    )
    rows = rows.with_columns(_presentable(name, rows.schema[name]) for name in fields)
    level = highest_level(product, product.because)
    against = {
        dimension: _against(dimension, mine, rows, catalogue, consent, moment)
        for dimension, mine in telling(product.dimensions[:level], fields).items()
    }
    rows = rows.with_columns(missed=_missed(against))
    used = {dimension: why.is_null() for dimension, why in against.items()}
    facts_at, level_of = _known_at(used, rows), pl.lit(level, dtype=COLUMNS["level"].type)
    shown = shown_with(used, fields)
    return rows.with_columns(shown, facts=facts_of(used), facts_at=facts_at, level=level_of).drop(as_of)


def _known_at(used: Mapping[str, pl.Expr], rows: pl.DataFrame) -> pl.Expr:
    """As of when each fact is known: the segment's `<dimension>_as_of`."""
    known = [
        pl.when(is_used & pl.col(f"{dimension}_as_of").is_not_null()).then(
            pl.struct(dimension=pl.lit(dimension), at=pl.col(f"{dimension}_as_of").cast(INSTANT))
        )
        for dimension, is_used in used.items()
        if f"{dimension}_as_of" in rows.columns
    ]
    return listed(known, COLUMNS["facts_at"].type)


def _presentable(name: str, kind: pl.DataType) -> pl.Expr:
    """Text cleaned of what no reader should see; blank, a placeholder for nothing, or no number, is null."""
    column = pl.col(name)
    if kind == pl.List(pl.String):
        return column.list.head(MOST_ELEMENTS).list.eval(_said(pl.element())).list.drop_nulls().alias(name)
    if kind.is_float():
        return pl.when(column.is_finite()).then(column).alias(name)
    if kind != pl.String:
        return column
    return _said(column).alias(name)


def _said(text: pl.Expr) -> pl.Expr:
    text = clean(text)
    bare = text.str.strip_chars()
    return pl.when((bare != "") & ~bare.str.to_lowercase().is_in(_PLACEHOLDERS)).then(text)


def _missed(against: Mapping[str, pl.Expr]) -> pl.Expr:
    each = [
        pl.when(why.is_not_null()).then(pl.struct(dimension=pl.lit(name), why=why)) for name, why in against.items()
    ]
    return listed(each, COLUMNS["missed"].type)


def _against(
    dimension: str,
    mine: Sequence[str],
    rows: pl.DataFrame,
    catalogue: Catalogue,
    consent: pl.DataFrame,
    moment: Moment,
) -> pl.Expr:
    """What is in the way of a dimension: absent, stale, not permitted; null where nothing is.

    A null as_of is not fresh, and silence is no consent.
    """
    is_present = pl.all_horizontal(pl.col(name).is_not_null() for name in mine)
    why = [pl.when(~is_present).then(pl.lit("absent"))]
    entry = catalogue.dimensions[dimension]
    if entry.sensitive and entry.lawful_basis is None:
        return pl.lit("not permitted")
    if entry.fresh_for is not None:
        seen = f"{dimension}_as_of"
        if seen not in rows.columns:
            return pl.lit("stale")
        is_fresh = pl.lit(moment.now, dtype=INSTANT) - pl.col(seen) <= entry.fresh_for
        why.append(pl.when(~is_fresh.fill_null(value=False)).then(pl.lit("stale")))
    if entry.needs_consent is not None:
        topic = consent.filter(pl.col("topic") == entry.needs_consent.lower()).group_by("customer_id", "brand")
        said = topic.agg(is_granted=(pl.col("state") == "yes").any() & ~(pl.col("state") == "no").any())
        granted = rows.join(said, on=["customer_id", "brand"], how="left", maintain_order="left")["is_granted"]
        why.append(pl.when(pl.lit(~granted.fill_null(value=False))).then(pl.lit("not permitted")))
    return pl.coalesce(why)
