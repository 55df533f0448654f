"""One customer's decision, and what they had before, from the last plan and the ledger."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.audience import CHANNEL, is_excluding, name_of
from flows.clock import moment
from flows.durations import whole_days
from flows.errors import PlanError, UsageError
from flows.firsts import CAME_BY, in_order
from flows.keys import load_keys
from flows.ledger.history import messages_to
from flows.ledger.membership import scan_members
from flows.ledger.runs import last_published
from flows.ledger.store import open_ledger
from flows.line.excluding import code, scan_left_out
from flows.line.planned import scan_choices, scan_decisions, scan_deliveries
from flows.line.planning import shared_of
from flows.line.segments import segment_rows
from flows.line.sources import Source, existing_database
from flows.line.upcoming import DUE, HOME, Known, upcoming
from flows.plan import plan_folder, read_order
from flows.stages.claims import MEMBERS
from flows.warehouse.queries import consent, customers
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flows.calibrated import Calibrated
    from flows.ledger.store import Ledger
    from flows.plan import Order
    from flows.product import Product
    from flows.settings import Settings
    from flows.warehouse.sessions import Session
    from flows.workspace import Workspace

Row = dict[str, Any]
_WINNERS = {None, "HOLDOUT", "EXPOSED"}
"""The reasons that stand on a winner, which nothing goes out instead of."""


@dataclass(frozen=True)
class Explanation:
    """What one customer gets and why.

    Attributes:
        run_id: the plan it is read from.
        as_of: its day.
        time_zone: the workspace's.
        is_current: whether settings, words and SQL are as they were when the plan was made.
        products, targets: those that the plan delivers.
        candidates: per help that was considered: `schemas.DECISIONS` as a mapping, and what `_Telling` adds.
        elsewhere: the live products whose segments do not have this customer today.
        deliveries: per wanted delivery: product, brand, subject, channel, target, facts, reason, detail; as of when each fact is
            known (`facts_at`), when it may be sent (`not_before`, `not_after`), and `agreed`, as messages have it.
        messages: what the ledger has of the past: `history.messages_to`, with `agreed`: the consent event that a message
            relied on, as the warehouse has it: `happened_at, source, wording`; none where nothing was needed, or it is gone.
        left_out: of each audience that other campaigns leave out, and brand, where it names them or a platform has them in it:
            brand, target, `audience` (its name) and `why` (its use), `code` (what the platform calls it; both null where it is no
            more), `is_named` (by the plan), `reason` (why the platform is not told of them), `is_held` (the platform has been
            told), `since_batch` (by which batch; null where an earlier version of the program did), `is_looked_at` (by the plan).
        not_left_out: the audiences that the plan looked at, and that do not have them.
        phrases: dimension -> what completes "they know …".
        coming: per brand, what comes next: `upcoming.upcoming`.
        rehearses: whether consent that nobody has given is taken for granted here, as the setting `rehearse` says.
    """

    customer_id: str
    run_id: str
    as_of: date
    time_zone: str
    is_current: bool
    products: tuple[str, ...]
    targets: tuple[str, ...]
    candidates: list[Row]
    elsewhere: list[str]
    deliveries: list[Row]
    messages: list[Row]
    left_out: list[Row]
    not_left_out: list[str]
    phrases: Mapping[str, str]
    coming: list[Row] = field(default_factory=list)
    rehearses: bool = False


def explain(workspace: Workspace, customer_id: str, run_id: str | None = None) -> Explanation:
    """Explain a customer's decision in a plan, by default in the latest one.

    Raises:
        PlanError: there is no plan yet.
        UsageError: the plan has no such customer, nor has the ledger.
        StateError: what a platform holds is missing from the state folder.
    """
    settings = workspace.settings
    run_id = run_id or latest_plan(settings, customer_id)
    folder, order = plan_folder(settings, run_id), read_order(settings, run_id)
    candidates = scan_decisions(folder).filter(pl.col("customer_id") == customer_id).collect().to_dicts()
    wanted = scan_deliveries(folder).filter(pl.col("customer_id") == customer_id)
    keys = load_keys(settings.key_file)
    agreed = keys[0].of(pl.col("consent_event"), only=pl.col("consent_event").is_not_null()).alias("consent_key")
    deliveries = wanted.select(*_OF_DELIVERY, agreed).collect()
    persons = [pl.select(key.of(customer_id)).item() for key in keys]
    is_current = order.inputs_digest == workspace.inputs_digest
    decided = {row["brand"] for row in candidates if row["message_type"] == "marketing" and row["reason"] in _WINNERS}
    now = moment(None, settings.zone)
    # A long history takes most of the time, and the warehouse a process of its own.
    with ThreadPoolExecutor(max_workers=1) as thread, open_ledger(settings, read_only=True) as ledger:
        asked = thread.submit(_asked, workspace, customer_id, order if is_current else None)
        messages = messages_to(ledger, persons)
        held = _held(settings, ledger, persons)
        said, home, due = asked.result()
        known = Known(persons, home, due, sorted(decided) if order.as_of >= now.as_of else ())
        coming = upcoming(workspace, ledger, known, now)
    looked_at = order.audiences if not order.customers or customer_id in order.customers else {}
    is_theirs = (pl.col("customer_id") == customer_id) | pl.col("person_key").is_in(persons)  # a stranger has no key
    named = scan_left_out(folder).filter(is_theirs).collect()
    left_out = _left_out(workspace, named, held, looked_at)
    if not candidates and messages.is_empty() and not left_out and due.is_empty():
        hint = "is the id right? Nobody is in a plan who is in no segment of a live product"
        raise UsageError("CUSTOMER", f"neither plan {run_id} nor the history has this customer", hint)
    past = pl.read_parquet(folder / "history.parquet").filter(pl.col("person_key").is_in(persons)).to_dicts()
    chosen = scan_choices(folder).filter(pl.col("customer_id") == customer_id).collect()
    products, calibrated = (workspace.products, workspace.calibrated) if is_current else ({}, None)
    telling = _Telling(products, settings.targets, order.as_of, candidates, past, chosen, calibrated)
    considered = {row["product"] for row in candidates}
    return Explanation(
        customer_id=customer_id,
        run_id=run_id,
        as_of=order.as_of,
        time_zone=settings.timezone,
        is_current=is_current,
        products=order.products,
        targets=order.targets,
        candidates=[telling.told(row) for row in candidates],
        elsewhere=[product.name for product in workspace.live(order.as_of) if product.name not in considered],
        deliveries=_with_consent(deliveries, said),
        messages=_with_consent(messages, said),
        left_out=left_out,
        not_left_out=[name_of(key) for key in looked_at if key not in named["product"]],
        phrases={name: dimension.my for name, dimension in workspace.catalogue.dimensions.items()},
        coming=coming,
        rehearses=settings.rehearse and not settings.is_production,
    )


_OF_DELIVERY = (
    *("product", "brand", "subject_id", "channel", "target", "message_type", "level", "facts", "facts_at", "reason"),
    *("detail", "valid_until", "not_before", "not_after"),
)


def _with_consent(messages: pl.DataFrame, said: Mapping[str, Row]) -> list[Row]:
    """Messages with the consent that each relies on, as the warehouse has it."""
    return [{**row, "agreed": said.get(row["consent_key"])} for row in messages.to_dicts()]


def _held(settings: Settings, ledger: Ledger, persons: Sequence[str]) -> pl.DataFrame:
    """In which audiences that are left out platforms have a customer: `product, brand, target, since_batch, code`."""
    ways = {brand: ways[CHANNEL] for brand, ways in settings.targets.items() if CHANNEL in ways}
    found = [MEMBERS.to_frame().with_columns(target=pl.lit(None, pl.String))]
    for brand, to in ways.items():
        members = scan_members(settings, to, brand, last_published(ledger, to, brand), MEMBERS)
        mine = members.filter(is_excluding(), pl.col("person_key").is_in(persons)).collect()
        found.append(mine.with_columns(target=pl.lit(to)))
    return pl.concat(found).select("product", "brand", "target", "since_batch", code="audience")


def _left_out(workspace: Workspace, named: pl.DataFrame, held: pl.DataFrame, looked_at: Collection[str]) -> list[Row]:
    """`Explanation.left_out` of those of one customer that a plan names, and those that a platform has."""
    about = ["product", "brand", "target"]
    named = named.select(*about, "reason", is_named=True)
    rows = named.join(held.with_columns(is_held=True), on=about, how="full", coalesce=True).sort("brand", "product")
    rows = rows.with_columns(pl.col("is_named", "is_held").fill_null(value=False))
    return [_of_audience(workspace, row, looked_at) for row in rows.to_dicts()]


def _of_audience(workspace: Workspace, row: Row, looked_at: Collection[str]) -> Row:
    key = row.pop("product")
    audience = workspace.audiences.get(key)
    return {
        **row,
        "audience": name_of(key),
        "why": audience.why if audience else None,
        "code": code(workspace, audience, row["brand"], row["target"]) if audience else row["code"],
        "is_looked_at": key in looked_at,
    }


def _asked(
    workspace: Workspace, customer_id: str, order: Order | None
) -> tuple[dict[str, Row], pl.DataFrame, pl.DataFrame]:
    """What the warehouse tells of a customer now; nothing where it is out of reach.

    Args:
        workspace: the workspace.
        customer_id: whose.
        order: of the plan, where the workspace is still as it was then: what is due is asked of its segments.

    Returns:
        What they have agreed to, by the key under which receipts refer to it; `upcoming.HOME`; `upcoming.DUE`.
    """
    now = moment(None, workspace.settings.zone)
    path = existing_database(workspace.settings, now.as_of)
    if path is None:
        return {}, HOME.to_frame(), DUE.to_frame()
    source = Source(workspace, path, now, shared_of(workspace, order) if order else {})
    is_theirs = pl.col("customer_id") == customer_id
    with source.open(Scope(customers=(customer_id,)), now.present) as session:
        events = consent(session, workspace.queries, now).filter(is_theirs)
        home = customers(session, workspace.queries, now).filter(is_theirs).select(HOME.names())
        due = [_due(source, session, product) for product in workspace.live(now.as_of)] if order else []
    keys = load_keys(workspace.settings.key_file)
    keyed = pl.concat(events.with_columns(key=key.of(pl.col("event_id"))) for key in keys)
    said = {row["key"]: row for row in keyed.select("key", "happened_at", "source", "wording").to_dicts()}
    return said, home, pl.concat([DUE.to_frame(), *due])


def _due(source: Source, session: Session, product: Product) -> pl.DataFrame:
    """`upcoming.DUE` of one product, where its segment tells."""
    if not source.workspace.segments[product.segment].tells_when_due:
        return DUE.to_frame()
    rows = segment_rows(source, session, product.segment, few=True)
    later = rows.filter(pl.col("brand").is_in(product.brands), pl.col("next_due_on") > source.moment.as_of)
    return later.select(*(pl.lit(product.name).alias(name) if name == "product" else name for name in DUE))


def latest_plan(settings: Settings, customer_id: str) -> str:
    """The run that was planned last for a customer, be it for everybody. Raises PlanError where there is none."""
    done = sorted(settings.folder("plans").glob("*/plan.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    found = (path.parent.name for path in done if _is_about(read_order(settings, path.parent.name), customer_id))
    run_id = next(found, None)
    if run_id is None:
        raise PlanError("plans", "there is no plan yet", "make one with: justenough plan")
    return run_id


def _is_about(order: Order, customer_id: str) -> bool:
    """Whether a run has decided about a customer: corrections decide nothing."""
    return order.corrects is None and (not order.customers or customer_id in order.customers)


@dataclass(frozen=True)
class _Telling:
    """What makes a decision's numbers and codes tell more, from the plan and the products' settings.

    Attributes:
        products: by name; none where the workspace has changed since the plan.
        targets: brand -> channel -> target.
        as_of: the day of the plan.
        candidates: all of the customer's decisions.
        past: the customer's `schemas.HISTORY` as of the plan.
        chosen: `stages.next_best.CHOICES` of the customer.
        calibrated: the weights that were learned, where products are weighted so; None where the workspace has changed.
    """

    products: Mapping[str, Product]
    targets: Mapping[str, Mapping[str, str]]
    as_of: date
    candidates: Sequence[Row]
    past: Sequence[Row]
    chosen: pl.DataFrame
    calibrated: Calibrated | None

    def told(self, row: Row) -> Row:
        """A decision with more to tell.

        Returns:
            The row with `need`; `threshold`; per term `age_days` (of a signal that fades) or `value`; `winner` and `service`
            (the decisions that outranked or silenced it); `had_on` and `due_on` (of a repetition); `spare` (the channels
            of `first_of` that are open but come later), `unserved` (those for which the brand has no target), `calibrated`
            (`outcome, people`: of what the score is the probability, as learned from how many) and `choice` (a row of
            `chosen`, with `among`, how many helps were open). Each is None or empty where it does not apply, or is
            not known any more.
        """
        product = self.products.get(row["product"])
        had_on = self._had_on(row, product) if product and row["reason"] == "REPEATED" else None
        ways = self.targets.get(row["brand"], {})
        return {
            **row,
            "terms": [_term(term, product) for term in row["terms"]],
            "need": product.help.need if product else None,
            "threshold": product.relevance.threshold if product and product.relevance else None,
            "winner": self._winner(row) if row["reason"] == "OUTRANKED" else None,
            "service": self._service(row) if row["reason"] == "SILENCED_BY_SERVICE" else None,
            "had_on": had_on,
            "due_on": had_on + whole_days(product.once_every.every) if product and had_on else None,
            "spare": _spare(row, product, ways) if product and row["reason"] is None else [],
            "unserved": [way for way in product.channels.all if way not in ways] if product else None,
            "calibrated": self._calibrated(row["product"]),
            "choice": self._choice(row) if row["message_type"] == "marketing" else None,
        }

    def _calibrated(self, product: str) -> Row | None:
        if self.calibrated is None or product not in self.calibrated.products:
            return None
        return {"outcome": self.calibrated.outcome, "people": self.calibrated.products[product].people}

    def _choice(self, row: Row) -> Row | None:
        of_brand = self.chosen.filter(brand=row["brand"]).with_columns(
            among=pl.len(), is_silent=~pl.col("is_chosen").any()
        )
        return next(iter(of_brand.filter(product=row["product"]).to_dicts()), None)

    def _winner(self, row: Row) -> Row | None:
        """The decision of the row's unit, whatever came of it."""
        unit = ["message_type", "brand", *(["subject_id"] if row["message_type"] == "service" else [])]
        return self._named(
            other
            for other in self.candidates
            if other["reason"] in _WINNERS and all(other[name] == row[name] for name in unit)
        )

    def _service(self, row: Row) -> Row | None:
        """The service message that goes first; None where it left earlier in the day."""
        return self._named(
            other
            for other in self.candidates
            if other["reason"] is None and other["message_type"] == "service" and other["brand"] == row["brand"]
        )

    @staticmethod
    def _named(others: Any) -> Row | None:  # noqa: ANN401
        return next(({name: other[name] for name in ("product", "subject_id", "score")} for other in others), None)

    def _had_on(self, row: Row, product: Product) -> date | None:
        """When the help that is repeated was had last; None where it is another decision of the day that bars."""
        about = ["product", "brand", *(["subject_key"] if product.once_every.per == "subject" else [])]
        had: list[date] = [past["as_of"] for past in self.past if all(past[name] == row[name] for name in about)]
        last = max(had, default=None)
        return last if last and last + whole_days(product.once_every.every) > self.as_of else None


def _term(term: Row, product: Product | None) -> Row:
    """An addend of the score with the signal that it comes from, found by turning the addend round (see `stages.relevance`)."""
    declared = product.relevance.terms.get(term["name"]) if product and product.relevance else None
    told = {**term, "age_days": None, "value": None}
    if declared is None or not declared.size:
        return told
    strength = term["log_odds"] / declared.size
    if declared.fades_in is None:
        return {**told, "value": strength}
    half_life_days = declared.fades_in / timedelta(days=1)
    return {**told, "age_days": half_life_days * -math.log2(strength) if strength > 0 else None}


def _spare(row: Row, product: Product, ways: Mapping[str, str]) -> list[str]:
    """The channels of `first_of` that are open, after the first one."""
    closed = {way["channel"] for way in row["closed"]}
    firsts = in_order(product.channels.first_of, row.get(CAME_BY))
    return [str(way) for way in firsts if way in ways and way not in closed][1:]
