"""paced -> scored: how well each help fits each customer now, as a logistic sum of named terms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import DataError
from flows.schemas import COLUMNS, INSTANT, spoken

if TYPE_CHECKING:
    from flows.clock import Moment
    from flows.product import Product, Relevance, Term


def scored(paced: pl.DataFrame, product: Product, moment: Moment) -> pl.DataFrame:
    """The candidates of one product with `score` (0..1), `terms` (log-odds), and BELOW_THRESHOLD where nothing else bars.

    Source: CONTRACTS, Relevance without outcomes: score = 1 / (1 + e^-(base + sum of terms)); booleans count 0 or 1, numbers
    as they are, null 0, and so what a division by nothing makes (NaN, infinite); a signal that fades is an instant:
    weight * 2^(-age / half-life).
    A product without `relevance` is as relevant as can be: score 1, for whoever is in its segment.

    Raises:
        DataError: a signal is of a kind that cannot be scored.
    """
    relevance = product.relevance
    if relevance is None:
        none = pl.lit([], dtype=COLUMNS["terms"].type)
        return paced.with_columns(score=pl.lit(1.0), terms=none)
    check_signals(product, paced.schema)
    addends = _addends(paced, relevance, moment)
    terms = [pl.struct(name=pl.lit(name), log_odds=addend) for name, addend in addends.items()]
    return paced.with_columns(
        terms=pl.concat_arr(terms).arr.to_list(), score=_logistic(pl.sum_horizontal(addends.values()))
    ).with_columns(
        reason=pl.coalesce("reason", pl.when(pl.col("score") < relevance.threshold).then(pl.lit("BELOW_THRESHOLD")))
    )


def check_signals(product: Product, schema: pl.Schema) -> None:
    """Refuse signals that cannot be scored, by the kinds of a segment's columns. Raises DataError."""
    where = f"sql/segments/{product.segment}.sql"
    for name, term in product.relevance.terms.items() if product.relevance else ():
        _check(schema[name], name, term, where)


def _addends(paced: pl.DataFrame, relevance: Relevance, moment: Moment) -> dict[str, pl.Expr]:
    """Each term's log-odds, which add up."""
    addends = {"base": pl.lit(relevance.base)}
    for name, term in relevance.terms.items():
        addends[name] = term.size * _strength(name, paced.schema[name], term, moment)
    return {name: addend.cast(pl.Float64) for name, addend in addends.items()}


def _strength(name: str, kind: pl.DataType, term: Term, moment: Moment) -> pl.Expr:
    """A signal as a number: what its weight is multiplied with."""
    signal = pl.col(name)
    if isinstance(kind, pl.Datetime) and term.fades_in is not None:
        age = (pl.lit(moment.now, dtype=INSTANT) - signal).dt.total_seconds().clip(lower_bound=0)
        # Not divided: Polars multiplies many by the reciprocal and divides one, so that the last digit told how a run was cut.
        per_second = -math.log(2) / term.fades_in.total_seconds()
        return (age * per_second).exp().fill_null(0.0)
    number = signal.cast(pl.Float64)
    return pl.when(number.is_finite()).then(number).otherwise(0.0).clip(-1e6, 1e6)


def _check(kind: pl.DataType, name: str, term: Term, where: str) -> None:
    if term.fades_in is not None:
        if not isinstance(kind, pl.Datetime | pl.Null):
            raise DataError(
                where, f"the signal '{name}' is {spoken(kind)}, and only an instant fades", "name an …_at column"
            )
    elif not (kind.is_numeric() or kind in {pl.Boolean, pl.Null}):
        hint = "give it `fades_in` if it is an instant, or turn it into a boolean or a number in the query"
        raise DataError(where, f"the signal '{name}' is {spoken(kind)}, which is no number", hint)


def _logistic(log_odds: pl.Expr) -> pl.Expr:
    return 1 / (1 + (-log_odds).exp())
