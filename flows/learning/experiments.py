"""Any table with an arm for each unit -> what its experiment has shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import UsageError, nearest
from flows.learning.contrasts import OFF, Code, Contrast, adjusted, contrast, shares_p
from flows.learning.moments import counts, moments
from flows.learning.tables import MOST_ARMS, reading, refuse_unknown, refuse_unshared, tellable_arms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """What is asked of a table.

    Attributes:
        arm: the column that says which arm a unit is in.
        control: the arm that the others are held against.
        metrics: columns of numbers, or of true and false.
        covariate: a column of numbers from before the draw, by which means are adjusted; None: they are not.
        shares: arm -> its share in the draw, as a weight; empty: all the same.
        planned: how many units the experiment is to have in all; None: as many as the table has.
    """

    arm: str
    control: str
    metrics: tuple[str, ...]
    covariate: str | None = None
    shares: Mapping[str, float] | None = None
    planned: int | None = None


@dataclass(frozen=True)
class Readout:
    """What an experiment has shown.

    Attributes:
        control: the arm that the others are held against.
        units: arm -> how many there are.
        shares_p: how likely sizes as different as these are, where units are drawn as was meant.
        contrasts: by metric and arm.
    """

    control: str
    units: dict[str, int]
    shares_p: float
    contrasts: tuple[Contrast, ...]

    @property
    def is_answered(self) -> bool:
        """Whether there is a number at all."""
        return any(each.refused is None for each in self.contrasts)


def read_out(file: Path, asked: Asked) -> Readout:
    """What the experiment in a file has shown.

    Args:
        file: Parquet, CSV or NDJSON, by its ending; one row for each unit that was drawn.
        asked: about which columns.

    Raises:
        SourceError: the file cannot be read.
        UsageError: a column, the control or a share is not in it, or a unit has no arm.
    """
    with reading(file) as table:
        return _read_out(table, asked)


def _read_out(table: pl.LazyFrame, asked: Asked) -> Readout:
    schema = table.collect_schema()
    if asked.planned is not None and asked.planned < 1:
        raise UsageError(
            "--planned", f"{asked.planned} is no number of units", "give how many the experiment is to have in all"
        )
    columns = list(dict.fromkeys((asked.arm, *asked.metrics, *([asked.covariate] if asked.covariate else []))))
    refuse_unknown("justenough readout", columns, schema.names())
    # Read once: what comes next goes through it several times.
    table = table.select(columns).with_columns(pl.col(asked.arm).cast(pl.String)).collect(engine="streaming").lazy()
    units = _units(table, asked)
    odds = shares_p(units, asked.shares or dict.fromkeys(units, 1))
    refused = _refused(table, asked, schema)
    good = [name for name in asked.metrics if name not in refused]
    found = moments(table, asked.arm, dict.fromkeys(good, asked.covariate))
    planned = asked.planned or sum(units.values())
    contrasts = []
    for name in asked.metrics:
        for arm in (arm for arm in units if arm != asked.control):
            code = refused.get(name) or ("SHARES_OFF" if odds < OFF else None)
            if code is not None:
                contrasts.append(Contrast(name, arm, code))
            else:
                contrasts.append(contrast(name, arm, found[name][asked.control], found[name][arm], planned))
    return Readout(asked.control, units, odds, tuple(adjusted(contrasts)))


def _units(table: pl.LazyFrame, asked: Asked) -> dict[str, int]:
    """Arm -> its units, by name."""
    rows = table.group_by(asked.arm).len().sort(asked.arm).head(MOST_ARMS + 1).collect(engine="streaming").rows()
    units = dict(rows)
    tellable = tellable_arms(asked.arm, units)
    if asked.control not in units:
        raise UsageError("--control", f"no unit is in '{asked.control}'", nearest(asked.control, tellable))
    if len(units) == 1:
        where = f"column '{asked.arm}'"
        raise UsageError(where, f"all units are in '{asked.control}'", "an experiment has two arms at least")
    if asked.shares is not None:
        refuse_unshared(asked.shares, units, tellable)
    return units


def _refused(table: pl.LazyFrame, asked: Asked, schema: pl.Schema) -> dict[str, Code]:
    """Metric -> why nothing can be told of it."""
    columns = [*asked.metrics, *([asked.covariate] if asked.covariate else [])]
    refused: dict[str, Code] = {
        name: "NOT_NUMBERS" for name in columns if not (schema[name].is_numeric() or schema[name] == pl.Boolean)
    }
    numbers = [name for name in columns if name not in refused]
    for name, missing, strange in counts(table, numbers).rows():
        if missing or strange:
            refused[name] = "MISSING" if missing else "NOT_FINITE"
    if asked.covariate in refused:
        what = f"the covariate '{asked.covariate}' has to be a finite number for each unit"
        raise UsageError("--covariate", what, "name another, or leave it out")
    return refused
