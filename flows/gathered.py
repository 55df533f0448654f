"""What a file of somebody else's held, as `flows.incoming` gives it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.errors import JustEnoughError


@dataclass
class Incoming:
    """What a file held.

    Attributes:
        rows: column -> its values, null where a row has none; a column that the file does not have is not there.
        lines: where each of these rows is: its line, or of Parquet its number.
        bad: rows that cannot be read.
        doubtful: what can be read of them, for those who would rather act on a part than lose it.
        places: where the first of them are, and why they cannot.
        others: objects that are about nothing of ours.
        records: rows that the file holds, whatever became of them; objects, where these unfold.
        refusal: why the whole file is refused, although some rows of it could be read; None where it is not.
    """

    rows: dict[str, list[str | None]] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)
    bad: int = 0
    doubtful: list[dict[str, str]] = field(default_factory=list)
    places: list[tuple[int, str]] = field(default_factory=list)
    others: int = 0
    records: int = 0
    refusal: JustEnoughError | None = None

    @property
    def count(self) -> int:
        """How many rows were read."""
        return max(map(len, self.rows.values()), default=0)

    def values(self, column: str) -> list[str | None]:
        """A column, of nulls where the file does not have it."""
        return self.rows.get(column, [None] * self.count)
