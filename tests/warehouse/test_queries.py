from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.catalogue import Catalogue
from flows.clock import Moment
from flows.errors import DataError, StatementError
from flows.schemas import CONSENT, CUSTOMERS, EXCLUSIONS, INSTANT, SEGMENT, SUPPRESSIONS
from flows.warehouse.queries import (
    Queries,
    consent,
    customers,
    exclusions,
    read_queries,
    segment,
    shared_tables,
    suppressions,
)
from flows.warehouse.sessions import Session

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MOMENT = Moment(date(2026, 11, 22), NOW, NOW, datetime(2026, 11, 22, tzinfo=UTC))
CATALOGUE = Catalogue.model_validate(
    {
        "tables": {"people": {"person": "customer_id"}, "items": {"personal": False}, "popular": {"personal": False}},
        "dimensions": {},
    }
)
IDENTITY = "SELECT 'c1' AS customer_id, 'n' AS brand"


def queries(**given) -> Queries:
    usual = {
        "customers": IDENTITY,
        "consent": None,
        "suppressions": None,
        "exclusions": {},
        "segments": {},
        "shared": {},
    }
    return Queries(**(usual | given))


def read(what, **given) -> pl.DataFrame:
    with Session(memory="1 GiB") as session:
        return what(session, queries(**given), MOMENT)


def segment_of(text: str, named: tuple = ()) -> pl.DataFrame:
    places = {name: f"s.yaml:{line}" for line, name in enumerate(named, start=1)}
    with Session(memory="1 GiB") as session:
        return segment(session, queries(segments={"s": text}), "s", MOMENT, named=places)


def wrong(text: str, named: tuple = ()) -> DataError:
    with pytest.raises(DataError) as caught:
        segment_of(text, named)
    assert caught.value.where == "sql/segments/s.sql"
    return caught.value


# Customers.


def test_customers_have_the_columns_of_the_schema_with_null_where_the_query_yields_none():
    found = read(customers, customers="SELECT 7 AS customer_id, 'n' AS brand, 'a@example.com' AS email, 1 AS more")
    expected = pl.DataFrame(
        [{**dict.fromkeys(CUSTOMERS.names()), "customer_id": "7", "brand": "n", "email": "a@example.com"}],
        schema=CUSTOMERS,
    )
    assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SELECT 'n' AS brand", "the column 'customer_id' is missing"),
        ("SELECT NULL AS customer_id, 'n' AS brand", "'customer_id' is null in 1 rows"),
        ("SELECT 'c1' AS customer_id, NULL AS brand", "'brand' is null in 1 rows"),
        (f"{IDENTITY} UNION ALL {IDENTITY}", "2 rows share their key (customer_id, brand)"),
        (f"{IDENTITY}, 1.5 AS email", "the column 'email' is a number, and should be text"),
    ],
)
def test_customers_have_a_key_and_have_it_once(text, what):
    with pytest.raises(DataError) as caught:
        read(customers, customers=text)
    assert caught.value.where == "sql/customers.sql"
    assert what in caught.value.what


# Consent, suppressions, exclusions.


def test_a_workspace_without_consent_or_suppressions_has_none_of_either():
    assert_frame_equal(read(consent), CONSENT.to_frame())
    assert_frame_equal(read(suppressions), SUPPRESSIONS.to_frame())
    assert_frame_equal(read(exclusions), EXCLUSIONS.to_frame())


def test_consent_has_the_columns_of_the_schema():
    text = f"{IDENTITY}, 1 AS event_id, '*' AS channel, '*' AS topic, 'yes' AS state, TIMESTAMP '2026-01-01' AS happened_at"
    found = read(consent, consent=text)
    assert found.schema == CONSENT
    assert found["happened_at"].to_list() == [datetime(2026, 1, 1, tzinfo=UTC)]
    with pytest.raises(DataError) as caught:
        read(consent, consent=text.replace(" AS state", " AS stat"))
    assert (caught.value.what, caught.value.hint) == ("the column 'state' is missing", "did you mean 'stat'?")


def test_suppressions_have_the_columns_of_the_schema():
    found = read(suppressions, suppressions="SELECT 'email' AS channel, 'a@example.com' AS address, NULL AS brand")
    assert found.schema == SUPPRESSIONS
    assert found.row(0) == ("email", "a@example.com", None, None, None)


def test_exclusions_name_their_file_and_mean_all_where_they_say_nothing():
    texts = {
        "complaint": "SELECT 'c1' AS customer_id, 'marketing' AS message_type",
        "pause": "SELECT 'c2' AS customer_id, DATE '2026-12-01' AS until, 'n' AS brand",
    }
    expected = pl.DataFrame(
        [
            ("c1", None, None, None, "marketing", None, "complaint"),
            ("c2", "n", None, None, None, datetime(2026, 12, 1, tzinfo=UTC), "pause"),
        ],
        schema=EXCLUSIONS,
        orient="row",
    )
    assert_frame_equal(read(exclusions, exclusions=texts), expected)


def test_an_exclusion_without_a_customer_is_refused_with_its_file():
    with pytest.raises(DataError) as caught:
        read(exclusions, exclusions={"complaint": "SELECT 'n' AS brand"})
    assert caught.value.where == "sql/exclusions/complaint.sql"


# Segments.


def test_a_segment_has_its_own_columns_then_those_of_freshness_then_fields_and_signals():
    found = segment_of(
        f"{IDENTITY}, 'o1' AS subject_id, 'tent' AS item, 3 AS late_days, DATE '2026-11-20' AS last_order_as_of, 5 AS unasked",
        ("item", "late_days"),
    )
    assert found.columns == [*SEGMENT.names(), "last_order_as_of", "item", "late_days"]
    assert found.row(0) == ("c1", "n", "o1", None, None, datetime(2026, 11, 20, tzinfo=UTC), "tent", 3)
    assert found.schema["last_order_as_of"] == INSTANT


def test_one_customer_may_have_several_subjects_but_each_once():
    both = f"{IDENTITY}, 'o1' AS subject_id UNION ALL SELECT 'c1', 'n', "
    assert segment_of(f"{both} 'o2'").height == 2
    assert segment_of(f"{both} NULL").height == 2
    assert wrong(f"{both} 'o1'").what == "2 rows share their key (customer_id, brand, subject_id)"
    assert "QUALIFY" in wrong(f"{both} 'o1'").hint
    assert "share their key" in wrong(f"{IDENTITY} UNION ALL {IDENTITY}").what


def test_a_key_of_a_segment_is_never_null():
    error = wrong("SELECT NULL AS customer_id, 'n' AS brand UNION ALL SELECT NULL, 'n'")
    assert (error.what, error.hint) == (
        "'customer_id' is null in 2 rows",
        "add WHERE customer_id IS NOT NULL, or mend the source",
    )


def test_a_field_or_signal_that_the_query_does_not_yield_is_named():
    error = wrong(IDENTITY, ("item",))
    assert error.what == "the column 'item' is missing, and s.yaml:1 names it"
    assert error.hint == "select it, or take it out there"
    error = wrong(f"{IDENTITY}, 1 AS itme, 2 AS size", ("item", "size"))
    assert error.hint == "select it, or mend the name there: did you mean 'itme'?"


def test_values_come_in_plain_kinds():
    text = (
        f"{IDENTITY}, 1.25::DECIMAL(9, 2) AS price, 'a'::ENUM('a', 'b') AS size, TIMESTAMP '2026-11-20 10:00' AS at, "
        "TIMESTAMPTZ '2026-11-20 10:00:00+01' AS zoned_at, DATE '2026-11-20' AS seen_on, TIMESTAMP_NS '2026-11-20' AS ns_at"
    )
    names = ("price", "size", "at", "zoned_at", "seen_on", "ns_at")
    found = segment_of(text, names)
    kinds = [pl.Float64(), pl.String(), INSTANT, INSTANT, pl.Date(), INSTANT]
    assert [found.schema[name] for name in names] == kinds
    assert found["zoned_at"].item() == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert found["at"].item() == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_the_date_and_the_instant_of_the_run_are_bound():
    text = f"{IDENTITY}, $as_of AS day, $now AS instant, ($as_of + INTERVAL 1 DAY)::TIMESTAMP AS valid_until"
    found = segment_of(text, ("day", "instant"))
    assert (found["day"].item(), found["instant"].item()) == (date(2026, 11, 22), NOW)
    assert found["valid_until"].item() == datetime(2026, 11, 23, tzinfo=UTC)


def test_a_query_that_needs_only_one_of_them_gets_only_that():
    assert segment_of(f"{IDENTITY}, $now AS instant", ("instant",))["instant"].item() == NOW
    assert segment_of(f"{IDENTITY}, $as_of AS day", ("day",))["day"].item() == date(2026, 11, 22)


def test_a_column_of_a_segment_in_the_wrong_kind_is_refused():
    assert (
        wrong(f"{IDENTITY}, 'soon' AS valid_until").what == "the column 'valid_until' is text, and should be an instant"
    )
    assert "should be a date" in wrong(f"{IDENTITY}, 5 AS next_due_on").what


def test_a_segment_that_yields_nobody_has_its_columns():
    found = segment_of(f"{IDENTITY}, 'x' AS item WHERE false", ("item",))
    assert (found.height, found.columns) == (0, [*SEGMENT.names(), "item"])


# What needs everybody.


def test_shared_tables_are_read_once_and_need_an_entry_and_no_person():
    def shared(text: str, name: str = "popular"):
        with Session(memory="1 GiB") as session:
            return shared_tables(session, queries(shared={name: text}), CATALOGUE, MOMENT)

    assert_frame_equal(shared("SELECT 'i1' AS item_id")["popular"], pl.DataFrame({"item_id": ["i1"]}))
    with pytest.raises(StatementError) as caught:
        shared("SELECT 1 AS x", "unknown")
    assert caught.value.hint == "add to tables: unknown: {personal: false}"
    with pytest.raises(StatementError) as caught:
        shared("SELECT 1 AS x", "people")
    assert "no entry 'people'" in caught.value.what
    with pytest.raises(StatementError) as caught:
        shared("SELECT 'c1' AS Customer_Id")
    assert caught.value.what == "the column 'Customer_Id' is the key of a person"


# Files.


def write(sql: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = sql / f"{name.replace('__', '/')}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return sql


def test_the_files_of_a_workspace_are_read_by_their_names(tmp_path):
    sql = write(
        tmp_path,
        customers="FROM people;",
        consent="FROM people",
        suppressions="FROM people",
        exclusions__b="FROM people",
        exclusions__a="SELECT 'c1' AS customer_id",
        segments__s="FROM people",
        segments__unused="not even SQL",
        shared__popular="SELECT item_id, count(*) FROM people GROUP BY item_id",
    )
    assert read_queries(sql, ["s", "s"], CATALOGUE) == Queries(
        customers="FROM people",
        consent="FROM people",
        suppressions="FROM people",
        exclusions={"a": "SELECT 'c1' AS customer_id", "b": "FROM people"},
        segments={"s": "FROM people"},
        shared={"popular": "SELECT item_id, count(*) FROM people GROUP BY item_id"},
    )


def test_consent_suppressions_and_exclusions_may_be_missing_and_customers_may_not(tmp_path):
    sql = write(tmp_path, segments__s="FROM people")
    with pytest.raises(StatementError) as caught:
        read_queries(sql, ["s"], CATALOGUE)
    assert caught.value.where == "sql/customers.sql"
    found = read_queries(write(tmp_path, customers="FROM people"), ["s"], CATALOGUE)
    assert (found.consent, found.suppressions, found.exclusions, found.shared) == (None, None, {}, {})


@pytest.mark.parametrize("name", ["customers", "consent", "suppressions", "exclusions__x", "segments__s", "shared__x"])
def test_every_file_is_checked(tmp_path, name):
    sql = write(tmp_path, customers="FROM people", segments__s="FROM people")
    write(tmp_path, **{name: "FROM nowhere"})
    with pytest.raises(StatementError) as caught:
        read_queries(sql, ["s"], CATALOGUE)
    assert caught.value.where == f"sql/{name.replace('__', '/')}.sql:1"
