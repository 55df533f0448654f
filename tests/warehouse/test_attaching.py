"""A warehouse may be a folder of Parquet: the same messages leave, and nothing but its files is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from flows.errors import JustEnoughError, SourceError
from flows.warehouse.attaching import attach, parquet_tables, stamp_of
from flows.warehouse.scope import definitions
from flows.warehouse.sessions import Session
from tests.tiny import Tiny, make

if TYPE_CHECKING:
    from pathlib import Path


def as_parquet(tiny: Tiny) -> Path:
    """The same workspace, on a folder of Parquet; one table is in two files."""
    folder = tiny.folder / "lake"
    folder.mkdir()
    with duckdb.connect(str(tiny.folder / "warehouse.duckdb"), read_only=True) as connection:
        for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            connection.execute(f"COPY {name} TO '{folder}/{name}.parquet'")
        (folder / "people.parquet").unlink()
        (folder / "people/2026").mkdir(parents=True)
        for half in (0, 1):
            rows = f"(FROM people WHERE hash(customer_id) % 2 = {half})"
            connection.execute(f"COPY {rows} TO '{folder}/people/2026/{half}.parquet'")
    (tiny.folder / "warehouse.duckdb").unlink()
    tiny.edit("pyproject.toml", 'database = "warehouse.duckdb"', 'database = "lake"')
    return folder


def told(tiny: Tiny) -> dict[tuple[str, str], dict[str, bytes]]:
    return {(batch.target, batch.name): batch.payload for batch in tiny.batches()}


@pytest.mark.slow
def test_the_same_messages_leave_as_from_a_duckdb_file(tmp_path):
    of_a_file = make(tmp_path / "file")
    of_a_folder = of_a_file.copy(tmp_path / "folder")
    folder = as_parquet(of_a_folder)
    before = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    of_a_file.run()
    of_a_folder.run()
    assert told(of_a_folder) == told(of_a_file) != {}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.fixture
def lake(tmp_path) -> Path:
    folder = tmp_path / "lake"
    folder.mkdir()
    duckdb.sql(f"COPY (SELECT unnest(['c1', 'c2']) AS customer_id) TO '{folder}/people.parquet'")
    duckdb.sql(f"COPY (SELECT 'secret' AS word) TO '{tmp_path}/others.parquet'")
    return folder


def test_no_other_file_can_be_opened_once_the_session_is_locked(lake, tmp_path):
    with Session(memory="1 GiB") as session:
        attach(session, lake, "warehouse")
        session.execute("SET enable_external_access = false; SET lock_configuration = true")
        assert session.query("FROM warehouse.people").height == 2
        for reads in (
            f"FROM '{tmp_path}/others.parquet'",
            f"FROM read_text('{tmp_path}/others.parquet')",
            "FROM glob('*')",
        ):
            with pytest.raises(JustEnoughError):
                session.query(reads)


def test_links_and_other_files_are_left_alone(lake, tmp_path):
    (lake / "others.parquet").symlink_to(tmp_path / "others.parquet")
    (lake / "more").symlink_to(tmp_path)
    (lake / "notes.txt").write_text("none", "utf-8")
    (lake / "nothing").mkdir()
    assert dict(parquet_tables(lake)) == {"people": (lake / "people.parquet",)}


def test_what_is_in_the_folder_is_looked_at_again_when_it_has_changed(lake):
    assert definitions(lake).columns == {"people": (("customer_id", "VARCHAR"),)}
    duckdb.sql(f"COPY (SELECT 'c1' AS customer_id, 7 AS age) TO '{lake}/people.parquet'")
    duckdb.sql(f"COPY (SELECT 'i1' AS item) TO '{lake}/items.parquet'")
    found = definitions(lake)
    assert found.columns == {
        "items": (("item", "VARCHAR"),),
        "people": (("customer_id", "VARCHAR"), ("age", "INTEGER")),
    }
    assert (dict(found.views), dict(found.macros)) == ({}, {})


@pytest.mark.parametrize(
    ("content", "what"), [(None, "there is no Parquet in this folder"), (b"PAR1 and no more", "DuckDB refused it")]
)
def test_a_folder_without_parquet_and_a_file_that_is_none_are_named(tmp_path, content, what):
    folder = tmp_path / "lake"
    folder.mkdir()
    if content:
        (folder / "people.parquet").write_bytes(content)
    with pytest.raises(JustEnoughError) as caught:
        definitions(folder)
    assert caught.value.where == str(folder / "people" if content else folder)
    assert what in caught.value.what
    if not content:
        assert isinstance(caught.value, SourceError)


def test_what_is_in_the_log_only_changes_the_stamp(tmp_path):
    """DuckDB puts what was written into the file itself now and then; until then it stands in a log beside it."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE people (customer_id VARCHAR)")
        connection.execute("CHECKPOINT")
        before = stamp_of(path)
        connection.execute("INSERT INTO people VALUES ('c1')")
        written = stamp_of(path)
    assert written[0] == before[0]
    assert written != before
