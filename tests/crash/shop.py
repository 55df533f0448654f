"""A generated shop for kills: as many people as are wanted, new ones every day, each due a message and a place on the web."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tiny import Tiny, make

if TYPE_CHECKING:
    from pathlib import Path

BRANDS = ("north", "south")
WAYS = 6
"""Batches of a day: e-mail, SMS and web of two brands."""


def open_shop(folder: Path) -> Tiny:
    """A workspace without people, in which stops may take away as much of a plan as they like."""
    tiny = make(folder, people=(), late=())
    tiny.set(tolerated_share=0.9, largest_rise=9, lock_wait_seconds=3600)
    return tiny


def name(number: int) -> str:
    return f"p{number:07}"


def address(number: int) -> str:
    """Two of four have an e-mail address, the others a telephone."""
    return f"{name(number)}@x.example.com" if number % 4 < 2 else f"+49151{10_000_000 + number}"


def new_people(tiny: Tiny, first: int, count: int) -> None:
    """People `first` to `first + count - 1` join; they take turns in brand, in channel and in what they have bought.

    Those of yesterday are there still, and must not hear of it again; those from before need nothing any more.
    """
    tiny.warehouse(
        f"""
        DELETE FROM needs WHERE customer_id < 'p{max(first - count, 0):07}';
        CREATE TEMP TABLE new AS SELECT
            'p' || lpad(n::VARCHAR, 7, '0') AS customer_id, ['north', 'south'][1 + n % 2] AS brand,
            n % 4 < 2 AS has_mail, n, ['tent', 'rope', 'stove'][1 + (n // 4) % 3] AS item
        FROM range({first}, {first + count}) numbers (n);
        INSERT INTO people SELECT customer_id, brand, 'DE', 'en',
            CASE WHEN has_mail THEN customer_id || '@x.example.com' END,
            CASE WHEN NOT has_mail THEN '+49151' || (10000000 + n) END, 'Person ' || n FROM new;
        INSERT INTO needs SELECT customer_id, brand, item, 3, '2026-11-01' FROM new;
        INSERT INTO consents SELECT 'y' || n, customer_id, brand, '*', '*', 'yes', '2026-11-01' FROM new;
        """
    )
