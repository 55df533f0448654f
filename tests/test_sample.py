"""The sample warehouse: the same for the same seed, fresh for every date, dirty at the stated rates, its effects planted."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import phonenumbers
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.catalogue import read_catalogue
from flows.errors import StatementError, UsageError
from flows.sample import ABANDONED_SECONDS, build_sample
from flows.warehouse.connection import Connection, connect, query
from flows.warehouse.scope import Scope, open_scoped
from flows.warehouse.statements import read_statement

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = Path(__file__).parent.parent / "sql"
AS_OF = date(2026, 11, 22)
CUSTOMERS = 20_000
SEGMENTS = sorted(path.stem for path in (SQL / "segments").glob("*.sql"))


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


def test_every_item_has_a_german_name_without_an_article(warehouse: Connection) -> None:
    names = query(warehouse, "SELECT DISTINCT name, name_de FROM items")
    assert names.height == _value(warehouse, "SELECT count(*) FROM items") == names["name_de"].n_unique()
    assert not names["name_de"].str.contains(r"(?i)^\s*$|^(der|die|das|ein|eine|ihr|ihre|dein|deine)\b").any()
    same = names.filter(pl.col("name") == pl.col("name_de"))["name"]
    assert set(same) == {"Packraft", "Tarp 3 × 3"}  # what German has no other word for


def test_what_is_worn_has_sizes_and_what_is_used_up_has_none(warehouse: Connection) -> None:
    of_all = query(
        warehouse, "SELECT category FROM items GROUP BY category HAVING bool_and(is_sized) ORDER BY category"
    )
    assert of_all["category"].to_list() == ["boots and shoes", "insulation", "wool and fleece"]
    assert _value(warehouse, "SELECT count(*) FROM items WHERE is_sized IS NULL OR is_consumable IS NULL") == 0
    assert _value(warehouse, "SELECT count(*) FROM items WHERE is_sized AND is_consumable") == 0


def test_what_is_used_up_lasts_for_weeks_each_thing_its_own_time(warehouse: Connection) -> None:
    used_up = query(warehouse, "SELECT lasts_days FROM items WHERE is_consumable")["lasts_days"]
    assert used_up.min() >= 7
    assert used_up.max() <= 80
    assert used_up.n_unique() >= 6


def test_a_brand_is_sold_out_of_one_item_in_eight(warehouse: Connection) -> None:
    brands = "SELECT brand, item_id, max(quantity) AS most FROM stock JOIN stores USING (store_id) GROUP BY ALL"
    assert _value(warehouse, f"SELECT avg((most = 0)::INT) FROM ({brands})") == pytest.approx(0.125, abs=0.08)


def test_one_return_in_four_is_never_sent_back(warehouse: Connection) -> None:
    old = "FROM returns WHERE opened_at < TIMESTAMP '2026-10-01'"
    never = f"SELECT 1 - count(DISTINCT return_id) FILTER (received_at IS NOT NULL) / count(DISTINCT return_id) {old}"
    assert _value(warehouse, never) == pytest.approx(0.25, abs=0.03)
    told = "SELECT count(*) FROM returns WHERE received_at <= opened_at OR refunded_at < received_at OR loaded_at < opened_at"
    assert _value(warehouse, told) == 0


def test_one_order_in_five_that_came_has_something_to_send_back(warehouse: Connection) -> None:
    came = "FROM deliveries WHERE parcel_number = 1 AND delivered_at < TIMESTAMP '2026-10-01'"
    sent = f"SELECT avg((order_id IN (SELECT order_id FROM returns))::INT) {came}"
    assert _value(warehouse, sent) == pytest.approx(0.20, abs=0.015)


def test_what_was_bought_had_been_in_a_basket_line_by_line(warehouse: Connection) -> None:
    bought = query(
        warehouse,
        "SELECT basket_id[2:] AS order_id, line_number, l.item_id, l.quantity"
        " FROM baskets JOIN basket_lines AS l USING (basket_id) WHERE status = 'bought'",
    )
    ordered = query(warehouse, "SELECT order_id, line_number, item_id, quantity FROM order_lines")
    assert bought.height > 1_000
    assert bought.join(ordered, on=bought.columns, how="anti", nulls_equal=True).is_empty()


@pytest.mark.parametrize(
    ("channel", "share"), [("email", 0.72), ("sms", 0.35), ("push", 0.31), ("web", 0.60), ("ads", 0.45)]
)
def test_members_agree_to_each_channel_at_its_stated_share(channel: str, share: float, warehouse: Connection) -> None:
    joined = "source IN ('sign-up', 'app', 'banner') AND state IN ('yes', 'pending')"
    yes = f"SELECT count(*) FROM consent_events WHERE channel = '{channel}' AND {joined}"
    assert _value(warehouse, f"SELECT ({yes}) / count(*) FROM memberships") == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize(
    ("topic", "share"), [("product_care", 0.03), ("shopping_help", 0.04), ("returns", 0.01), ("order_updates", 0.02)]
)
def test_some_members_leave_one_topic(topic: str, share: float, warehouse: Connection) -> None:
    left = f"SELECT count(*) FROM consent_events WHERE topic = '{topic}' AND state = 'no'"
    assert _value(warehouse, f"SELECT ({left}) / count(*) FROM memberships") == pytest.approx(share, abs=0.005)


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
    ("consent_events", "state NOT IN ('yes', 'no', 'pending', 'snooze')"): 0.00074,
    ("returns", "return_by_on IS NULL"): 0.005,
    ("basket_lines", "item_id = 'I999'"): 0.002,
    ("basket_lines", "quantity = 0"): 0.001,
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
    again = "SELECT (count(*) - count(DISTINCT return_id)) / count(DISTINCT return_id) FROM returns WHERE return_id IN"
    received = "(SELECT return_id FROM returns WHERE received_at IS NOT NULL)"
    assert _value(warehouse, f"{again} {received}") == pytest.approx(0.01, abs=0.006)


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


def test_history_shows_the_base_share_of_questions_about_returns(warehouse: Connection) -> None:
    asked = "order_id IN (SELECT order_id FROM support_contacts WHERE topic = 'return')"
    found = query(
        warehouse,
        f"SELECT people, avg(({asked})::INT) AS share FROM (SELECT DISTINCT order_id FROM returns"
        " WHERE opened_at < TIMESTAMP '2026-11-01') JOIN orders USING (order_id) JOIN planted_people USING (customer_id)"
        " GROUP BY people ORDER BY people",
    )
    assert found["people"].to_list() == ["new", "returning"]
    assert found["share"].to_list() == pytest.approx([0.26, 0.16], abs=0.03)


# What each help changes, in the words of sql/sample/README.md: without it, and by how much at level 0, 1 and 2, in per cent.
EFFECTS = {
    ("care_guide", "care_contact", "new"): (12, -3, -5, -5),
    ("care_guide", "care_contact", "returning"): (5, -0.5, -1, -1),
    ("care_guide", "ordered_again", "new"): (4, 0.4, 0.6, 0.6),
    ("care_guide", "ordered_again", "returning"): (7, 0, 0, 0),
    ("delayed_order", "where_is_my_order", "new"): (40, -8, -18, -18),
    ("delayed_order", "where_is_my_order", "returning"): (30, -6, -14, -14),
    ("delayed_order", "complaint", "new"): (3, 0, 0, 0),
    ("delayed_order", "complaint", "returning"): (2, 0, 0, 0),
    ("basket_answers", "size_question", "new"): (8, -2, -4.5, -4.5),
    ("basket_answers", "size_question", "returning"): (4, -0.5, -1.5, -1.5),
    ("basket_answers", "ordered", "new"): (18, 1, 3, 3),
    ("basket_answers", "ordered", "returning"): (28, 0, 0, 0),
    ("easy_return", "return_question", "new"): (26, -5, -12, -12),
    ("easy_return", "return_question", "returning"): (16, -3, -7, -7),
    ("easy_return", "return_done", "new"): (55, 3, 9, 9),
    ("easy_return", "return_done", "returning"): (65, 2, 5, 5),
    ("running_low", "ran_out", "new"): (20, -2, -6, -6),
    ("running_low", "ran_out", "returning"): (15, -2, -5, -5),
    ("running_low", "reordered", "new"): (10, 1, 3, 3),
    ("running_low", "reordered", "returning"): (18, 1.5, 4, 4),
    ("choosing_guide", "choice_question", "new"): (9, -3.5, -3.5, -3.5),
    ("choosing_guide", "choice_question", "returning"): (5, -1.5, -1.5, -1.5),
    ("choosing_guide", "ordered", "new"): (12, 1.5, 1.5, 1.5),
    ("choosing_guide", "ordered", "returning"): (16, 0, 0, 0),
}


def test_the_planted_effects_are_those_of_the_readme(warehouse: Connection) -> None:
    rows = query(
        warehouse,
        "SELECT product, outcome, people, list([base_share, effect_share] ORDER BY level) AS levels, list(level ORDER BY level)"
        " FROM planted_effects GROUP BY ALL",
    )
    planted = {}
    for product, outcome, people, levels, numbers in rows.iter_rows():
        assert numbers == [0, 1, 2]
        assert len({base for base, _ in levels}) == 1
        planted[product, outcome, people] = tuple(
            round(100 * share, 6) for share in (levels[0][0], *(e for _, e in levels))
        )
    assert planted == EFFECTS


@pytest.mark.parametrize(("product", "outcome"), sorted({key[:2] for key in EFFECTS}))
def test_the_planted_draws_yield_the_planted_effects(product: str, outcome: str, warehouse: Connection) -> None:
    draw = f"p.{outcome}_draw"
    truth = query(
        warehouse,
        f"SELECT e.people, e.level, e.base_share, e.effect_share, avg(({draw} < base_share)::INT) AS without,"
        f" avg(({draw} < base_share + responsiveness * effect_share)::INT) - avg(({draw} < base_share)::INT) AS measured"
        " FROM planted_effects AS e JOIN planted_people AS p USING (people)"
        f" WHERE e.product = '{product}' AND e.outcome = '{outcome}' AND NOT p.is_bot GROUP BY ALL",
    )
    assert truth.height == 6
    assert truth["without"].to_list() == pytest.approx(truth["base_share"].to_list(), abs=0.02)
    assert truth["measured"].to_list() == pytest.approx(truth["effect_share"].to_list(), abs=0.012)


def _segment(path: Path, segment: str, as_of: date = AS_OF, scope: Scope = Scope()) -> pl.DataFrame:  # noqa: B008
    """The rows of a segment at six in the morning, as the line reads them."""
    text = read_statement(SQL / "segments" / f"{segment}.sql", f"sql/segments/{segment}.sql")
    now = datetime(as_of.year, as_of.month, as_of.day, 5, tzinfo=UTC)
    given = {"as_of": as_of, "now": now.replace(tzinfo=None)}
    with open_scoped(path, read_catalogue(SQL), scope, now, memory="1 GiB") as session:
        return session.query(text, {name: value for name, value in given.items() if f"${name}" in text})


def _candidates(path: Path, segment: str, as_of: date = AS_OF) -> pl.DataFrame:
    rows = _segment(path, segment, as_of)
    return rows.filter(pl.col("next_due_on") <= as_of) if "next_due_on" in rows.columns else rows


# The fewest candidates of a brand, before consent. Late orders are few, as in life.
FEWEST = {"delayed_orders": 80, "delivered_recently": 500}


@pytest.fixture(scope="module", params=[date(2026, 11, 22), date(2026, 2, 28), date(2027, 7, 14)], ids=str)
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, date]:
    path = tmp_path_factory.mktemp("days") / "sample.duckdb"
    build_sample(path, SQL, as_of=request.param)
    return path, request.param


@pytest.mark.parametrize("segment", SEGMENTS)
def test_every_segment_has_candidates_of_both_brands_in_every_channel_on_any_day(
    segment: str, day: tuple[Path, date]
) -> None:
    path, as_of = day
    rows = _candidates(path, segment, as_of)
    people = dict(rows.group_by("brand").agg(pl.col("customer_id").n_unique()).iter_rows())
    assert people.keys() == {"nordtal", "seewind"}
    assert min(people.values()) >= FEWEST.get(segment, 140)
    with connect(path, read_only=True) as connection:
        agreed = query(
            connection, "SELECT DISTINCT customer_id, brand, channel FROM consent_events WHERE state = 'yes'"
        )
        has_app = query(connection, "SELECT customer_id FROM customers WHERE push_token IS NOT NULL")
    reached = rows.select("customer_id", "brand").unique().join(agreed, on=["customer_id", "brand"])
    reached = pl.concat(
        [
            reached.filter(pl.col("channel") != "push"),
            reached.filter(pl.col("channel") == "push").join(has_app, on="customer_id"),
        ]
    )
    counts = {row[:2]: row[2] for row in reached.group_by("brand", "channel").len().iter_rows()}
    assert counts.keys() == {(b, c) for b in people for c in ("email", "sms", "push", "web", "ads")}
    assert min(counts.values()) >= 10


@pytest.mark.parametrize("segment", SEGMENTS)
def test_the_rows_of_a_segment_are_unique_and_have_both_names_of_their_item(
    segment: str, built: tuple[Path, dict[str, int]]
) -> None:
    rows = _segment(built[0], segment)
    of_one = [name for name in ("customer_id", "brand", "subject_id") if name in rows.columns]
    assert not rows.select(of_one).is_duplicated().any()
    for name in ("item", "other_item"):
        if name in rows.columns:
            assert rows.filter(pl.col(name).is_null() != pl.col(f"{name}_de").is_null()).is_empty()
            assert rows[name].null_count() / rows.height < 0.02


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_segment_has_the_same_rows_in_whatever_parts(segment: str, built: tuple[Path, dict[str, int]]) -> None:
    whole = _segment(built[0], segment)
    by = [name for name in ("customer_id", "brand", "subject_id") if name in whole.columns]
    for parts in (2, 7):
        cut = pl.concat([_segment(built[0], segment, scope=Scope(part, parts)) for part in range(parts)])
        assert_frame_equal(cut.sort(by), whole.sort(by))


def test_reminders_are_scheduled_before_they_are_due(built: tuple[Path, dict[str, int]]) -> None:
    rows = _segment(built[0], "running_low")
    scheduled = rows.filter(pl.col("next_due_on") > AS_OF)
    assert scheduled.height > 100
    assert scheduled["due_at"].dt.date().min() > AS_OF + timedelta(days=7)


EVENTS = (
    "page_views",
    "care_page_views",
    "logins",
    "baskets",
    "basket_lines",
    "orders",
    "order_lines",
    "deliveries",
    "returns",
    "support_contacts",
    "consent_events",
)


@pytest.mark.slow
def test_a_million_customers_with_twenty_million_events_take_less_than_a_minute_of_two_cores(tmp_path: Path) -> None:
    before = time.process_time()  # user and system, of all threads: other people's work does not count
    rows = build_sample(tmp_path / "sample.duckdb", SQL, as_of=AS_OF, customers=1_000_000)
    assert time.process_time() - before < 2 * 60
    assert sum(rows[table] for table in EVENTS) >= 20_000_000
    assert rows["customers"] == 1_000_000


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
