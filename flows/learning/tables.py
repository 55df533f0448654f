"""Tables that somebody names on the command line: Parquet, CSV or NDJSON, by the ending of the file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from flows.errors import SourceError, UsageError, nearest
from flows.learning.contrasts import FEWEST_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MOST_ARMS = 50
"""More values than that are no arms: somebody has named another column."""
_READERS = {".parquet": "Parquet", ".csv": "CSV", ".ndjson": "NDJSON", ".jsonl": "NDJSON"}


@contextmanager
def reading(file: Path) -> Iterator[pl.LazyFrame]:
    """A file's rows, while they are read.

    Raises:
        SourceError: it cannot be read.
        UsageError: its name does not say what it is.
    """
    try:
        yield _scanned(file)
    except OSError as error:
        raise SourceError(file.name, error.strerror or "it cannot be read", "name a file that is there") from None
    except pl.exceptions.PolarsError:  # whose words may show a row
        hint = "write it anew, or convert it to Parquet"
        raise SourceError(file.name, f"it cannot be read as {_READERS[file.suffix.lower()]}", hint) from None


def refuse_unknown(where: str, names: Iterable[str], present: Iterable[str]) -> None:
    """Refuse a column that a table does not have. Raises UsageError."""
    there = list(present)
    for name in names:
        if name not in there:
            raise UsageError(where, f"there is no column '{name}'", nearest(name, there))


def tellable_arms(column: str, units: Mapping[str | None, int]) -> list[str]:
    """The arms that may be named, by how many units each has: of a column that was named by mistake the values may be people's.

    Raises:
        UsageError: a unit has no arm, or there are more than `MOST_ARMS`.
    """
    where = f"column '{column}'"
    if None in units:
        what = f"{units[None]:,} units have no arm"
        raise UsageError(where, what, "leave them out if they were not drawn, else find out where they were")
    if len(units) > MOST_ARMS:
        raise UsageError(
            where, f"it has more than {MOST_ARMS} values", "name the column that says which arm a unit is in"
        )
    return [arm for arm, count in units.items() if arm is not None and count >= FEWEST_UNITS]


def refuse_unshared(shares: Mapping[str, float], arms: Iterable[str], tellable: Iterable[str]) -> None:
    """Refuse shares that are not of all arms and of nothing else. Names no arm but `tellable` ones. Raises UsageError."""
    known = set(arms)
    if shares.keys() == known:
        return
    other = next((arm for arm in (*shares, *tellable) if (arm in known) != (arm in shares)), None)
    named = f"'{other}'" if other else "an arm"
    raise UsageError(
        "--share", f"{named} is not both an arm and given a share", f"give one to each of the {len(known)} arms"
    )


def _scanned(file: Path) -> pl.LazyFrame:
    kind = _READERS.get(file.suffix.lower())
    if kind is None:
        what = f"its name ends in '{file.suffix}'" if file.suffix else "its name has no ending"
        raise UsageError(file.name, what, "give a .parquet, .csv or .ndjson file")
    file.open("rb").close()  # says what is wrong with it in words of the system's
    if kind == "Parquet":
        return pl.scan_parquet(file)
    return (
        pl.scan_csv(file, infer_schema_length=None) if kind == "CSV" else pl.scan_ndjson(file, infer_schema_length=None)
    )
