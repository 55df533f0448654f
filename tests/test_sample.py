"""The sample warehouse: the same for the same seed, fresh for every date, dirty at the stated rates, its effects planted."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import phonenumbers
import pytest

from flows.catalogue import read_catalogue
from flows.errors import StatementError, UsageError
from flows.sample import ABANDONED_SECONDS, build_sample
from flows.warehouse.connection import Connection, connect, query

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = Path(__file__).parent.parent / "sql"
AS_OF = date(2026, 11, 22)
CUSTOMERS = 20_000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    path = tmp_path_factory.mktemp("sample") / "sample.duckdb"
    return path, build_sample(path, SQL, as_of=AS_OF)


@pytest.fixture(scope="module")
def warehouse(built: tuple[Path, dict[str, int]]) -> Iterator[Connection]:
    with connect(built[0], read_only=True) as connection:
        yield connection


def _value(warehouse: Connection, statement: str) -> float:
    return float(query(warehouse, statement).item())


def _digests(path: Path) -> dict[str, str]:
    with connect(path, read_only=True) as connection:
        names = query(connection, "SELECT table_name FROM duckdb_tables() ORDER BY ALL")["table_name"]
        rows = {name: query(connection, f"SELECT * FROM {name} ORDER BY ALL").write_csv() for name in names}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in rows.items()}


def _build(path: Path, **given: object) -> dict[str, str]:
    arguments = {"as_of": AS_OF, "customers": 2_000, "seed": 7, **given}
    build_sample(path, SQL, **arguments)  # type: ignore[arg-type]
    return _digests(path)


def test_the_same_seed_date_and_size_give_the_same_content(tmp_path: Path) -> None:
    assert _build(tmp_path / "one.duckdb") == _build(tmp_path / "two.duckdb")


def test_another_seed_changes_every_table_but_the_fixed_ones(tmp_path: Path) -> None:
    one, two = _build(tmp_path / "one.duckdb"), _build(tmp_path / "two.duckdb", seed=8)
    assert {name for name in one if one[name] == two[name]} == {"items", "stores", "planted_effects"}


def test_another_date_moves_the_times_and_keeps_who_is_who(tmp_path: Path) -> None:
    one, two = _build(tmp_path / "one.duckdb"), _build(tmp_path / "two.duckdb", as_of=date(2026, 11, 23))
    same = {name for name in one if one[name] == two[name]}
    assert same == {"items", "stores", "planted_effects", "planted_people"}


def test_two_draws_of_one_row_do_not_depend_on_each_other() -> None:
    with connect() as connection:
        connection.execute("SET VARIABLE seed = 7; SET VARIABLE as_of = DATE '2026-11-22'; SET VARIABLE customers = 1")
        connection.execute((SQL / "sample" / "00_draws.sql").read_text(encoding="utf-8"))
        draws = "draw(n, 'a') AS a, draw(n, 'b') AS b, draw(n + 1, 'a') AS next"
        found = query(
            connection, f"SELECT corr(a, b), corr(a, next), avg(a) FROM (SELECT {draws} FROM range(100000) t(n))"
        )
    assert found.row(0) == pytest.approx((0, 0, 0.5), abs=0.01)


def test_the_rows_are_counted_per_table_and_the_file_is_private(built: tuple[Path, dict[str, int]]) -> None:
    path, rows = built
    with connect(path, read_only=True) as connection:
        counted = {name: query(connection, f"SELECT count(*) FROM {name}").item() for name in rows}
    assert rows == counted
    assert rows["customers"] == CUSTOMERS
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_every_table_but_the_planted_ones_is_in_the_catalogue(built: tuple[Path, dict[str, int]]) -> None:
    catalogued = set(read_catalogue(SQL).tables)
    assert {name for name in built[1] if not name.startswith("planted_")} == catalogued


def test_every_personal_table_tells_when_a_row_came_to_be_known(warehouse: Connection) -> None:
    for name, table in read_catalogue(SQL).tables.items():
        if table.personal:
            assert table.loaded_at == "loaded_at"
            late = f"loaded_at IS NULL OR loaded_at > TIMESTAMP '{AS_OF}'"
            assert _value(warehouse, f"SELECT count(*) FROM {name} WHERE {late}") == 0, name


def test_every_row_leads_to_a_customer_and_every_customer_to_a_brand(warehouse: Connection) -> None:
    missing = "SELECT count(*) FROM {} AS a ANTI JOIN {} AS b USING ({})"
    assert _value(warehouse, missing.format("customers", "memberships", "customer_id")) == 0
    assert _value(warehouse, missing.format("orders", "memberships", "customer_id, brand")) == 0
    for table in ("order_lines", "deliveries", "returns"):
        assert _value(warehouse, missing.format(table, "orders", "order_id")) == 0
    assert _value(warehouse, missing.format("orders", "order_lines", "order_id")) == 0


def test_there_are_two_brands_six_countries_and_four_languages(warehouse: Connection) -> None:
    assert _value(warehouse, "SELECT count(DISTINCT brand) FROM memberships") == 2
    assert _value(warehouse, "SELECT count(*) / 20000 FROM memberships") == pytest.approx(1.2, abs=0.02)
    assert _value(warehouse, "SELECT count(DISTINCT upper(country)) FROM customers") >= 6
    assert _value(warehouse, "SELECT count(DISTINCT locale[:2]) FROM customers") >= 4
    assert _value(warehouse, "SELECT count(*) FROM items") >= 60
    assert _value(warehouse, "SELECT count(DISTINCT category) FROM items") >= 8


@pytest.mark.parametrize("as_of", [date(2024, 2, 29), date(2031, 1, 1)])
def test_all_times_are_relative_to_the_date(as_of: date, tmp_path: Path) -> None:
    build_sample(tmp_path / "s.duckdb", SQL, as_of=as_of, customers=2_000)
    with connect(tmp_path / "s.duckdb", read_only=True) as connection:
        last = query(connection, f"SELECT max(delivered_at) FROM deliveries WHERE delivered_at <= TIMESTAMP '{as_of}'")
        assert (as_of - last.item().date()).days <= 2
        late = f"SELECT count(*) FROM deliveries WHERE status = 'shipped' AND promised_on < DATE '{as_of}'"
        assert query(connection, late).item() > 0


# Stated in sql/sample/README.md: the share of the rows of a table.
DIRT = {
    ("customers", "first_name IS NULL"): 0.030,
    ("customers", "trim(first_name, chr(9) || ' ') = ''"): 0.010,
    ("customers", "upper(first_name) IN ('NULL', 'N/A', '-', 'UNKNOWN')"): 0.010,
    ("customers", "regexp_matches(first_name, '[<>{}|=;]')"): 0.002,
    ("customers", "email IS NULL"): 0.030,
    ("customers", "NOT regexp_matches(trim(lower(email)), '^[a-z.0-9]+@example[.](com|org|net)$')"): 0.020,
    ("customers", "phone IS NULL"): 0.250,
    ("customers", "phone LIKE '%E+%'"): 0.015,
    ("customers", "phone NOT LIKE '+%' AND regexp_full_match(phone, '[0-9]{8,}')"): 0.080,
    ("customers", "country IS NULL OR country = lower(country)"): 0.010,
    ("customers", "locale LIKE '%\\_%' ESCAPE '\\'"): 0.015,
    ("customers", "birth_on > DATE '2026-11-22'"): 0.001,
    ("orders", "ordered_at IS NULL"): 0.001,
    ("orders", "ordered_at > TIMESTAMP '2026-11-22'"): 0.001,
    ("order_lines", "item_id = 'I999'"): 0.002,
    ("order_lines", "quantity = 0"): 0.001,
    ("deliveries", "promised_on IS NULL"): 0.005,
    ("deliveries", "shipped_at > delivered_at"): 0.002,
    ("consent_events", "state NOT IN ('yes', 'no', 'pending', 'snooze')"): 0.0009,
    ("page_views", "viewed_at > TIMESTAMP '2026-11-22'"): 0.0005,
    ("page_views", "customer_id IS NULL"): 0.050,
}


@pytest.mark.parametrize(("table", "condition"), DIRT, ids=lambda part: str(part)[:50])
def test_dirt_occurs_at_its_stated_rate(table: str, condition: str, warehouse: Connection) -> None:
    rows = _value(warehouse, f"SELECT count(*) FROM {table}")
    found = _value(warehouse, f"SELECT count(*) FROM {table} WHERE {condition}")
    stated = DIRT[table, condition]
    assert found / rows == pytest.approx(stated, abs=4 * (stated / rows) ** 0.5)  # four standard errors


def test_customers_share_addresses_and_parcels_are_told_twice_at_their_rates(warehouse: Connection) -> None:
    good = "regexp_matches(lower(email), '[a-z0-9]@example[.](com|org|net) *$')"
    shared = f"SELECT (count(email) - count(DISTINCT lower(trim(email)))) / 20000 FROM customers WHERE {good}"
    assert _value(warehouse, shared) == pytest.approx(0.015, abs=0.004)
    twice = "SELECT (count(*) - count(DISTINCT delivery_id)) / count(*) FROM deliveries"
    assert _value(warehouse, twice) == pytest.approx(0.002, abs=0.001)


def test_consents_contradict_each_other_at_one_instant(warehouse: Connection) -> None:
    scope = "customer_id, brand, channel, topic, happened_at"
    both = f"SELECT {scope} FROM consent_events GROUP BY {scope} HAVING count(DISTINCT state) > 1"
    share = f"SELECT (SELECT count(*) FROM ({both})) / count(*) FROM memberships"
    assert _value(warehouse, share) == pytest.approx(0.005, abs=0.002)


def test_one_customer_in_a_thousand_is_a_bot_with_thousands_of_views_on_a_day(warehouse: Connection) -> None:
    busy = "GROUP BY customer_id, viewed_at::DATE HAVING count(*) > 500"
    found = query(warehouse, f"SELECT DISTINCT customer_id FROM page_views WHERE customer_id IS NOT NULL {busy}")
    planted = set(query(warehouse, "SELECT customer_id FROM planted_people WHERE is_bot")["customer_id"])
    assert set(found["customer_id"]) == planted
    assert len(planted) / CUSTOMERS == pytest.approx(0.001, abs=0.001)


def test_nine_telephone_numbers_in_ten_are_valid_and_mobile(warehouse: Connection) -> None:
    sample = query(
        warehouse, "SELECT phone, upper(country) FROM customers WHERE phone IS NOT NULL ORDER BY customer_id LIMIT 2000"
    )
    mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    assert sum(_kind(phone, country) in mobile for phone, country in sample.iter_rows()) / 2000 > 0.9


def _kind(phone: str, country: str | None) -> int | None:
    try:
        return int(phonenumbers.number_type(phonenumbers.parse(phone, country)))
    except phonenumbers.NumberParseException:
        return None


def test_history_shows_the_base_shares_that_are_planted(warehouse: Connection) -> None:
    asked = "EXISTS (SELECT 1 FROM support_contacts AS s WHERE s.order_id = d.order_id AND s.topic = '{}')"
    for outcome, topic, which in (
        ("care_contact", "care", "d.delivered_at < TIMESTAMP '2026-11-01'"),
        (
            "where_is_my_order",
            "where_is_my_order",
            "d.delivered_at::DATE > d.promised_on AND d.delivered_at < TIMESTAMP '2026-11-01'",
        ),
    ):
        found = query(
            warehouse,
            f"SELECT people, avg({asked.format(topic)}::INT) AS share FROM deliveries AS d JOIN orders USING (order_id)"
            f" JOIN planted_people USING (customer_id) WHERE d.parcel_number = 1 AND {which} GROUP BY people ORDER BY people",
        )
        planted = query(
            warehouse,
            f"SELECT DISTINCT people, base_share FROM planted_effects WHERE outcome = '{outcome}' ORDER BY people",
        )
        assert found["people"].to_list() == planted["people"].to_list() == ["new", "returning"]
        assert found["share"].to_list() == pytest.approx(planted["base_share"].to_list(), abs=0.03)


def test_the_planted_draws_yield_the_planted_effects(warehouse: Connection) -> None:
    for outcome in ("care_contact", "where_is_my_order", "ordered_again", "complaint"):
        draw = f"p.{outcome}_draw"
        truth = query(
            warehouse,
            f"SELECT e.effect_share, avg(({draw} < base_share + responsiveness * effect_share)::INT)"
            f" - avg(({draw} < base_share)::INT) AS measured FROM planted_effects AS e JOIN planted_people AS p USING (people)"
            f" WHERE e.outcome = '{outcome}' AND NOT p.is_bot GROUP BY ALL",
        )
        assert truth["measured"].to_list() == pytest.approx(truth["effect_share"].to_list(), abs=0.012)


def test_the_segments_are_large_enough_to_try_things_on(warehouse: Connection) -> None:
    sizes = {"delivered_recently": (1_500, 4_000), "delayed_orders": (150, 500)}
    for segment, (fewest, most) in sizes.items():
        text = (SQL / "segments" / f"{segment}.sql").read_text(encoding="utf-8")
        given = {"as_of": AS_OF, "now": datetime(2026, 11, 22, 5)}  # noqa: DTZ001 - as the line binds it
        rows = query(warehouse, text, {name: value for name, value in given.items() if f"${name}" in text})
        assert fewest <= rows.height <= most


def test_a_killed_build_leaves_what_was_there_and_the_next_one_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sample.duckdb"
    before = _build(path, customers=50)
    call = f"build_sample(Path({str(path)!r}), Path({str(SQL)!r}), as_of=date(2026, 11, 22), customers=300_000)"
    code = f"from datetime import date; from pathlib import Path; from flows.sample import build_sample; {call}"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=SQL.parent)
    while not list(path.parent.glob(".sample.duckdb-building-*/sample.duckdb")):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert _digests(path) == before

    [left] = path.parent.glob(".sample.duckdb-building-*")
    assert left.stat().st_mode & 0o777 == 0o700
    os.utime(left, (0, time.time() - ABANDONED_SECONDS - 1))
    assert _build(path, customers=50) == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_failing_file_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "sql" / "sample").mkdir(parents=True)
    (tmp_path / "sql" / "sample" / "01_broken.sql").write_text("create tabel t (a integer)", encoding="utf-8")
    with pytest.raises(StatementError, match=r"sql/sample/01_broken\.sql"):
        build_sample(tmp_path / "out" / "sample.duckdb", tmp_path / "sql", as_of=AS_OF)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("customers", [0, 10_000_000])
def test_a_size_out_of_range_is_refused(customers: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="customers cannot be made"):
        build_sample(tmp_path / "sample.duckdb", SQL, as_of=AS_OF, customers=customers)
