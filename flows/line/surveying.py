"""A plan as people look at it: its counts in every way, what it costs, what has changed since the last one, and some messages.

Samples have no name but a number, and neither id nor address. What a plan has of people is counted by column, part by part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import CHANNELS
from flows.errors import PlanError
from flows.line.planned import parts_of, read_creatives, scan_leaving
from flows.line.previewing import message_of
from flows.plan import plan_folder, read_order
from flows.sms_length import measure
from flows.words import Composed, Creative, fill, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flows.line.previewing import Message
    from flows.plan import Order, Plan
    from flows.settings import Settings
    from flows.workspace import Workspace

SAMPLES = 3
"""Messages of each product and channel that are shown."""

_COUNTED = ["product", "target", "brand", "variant", "facts", "level", "language"]
_WHO = "who"


@dataclass(frozen=True)
class Counted:
    """How many deliveries a plan has of one kind; `language` is that of the words."""

    product: str
    target: str
    brand: str
    variant: str | None
    facts: tuple[str, ...]
    level: int
    language: str
    rows: int


@dataclass(frozen=True)
class Sends:
    """What goes out by a channel, and what it costs.

    Attributes:
        messages: how many.
        units: what is paid for: segments of text messages, else the messages.
        price: of one, by the setting `costs`; None where it is not set.
    """

    channel: str
    messages: int
    units: int
    price: float | None

    @property
    def cost(self) -> float | None:
        """Of all of them."""
        return None if self.price is None else self.units * self.price


@dataclass(frozen=True)
class Change:
    """How the deliveries of a channel and product differ from those of an earlier plan, by people (service: and subjects).

    Attributes:
        now: how many there are.
        new: of these, who were told nothing by the channel before.
        switched: of these, who were told something else.
        dropped: who are told nothing by the channel any more.
        left: who are told something else now.
    """

    channel: str
    product: str
    now: int
    new: int
    switched: int
    dropped: int
    left: int


@dataclass(frozen=True)
class Overview:
    """A plan to look at.

    Attributes:
        plan: with its waterfalls and totals.
        counts: of what may leave, by kind.
        sends: by channel.
        since: the earlier plan that it is compared with; None where none of the same kind is kept.
        rows_before: table -> rows when that one was made.
        changes: since then, by channel and product.
        samples: who, by a number, and what they are told: some of each product and channel.
        phrases: dimension -> what completes "they know …".
    """

    plan: Plan
    counts: tuple[Counted, ...]
    sends: tuple[Sends, ...]
    since: str | None
    rows_before: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    samples: tuple[tuple[int, str, Message], ...] = ()
    phrases: Mapping[str, str] = field(default_factory=dict)


def overview(workspace: Workspace, plan: Plan, samples: int = SAMPLES) -> Overview:
    """A settled plan to look at.

    Args:
        workspace: as it was when the plan was made.
        plan: the plan, whose folder is there.
        samples: of each product and channel so many messages, drawn by their ids.

    Raises:
        PlanError: the folder is gone.
    """
    settings = workspace.settings
    folder = plan_folder(settings, plan.order.run_id)
    creatives = read_creatives(folder)
    before = _before(settings, plan.order)
    since = before.run_id if before else None
    return Overview(
        plan=plan,
        counts=_counts(folder, creatives),
        sends=_sends(workspace, folder, creatives),
        since=since,
        rows_before=before.source_rows if before else {},
        changes=_changes(folder, plan_folder(settings, since)) if since else (),
        samples=tuple(_samples(workspace, folder, creatives, samples)),
        phrases={name: entry.my for name, entry in workspace.catalogue.dimensions.items()},
    )


def _counts(folder: Path, creatives: Mapping[str, Any]) -> tuple[Counted, ...]:
    languages = {name: creative["locale"] for name, creative in creatives.items()}
    spoken = pl.col("creative_id").replace_strict(languages, return_dtype=pl.String).alias("language")
    rows = scan_leaving(folder).with_columns(spoken).group_by(_COUNTED).agg(pl.len().alias("rows")).collect()
    in_order = rows.sort(_COUNTED, nulls_last=False).iter_rows(named=True)
    return tuple(Counted(**{**row, "facts": tuple(row["facts"])}) for row in in_order)


def _sends(workspace: Workspace, folder: Path, creatives: Mapping[str, Any]) -> tuple[Sends, ...]:
    messages, units = Counter[str](), Counter[str]()
    for part in parts_of(folder):
        counted = scan_leaving(folder, part).group_by("channel").len().collect()
        messages.update(dict(counted.iter_rows()))
        units["sms"] += _segments(scan_leaving(folder, part).filter(pl.col("channel") == "sms").collect(), creatives)
    costs = workspace.settings.costs
    return tuple(
        Sends(name, messages[name], units["sms"] if name == "sms" else messages[name], costs.get(name))
        for name, channel in CHANNELS.items()
        if channel.sends and messages[name]
    )


def _segments(rows: pl.DataFrame, creatives: Mapping[str, Any]) -> int:
    """How many segments some text messages have together."""
    used = rows["creative_id"].unique()
    read = {name: Creative({"body": pieces(creatives[name]["parts"]["body"], is_html=False)}) for name in used}
    if not read:
        return 0
    bodies = fill(Composed(rows.rename({"creative_id": "key"}), read, {}), "body")
    return int(measure(bodies)["segments"].sum())


def _before(settings: Settings, order: Order) -> Order | None:
    """The last plan before this one that is about the same products, targets and people, and is still whole."""
    run_ids = sorted((path.parent.name for path in settings.folder("plans").glob("*/plan.json")), reverse=True)
    for run_id in run_ids:
        if run_id >= order.run_id:
            continue
        try:
            other = read_order(settings, run_id)
        except PlanError:  # an earlier version of the program wrote it, or it was changed
            continue
        if _kind(other) == _kind(order):
            return other
    return None


def _kind(order: Order) -> tuple[object, ...]:
    return order.products, order.targets, order.customers, order.corrects is None, order.is_rolling


def _changes(folder: Path, before: Path) -> tuple[Change, ...]:
    both = _told(folder).join(
        _told(before).rename({"product": "other"}), on=[_WHO, "channel"], how="full", coalesce=True
    )
    counted = both.group_by("channel", "product", "other").len().collect()
    found: dict[tuple[str, str], Counter[str]] = {}
    for channel, product, other, rows in counted.iter_rows():
        now = found.setdefault((channel, product), Counter()) if product else Counter[str]()
        then = found.setdefault((channel, other), Counter()) if other else Counter[str]()
        now["now"] += rows
        if not other:
            now["new"] += rows
        elif not product:
            then["dropped"] += rows
        elif product != other:
            now["switched"] += rows
            then["left"] += rows
    ways = list(CHANNELS)
    names = ("now", "new", "switched", "dropped", "left")
    return tuple(
        Change(channel, product, **{name: found[channel, product][name] for name in names})
        for channel, product in sorted(found, key=lambda place: (ways.index(place[0]), place[1]))
    )


def _told(folder: Path) -> pl.LazyFrame:
    """`who, channel, product` of what may leave: one row for a person of a brand, of service for each subject."""
    subject = pl.when(pl.col("message_type") == "service").then(pl.col("subject_id"))
    who = pl.concat_str("customer_id", "brand", subject.fill_null(""), separator="\x1f").hash().alias(_WHO)
    return scan_leaving(folder).select(who, "channel", "product")


def _samples(
    workspace: Workspace, folder: Path, creatives: Mapping[str, Any], samples: int
) -> list[tuple[int, str, Message]]:
    """Of each product and channel those whose ids, which are as good as drawn, come first."""
    first = scan_leaving(folder).select("product", "channel", "message_id").group_by("product", "channel")
    drawn = first.agg(pl.col("message_id").bottom_k(samples)).explode("message_id").collect()
    rows = scan_leaving(folder).filter(pl.col("message_id").is_in(drawn["message_id"].implode())).collect()
    ways = pl.Enum(list(CHANNELS))
    in_order = rows.sort("product", pl.col("channel").cast(ways), "message_id").to_dicts()
    numbers: dict[str, int] = {}
    return [
        (
            numbers.setdefault(row["customer_id"], len(numbers) + 1),
            row["product"],
            message_of(workspace, row, creatives[row["creative_id"]], tuple(filter(None, [row["variant"]]))),
        )
        for row in in_order
    ]
