"""A plan: what one run decided, worded and counted, kept in plans/<run_id>/. It claims nothing, and it expires."""

from __future__ import annotations

import secrets
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.calibrated import Weights
from flows.clock import Moment, present
from flows.counts import Capped, Count, Crowd, Held, LeftOut, Missed, Price, Waterfall
from flows.digests import sha256, sha256_of_untouched
from flows.durable import write_bytes
from flows.errors import PlanError, nearest
from flows.next_best import Effect

if TYPE_CHECKING:
    from pathlib import Path

    from flows.settings import Settings


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    NAMING: ClassVar[Any] = None  # what names people and is told to nobody: pydantic's `exclude`


Kept = TypeVar("Kept", bound=_Kept)


class Rolling(_Kept):
    """How much of the warehouse a rolling run has read.

    Attributes:
        customers: of how many people the warehouse holds something.
        scope: of these, of how many something is not as it was, or who may be due.
        few: the segments that were read of these alone.
        whole: the others, that were read over everybody -> why.
        because: why all of them were; None where not all were.
    """

    customers: int
    scope: int
    few: tuple[str, ...] = ()
    whole: dict[str, str] = {}
    because: str | None = None


class Order(_Kept):
    """What was asked for: enough for any process to work on a part of it.

    Attributes:
        run_id: names the run and its folder.
        as_of, now, present, starts_at: the run's moment (see `clock.Moment`).
        parts: into how many parts the customers are cut.
        products: the products that are delivered; decisions are over all live ones.
        targets: the targets that are delivered.
        customers: whom the run is about; empty is everybody.
        is_narrowed: whether `products` or `targets` leave anything out.
        inputs_digest: of the workspace's settings, SQL and templates.
        source_rows: table -> rows when the run began.
        source_columns: table -> column -> its type then.
        source_ages: table that may not be too old -> how long ago its newest row came to be known.
        list_ages: target -> how long ago its suppression list was compared with ours.
        creep: template file -> its score for creep at the highest detail level.
        overdue: products that are left out, because their review date has passed.
        reviews: products that somebody has to look at within two weeks -> the last day on which they speak otherwise.
        paused: products that are left out until a person has looked -> why.
        stopped: what was stopped when it was begun, products aside (`country DE`) -> since when, and why.
        unsigned: product -> language that it does not speak, since its words are not signed -> by whom.
        tests_kept: products, or the setting `global_holdout`, whose test goes on though other shares are set -> its shares.
        holdouts: products whose holdout is found by the power check -> the share of people that this run holds out of them.
        adapted: products whose variants' shares follow what comes of them -> these shares in this run.
        calibrated: where scores are probabilities that were learned, of what, and since when.
        weights: product -> the learned weights of its relevance then.
        effects: product -> what it does, where helps are chosen by what was learned.
        seeds: channel -> how many seed addresses get a copy of each kind of message.
        targeted: segment -> the dimensions that decide who is in it.
        audiences: those that campaigns leave out and that the run looks at -> the dimensions that decide who is in each.
        key_id: of the key that its identifiers are made with.
        digits: that its identifiers have.
        corrects: the batch whose recipients it tells once more, on purpose.
        events: how many it answers.
        goes_by: not about everybody: the last delivered run over everybody and everything, whose crowds and prices hold.
        warehouse: `warehouse.attaching.stamp_of` the warehouse before anything of it was read.
        drain: the number of the latest drain of the inbox then.
        held: `target/brand` of the state targets that it is for -> the batch that each held then.
        rolling: how much it reads, where it was asked to read only of whom something has changed (see `line.rolling`).
    """

    run_id: str
    as_of: date
    now: datetime
    present: datetime
    starts_at: datetime
    parts: int
    products: tuple[str, ...]
    targets: tuple[str, ...]
    customers: tuple[str, ...] = Field(default=(), repr=False)
    is_narrowed: bool
    inputs_digest: str
    source_rows: dict[str, int]
    source_columns: dict[str, dict[str, str]] = {}
    source_ages: dict[str, str] = {}
    list_ages: dict[str, str] = {}
    creep: dict[str, int] = {}
    overdue: tuple[str, ...] = ()
    reviews: dict[str, date] = {}
    paused: dict[str, str] = {}
    stopped: dict[str, str] = {}
    unsigned: dict[str, dict[str, str]] = {}
    tests_kept: dict[str, str] = {}
    holdouts: dict[str, float] = {}
    adapted: dict[str, dict[str, float]] = {}
    calibrated: str | None = None
    weights: dict[str, Weights] = {}
    effects: dict[str, Effect] = {}
    seeds: dict[str, int] = {}
    targeted: dict[str, tuple[str, ...]] = {}
    audiences: dict[str, tuple[str, ...]] = {}
    key_id: str = ""
    digits: int = 64
    corrects: str | None = None
    events: int = 0
    goes_by: str | None = None
    warehouse: tuple[tuple[str, int, int], ...] = ()
    drain: int = 0
    held: dict[str, str | None] = {}
    rolling: Rolling | None = None
    NAMING: ClassVar[Any] = {"customers"}

    @property
    def is_rolling(self) -> bool:
        """Whether it reads some segments of few people alone, and nothing of those whom no query names."""
        return self.rolling is not None and self.rolling.because is None

    @property
    def is_whole(self) -> bool:
        """Whether it is about everybody, so that others may be compared with it."""
        return not self.customers and self.corrects is None

    @property
    def moment(self) -> Moment:
        """The run's moment."""
        return Moment(self.as_of, self.now, self.present, self.starts_at)


class Plan(_Kept):
    """A settled plan.

    Attributes:
        order: what was asked for.
        created_at, expires_at: UTC; after `expires_at` it is not delivered any more.
        people: message type -> where the base went.
        deliveries: message type -> where the wanted deliveries went.
        candidates: product -> rows of its segment that were about it.
        open_counts: product -> those of them whom consent, suppressions, exclusions and addresses let speak to.
        counts: the deliveries by product, target, brand, variant and facts.
        crowds: by channel, how many people are shown the same.
        left_out: by audience and brand, whom campaigns that run anyway leave out.
        prices: of the channels that have a budget, by brand and channel.
        capped: the people whom each cap closes the last channel of some help to, the most first.
        held: the messages of each channel that wait for the end of quiet hours.
        strange_zones: the people whose time zone nobody knows by its name.
        untold: segment that says `tells_when_due` -> people whom it names though it had not told of them.
        missed: of products in which most people have no fact at all, what stands in the way, the commonest first.
        chosen: how people's helps were chosen, where the setting `next_best` chooses them: `learned`, `relevance`, `lot`, or
            `silent` (nothing is worth a contact) -> people and brands.
        files: name in the plan's folder -> SHA-256.
    """

    order: Order
    created_at: datetime
    expires_at: datetime
    people: dict[str, Waterfall]
    deliveries: dict[str, Waterfall]
    candidates: dict[str, int]
    open_counts: dict[str, int] = {}
    counts: tuple[Count, ...]
    files: dict[str, str]
    crowds: tuple[Crowd, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    prices: tuple[Price, ...] = ()
    capped: tuple[Capped, ...] = ()
    held: tuple[Held, ...] = ()
    strange_zones: int = 0
    missed: tuple[Missed, ...] = ()
    untold: dict[str, int] = {}
    chosen: dict[str, int] = {}
    NAMING: ClassVar[Any] = {"order": {"customers"}}

    @property
    def people_count(self) -> int:
        """How many people (and subjects, for service) get something: the number that an operator approves."""
        return sum(waterfall.passed for waterfall in self.people.values())


def new_run_id(as_of: date) -> str:
    """A name that sorts by date and is unique."""
    return f"{as_of:%Y%m%d}-{present():%H%M%S}-{secrets.token_hex(3)}"


def plan_folder(settings: Settings, run_id: str) -> Path:
    """Where a run's plan is.

    Raises:
        PlanError: there is no such run.
    """
    folder = settings.folder("plans", run_id)
    if "/" in run_id or not (folder / "order.json").exists():
        known = [path.parent.name for path in settings.folder("plans").glob("*/order.json")]
        raise PlanError(run_id, "there is no plan of this name", nearest(run_id, known))
    return folder


def save_order(settings: Settings, order: Order) -> Path:
    """Make the folder of a new plan and write order.json into it."""
    folder = settings.folder("plans", order.run_id)
    write_bytes(folder / "order.json", order.model_dump_json(indent=1).encode())
    return folder


def read_order(settings: Settings, run_id: str) -> Order:
    """What a run was asked to do. Raises PlanError where there is no such run, or it was changed."""
    return _read(Order, plan_folder(settings, run_id) / "order.json")


def save_plan(folder: Path, plan: Plan) -> None:
    """Write plan.json: from then on the plan can be delivered."""
    write_bytes(folder / "plan.json", plan.model_dump_json(indent=1).encode())


def read_plan(settings: Settings, run_id: str) -> Plan:
    """A settled plan, its files compared with their digests.

    Raises:
        PlanError: there is no such run, it was never settled, or a file of it was changed.
    """
    folder = plan_folder(settings, run_id)
    if not (folder / "plan.json").exists():
        raise PlanError(run_id, "this plan was never finished", "make a new one with: justenough plan")
    plan = _read(Plan, folder / "plan.json")
    changed = [name for name, digest in plan.files.items() if sha256_of_untouched(folder / name) != digest]
    if changed:
        raise PlanError(f"{run_id}/{changed[0]}", "this file of the plan was changed", "make a new plan")
    return plan


def read_settled(settings: Settings, run_id: str) -> Plan:
    """A settled plan, whatever has become of the other files in its folder. Raises PlanError where it cannot be read."""
    return _read(Plan, plan_folder(settings, run_id) / "plan.json")


def check_deliverable(plan: Plan, expected: int | None) -> None:
    """Refuse a plan that has expired, or that is not the one that was approved.

    Raises:
        PlanError: with the numbers.
    """
    run_id = plan.order.run_id
    if present() >= plan.expires_at:
        raise PlanError(run_id, f"this plan expired at {plan.expires_at:%Y-%m-%d %H:%M} UTC", "make a new one")
    if expected is not None and expected != plan.people_count:
        what = f"{expected} were approved, and the plan has {plan.people_count}"
        raise PlanError(
            run_id, what, f"look at it again, then: justenough deliver {run_id} --expect {plan.people_count}"
        )


def plan_digest(folder: Path) -> str:
    """SHA-256 of plan.json, which holds the digests of all other files."""
    return sha256(folder / "plan.json")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a plan's folder but plan.json itself."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "plan.json")
    return {str(path.relative_to(folder)): sha256(path) for path in files}


def _read(kind: type[Kept], path: Path) -> Kept:
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError:
        where = f"{path.parent.name}/{path.name}"
        raise PlanError(where, "this file of the plan was changed", "make a new plan") from None
