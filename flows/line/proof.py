"""What shuffling has shown: of each field and each dimension that it does not declare, and what is wrong with that."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from flows.errors import CatalogueError, DataError, JustEnoughError, StatementError

LEAST_VALUES, LEAST_ROWS = 50, 30
"""Below either nothing is held to be proven."""


@dataclass(frozen=True)
class Finding:
    """What became of a field when a dimension was shuffled that it does not declare.

    Attributes:
        where: the place, `file:line`, that declares the field.
        is_read: whether the query reads any table of the dimension.
        values: how many values one shuffle changed, at most.
        rows: how many rows were compared, each counted once, of people whom the shuffles touched.
        changed: in how many rows the field was not what it was.
    """

    segment: str
    field: str
    dimension: str
    where: str
    is_read: bool
    values: int = 0
    rows: int = 0
    changed: int = 0

    @property
    def verdict(self) -> str:
        """`depends`, `not proven`, `independent`, or `not read`."""
        if self.changed:
            return "depends"
        if not self.is_read:
            return "not read"
        return "independent" if self.values >= LEAST_VALUES and self.rows >= LEAST_ROWS else "not proven"

    @property
    def complaint(self) -> JustEnoughError | None:
        """What is wrong with it; None where nothing is."""
        if self.verdict == "depends":
            what = (
                f"field '{self.field}' depends on '{self.dimension}', which it does not declare: with that shuffled, "
                f"{self.changed:,} of its values are others"
            )
            hint = f"declare it, as in dimension: [..., {self.dimension}], or take it out of sql/segments/{self.segment}.sql"
            return CatalogueError(self.where, what, hint)
        if self.verdict == "not proven":
            what = (
                f"not proven that field '{self.field}' is independent of '{self.dimension}': {self.values:,} values changed "
                f"(at least {LEAST_VALUES}), {self.rows:,} rows were compared (at least {LEAST_ROWS})"
            )
            return DataError(self.where, what, "prove it on a warehouse with more people in this segment")
        return None


@dataclass(frozen=True)
class Unsteady:
    """A field that is not the same when nothing has changed.

    Attributes:
        where: the place, `file:line`, that declares the field.
        changed: in how many rows.
    """

    segment: str
    field: str
    where: str
    changed: int

    @property
    def complaint(self) -> JustEnoughError:
        """What is wrong with it."""
        what = (
            f"field '{self.field}' changes by itself: in {self.changed:,} rows it is another when the query runs again"
        )
        hint = f"take out random() and the like from sql/segments/{self.segment}.sql, and order by what leaves no ties"
        return StatementError(self.where, what, hint)


@dataclass(frozen=True)
class Proof:
    """What was found of every field and every dimension that it does not declare."""

    findings: tuple[Finding, ...]
    unsteady: tuple[Unsteady, ...]

    @property
    def complaints(self) -> tuple[JustEnoughError, ...]:
        """What is wrong; nothing where every field is proven to be independent of what it does not declare."""
        disproved = [finding.complaint for finding in self.findings if finding.verdict == "depends"]
        open_ones = [finding.complaint for finding in self.findings if finding.verdict == "not proven"]
        unsteady = [found.complaint for found in self.unsteady]
        return tuple(complaint for complaint in (*disproved, *unsteady, *open_ones) if complaint)

    @property
    def told(self) -> dict[str, object]:
        """The proof as what programs read: counts and names only."""
        return {
            "is_proven": not self.complaints,
            "findings": [{**asdict(finding), "verdict": finding.verdict} for finding in self.findings],
            "unsteady": [asdict(found) for found in self.unsteady],
            "errors": [
                {"kind": type(error).__name__, "where": error.where, "what": error.what, "hint": error.hint}
                for error in self.complaints
            ],
        }
