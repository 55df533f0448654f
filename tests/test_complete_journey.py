"""A workspace of somebody else, on a year of real baskets: a second, independent count of all that comes out of it."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows import line
from flows.errors import CatalogueError, DataError, StatementError
from flows.line.planned import scan_decisions, scan_deliveries
from flows.plan import plan_folder
from flows.workspace import load_workspace
from tests.complete_journey import outbox, words
from tests.complete_journey.build import build
from tests.complete_journey.households import FATES
from tests.complete_journey.recount import A_WEEK_LATER, DAY, DAYS, LATER_THAT_DAY, SIX_WEEKS_LATER, Ran, Recount

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent / "complete_journey"
PRODUCTS = ("coupon_ending", "missed_category", "running_low")
TARGETS = ("email_file", "sms_file", "web_profiles")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("complete_journey") / "warehouse.duckdb"
    build(path)
    return path


@pytest.fixture(scope="module")
def workspace(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _workspace(tmp_path_factory.mktemp("grocer"), warehouse)


@pytest.fixture(scope="module")
def runs(workspace: Path, warehouse: Path) -> Iterator[dict[str, Ran]]:
    recount = Recount(warehouse)
    yield {now: Ran(_run(workspace, now), **recount.at(now)) for now in DAYS}
    recount.connection.close()


def _workspace(folder: Path, warehouse: Path) -> Path:
    shutil.copy(HERE / "pyproject.toml", folder)
    for name in ("sql", "templates"):
        shutil.copytree(HERE / name, folder / name)
    (folder / "warehouse.duckdb").symlink_to(warehouse)
    return folder


def _run(workspace: Path, now: str, **asked: Any) -> line.Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUSTENOUGH_NOW", now)
        return line.run(load_workspace(workspace), line.Request(**asked))


def _ask(warehouse: Path, statement: str) -> pl.DataFrame:
    with duckdb.connect(warehouse, read_only=True) as connection:
        return connection.sql(statement).pl()


def _decisions(workspace: Path, ran: Ran) -> pl.DataFrame:
    return scan_decisions(_plan(workspace, ran)).collect()


def _plan(workspace: Path, ran: Ran) -> Path:
    return plan_folder(load_workspace(workspace).settings, ran.outcome.plan.order.run_id)


def _tally(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.drop_nulls("reason").group_by("reason").len().iter_rows())


@pytest.mark.oracle
@pytest.mark.parametrize("now", DAYS)
def test_what_becomes_of_each_household_is_what_the_other_count_says(runs: dict[str, Ran], now: str) -> None:
    ran = runs[now]
    people = ran.outcome.plan.people["marketing"]
    assert people.base == ran.units.height > 500
    assert people.passed == ran.units["reason"].is_null().sum()
    assert people.reasons == _tally(ran.units)
    counted = dict(ran.candidates.group_by("product").len().iter_rows())
    assert ran.outcome.plan.candidates == {product: counted.get(product, 0) for product in PRODUCTS}
    assert ran.outcome.plan.people["service"].base == 0


@pytest.mark.oracle
@pytest.mark.parametrize("now", DAYS)
def test_each_help_that_was_considered_has_the_score_and_the_fate_of_the_other_count(
    runs: dict[str, Ran], workspace: Path, now: str
) -> None:
    ran = runs[now]
    key = ["customer_id", "product", "subject_id"]
    decisions = _decisions(workspace, ran)
    counted = ran.candidates.select(
        "score", "reason", "product", customer_id=pl.col("household_id").cast(pl.String), subject_id="subject"
    )
    columns = [*key, "score", "reason"]
    assert_frame_equal(decisions.select(columns).sort(key), counted.select(columns).sort(key), abs_tol=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("name", FATES)
def test_a_household_gets_what_follows_by_hand_from_its_own_rows(
    runs: dict[str, Ran], workspace: Path, name: str
) -> None:
    fate = FATES[name]
    ran, mine = runs[fate.now], pl.col("customer_id") == str(fate.household)
    helps = _decisions(workspace, ran).filter(mine).to_dicts()
    assert {
        f"{row['product']} {row['subject_id']}": (round(row["score"], 3), row["reason"]) for row in helps
    } == fate.helps
    ways = scan_deliveries(_plan(workspace, ran)).filter(mine).collect().to_dicts()
    assert {row["target"]: row["reason"] or " ".join(row["facts"]) for row in ways} == fate.ways
    assert outbox.said(ran.folders, str(fate.household)) == fate.says


@pytest.mark.oracle
def test_the_reasons_for_silence_all_occur(runs: dict[str, Ran]) -> None:
    assert set(_tally(runs[DAY].candidates)) == {
        *("SUPPRESSED", "NO_CONSENT", "BAD_ADDRESS", "UNREACHABLE"),
        *("STALE_CONTEXT", "BELOW_THRESHOLD", "OUTRANKED", "HOLDOUT"),
    }
    assert "REPEATED" in _tally(runs[A_WEEK_LATER].candidates)


@pytest.mark.parametrize("now", [DAY, A_WEEK_LATER])
def test_each_help_is_the_best_one_for_many_and_loses_to_each_of_the_others(runs: dict[str, Ran], now: str) -> None:
    best = runs[now].candidates.filter(pl.col("reason").is_null())
    assert all(best.filter(pl.col("product") == product).height > 50 for product in PRODUCTS)
    outranked = runs[now].candidates.filter(pl.col("reason") == "OUTRANKED")
    pairs = best.join(outranked, on="household_id").select("product", "product_right").unique()
    assert set(pairs.iter_rows()) == {(winner, loser) for winner in PRODUCTS for loser in PRODUCTS}


@pytest.mark.oracle
@pytest.mark.parametrize("now", DAYS)
def test_what_becomes_of_each_delivery_is_what_the_other_count_says(runs: dict[str, Ran], now: str) -> None:
    ran = runs[now]
    deliveries = ran.outcome.plan.deliveries["marketing"]
    assert deliveries.base == ran.messages.height
    assert deliveries.passed == ran.messages["reason"].is_null().sum()
    assert deliveries.reasons == _tally(ran.messages)


@pytest.mark.oracle
@pytest.mark.parametrize("now", [DAY, A_WEEK_LATER])
def test_the_plan_counts_each_target_and_set_of_facts(runs: dict[str, Ran], now: str) -> None:
    ran = runs[now]
    counted = {(count.product, count.target, count.brand, count.facts): count.rows for count in ran.outcome.plan.counts}
    expected = ran.messages.filter(pl.col("reason").is_null()).group_by("product", "target", "facts").len()
    assert counted == {
        (product, target, "fairfield", tuple(facts)): rows for product, target, facts, rows in expected.rows()
    }
    of_habits = {(), ("name",), ("my_habits",), ("my_habits", "name")}
    of_coupons = {("my_coupons",), ("my_coupons", "name"), ("my_coupons", "my_habits")}
    assert {facts for _, _, _, facts in counted} == {*of_habits, *of_coupons, ("my_coupons", "name", "my_habits")}


@pytest.mark.oracle
@pytest.mark.parametrize("now", [DAY, A_WEEK_LATER])
@pytest.mark.parametrize(("target", "column"), [("email_file", "email"), ("sms_file", "to")])
def test_the_files_name_the_households_and_addresses_of_the_other_count(
    runs: dict[str, Ran], now: str, target: str, column: str
) -> None:
    expected = runs[now].leaving(target).select("customer_id", pl.col("address").alias(column))
    written = outbox.csv(runs[now].folders[target])
    assert_frame_equal(written.select("customer_id", pl.col(column).str.to_lowercase()), expected)
    assert written["message_id"].is_unique().all()


@pytest.mark.oracle
def test_web_profiles_come_for_a_week_and_go(runs: dict[str, Ran]) -> None:
    first, later = (runs[now].leaving("web_profiles")["customer_id"].to_list() for now in (DAY, A_WEEK_LATER))
    on_the_day, a_week_later = (runs[now].folders["web_profiles"] for now in (DAY, A_WEEK_LATER))
    assert [row["customer_id"] for row in outbox.ndjson(on_the_day, "additions")] == first
    assert [row["customer_id"] for row in outbox.ndjson(a_week_later, "additions")] == later
    assert [row["customer_id"] for row in outbox.ndjson(a_week_later, "removals")] == first


def test_a_second_run_of_the_day_delivers_nothing(runs: dict[str, Ran], workspace: Path) -> None:
    assert runs[LATER_THAT_DAY].folders == dict.fromkeys(TARGETS)
    before, after = (_decisions(workspace, runs[now]) for now in (DAY, LATER_THAT_DAY))
    decided = before.filter(pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT"))
    again = after.join(decided, on="customer_id", how="semi")
    assert again["customer_id"].n_unique() > 400
    assert set(again["reason"]) == {"REPEATED", "STALE_CONTEXT"}


def test_a_week_later_nobody_is_told_the_same_thing(runs: dict[str, Ran]) -> None:
    first, later = (
        pl.concat([runs[now].leaving(target) for target in ("email_file", "sms_file")]).select(
            "household_id", "product", "subject"
        )
        for now in (DAY, A_WEEK_LATER)
    )
    assert later.height > 100
    assert first.join(later, on=["household_id", "product", "subject"]).is_empty()
    again = first.join(later, on=["household_id", "product"])["product"]
    assert set(again) == {"coupon_ending", "running_low"}, "of missed categories nobody is asked twice in six weeks"


def test_after_six_weeks_to_the_day_a_household_is_asked_about_a_missed_category_again(
    runs: dict[str, Ran], workspace: Path
) -> None:
    asked = pl.col("product") == "missed_category"
    first, second, third = (
        _decisions(workspace, runs[now]).filter(asked, pl.col("reason").is_null())
        for now in (DAY, A_WEEK_LATER, SIX_WEEKS_LATER)
    )
    assert third.join(first, on="customer_id", how="semi").height > 10
    assert third.join(second, on="customer_id", how="semi").is_empty()


def test_who_opted_out_or_was_listed_meanwhile_gets_nothing_more(runs: dict[str, Ran], warehouse: Path) -> None:
    left = _ask(
        warehouse,
        """
        SELECT household_id::VARCHAR AS customer_id FROM consent_events
        WHERE channel = '*' AND state = 'no' AND happened_at >= '2017-11-02'
        """,
    )
    listed = _ask(warehouse, "SELECT lower(address) AS email FROM suppressions WHERE happened_at = '2017-11-01'")
    emails = {now: outbox.csv(runs[now].folders["email_file"]) for now in (DAY, A_WEEK_LATER)}
    for found in (left, listed):
        assert not emails[DAY].join(found, on=found.columns, how="semi").is_empty()
        assert emails[A_WEEK_LATER].join(found, on=found.columns, how="semi").is_empty()


@pytest.mark.parametrize(("target", "way"), [("email_file", "email"), ("sms_file", "sms"), ("web_profiles", "web")])
def test_nobody_is_spoken_to_without_a_yes(runs: dict[str, Ran], warehouse: Path, target: str, way: str) -> None:
    agreed = _ask(
        warehouse,
        f"""
        SELECT DISTINCT household_id::VARCHAR AS customer_id FROM consent_events
        WHERE state = 'yes' AND happened_at < '2017-10-30 10:00'
            AND channel IN ('{way}', '*') AND topic IN ('shopping_help', '*')
        """,
    )
    folder = runs[DAY].folders[target]
    spoken_to = pl.DataFrame(outbox.ndjson(folder, "additions")) if way == "web" else outbox.csv(folder)
    assert spoken_to.height > 30
    assert spoken_to.join(agreed, on="customer_id", how="anti").is_empty()


@pytest.mark.parametrize("now", [DAY, A_WEEK_LATER])
def test_each_email_holds_its_own_readers_facts_and_nothing_else_of_anybody(runs: dict[str, Ran], now: str) -> None:
    folder = runs[now].folders["email_file"]
    creatives = {creative["creative_id"]: creative for creative in outbox.ndjson(folder, "creatives")}
    known = {row["customer_id"]: row for row in runs[now].leaving("email_file").iter_rows(named=True)}
    for row in outbox.csv(folder).iter_rows(named=True):
        own, creative = known[row["customer_id"]], creatives[row["creative_id"]]
        slots = {name: row[name] for name in creative["slots"]}
        values = {html.unescape(value) for name, value in slots.items() if name != "unsubscribe_url"}
        dates = (
            {words.day(own["ends_on"]), f"{own['ends_on']:%A}, {words.day(own['ends_on'])}"} if own["ends_on"] else {}
        )
        assert values <= {own["first_name"], own["item"], str(own["every_weeks"]), str(own["coupon_count"]), *dates}
        parts = outbox.parts(row, creative)
        greeting = f"Hello {own['first_name']}," if own["first_name"] else "Hello,"
        assert greeting in html.unescape(parts["html"])
        assert [said for said in (greeting, *words.body(own)) if said not in parts["text"]] == []
        assert parts["subject"] == words.subject(own)
        assert f"/unsubscribe/{row['message_id']}" in parts["html"]
        assert not re.search(r"None|[{}]{2}", parts["text"] + parts["subject"] + parts["html"])


def test_text_messages_and_profiles_hold_their_own_readers_facts(runs: dict[str, Ran]) -> None:
    ran = runs[DAY]
    texts = outbox.csv(ran.folders["sms_file"]).select("customer_id", "body", "segments")
    expected = [(own["customer_id"], words.text_message(own), "1") for own in ran.leaving("sms_file").to_dicts()]
    assert texts.rows() == expected
    profiles = {row["customer_id"]: row["payload"] for row in outbox.ndjson(ran.folders["web_profiles"], "additions")}
    for own in ran.leaving("web_profiles").to_dicts():
        said = profiles[own["customer_id"]]
        assert said["headline"] == words.headline(own)
        assert said["body"].startswith(words.opening(own))


def test_manifests_say_what_is_in_the_files(runs: dict[str, Ran]) -> None:
    for ran in (runs[DAY], runs[A_WEEK_LATER]):
        for target, folder in ran.folders.items():
            assert folder is not None
            manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
            wanted = ran.leaving(target)
            told = {(entry["product"], tuple(entry["facts"])): entry["rows"] for entry in manifest["products"]}
            counted = wanted.group_by("product", "facts").len()
            assert told == {(product, tuple(facts)): rows for product, facts, rows in counted.rows()}
            digests = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
            assert digests == outbox.digests(folder)


@pytest.mark.slow
def test_three_parts_give_the_same_bytes_as_one(
    runs: dict[str, Ran], workspace: Path, warehouse: Path, tmp_path: Path
) -> None:
    other = _workspace(tmp_path, warehouse)
    (other / ".justenough").mkdir(mode=0o700)
    shutil.copy(workspace / ".justenough" / "key", other / ".justenough" / "key")
    shutil.copytree(workspace / ".justenough" / "addresses", other / ".justenough" / "addresses")  # saves two seconds
    outcome = _run(other, DAY, parts=3)
    assert outcome.plan.people == runs[DAY].outcome.plan.people
    assert outcome.delivered is not None
    in_parts = {p.target: outbox.digests(p.folder) for p in outcome.delivered.published}
    assert in_parts == {target: outbox.digests(folder) for target, folder in runs[DAY].folders.items()}
    assert all(in_parts.values())


def test_what_a_household_earns_cannot_be_used(tmp_path: Path, warehouse: Path) -> None:
    workspace = _workspace(tmp_path, warehouse)
    _edit(workspace / "templates/running_low/product.yaml", "[my_habits, name]", "[my_habits, income]")
    with pytest.raises(CatalogueError, match="'income' is sensitive and its entry names no lawful basis"):
        load_workspace(workspace)


def test_a_message_about_the_family_is_refused_with_its_place(tmp_path: Path, warehouse: Path) -> None:
    workspace = _workspace(tmp_path, warehouse)
    family = "(select max(d.kids_count) from demographics as d where d.household_id = h.household_id) as first_name,"
    _edit(workspace / "sql/segments/running_low.sql", "p.first_name,", family)
    with pytest.raises(CatalogueError, match=r"running_low\.sql:\d+: that somebody has a row of demographics"):
        _run(workspace, DAY)


def test_a_dimension_that_must_be_fresh_needs_its_date(tmp_path: Path, warehouse: Path) -> None:
    workspace = _workspace(tmp_path, warehouse)
    _edit(workspace / "sql/segments/running_low.sql", "h.last_bought_at as my_habits_as_of,", "")
    with pytest.raises(DataError, match=r"sql/segments/running_low\.sql: the column 'my_habits_as_of' is missing"):
        _run(workspace, DAY)
    assert not (workspace / "outbox").exists() or not list((workspace / "outbox").glob("*/*"))


def test_whose_the_rows_are_is_checked_in_a_run_of_one_part_too(tmp_path: Path, warehouse: Path) -> None:
    workspace = _workspace(tmp_path, warehouse)
    _edit(
        workspace / "sql/dimensions.yaml",
        "transactions:   {person: household_id",
        "transactions:   {person: customer_id",
    )
    with pytest.raises(
        StatementError, match=r"sql/dimensions\.yaml:\d+: the table 'transactions' has no column 'customer_id'"
    ):
        _run(workspace, DAY, parts=1)


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
