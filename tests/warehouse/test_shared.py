"""sql/shared/: what needs everybody is read over the full scope, and is no person's."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.catalogue import Catalogue
from flows.clock import Moment
from flows.errors import StatementError
from flows.warehouse.queries import Queries, read_queries, shared_tables
from flows.warehouse.scope import Scope, open_scoped

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOMENT = Moment(date(2026, 11, 22), NOW, NOW, NOW)
CATALOGUE = Catalogue.model_validate(
    {
        "tables": {"bought": {"person": "customer_id", "happened_at": "happened_at"}, "popular": {"personal": False}},
        "dimensions": {},
    }
)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("""
            CREATE TABLE bought AS FROM (VALUES
                ('a', 'tent', TIMESTAMP '2026-11-01'), ('b', 'tent', TIMESTAMP '2026-11-02'),
                ('b', 'stove', TIMESTAMP '2026-11-02'), ('c', 'tent', TIMESTAMP '2026-12-24')
            ) t(customer_id, item, happened_at)
        """)
    return path


def queries(tmp_path, shared: str) -> Queries:
    sql = tmp_path / "sql"
    (sql / "shared").mkdir(parents=True)
    (sql / "customers.sql").write_text("SELECT customer_id, 'x' AS brand FROM bought")
    (sql / "shared" / "popular.sql").write_text(shared)
    return read_queries(sql, [], CATALOGUE)


def popular(database, found: Queries, catalogue: Catalogue = CATALOGUE) -> dict[str, pl.DataFrame]:
    with open_scoped(database, catalogue.without(found.shared), Scope(), NOW, memory="1 GiB") as session:
        return shared_tables(session, found, catalogue, MOMENT)


def test_everybody_counts_up_to_now_and_a_part_of_the_customers_sees_the_same(database, tmp_path):
    found = popular(
        database, queries(tmp_path, "SELECT item, count(*) AS sold FROM bought GROUP BY item ORDER BY item")
    )
    expected = pl.DataFrame({"item": ["stove", "tent"], "sold": [1, 2]})
    assert_frame_equal(found["popular"], expected)
    for part in (0, 1):
        with open_scoped(database, CATALOGUE, Scope(part, 2), NOW, memory="1 GiB", shared=found) as session:
            assert_frame_equal(session.query("SELECT * FROM popular ORDER BY item"), expected)


def test_a_persons_key_is_refused(database, tmp_path):
    with pytest.raises(StatementError, match="the column 'customer_id' is the key of a person"):
        popular(database, queries(tmp_path, "SELECT customer_id, count(*) AS n FROM bought GROUP BY customer_id"))


def test_a_query_without_an_entry_in_the_catalogue_is_refused(database, tmp_path):
    found = queries(tmp_path, "SELECT count(*) AS n FROM bought")
    with pytest.raises(StatementError, match="the catalogue has no entry 'popular'"):
        popular(database, found, CATALOGUE.without({"popular"}))
