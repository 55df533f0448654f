"""A table of an experiment -> arms, probabilities, outcomes, and contexts in few cells: what policies are learned by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from flows.errors import UsageError, nearest
from flows.learning.contrasts import FEWEST_UNITS
from flows.learning.tables import reading, refuse_unknown, refuse_unshared, tellable_arms
from flows.next_best import NOTHING, OTHERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Codes = np.ndarray[tuple[int], np.dtype[np.int64]]
    Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]

MOST_CELLS = 8
"""Of a context: more would be as many branches in the words, and leave few people in each."""
RANDOM = 1e-4
"""The p-value below which a context tells the arm, so that it was not drawn by one share for all."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a table.

    Attributes:
        arm: the column that says which arm was drawn for a unit.
        outcomes: columns of numbers, or of true and false, larger where it is better; the first one is learned by.
        contexts: columns of what was known before the draw.
        rules: columns that name the arm which a rule would give.
        propensity: the column of the logged probability of the arm that was drawn; None: one share for all.
        shares: arm -> that share, as a weight; None: as many as were drawn.
        costs: arm -> what giving it costs, in units of the first outcome.
    """

    arm: str
    outcomes: tuple[str, ...]
    contexts: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    propensity: str | None = None
    shares: Mapping[str, float] | None = None
    costs: Mapping[str, float] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """All that is read."""
        own = [] if self.propensity is None else [self.propensity]
        return list(dict.fromkeys((self.arm, *self.outcomes, *self.contexts, *self.rules, *own)))


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

    def of(self, units: Codes) -> Randomised:
        """Some of the units alone."""
        return replace(
            self,
            arm=self.arm[units],
            propensity=self.propensity[units],
            outcomes={name: found[units] for name, found in self.outcomes.items()},
            contexts={name: replace(found, codes=found.codes[units]) for name, found in self.contexts.items()},
            rules={name: found[units] for name, found in self.rules.items()},
        )


def read_randomised(file: Path, asked: Asked) -> Randomised:
    """The units of a file.

    Args:
        file: Parquet, CSV or NDJSON, by its ending; one row for each unit that was drawn.
        asked: about which columns.

    Raises:
        SourceError: the file cannot be read.
        UsageError: a column, a share or a cost is not of it, a unit has no arm or no outcome, an arm has too few units, a
            probability is none; or a context tells the arm, though one share is to be true of all.
    """
    if both := {*asked.contexts} & {asked.arm, *asked.outcomes, *asked.rules, asked.propensity}:
        what = f"'{min(each for each in both if each)}' is a context and something else"
        raise UsageError("--context", what, "name what was known before the draw")
    with reading(file) as table:
        refuse_unknown("justenough evaluate", asked.columns, table.collect_schema().names())
        rows = table.select(asked.columns).collect(engine="streaming")
    return _randomised(rows, asked)


def _randomised(rows: pl.DataFrame, asked: Asked) -> Randomised:
    drawn = rows[asked.arm].cast(pl.String)
    arms = _arms(drawn, asked)
    codes = _coded(drawn, arms)
    contexts = {name: in_cells(rows[name]) for name in asked.contexts}
    if asked.propensity is not None:
        chances = _numbers(rows[asked.propensity])
        if not ((chances > 0) & (chances <= 1)).all():
            where = f"column '{asked.propensity}'"
            raise UsageError(
                where, "it is no probability everywhere", "of the arm that was drawn: above 0, and 1 at most"
            )
    else:
        counts = np.bincount(codes)
        weights = counts if asked.shares is None else np.array([asked.shares[arm] for arm in arms])
        chances = (weights / weights.sum())[codes]
        _refuse_told(codes, len(arms), contexts)
    return Randomised(
        arms,
        codes,
        chances,
        {name: _numbers(rows[name]) for name in asked.outcomes},
        contexts,
        {name: _ruled(rows[name].cast(pl.String), arms) for name in asked.rules},
        asked.propensity is not None,
    )


def _arms(drawn: pl.Series, asked: Asked) -> tuple[str, ...]:
    """The arms, by name. Raises UsageError."""
    units = dict(drawn.value_counts().sort(asked.arm).iter_rows())
    tellable, where = tellable_arms(asked.arm, units), f"column '{asked.arm}'"
    if len(units) < 2:
        raise UsageError(where, "fewer than two arms are in it", "what nothing was tried against cannot be valued")
    if len(tellable) < len(units):
        raise UsageError(
            where, f"an arm has {min(units.values())} units", f"leave out arms of fewer than {FEWEST_UNITS}"
        )
    if asked.shares is not None:
        refuse_unshared(asked.shares, units, tellable)
    for name in asked.costs:
        if name not in units:
            raise UsageError("--cost", f"no unit is in '{name}'", nearest(name, tellable))
    return tuple(units)


def _coded(names: pl.Series, arms: Sequence[str]) -> Codes:
    return names.replace_strict(list(arms), list(range(len(arms))), return_dtype=pl.Int64).to_numpy()


def _ruled(names: pl.Series, arms: Sequence[str]) -> Codes:
    """The arm that a rule gives each unit. Raises UsageError."""
    strange = (~names.is_in(arms)).fill_null(value=True).sum()
    if strange:
        what = f"of {strange:,} units it names no arm"
        raise UsageError(f"column '{names.name}'", what, f"arms are {', '.join(arms)}")
    return _coded(names, arms)


def _numbers(column: pl.Series) -> Numbers:
    """A number for each unit. Raises UsageError."""
    where = f"column '{column.name}'"
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise UsageError(where, "it has no numbers", "name a column of numbers, or of true and false")
    found = column.cast(pl.Float64)
    strange = (~found.is_finite()).fill_null(value=True).sum()
    if strange:
        raise UsageError(where, f"of {strange:,} units it has no finite number", "what did not happen is 0")
    return found.to_numpy()


def in_cells(column: pl.Series) -> Context:
    """A column in `MOST_CELLS` cells: values of few, ranges of as many units each of numbers, the most frequent of texts.

    Raises:
        UsageError: its values are lists, or of another kind that is neither.
    """
    if column.dtype.is_nested() or column.dtype in {pl.Binary, pl.Object}:
        raise UsageError(f"column '{column.name}'", "its values are neither numbers nor texts", "name another context")
    column = column.fill_nan(None) if column.dtype.is_float() else column
    name, whole = column.name, column.drop_nulls()
    if whole.is_empty():
        return Context(name, (NOTHING,), np.zeros(len(column), np.int64))
    values = whole.unique()
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


def _refuse_told(arm: Codes, arms: int, contexts: Mapping[str, Context]) -> None:
    """Refuse a context that tells the arm. Raises UsageError."""
    from scipy.stats import chi2_contingency

    for context in contexts.values():
        size = len(context.cells)
        table = np.bincount(context.codes * arms + arm, minlength=size * arms).reshape(size, arms)
        table = table[table.sum(1) > 0]
        if len(table) > 1 and chi2_contingency(table).pvalue < RANDOM / len(contexts):
            what = "it tells the arm, which so was not drawn by one share for all"
            hint = "name the column of the logged probabilities (--propensity); what has none cannot be valued"
            raise UsageError(f"column '{context.name}'", what, hint)
