"""A table of an experiment -> arms, probabilities, outcomes and contexts in few cells: what policies are learned and valued by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from flows.errors import DataError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Codes = np.ndarray[tuple[int], np.dtype[np.int64]]
    Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]

MOST_CELLS = 8
"""Of a context: more would be as many branches in the words, and leave few people in each."""
OTHERS, NOTHING = "others", "(nothing)"
FEWEST_PER_ARM = 100
"""Fewer units in an arm say nothing of it."""
RANDOM = 1e-4
"""The p-value below which a context tells the arm, so that it was not drawn by one share for all."""


@dataclass(frozen=True)
class Context:
    """What is known of each unit, in a few cells.

    Attributes:
        name: of the column.
        cells: what each code stands for.
        codes: of each unit.
    """

    name: str
    cells: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True)
class Randomised:
    """Units to each of which an arm was drawn.

    Attributes:
        arms: their names, in order.
        arm: the code of the arm of each unit.
        propensity: how likely that arm was for it.
        outcomes: name -> what came of each unit.
        contexts: name -> what was known of each before the draw.
        rules: name -> the code of the arm that a rule gives each unit.
        is_logged: whether the propensities are those that were logged; else shares, stated or counted.
    """

    arms: tuple[str, ...]
    arm: Codes
    propensity: Numbers
    outcomes: Mapping[str, Numbers]
    contexts: Mapping[str, Context]
    rules: Mapping[str, Codes]
    is_logged: bool

    def __len__(self) -> int:
        return len(self.arm)


def randomised(  # noqa: PLR0913  (each is a column, or several)
    table: pl.DataFrame,
    *,
    arm: str,
    outcomes: Sequence[str],
    contexts: Sequence[str],
    rules: Sequence[str] = (),
    propensity: str | None = None,
    shares: Mapping[str, float] | None = None,
    where: str = "--data",
) -> Randomised:
    """Read a table with a row per unit.

    Args:
        table: with the columns that are named.
        arm: the column of the arm that was drawn.
        outcomes: columns of numbers, or of true and false.
        contexts: columns of what was known before the draw.
        rules: columns that name the arm which a rule would give.
        propensity: the column of the logged probability of the arm that was drawn.
        shares: arm -> its probability, the same for all; where neither is given, as many as were drawn.
        where: the place that an error names.

    Raises:
        DataError: a column is missing or of the wrong kind, an arm has too few units, a probability is none, or a context tells
            the arm though it was drawn by one share for all.
    """
    for name in dict.fromkeys((arm, *outcomes, *contexts, *rules, *filter(None, [propensity]))):
        if name not in table.columns:
            raise DataError(where, f"there is no column '{name}'", nearest(name, table.columns))
    if table.is_empty():
        raise DataError(where, "there is no row in it", "give a table with a row for each unit")
    if lacking := table[arm].null_count():
        raise DataError(where, f"the arm of {lacking} rows is not there", f"leave out rows without '{arm}'")
    drawn = table[arm].cast(pl.String)
    counts = dict(drawn.value_counts().sort(arm).iter_rows())
    arms = tuple(counts)
    few = [name for name, count in counts.items() if count < FEWEST_PER_ARM]
    if len(arms) < 2 or few:
        what = f"the arm '{few[0]}' has {counts[few[0]]} units" if few else f"'{arm}' has one arm alone"
        raise DataError(where, what, f"two arms are needed at least, of {FEWEST_PER_ARM} units each")
    codes = _coded(drawn, arms, where, arm)
    found = {name: _context(table[name]) for name in contexts}
    if propensity is not None:
        chances = _numbers(table[propensity], where)
        if not ((chances > 0) & (chances <= 1)).all():
            raise DataError(where, f"'{propensity}' is no probability everywhere", "it is above 0, and 1 at most")
    else:
        chances = _of_all(shares or {name: count / table.height for name, count in counts.items()}, arms, where)[codes]
        _refuse_told(codes, len(arms), found, where)
    return Randomised(
        arms,
        codes,
        chances,
        {name: _numbers(table[name], where) for name in outcomes},
        found,
        {name: _coded(table[name].cast(pl.String), arms, where, name) for name in rules},
        propensity is not None,
    )


def _of_all(shares: Mapping[str, float], arms: Sequence[str], where: str) -> Numbers:
    for name in shares:
        if name not in arms:
            raise DataError(where, f"there is no arm '{name}'", nearest(name, arms))
    lacking = [name for name in arms if not 0 < shares.get(name, 0) < 1]
    if lacking or abs(sum(shares.values()) - 1) > 1e-6:
        what = f"the share of '{lacking[0]}' is not between 0 and 1" if lacking else "the shares do not add up to 1"
        raise DataError("--share", what, f"state one for each of {', '.join(arms)}")
    return np.array([shares[name] for name in arms])


def _coded(column: pl.Series, arms: Sequence[str], where: str, name: str) -> Codes:
    codes = column.replace_strict(list(arms), list(range(len(arms))), default=None, return_dtype=pl.Int64)
    if codes.null_count():
        raise DataError(where, f"'{name}' names what is no arm", f"arms are {', '.join(arms)}")
    return codes.to_numpy()


def _numbers(column: pl.Series, where: str) -> Numbers:
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise DataError(where, f"'{column.name}' is {column.dtype}, and no number", "turn it into a number, or true and false")
    found = column.cast(pl.Float64)
    if not found.is_finite().fill_null(value=False).all():
        raise DataError(where, f"'{column.name}' is no number everywhere", "an outcome that did not happen is 0")
    return found.to_numpy()


def _context(column: pl.Series) -> Context:
    """A column in `MOST_CELLS` cells: values of few, ranges of as many units each of numbers, the most frequent of texts."""
    name, whole = column.name, column.drop_nulls()
    values = whole.unique().sort()
    if column.dtype.is_numeric() and len(values) > MOST_CELLS:
        edges = np.unique(np.quantile(whole.to_numpy(), np.linspace(0, 1, MOST_CELLS + 1)[1:-1]))
        codes = np.searchsorted(edges, column.fill_null(0).cast(pl.Float64).to_numpy(), side="right").astype(np.int64)
        bounds = [f"{edge:g}" for edge in edges]
        cells = [f"below {bounds[0]}", *map("{} to {}".format, bounds, bounds[1:]), f"{bounds[-1]} and more"]
    else:
        texts = column.cast(pl.String)
        often = texts.drop_nulls().value_counts(sort=True)[name].to_list()
        kept = sorted(often) if len(often) <= MOST_CELLS else [*sorted(often[: MOST_CELLS - 1]), OTHERS]
        known = {text: place for place, text in enumerate(kept)}
        last = len(kept) - 1
        codes = texts.replace_strict(known, default=last, return_dtype=pl.Int64).to_numpy().copy()
        cells = kept
    if column.null_count():
        codes = np.where(column.is_null().to_numpy(), len(cells), codes)
        cells = [*cells, NOTHING]
    return Context(name, tuple(cells), codes)


def _refuse_told(arm: Codes, arms: int, contexts: Mapping[str, Context], where: str) -> None:
    """Refuse a context that tells the arm. Raises DataError."""
    from scipy.stats import chi2_contingency

    for context in contexts.values():
        size = len(context.cells)
        table = np.bincount(context.codes * arms + arm, minlength=size * arms).reshape(size, arms)
        table = table[table.sum(1) > 0]
        if len(table) > 1 and chi2_contingency(table).pvalue < RANDOM / len(contexts):
            what = f"'{context.name}' tells the arm: it was not drawn by one share for all"
            raise DataError(where, what, "name the column of the logged probabilities: --propensity")
