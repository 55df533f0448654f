"""A warehouse that is missing, broken, empty or has fallen, and queries that do not yield what they should."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import duckdb
import pytest

from flows.errors import CatalogueError, DataError, LockedError, SourceError, StatementError
from flows.line.health import Sources, healthy_sources
from tests.bad_input.refusing import refused
from tests.tiny import MORNING, day

WAREHOUSE = "warehouse.duckdb"
OWNERS = """SELECT n.customer_id, n.brand, n.item, p.first_name, n.interest
FROM needs n JOIN people p USING (customer_id, brand)"""
WITH_A_NOBODY = """SELECT q.customer_id, n.brand, n.item, p.first_name, n.interest
FROM needs n JOIN people p USING (customer_id, brand)
LEFT JOIN people q ON q.customer_id = n.customer_id AND q.brand = n.brand AND q.customer_id <> 'c03'"""


def test_a_database_that_is_missing(tiny):
    (tiny.folder / WAREHOUSE).unlink()
    error = refused(tiny, SourceError)
    assert error.where.endswith(WAREHOUSE)
    assert (error.what, error.hint) == ("this database file does not exist", "check the setting `database`")


def test_a_database_that_is_a_folder(tiny):
    (tiny.folder / WAREHOUSE).unlink()
    (tiny.folder / WAREHOUSE).mkdir()
    assert refused(tiny, SourceError).where.endswith(WAREHOUSE)


def test_a_file_that_is_no_database(tiny):
    (tiny.folder / WAREHOUSE).write_text("customer_id,email\nc01,ann@x.example.com\n" * 500)
    error = refused(tiny, SourceError)
    assert error.what == "this file is not a DuckDB database"


@pytest.mark.bad_input(71)
def test_a_database_that_is_cut_short(tiny):
    content = (tiny.folder / WAREHOUSE).read_bytes()
    (tiny.folder / WAREHOUSE).write_bytes(content[: len(content) // 2])
    assert refused(tiny, SourceError).what == "this database cannot be read"


@pytest.mark.bad_input(89)
def test_a_database_that_another_process_writes_to(tiny):
    path = str(tiny.folder / WAREHOUSE)
    code = f"import duckdb, sys; c = duckdb.connect({path!r}); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "open\n"
        error = refused(tiny, LockedError)
        writer.stdin.close()
    assert error.what == f"process {writer.pid} has this database open for writing"
    assert error.exit_code == 75


def test_a_table_of_the_catalogue_that_is_not_there(tiny):
    tiny.warehouse("DROP TABLE barred")
    error = refused(tiny, StatementError)
    assert (error.where, error.what) == (
        "sql/dimensions.yaml:7",
        "the table 'barred' is in the catalogue but not in the database",
    )


@pytest.mark.bad_input(63)
def test_a_source_that_is_empty(tiny):
    tiny.warehouse("DELETE FROM needs")
    error = refused(tiny, SourceError)
    assert (error.where, error.what) == ("table needs", "this source is empty")
    assert "may_be_empty: true" in error.hint


def test_a_query_of_customers_that_yields_nobody(tiny):
    tiny.edit("sql/customers.sql", "FROM people", "FROM people WHERE false")
    error = refused(tiny, SourceError)
    assert (error.where, error.what) == ("sql/customers.sql", "this query yields nobody")


def test_a_source_that_has_fallen_further_than_is_plausible(tiny):
    tiny.run()
    tiny.warehouse("DELETE FROM people WHERE customer_id > 'c04'")
    error = refused(tiny, SourceError, at=day(1))
    assert (error.where, error.what) == (
        "table people",
        "this source fell from 16 to 5 rows since it was last looked at",
    )
    tiny.set(largest_fall=0.7)
    tiny.run(at=day(1))


@pytest.mark.bad_input(42)
@pytest.mark.parametrize(("before", "added", "rises"), [(1000, 1001, True), (1000, 1000, False), (999, 5000, False)])
def test_a_source_that_has_risen_further_than_is_plausible(tiny, before, added, rises):
    tiny.warehouse(f"INSERT INTO barred SELECT 'x' FROM range({before - 1})")  # one is there
    workspace = tiny.load()
    seen = healthy_sources(tiny.folder / "warehouse.duckdb", workspace, Sources(), MORNING)
    tiny.warehouse(f"INSERT INTO barred SELECT 'x' FROM range({added})")
    if not rises:
        healthy_sources(tiny.folder / "warehouse.duckdb", workspace, seen, MORNING)
        return
    with pytest.raises(SourceError) as refused_:
        healthy_sources(tiny.folder / "warehouse.duckdb", workspace, seen, MORNING)
    assert refused_.value.what == "this source rose from 1000 to 2001 rows since it was last looked at"
    assert refused_.value.hint == "look at its load; if it is right raise the setting `largest_rise` for one run"


@pytest.mark.bad_input(43)
@pytest.mark.slow
def test_a_source_that_is_another_one_than_before(tiny):
    tiny.run()
    tiny.warehouse("ALTER TABLE late_orders ALTER late_days TYPE BIGINT")
    tiny.warehouse("ALTER TABLE late_orders ADD COLUMN colour VARCHAR")  # what is new does no harm
    error = refused(tiny, SourceError, at=day(1))
    assert (error.where, error.what) == ("table late_orders", "late_days was INTEGER and is BIGINT")
    tiny.warehouse("ALTER TABLE suppressed DROP reason")
    tiny.edit("sql/suppressions.sql", "reason", "NULL AS reason")
    tiny.warehouse("ALTER TABLE late_orders ALTER late_days TYPE INTEGER")
    error = refused(tiny, SourceError, at=day(1))
    assert (error.where, error.what) == ("table suppressed", "the column 'reason' is gone")
    tiny.set(schema_changes="take")
    tiny.run(at=day(1))


@pytest.mark.slow
@pytest.mark.bad_input(46)
def test_a_source_that_nobody_has_loaded_lately(tiny):
    tiny.edit("sql/dimensions.yaml", "happened_at: since_at}", "happened_at: since_at, stale_after: 2 days}")
    tiny.warehouse(f"UPDATE needs SET since_at = TIMESTAMP '{day(-2):%F %T}'")
    tiny.run()
    error = refused(tiny, SourceError, at=MORNING + timedelta(days=1))
    assert (error.where, error.what) == (
        "table needs",
        "the newest row came to be known 3 days ago, and 2 days are allowed",
    )


def test_an_age_that_cannot_be_told(tiny):
    tiny.edit(
        "sql/dimensions.yaml",
        "people:      {person: customer_id}",
        "people:      {person: customer_id, stale_after: 2 days}",
    )
    error = refused(tiny, CatalogueError)
    assert error.where.startswith("sql/dimensions.yaml:3")
    assert error.what.endswith("its age cannot be told")


@pytest.mark.bad_input(41)
def test_a_segment_without_rows_is_no_error_and_says_so(tiny):
    tiny.edit("sql/segments/owners.sql", "USING (customer_id, brand)", "USING (customer_id, brand) WHERE false")
    outcome = tiny.run()
    assert outcome.plan.candidates == {"care": 0, "late": 3}
    assert outcome.plan.people["marketing"].model_dump() == {"base": 0, "passed": 0, "reasons": {}}
    assert {row["customer_id"] for batch in tiny.batches() for row in batch.rows} == {"c07", "c08"}


@pytest.mark.bad_input(41)
def test_a_workspace_in_which_nobody_needs_anything_delivers_nothing(tiny):
    for name in ("owners", "late"):
        tiny.edit(f"sql/segments/{name}.sql", "USING (customer_id, brand)", "USING (customer_id, brand) WHERE false")
    outcome = tiny.run()
    assert [p.folder for p in outcome.delivered.published] == [None, None, None]
    assert tiny.batches() == []


@pytest.mark.parametrize(
    ("name", "old", "new", "kind", "where", "what", "hint"),
    [
        pytest.param(
            "sql/customers.sql",
            "customer_id, brand",
            "customer_id AS customerid, brand",
            DataError,
            "sql/customers.sql",
            "the column 'customer_id' is missing",
            "did you mean 'customerid'?",
            marks=pytest.mark.bad_input(43, 73),
        ),
        pytest.param(
            "sql/segments/owners.sql",
            "n.item, ",
            "",
            DataError,
            "sql/segments/owners.sql",
            "the column 'item' is missing, and sql/segments/owners.yaml:3 names it",
            "select it, or take it out there",
            marks=pytest.mark.bad_input(43, 73),
        ),
        (
            "sql/segments/owners.sql",
            ", n.interest",
            "",
            DataError,
            "sql/segments/owners.sql",
            "the column 'interest' is missing, and templates/care/product.yaml:16 names it",
            "select it, or take it out there",
        ),
        pytest.param(
            "sql/segments/owners.sql",
            "n.interest",
            "n.item AS interest",
            DataError,
            "sql/segments/owners.sql",
            "the signal 'interest' is text, which is no number",
            "give it `fades_in` if it is an instant, or turn it into a boolean or a number in the query",
            marks=pytest.mark.bad_input(43),
        ),
        (
            "sql/segments/owners.sql",
            "n.interest",
            "n.interest, 'soon' AS valid_until",
            DataError,
            "sql/segments/owners.sql",
            None,
            "cast it in the query",
        ),
        (
            "sql/segments/owners.sql",
            "n.interest",
            "n.first_name::integer AS interest",
            StatementError,
            "sql/segments/owners.sql",
            None,
            None,
        ),
        (
            "sql/segments/owners.sql",
            "n.interest",
            "p.first_name::integer AS interest",
            DataError,
            "sql/segments/owners.sql",
            "a value cannot be cast to INT32",
            "use TRY_CAST, or mend the rows it fails on",
        ),
        (
            "sql/segments/owners.sql",
            OWNERS,
            WITH_A_NOBODY,
            DataError,
            "sql/segments/owners.sql",
            "'customer_id' is null in 1 rows",
            "add WHERE customer_id IS NOT NULL, or mend the source",
        ),
        pytest.param(
            "sql/segments/owners.sql",
            "FROM needs n",
            "FROM (FROM needs UNION ALL FROM needs) n",
            DataError,
            "sql/segments/owners.sql",
            "30 rows share their key (customer_id, brand, subject_id)",
            None,
            marks=pytest.mark.bad_input(40),
        ),
        pytest.param(
            "sql/customers.sql",
            "brand, country",
            "'north' AS brand, country",
            DataError,
            "sql/customers.sql",
            "2 rows share their key (customer_id, brand)",
            None,
            marks=pytest.mark.bad_input(40),
        ),
        pytest.param(
            "sql/segments/owners.sql",
            "n.item",
            "CASE n.customer_id WHEN 'c01' THEN chr(55296) ELSE n.item END AS item",
            DataError,
            "sql/segments/owners.sql",
            None,
            "run the statement by hand to see the rows it fails on",
            marks=pytest.mark.bad_input(8),
        ),
        ("sql/segments/owners.sql", "FROM needs", "FROM need", StatementError, "sql/segments/owners.sql", None, None),
        ("sql/segments/owners.sql", "SELECT", "SELEKT", StatementError, "sql/segments/owners.sql", None, None),
    ],
)
def test_a_query_that_does_not_yield_what_it_should(tiny, name, old, new, kind, where, what, hint):
    tiny.edit(name, old, new)
    error = refused(tiny, kind)
    assert error.where.startswith(where)
    assert what is None or error.what == what
    assert hint is None or error.hint == hint


@pytest.mark.slow
def test_a_row_without_a_use_is_not_in_the_way_of_the_others(tiny):
    """Rows that cannot be served are no errors: each carries a reason."""
    tiny.warehouse(
        """
        INSERT INTO people VALUES
            ('c30', 'north', 'XX', 'xx-XX', 'two@at@x.example.com', '12', '{{ 7*7 }}'),
            ('c31', 'north', NULL, NULL, NULL, NULL, NULL),
            ('c32', 'north', 'DE', 'en', 'zed@x.example.com', NULL, 'Ann<script>');
        INSERT INTO needs VALUES ('c30', 'north', '', 'nan', '2026-11-01'), ('c31', 'north', 'tent', 'inf', '2026-11-01'),
            ('c32', 'north', '', 3, '2026-11-01'), ('c99', 'north', 'tent', 4, '2026-11-01');
        INSERT INTO consents SELECT 'y', customer_id, 'north', '*', '*', 'yes', '2026-11-01' FROM people
            WHERE customer_id > 'c20';
        """
    )
    outcome = tiny.run()
    reached = {row["customer_id"] for batch in tiny.batches() for row in batch.rows}
    assert reached & {"c30", "c31", "c32", "c99"} == {"c32"}
    reasons = outcome.plan.people["marketing"].reasons
    assert (reasons["UNREACHABLE"], reasons["BAD_ADDRESS"]) == (3, 1)


@pytest.mark.slow
def test_the_warehouse_is_never_written_to(tiny):
    before = (tiny.folder / WAREHOUSE).read_bytes()
    tiny.run()
    assert (tiny.folder / WAREHOUSE).read_bytes() == before
    with duckdb.connect(str(tiny.folder / WAREHOUSE), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchall() == [(16,)]
