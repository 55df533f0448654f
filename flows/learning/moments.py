"""A table of people and their arms -> of each arm, what all that is said about means rests on: counts, means, (co)variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True)
class Moments:
    """Of one column in one arm, and of the covariate beside it.

    Attributes:
        count: of rows.
        mean, variance: of the column; the variance is that of a sample (n - 1).
        covariate_mean, covariate_variance, covariance: 0 without a covariate.
        happened: rows that are not zero; where nearly all are the same (all have bought), those that are not.
    """

    count: int
    mean: float
    variance: float
    covariate_mean: float = 0.0
    covariate_variance: float = 0.0
    covariance: float = 0.0
    happened: int = 0


def moments(table: pl.LazyFrame, arm: str, metrics: Mapping[str, str | None]) -> dict[str, dict[str, Moments]]:
    """Summarise a table in one pass.

    Args:
        table: one row for each unit that was drawn: the column `arm`, and numbers.
        arm: the column that says which arm a unit is in.
        metrics: column -> its covariate, a column of what was before the draw; None: without.

    Returns:
        Metric -> arm -> its moments.
    """
    found = table.group_by(pl.col(arm).alias("arm")).agg(
        pl.len().alias("count"), *(each for name, covariate in metrics.items() for each in _of(name, covariate))
    )
    rows = found.sort("arm").collect(engine="streaming").to_dicts()
    return {name: {row["arm"]: _read(row, name, metrics[name] is not None) for row in rows} for name in metrics}


def counts(table: pl.LazyFrame, columns: Collection[str]) -> pl.DataFrame:
    """Of some columns: `column, missing` (nulls) and `strange` (values that are no finite numbers)."""
    asked = [pl.col(name).null_count().alias(f"missing {name}") for name in columns]
    asked += [(~pl.col(name).cast(pl.Float64).is_finite()).sum().alias(f"strange {name}") for name in columns]
    row = table.select(asked).collect(engine="streaming").row(0, named=True)
    rows = [(name, row[f"missing {name}"], row[f"strange {name}"] or 0) for name in columns]
    return pl.DataFrame(rows, {"column": pl.String(), "missing": pl.Int64(), "strange": pl.Int64()}, orient="row")


def _of(name: str, covariate: str | None) -> list[pl.Expr]:
    value = pl.col(name).cast(pl.Float64)
    made = [
        value.mean().alias(f"mean {name}"),
        value.var().alias(f"variance {name}"),
        # Zero is what most have where something is seldom, the least or the most where it hardly ever fails.
        pl.min_horizontal((value != of).sum() for of in (0, value.min(), value.max())).alias(f"happened {name}"),
    ]
    if covariate is not None:
        before = pl.col(covariate).cast(pl.Float64)
        made += [
            before.mean().alias(f"covariate mean {name}"),
            before.var().alias(f"covariate variance {name}"),
            # Of the products' mean less the means' product little would be left where values are far from zero.
            ((value - value.mean()) * (before - before.mean())).sum().alias(f"together {name}"),
        ]
    return made


def _read(row: Mapping[str, float], name: str, has_covariate: bool) -> Moments:  # noqa: FBT001
    count = int(row["count"])
    beside = (
        (
            row[f"covariate mean {name}"],
            row[f"covariate variance {name}"] or 0.0,
            row[f"together {name}"] / max(count - 1, 1),
        )
        if has_covariate
        else (0.0, 0.0, 0.0)
    )
    return Moments(count, row[f"mean {name}"], row[f"variance {name}"] or 0.0, *beside, int(row[f"happened {name}"]))
