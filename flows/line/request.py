"""What is asked of a run, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flows.errors import StoppedError

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    import polars as pl

    from flows.errors import WaitingError
    from flows.ledger.publishing import Recovered
    from flows.plan import Plan

Progress = Callable[[str, int, int], None]
"""Called with a step's name, how much of it is done, and of how much."""


def silent(_step: str, _done: int, _of: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Request:
    """What to plan.

    Attributes:
        as_of: the day; None is today in the workspace's time zone.
        products: narrows what is delivered, not what is decided; empty is all.
        targets: narrows what is delivered; empty is all.
        parts: into how many parts to cut the customers; None takes the setting.
        allow_past: deliver for a day that is over.
        customers: narrows whom the run is about, by their ids; empty is everybody.
        events: `ledger.events.EVENTS` with `customer_id`: what these customers did, which the run answers.
        goes_by: the last whole run that was delivered, where who asks has looked it up; None has it looked up for customers.
        rolling: read only of people of whom something has changed, see `line.rolling`; None takes the setting.
        workers: how many plan parts at the same time.
    """

    as_of: date | None = None
    products: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    parts: int | None = None
    allow_past: bool = False
    customers: tuple[str, ...] = ()
    events: pl.DataFrame | None = None
    goes_by: str | None = None
    rolling: bool | None = None
    workers: int = 1


@dataclass(frozen=True)
class Carried:
    """What became of a batch on its way to another end.

    Attributes:
        batch_id: of the batch.
        to: where it is going.
        state: carried; waiting (the next run tries again); hold (a person has to look); failed or lapsed (claims released).
        reason: why it is not carried.
    """

    batch_id: str
    to: str
    state: Literal["carried", "waiting", "hold", "failed", "lapsed"]
    reason: str | None = None


@dataclass(frozen=True)
class Recalled:
    """What was called back, in counts.

    Attributes:
        batches: the folder of each batch of recalls, below the outbox -> the messages it names.
        reasons: why -> how many messages.
        carried: batches that waited to be carried and never will be, or are on hold; recalls on their way, or waiting for it.
        recovered: what killed runs had left behind.
    """

    batches: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    carried: tuple[Carried, ...] = ()
    recovered: tuple[Recovered, ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Whether something of it waits for the other end, or for a person."""
        return any(each.state in ("waiting", "hold") for each in self.carried)


@dataclass(frozen=True)
class Published:
    """What became of one target and brand of a plan.

    Attributes:
        target, brand: which.
        folder: the batch's folder in the outbox; None where there was nothing to publish.
        rows: rows in its payload files.
        removed: of these, rows that take something away (state targets).
        unchanged: wanted rows that were there already (state targets).
        to_leave_out: of these rows, those about people whom campaigns that run anyway are to leave out.
        dropped: reason -> planned deliveries that fell away since the plan.
        carried: where its batch went from the outbox, after earlier ones that had to wait for it; none where it stays.
        stopped: why nothing of it may leave as long as a person has not let it; what is planned for it waits.
    """

    target: str
    brand: str
    folder: Path | None
    rows: int = 0
    removed: int = 0
    unchanged: int = 0
    to_leave_out: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    carried: tuple[Carried, ...] = ()
    stopped: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether something of it is still to be carried, or to be let pass."""
        return self.stopped is not None or any(each.state != "carried" for each in self.carried)


@dataclass(frozen=True)
class Delivered:
    """What a delivery did.

    Attributes:
        plan: that was delivered.
        published: each target and brand.
        held: batches that wait for a person.
        recovered: what killed runs had left behind; told by `Outcome` where it is a whole run's.
        recalled: what was called back of earlier batches, before anything left.
    """

    plan: Plan
    published: tuple[Published, ...]
    held: tuple[str, ...] = ()
    recovered: tuple[Recovered, ...] = ()
    recalled: Recalled = field(default_factory=Recalled)

    @property
    def stopped(self) -> tuple[str, ...]:
        """Why some of it may not leave as long as a person has not let it."""
        return tuple(dict.fromkeys(batch.stopped for batch in self.published if batch.stopped))

    @property
    def is_waiting(self) -> bool:
        """Whether a batch waits for a person, or for the other end."""
        return bool(self.held) or self.recalled.is_waiting or any(batch.is_waiting for batch in self.published)


@dataclass(frozen=True)
class Waits:
    """That nothing of a plan was delivered, and what for it waits.

    Attributes:
        why: what is in the way.
        step: what a person can do.
        state: what Prefect calls it.
    """

    why: str
    step: str
    state: Literal["Stopped", "WaitsForApproval"]

    @classmethod
    def of(cls, refused: WaitingError) -> Waits:
        """As the refusal of a delivery says."""
        return cls(refused.what, refused.hint, "Stopped" if isinstance(refused, StoppedError) else "WaitsForApproval")


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        recovered: what a killed run had left behind.
        resumed: the plans of killed runs, delivered to the end.
        plan: of this run.
        delivered: None where only a plan was asked for, or where it waits.
        waits: why nothing was delivered though that was asked for; None where it was.
    """

    recovered: tuple[Recovered, ...]
    resumed: tuple[Delivered, ...]
    plan: Plan
    delivered: Delivered | None
    waits: Waits | None = None
