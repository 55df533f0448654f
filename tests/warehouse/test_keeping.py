"""One session goes on for who asks next about the same people, and shows nobody anything that it was not opened for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from flows.catalogue import Catalogue
from flows.errors import StatementError
from flows.warehouse.keeping import session_at_hand
from flows.warehouse.scope import Scope, open_scoped

if TYPE_CHECKING:
    from pathlib import Path

    from flows.warehouse.sessions import Session

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CATALOGUE = Catalogue.model_validate(
    {"tables": {"customers": {"person": "customer_id", "happened_at": "since"}}, "dimensions": {}}
)
ANN = Scope(customers=("ann",))


@dataclass
class Shop:
    """A warehouse, and who has asked it."""

    path: Path

    def change(self, statement: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(statement)

    def open(self, scope: Scope = ANN, until: datetime = NOW, **given) -> Session:
        return open_scoped(self.path, CATALOGUE, scope, until, memory="1 GiB", **given)

    def asked(self, *given, **named) -> tuple[Session, list[str]]:
        """Who was asked, and whom they know."""
        with self.open(*given, **named) as session:
            return session, session.query("SELECT customer_id FROM customers ORDER BY ALL")["customer_id"].to_list()


@pytest.fixture
def shop(tmp_path) -> Shop:
    made = Shop(tmp_path / "shop.duckdb")
    made.change("CREATE TABLE customers (customer_id VARCHAR, since TIMESTAMP)")
    made.change(
        "INSERT INTO customers VALUES ('ann', '2026-11-20'), ('bob', '2026-11-21'), ('ann', '2026-11-22 10:00')"
    )
    return made


def test_who_asks_for_the_same_has_the_session_that_is_there(shop):
    with session_at_hand():
        first, known = shop.asked()
        again, as_well = shop.asked()
    assert again is first
    assert known == as_well == ["ann"]
    assert shop.asked()[0] is not shop.asked()[0]


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({"scope": Scope(customers=("bob",))}, ["bob"]),
        ({"scope": Scope()}, ["ann", "bob"]),
        ({"until": NOW + timedelta(days=1)}, ["ann", "ann"]),
        ({"looking": True}, []),
        ({"shared": {"sizes": pl.DataFrame({"size": [1]})}}, ["ann"]),
        ({"named": {"customers"}}, ["ann"]),
    ],
)
def test_who_asks_for_something_else_has_another_one(shop, given, known):
    with session_at_hand():
        first, _ = shop.asked()
        other, found = shop.asked(**given)
        assert other is not first
        assert found == known


def test_tables_that_are_shared_are_compared_row_by_row(shop):
    one, other = (pl.DataFrame({"size": [size]}) for size in (1, 2))
    with session_at_hand():
        first = shop.asked(shared={"sizes": one})[0]
        assert shop.asked(shared={"sizes": one.clone()})[0] is first
        with shop.open(shared={"sizes": other}) as session:
            assert session.query("FROM sizes")["size"].to_list() == [2]


def test_what_stands_in_the_place_of_the_warehouse_is_read_anew(shop, tmp_path):
    other = Shop(tmp_path / "other.duckdb")
    other.change("CREATE TABLE customers AS SELECT 'ann' AS customer_id, NULL::TIMESTAMP AS since FROM range(3)")
    with session_at_hand():
        assert shop.asked()[1] == ["ann"]
        other.path.replace(shop.path)
        assert shop.asked()[1] == ["ann"] * 3


def test_the_warehouse_can_be_written_as_soon_as_it_is_over(shop):
    with session_at_hand():
        shop.asked()
    shop.change("INSERT INTO customers VALUES ('ann', '2026-11-21')")
    assert shop.asked()[1] == ["ann", "ann"]


def test_two_at_the_same_time_have_one_each(shop):
    with session_at_hand(), shop.open() as first, shop.open() as second:
        assert first is not second
        assert first.query("FROM customers").equals(second.query("FROM customers"))


@pytest.mark.slow
def test_one_in_which_a_statement_took_too_much_goes_to_nobody(shop):
    with session_at_hand():
        with pytest.raises(StatementError), shop.open(seconds=1) as first:
            first.query("SELECT sum(a.range + b.range) FROM range(10000000) a, range(10000000) b")
        with shop.open(seconds=1) as second:
            assert second.query("FROM customers").height == 1
