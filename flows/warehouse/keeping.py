"""A session that goes on for who asks next about the same people: to open one takes 20 ms, and one answer does so four times."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

    from flows.warehouse.sessions import Session


@dataclass(frozen=True)
class Opening:
    """What a session was opened with.

    Attributes:
        given: all that says what it shows, and what it may take.
        stamp: of the warehouse, as it was attached.
        shared: the tables that it was given.
    """

    given: tuple[Any, ...]
    stamp: tuple[tuple[str, int, int], ...]
    shared: Mapping[str, pl.DataFrame]

    def shows(self, other: Opening) -> bool:
        """Whether it shows the very same."""
        if (self.given, self.stamp, self.shared.keys()) != (other.given, other.stamp, other.shared.keys()):
            return False
        return all(rows.equals(other.shared[name]) for name, rows in self.shared.items())


@dataclass
class _Kept:
    """The session that waits, if any does."""

    waiting: list[tuple[Opening, Session]] = field(default_factory=list)

    def let_go(self) -> None:
        while self.waiting:
            _, session = self.waiting.pop()
            session.keeps = lambda _: False
            session.close()


_AT_HAND: ContextVar[_Kept | None] = ContextVar("_AT_HAND", default=None)


@contextmanager
def session_at_hand() -> Iterator[None]:
    """Until this ends the last session about some customers goes on for who asks for the same; nobody writes there meanwhile."""
    kept = _Kept()
    before = _AT_HAND.set(kept)
    try:
        yield
    finally:
        _AT_HAND.reset(before)
        kept.let_go()


def at_hand(opening: Opening) -> Session | None:
    """The session that waits, where it shows just that; one that shows something else is let go of."""
    kept = _AT_HAND.get()
    if kept is None or not kept.waiting:
        return None
    if kept.waiting[0][0].shows(opening):
        return kept.waiting.pop()[1]
    kept.let_go()
    return None


def keep(session: Session, opening: Opening) -> None:
    """Have a session go on when it is let go of, where one is to be at hand and none waits already."""
    kept = _AT_HAND.get()
    if kept is None:
        return

    def keeps(closed: Session) -> bool:
        if _AT_HAND.get() is not kept or kept.waiting:
            return False
        kept.waiting.append((opening, closed))
        return True

    session.keeps = keeps
