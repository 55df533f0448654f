"""A readout that counts: what breaches a guardrail is paused at once, and what is found and proposed goes into the ledger."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.clock import present
from flows.learning.contrasts import Interval
from flows.learning.products import judged, read_product_alone, read_products
from flows.ledger.portfolio import all_versions
from flows.ledger.proposals import PROPOSED, READOUT, keep
from flows.ledger.restoring import refuse_restored
from flows.ledger.store import open_ledger
from flows.pauses import pause, resumed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from flows.learning.products import LedgerReadout, ProductReadout
    from flows.pauses import Pause
    from flows.workspace import Workspace


def look_and_keep(workspace: Workspace, names: Sequence[str] = ()) -> LedgerReadout:
    """Read out what products have changed; pause what breaches a guardrail, and keep what was found and is proposed.

    The ledger's own lock is enough: no run reads or writes these tables.

    Args:
        workspace: its products are read out, as `products.read_products` does.
        names: of products; none are all.

    Raises:
        UsageError, StateError: as `products.read_products`; the ledger is from a backup.
    """
    found = read_products(workspace, names)
    stopped = tuple(_paused(workspace, found))  # first: what follows may fail
    refuse_restored(workspace.settings)
    with open_ledger(workspace.settings) as ledger:
        versions = {(product, digest): number for product, number, digest, _ in all_versions(ledger).iter_rows()}
        numbers = {
            name: versions.get((name, workspace.product_digest(product)))
            for name, product in workspace.products.items()
        }
        keep(ledger, _looked(found, numbers), _proposed(found, numbers))
    return replace(found, paused=stopped)


def _paused(workspace: Workspace, found: LedgerReadout) -> Iterator[Pause]:
    """Pause the products that speak and in which a guardrail is worse, by what was decided since a person last let them speak."""
    for each in found.products:
        product = workspace.products[each.product]
        if each.alarms and product.status == "live":
            last = resumed(workspace.settings, each.product)
            alarms = each.alarms if last is None else _since(workspace, each, last)
            if alarms:
                yield pause(workspace.settings, each.product, _why(alarms), present())


def _since(workspace: Workspace, found: ProductReadout, last: datetime) -> tuple[str, ...]:
    """The alarms of decisions of the days after a person had looked."""
    after = last.astimezone(workspace.settings.zone).date() + timedelta(days=1)
    again = read_product_alone(workspace, workspace.products[found.product], max(after, found.since or after))
    return next(judged([again], workspace.settings.guardrails)).alarms


def _why(alarms: Sequence[str]) -> str:
    told = "; ".join("more people have {} in {}".format(*alarm.split(", ", 1)) for alarm in alarms)
    return f"{told}, as justenough readout tells"


def _looked(found: LedgerReadout, numbers: Mapping[str, int | None]) -> pl.DataFrame:
    at, rows = present(), []
    for each in found.products:
        helped = each.of_all("helped")
        span = (helped.contrast.lift_always if helped else None) or Interval(None, None)
        rows.append(
            {
                "product": each.product,
                "product_version": numbers[each.product],
                "as_of": found.as_of,
                "since": each.since,
                "until": each.until,
                "verdict": each.verdict,
                "metric": each.metrics[0].name,
                "lift": helped.contrast.lift if helped else None,
                "lift_low": span.low,
                "lift_high": span.high,
                "alarms": list(each.alarms),
                "found": _json(each),
                "read_at": at,
            }
        )
    return pl.DataFrame(rows, READOUT)


def _proposed(found: LedgerReadout, numbers: Mapping[str, int | None]) -> pl.DataFrame:
    rows = [
        {
            "proposal_id": each.id,
            "product": each.product,
            "product_version": numbers[each.product],
            "kind": each.kind,
            "what": each.what,
            "says": each.says,
            "reach_change": each.reach_change,
            "evidence": _json(each.evidence),
            "edits": _json(each.edits),
            "about": _json(each.about),
        }
        for product in found.products
        for each in product.proposals
    ]
    return pl.DataFrame(rows, PROPOSED)


def _json(found: object) -> str:
    """As `--json` has it."""
    return json.dumps(found, default=_plain)


def _plain(found: Any) -> Any:  # noqa: ANN401
    return asdict(found) if is_dataclass(found) and not isinstance(found, type) else str(found)
