"""A workspace of somebody else, on a year of real baskets: a second, independent count of all that comes out of it."""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows import line
from flows.errors import CatalogueError, DataError, StatementError
from flows.words import restore
from flows.workspace import load_workspace
from tests.complete_journey.build import build

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent / "complete_journey"
DAY, LATER_THAT_DAY, A_WEEK_LATER = (
    f"2017-10-{day}T{hour}:00:00+00:00" for day, hour in ((16, 10), (16, 15), (23, 10))
)
TARGETS = ("email_file", "sms_file", "web_profiles")


@dataclass
class Ran:
    """What a run did, and what it should have done by the other count."""

    outcome: line.Outcome
    units: pl.DataFrame
    candidates: pl.DataFrame
    messages: pl.DataFrame

    @property
    def folders(self) -> dict[str, Path | None]:
        assert self.outcome.delivered is not None
        return {published.target: published.folder for published in self.outcome.delivered.published}


class Recount:
    """The other count: counts.sql over the warehouse, which remembers what it counted for earlier days."""

    def __init__(self, warehouse: Path) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(f"ATTACH '{warehouse}' AS warehouse (READ_ONLY)")
        self.connection.execute(
            "CREATE TEMP TABLE had (household_id BIGINT, staple VARCHAR, as_of DATE, is_told BOOLEAN)"
        )
        self.connection.execute("SET search_path = 'warehouse.main,temp.main'")

    def at(self, now: str) -> dict[str, pl.DataFrame]:
        instant = datetime.fromisoformat(now)
        self.connection.execute(f"SET VARIABLE now = TIMESTAMP '{instant:%Y-%m-%d %H:%M:%S}'")
        self.connection.execute(f"SET VARIABLE as_of = DATE '{instant:%Y-%m-%d}'")
        self.connection.execute((HERE / "counts.sql").read_text("utf-8"))
        found = {name: self.connection.sql(f"FROM {name}").pl() for name in ("units", "candidates", "messages")}
        self.connection.execute(
            """
            INSERT INTO had
            SELECT household_id, staple, getvariable('as_of'), coalesce(reason = 'HOLDOUT', household_id IN (
                SELECT household_id FROM messages WHERE reason IS NULL AND target <> 'web_profiles'
            ))
            FROM candidates WHERE reason IS NULL OR reason = 'HOLDOUT'
            """
        )
        return found


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
    yield {now: Ran(_run(workspace, now), **recount.at(now)) for now in (DAY, LATER_THAT_DAY, A_WEEK_LATER)}
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


def _tally(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.drop_nulls("reason").group_by("reason").len().iter_rows())


def _files(folder: Path | None, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder else []


def _csv(folder: Path | None) -> pl.DataFrame:
    return pl.concat([pl.read_csv(file, infer_schema=False) for file in _files(folder, "recipients-*.csv")])


def _ndjson(folder: Path | None, stem: str) -> list[dict[str, Any]]:
    return [
        json.loads(row) for file in _files(folder, f"{stem}*.ndjson") for row in file.read_text("utf-8").splitlines()
    ]


def _leaving(ran: Ran, target: str) -> pl.DataFrame:
    mine = ran.messages.filter(pl.col("target") == target, pl.col("reason").is_null())
    return mine.with_columns(pl.col("household_id").cast(pl.String).alias("customer_id")).sort("customer_id")


@pytest.mark.oracle
@pytest.mark.parametrize("now", [DAY, LATER_THAT_DAY, A_WEEK_LATER])
def test_what_becomes_of_each_household_is_what_the_other_count_says(runs: dict[str, Ran], now: str) -> None:
    ran = runs[now]
    people = ran.outcome.plan.people["marketing"]
    assert people.base == ran.units.height > 500
    assert people.passed == ran.units["reason"].is_null().sum()
    assert people.reasons == _tally(ran.units)
    assert ran.outcome.plan.candidates == {"running_low": ran.candidates.height}
    assert ran.outcome.plan.people["service"].base == 0


@pytest.mark.oracle
def test_the_reasons_for_silence_all_occur(runs: dict[str, Ran]) -> None:
    assert set(_tally(runs[DAY].candidates)) == {
        *("SUPPRESSED", "NO_CONSENT", "BAD_ADDRESS", "UNREACHABLE"),
        *("STALE_CONTEXT", "BELOW_THRESHOLD", "OUTRANKED", "HOLDOUT"),
    }
    assert "REPEATED" in _tally(runs[A_WEEK_LATER].candidates)


@pytest.mark.oracle
@pytest.mark.parametrize("now", [DAY, LATER_THAT_DAY, A_WEEK_LATER])
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
    expected = ran.messages.filter(pl.col("reason").is_null()).group_by("target", "facts").len()
    assert counted == {
        ("running_low", target, "fairfield", tuple(facts)): rows for target, facts, rows in expected.rows()
    }
    assert {facts for _, _, _, facts in counted} == {(), ("name",), ("my_habits",), ("my_habits", "name")}


@pytest.mark.oracle
@pytest.mark.parametrize("now", [DAY, A_WEEK_LATER])
@pytest.mark.parametrize(("target", "column"), [("email_file", "email"), ("sms_file", "to")])
def test_the_files_name_the_households_and_addresses_of_the_other_count(
    runs: dict[str, Ran], now: str, target: str, column: str
) -> None:
    expected = _leaving(runs[now], target).select("customer_id", pl.col("address").alias(column))
    written = _csv(runs[now].folders[target])
    assert_frame_equal(written.select("customer_id", pl.col(column).str.to_lowercase()), expected)
    assert written["message_id"].is_unique().all()


@pytest.mark.oracle
def test_web_profiles_come_for_a_week_and_go(runs: dict[str, Ran]) -> None:
    first, later = (_leaving(runs[now], "web_profiles")["customer_id"].to_list() for now in (DAY, A_WEEK_LATER))
    on_the_day, a_week_later = (runs[now].folders["web_profiles"] for now in (DAY, A_WEEK_LATER))
    assert [row["customer_id"] for row in _ndjson(on_the_day, "additions")] == first
    assert [row["customer_id"] for row in _ndjson(a_week_later, "additions")] == later
    assert [row["customer_id"] for row in _ndjson(a_week_later, "removals")] == first


def test_a_second_run_of_the_day_delivers_nothing(runs: dict[str, Ran]) -> None:
    assert runs[LATER_THAT_DAY].folders == dict.fromkeys(TARGETS)
    before, after = (runs[now].outcome.plan.people["marketing"] for now in (DAY, LATER_THAT_DAY))
    assert after.reasons["REPEATED"] >= before.passed + before.reasons["HOLDOUT"]


def test_a_week_later_nobody_is_reminded_of_the_same_thing(runs: dict[str, Ran]) -> None:
    first, later = (
        runs[now]
        .messages.filter(pl.col("reason").is_null(), pl.col("target") != "web_profiles")
        .select("household_id", "staple")
        for now in (DAY, A_WEEK_LATER)
    )
    assert later.height > 100
    assert first.join(later, on=["household_id", "staple"]).is_empty()
    assert not first.join(later, on="household_id").is_empty()


def test_who_opted_out_or_was_listed_meanwhile_gets_nothing_more(runs: dict[str, Ran], warehouse: Path) -> None:
    left = _ask(
        warehouse,
        """
        SELECT household_id::VARCHAR AS customer_id FROM consent_events
        WHERE channel = '*' AND state = 'no' AND happened_at >= '2017-10-19'
        """,
    )
    listed = _ask(warehouse, "SELECT lower(address) AS email FROM suppressions WHERE happened_at = '2017-10-18'")
    emails = {now: _csv(runs[now].folders["email_file"]) for now in (DAY, A_WEEK_LATER)}
    for found in (left, listed):
        assert not emails[DAY].join(found, on=found.columns, how="semi").is_empty()
        assert emails[A_WEEK_LATER].join(found, on=found.columns, how="semi").is_empty()


@pytest.mark.parametrize(("target", "way"), [("email_file", "email"), ("sms_file", "sms"), ("web_profiles", "web")])
def test_nobody_is_spoken_to_without_a_yes(runs: dict[str, Ran], warehouse: Path, target: str, way: str) -> None:
    agreed = _ask(
        warehouse,
        f"""
        SELECT DISTINCT household_id::VARCHAR AS customer_id FROM consent_events
        WHERE state = 'yes' AND happened_at < '2017-10-16 10:00'
            AND channel IN ('{way}', '*') AND topic IN ('shopping_help', '*')
        """,
    )
    folder = runs[DAY].folders[target]
    spoken_to = pl.DataFrame(_ndjson(folder, "additions")) if way == "web" else _csv(folder)
    assert spoken_to.height > 30
    assert spoken_to.join(agreed, on="customer_id", how="anti").is_empty()


@pytest.mark.parametrize("now", [DAY, A_WEEK_LATER])
def test_each_email_holds_its_own_readers_facts_and_nothing_else_of_anybody(runs: dict[str, Ran], now: str) -> None:
    folder = runs[now].folders["email_file"]
    creatives = {creative["creative_id"]: creative for creative in _ndjson(folder, "creatives")}
    known = {row["customer_id"]: row for row in _leaving(runs[now], "email_file").iter_rows(named=True)}
    for row in _csv(folder).iter_rows(named=True):
        own, creative = known[row["customer_id"]], creatives[row["creative_id"]]
        slots = {name: row[name] for name in creative["slots"]}
        values = {html.unescape(value) for name, value in slots.items() if name != "unsubscribe_url"}
        assert values <= {own["first_name"], own["item"], str(own["every_weeks"])}
        parts = {name: restore(text, slots) for name, text in creative["parts"].items()}
        greeting = f"Hello {own['first_name']}," if own["first_name"] else "Hello,"
        assert greeting in parts["text"]
        assert greeting in html.unescape(parts["html"])
        assert parts["subject"] == (
            f"Enough {own['item']} at home?" if own["item"] else "Before your next shop: a look in the cupboard"
        )
        rhythm = {None: "something", 1: "once a week"}.get(own["every_weeks"], f"every {own['every_weeks']} weeks")
        assert rhythm.lower() in parts["text"].lower()
        assert f"/unsubscribe/{row['message_id']}" in parts["html"]
        assert not re.search(r"None|[{}]{2}", parts["text"] + parts["subject"] + parts["html"])


def test_text_messages_and_profiles_hold_their_own_readers_facts(runs: dict[str, Ran]) -> None:
    ran = runs[DAY]
    texts = _csv(ran.folders["sms_file"]).select("customer_id", "body", "segments")
    expected = _leaving(ran, "sms_file").select(
        "customer_id",
        body=pl.lit("Fairfield Market: ")
        + pl.when(pl.col("item").is_not_null())
        .then("Enough " + pl.col("item") + " at home? It tends to run low about now.")
        .otherwise(pl.lit("A look in the cupboard now can save a second trip."))
        + pl.lit(" Your list: https://www.fairfield.example.com/list Reply STOP to end"),
        segments=pl.lit("1"),
    )
    assert_frame_equal(texts, expected)
    profiles = {row["customer_id"]: row["payload"] for row in _ndjson(ran.folders["web_profiles"], "additions")}
    for own in _leaving(ran, "web_profiles").iter_rows(named=True):
        said = profiles[own["customer_id"]]
        assert said["headline"] == (f"Enough {own['item']} at home?" if own["item"] else "One look now, one trip fewer")
        assert said["body"].startswith(f"{own['first_name']}, what you buy" if own["first_name"] else "What you buy")


def test_manifests_say_what_is_in_the_files(runs: dict[str, Ran]) -> None:
    for ran in (runs[DAY], runs[A_WEEK_LATER]):
        for target, folder in ran.folders.items():
            assert folder is not None
            manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
            wanted = _leaving(ran, target)
            told = {tuple(product["facts"]): product["rows"] for product in manifest["products"]}
            assert told == {tuple(facts): rows for facts, rows in wanted.group_by("facts").len().rows()}
            digests = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
            assert digests == _digests(folder)


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
    in_parts = {p.target: _digests(p.folder) for p in outcome.delivered.published}
    assert in_parts == {target: _digests(folder) for target, folder in runs[DAY].folders.items()}
    assert all(in_parts.values())


def test_what_a_household_earns_cannot_be_used(tmp_path: Path, warehouse: Path) -> None:
    workspace = _workspace(tmp_path, warehouse)
    _edit(workspace / "templates/running_low/product.yaml", "[my_habits, name]", "[my_habits, income]")
    with pytest.raises(CatalogueError, match="'income' is sensitive and its entry names no lawful basis"):
        load_workspace(workspace)


def test_a_message_about_the_family_is_refused_with_its_place(tmp_path: Path, warehouse: Path) -> None:
    workspace = _workspace(tmp_path, warehouse)
    _edit(workspace / "sql/segments/running_low.yaml", "dimension: name", "dimension: family")
    with pytest.raises(CatalogueError, match=r"running_low\.yaml:\d+: field 'first_name' shows 'family', of which"):
        load_workspace(workspace)


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


def _digests(folder: Path | None) -> dict[str, str]:
    files = [file for file in _files(folder, "*") if file.name != "manifest.json"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
