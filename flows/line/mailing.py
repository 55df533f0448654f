"""A mail to oneself: a product's words as they would arrive, called a test. Nothing is claimed, counted or noted.

What holds of seed addresses holds here: an address that is suppressed, or that has said stop, gets none; and its links are
nobody's, so that whoever tries them speaks for no customer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.clock import moment, present
from flows.errors import SettingError, UsageError
from flows.keys import load_key
from flows.ledger.lock import run_lock
from flows.line.explaining import latest_plan
from flows.line.planned import read_creatives, scan_leaving
from flows.line.previewing import NOBODY, Asked, example
from flows.line.seeding import addresses, open_seeds
from flows.line.sources import Source, bars_of_deliveries, database, hear, read_shared
from flows.line.watching import LOOKED_AT
from flows.plan import plan_folder
from flows.schemas import INSTANT, ROUTED
from flows.seeds import SEED_LANE
from flows.stages.delivery import shaped
from flows.stages.message import worded
from flows.warehouse.scope import Scope
from flows.words import is_words_slot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.workspace import Workspace

CALLED = "[Test] "
"""How the subject of a test begins."""
_TARGET = "eml"


@dataclass(frozen=True)
class Mail:
    """A whole message, as a mail server takes it.

    Attributes:
        sender: the envelope's.
        to: the address it goes to.
        content: headers and bodies.
    """

    sender: str
    to: str
    content: bytes


def mail_to(workspace: Workspace, name: str, address: str, asked: Asked, customer_id: str | None = None) -> Mail:
    """A product's mail to an address of one's own.

    Args:
        workspace: gives words, examples and, for whom nothing may be sent to, the warehouse.
        name: of the product.
        address: whom it goes to.
        asked: of locales, variants and brands the first one speaks; channels are not looked at.
        customer_id: with what this customer is told by the latest plan, instead of the segment's examples.

    Raises:
        UsageError: there is no such product or mail, or the address cannot be, or may not be, sent to.
        PlanError: there is no plan with that customer.
        LockedError: a run is going on.
        JustEnoughError: the warehouse cannot be read.
    """
    theirs, creatives = _planned(workspace, name, asked, customer_id) if customer_id else ({}, {})
    asked = replace(asked, channels=("email",))
    if theirs:
        spoken = str(creatives[theirs["creative_id"]]["locale"])
        asked = Asked(("email",), (spoken,), tuple(filter(None, [theirs["variant"]])), theirs["brand"])
    given = example(workspace, name, asked)
    seed = _recipient(workspace, given["brand"], address)
    _check_open(workspace, seed)
    to = seed.row(0, named=True)
    product = workspace.products[name]
    about = {
        "message_type": product.message_type,
        "lane": SEED_LANE,
        "target": _TARGET,
        "address": to["address"],
        "address_match": to["address_match"],
        "country": theirs.get("country"),
    }
    frame = pl.DataFrame([{**given, **about}], schema_overrides=ROUTED, infer_schema_length=None)
    made = worded(frame, product, workspace, NOBODY)
    own = [pl.lit(value).alias(slot) for slot, value in theirs.items() if slot == "creative_id" or is_words_slot(slot)]
    rows = made.rows.with_columns(*own, *(pl.lit(None, INSTANT).alias(each) for each in ("not_before", "not_after")))
    creative = (creatives or made.creatives)[rows["creative_id"].item()]
    return Mail(creative["sender_email"], to["address"], _written(workspace, rows, creative))


def _written(workspace: Workspace, rows: pl.DataFrame, creative: Mapping[str, Any]) -> bytes:
    """The message, as the target of whole messages writes it."""
    called = {**creative["parts"], "subject": CALLED + creative["parts"]["subject"]}
    creatives = {creative["creative_id"]: {**creative, "parts": called}}
    to = workspace.target(_TARGET)
    assert to.lines is not None  # noqa: S101 - it is what the target is for
    return str(to.lines(shaped(rows, creatives, to, present()), creatives)["message"].item()).encode()


def _planned(
    workspace: Workspace, name: str, asked: Asked, customer_id: str
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """A customer's mail of a product by the latest plan, and its creative."""
    if asked.locales or asked.variants:
        hint = "leave out --locale and --variant with --customer"
        raise UsageError("--customer", "a customer has a language and a variant already", hint)
    run_id = latest_plan(workspace.settings, customer_id)
    folder = plan_folder(workspace.settings, run_id)
    mine = {"customer_id": customer_id, "product": name, "channel": "email"}
    mine |= {"brand": asked.brand} if asked.brand else {}
    rows = scan_leaving(folder).filter(**mine).head(1).collect().to_dicts()
    if not rows:
        hint = f"justenough preview {name} --customer … says why"
        raise UsageError("--customer", f"plan {run_id} has no mail of {name} to this customer", hint)
    return rows[0], read_creatives(folder, [rows[0]["creative_id"]])


def _recipient(workspace: Workspace, brand: str, address: str) -> pl.DataFrame:
    """`seeding.SEED` of an address; outside production that of a seed, since nobody else is delivered to there."""
    settings = workspace.settings.model_copy(update={"seeds": {"email": (address,)}})
    try:
        found = addresses(replace(workspace, settings=settings), brand, "email")
    except SettingError:
        raise UsageError("--to", "no mail can be sent to this", "write it as in crm@example.com") from None
    ours = addresses(workspace, brand, "email")
    if not settings.is_production and found.join(ours, on="address_match", how="semi").is_empty():
        what = f"this is no seed address, and {settings.environment} delivers to these alone"
        raise UsageError("--to", what, "name one of the setting `seeds.email`")
    return found


def _check_open(workspace: Workspace, seed: pl.DataFrame) -> None:
    """Refuse an address that gets nothing any more."""
    settings = workspace.settings
    with run_lock(settings, "justenough send-test"):
        now = moment(None, settings.zone)
        path = database(settings, now.as_of)
        source = Source(workspace, path, now, read_shared(workspace, path, now))
        about = pl.concat([LOOKED_AT.to_frame(), seed], how="diagonal")
        heard = hear(settings, draining=True)
        bars = bars_of_deliveries(source, Scope(customers=()), about, load_key(settings.key_file), heard)
    if open_seeds(seed, bars.suppressed).is_empty():
        what = "this address is on a suppression list, or has said stop, and gets nothing any more"
        raise UsageError("--to", what, "name another one")
