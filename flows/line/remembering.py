"""What the history remembers of people, as far back as a run has to look."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from flows.ledger.exposure import shown_lately
from flows.ledger.history import read_history
from flows.ledger.pressure import heard_lately
from flows.ledger.store import open_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import polars as pl

    from flows.caps import Cap
    from flows.product import Product
    from flows.settings import Settings


def recent_history(settings: Settings, products: Sequence[Product], as_of: date) -> pl.DataFrame:
    """`schemas.HISTORY` as far back as any product's `once_every` reaches."""
    longest = max((product.once_every.every for product in products), default=timedelta(0))
    with open_ledger(settings) as ledger:
        return read_history(ledger, as_of - longest - timedelta(days=1), as_of)


def recent_messages(settings: Settings, caps: Sequence[Cap], at: datetime) -> pl.DataFrame:
    """`ledger.pressure.HEARD`, as far back from an instant as the caps look."""
    with open_ledger(settings) as ledger:
        return heard_lately(ledger, caps, at)


def recent_exposure(settings: Settings, as_of: date) -> pl.DataFrame:
    """`ledger.exposure.LATELY` as of a day."""
    with open_ledger(settings) as ledger:
        return shown_lately(ledger, as_of, settings.exposure)
