"""What can be done, and what one thing more would add: it only reads, and each figure is what comes once that thing is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest

from flows import cli, line
from flows.errors import SourceError
from flows.line.branching import ANOTHER_WAY
from tests.line.two_helps import two_helps
from tests.tiny import MORNING, Tiny, clock, make

if TYPE_CHECKING:
    from pathlib import Path

    from flows.line.assessing import Assessment

TODAY = "2026-11-22"


def assess(tiny: Tiny, at=MORNING) -> Assessment:
    with clock(at):
        return line.assess(tiny.load())


def unlocks(found: Assessment, gains: str = "people") -> dict[tuple[str, str, str], dict[str, int]]:
    """Kind, what and brand -> what it would bring each product."""
    return {(each.kind, each.what, each.brand): dict(each.products) for each in found.unlocks if each.gains == gains}


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory) -> tuple[Tiny, Assessment]:
    """A tiny workspace that was assessed before anything else: look at it, do not change it."""
    tiny = make(tmp_path_factory.mktemp("assessed") / "tiny")
    return tiny, assess(tiny)


def test_it_claims_and_publishes_nothing_and_leaves_no_plan(looked_at):
    tiny, _ = looked_at
    tables = ("run", "decision", "claim", "delivery", "receipt", "batch", "consent_event", "exposure")
    rows = " UNION ALL ".join(f"SELECT count(*) FROM {name}" for name in tables)
    assert tiny.history(rows) == [(0,)] * len(tables)
    assert not (tiny.state / "plans").exists()
    assert not tiny.outbox.exists()
    assert [path.name for path in (tiny.state / "scratch").glob("*")] == []


def test_each_thing_that_alone_would_do_is_named_with_whom_it_would_reach(looked_at):
    # c10 has no good e-mail address, c11's is suppressed: a telephone number would do for both, an address only for c10. c09 has
    # said no, c12 is excluded, c14 needs it too little, c07 hears of a late order today: one thing more helps none of these.
    assert unlocks(looked_at[1]) == {
        ("address", "phone", "north"): {"care": 2},
        ("address", "email", "north"): {"care": 1},
    }
    assert unlocks(looked_at[1], "detail") == {
        ("dimension", "last_order", "north"): {"care": 1},  # nothing is known of c13
        ("dimension", "name", "north"): {"care": 1},
    }


def test_each_channel_says_how_far_it_carries(looked_at):
    found = {(each.brand, each.channel): each for each in looked_at[1].ways}
    assert set(found) == {(brand, channel) for brand in ("north", "south") for channel in ("email", "sms", "web")}
    email, sms = found["north", "email"], found["north", "sms"]
    assert (email.target, email.customers, email.addressable) == ("email_file", 14, 12)  # c06 has none, c10 a bad one
    assert (email.consented, email.refused) == (9, 1)  # c09, c11 and c12 are not written to
    assert (email.named, email.fresh, email.filled) == (9, 9, {"last_order": 8, "name": 8})
    assert (sms.addressable, sms.consented, sms.named) == (2, 2, 2)


def test_each_wording_has_a_waterfall_that_adds_up_and_its_sides_their_readers(looked_at):
    care, late = looked_at[1].products
    assert all(file.fall.is_balanced for product in (care, late) for file in product.files)
    email, sms, _ = care.files
    assert (email.file, email.fall.base, email.fall.passed) == ("templates/care/email.j2", 15, 8)
    assert email.fall.reasons == {
        "BELOW_THRESHOLD": 1, "EXCLUDED": 1, "NO_CONSENT": 1, "SILENCED_BY_SERVICE": 1, "UNREACHABLE": 2, ANOTHER_WAY: 1,
    }  # fmt: skip
    assert [(side.asks, side.holds, side.people) for side in email.sides] == [
        ("item", True, 7), ("item", False, 1), ("first_name", True, 7), ("first_name", False, 1),
    ]  # fmt: skip
    assert [(side.people, side.is_edge) for side in sms.sides] == [(1, False), (0, True)]
    assert (care.branches, care.edges) == (10, 1)
    assert (care.fall.passed, care.fall.base, care.is_below) == (9, 15, False)


def test_a_database_without_anybody_is_told_as_that_with_the_next_step(tmp_path):
    tiny = make(tmp_path / "tiny", people=(), late=())
    with pytest.raises(SourceError) as caught:
        assess(tiny)
    assert caught.value.what == "there is nobody in this database, so nobody can be reached"
    assert caught.value.where == "sql/customers.sql"
    assert "load your customers into warehouse.duckdb" in caught.value.hint


@pytest.mark.slow
def test_parts_come_to_the_same(looked_at, tmp_path):
    tiny = looked_at[0].copy(tmp_path / "tiny")
    tiny.set(parts=5)
    assert assess(tiny) == looked_at[1]


@pytest.mark.slow
def test_what_was_delivered_today_is_looked_at_as_if_it_were_still_to_come_and_counts_as_reach(looked_at, tmp_path):
    tiny = looked_at[0].copy(tmp_path / "tiny")
    tiny.run()
    found = assess(tiny)
    assert (found.unlocks, found.ways, found.served) == (
        looked_at[1].unlocks,
        looked_at[1].ways,
        looked_at[1].served,
    )
    care = found.products[0]
    people = "SELECT count(DISTINCT person_key) FROM decision WHERE product = 'care' AND reason IS NULL"
    assert care.lately == tiny.history(people)[0][0] == 8  # c01 is one person of two brands
    by_email = "SELECT count(DISTINCT person_key) FROM claim WHERE product = 'care' AND channel = 'email'"
    assert care.files[0].lately == tiny.history(by_email)[0][0] > 0


@pytest.mark.slow
def test_a_product_that_reaches_fewer_than_its_floor_is_told_and_a_draft_is_looked_at_as_if_it_were_live(tmp_path):
    tiny = make(tmp_path / "tiny")
    tiny.edit("templates/care/product.yaml", "status: live", "status: draft\nfloor: 60%")
    tiny.edit("templates/late/product.yaml", "status: live", "status: live\nfloor: 10%")
    found = assess(tiny)
    care, late = found.products
    assert (care.status, care.fall.passed, care.floor, care.is_below) == ("draft", 10, 10, False)
    assert (late.fall.passed, late.floor, late.is_below) == (3, 2, False)
    tiny.edit("templates/care/product.yaml", "floor: 60%", "floor: 70%")
    tiny.edit("templates/late/product.yaml", "floor: 10%", "floor: 30%")
    assert [(each.product, each.is_below) for each in assess(tiny).products] == [("care", True), ("late", True)]
    assert found.unlocks == assess(tiny).unlocks


@pytest.mark.slow
def test_who_was_asked_and_has_not_answered_is_told_apart_and_who_wants_for_nothing_or_for_two_things_is_not_counted(
    tmp_path,
):
    tiny = make(tmp_path / "tiny")
    tiny.warehouse("DELETE FROM consents WHERE customer_id IN ('c01', 'c04', 'c10')")  # c10's address is none either
    tiny.warehouse("INSERT INTO consents VALUES ('w', 'c04', 'north', 'email', 'care', 'pending', '2026-11-01')")
    tiny.says("c13", "no", channel="sms")
    found = {each.brand: (each.people, each.asked) for each in assess(tiny).unlocks if each.what == "email, care"}
    assert found == {"north": (2, 1), "south": (1, 0)}
    tiny.warehouse("DELETE FROM consents WHERE state = 'yes'")
    tiny.says("c01", "no")
    assert {each.brand for each in assess(tiny).unlocks if each.kind == "consent"} == {"north", "south"}
    tiny.warehouse("DELETE FROM needs WHERE customer_id <> 'c01'")
    assert assess(tiny).unlocks == ()  # whoever has said no wants for nothing


@pytest.mark.slow
def test_a_choice_among_helps_is_made_again_too(tmp_path):
    tiny = two_helps(tmp_path / "tiny")
    tiny.warehouse("UPDATE people SET email = NULL WHERE right(customer_id, 1) = '3'")
    found = unlocks(assess(tiny))["address", "email", "north"]
    before = planned(tiny)
    tiny.warehouse("UPDATE people SET email = customer_id || '@x.example.com'")
    assert found == gained(before, planned(tiny), "north") != {}
    assert set(found) == {"care", "fit"}


@pytest.mark.slow
def test_in_json_and_as_a_page_of_the_state_folder(looked_at, tmp_path, capsys):
    tiny = looked_at[0].copy(tmp_path / "tiny")
    with clock(MORNING):
        assert cli.main(["assess", "--json", "--workspace", str(tiny.folder)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["unlocks"][0]["products"] == {"care": 2}
        assert (told["below"], told["edges"]) == ([], {"care": 1, "late": 5})
        page = tiny.state / "pages" / "assess.html"
        assert (told["page"], page.stat().st_mode & 0o777) == (str(page), 0o600)
        assert cli.main(["assess", "--page", str(tmp_path / "here.html"), "--workspace", str(tiny.folder)]) == 0
    assert "2  a telephone number, for north: care 2" in capsys.readouterr().out
    text = (tmp_path / "here.html").read_text("utf-8")
    assert text == page.read_text("utf-8")
    assert not [name for name in ("Ann", "c01", "x.example.com", "+49151") if name in text]


# The sample, and its figures recounted by SQL of their own once a capability was added in fact.


@pytest.fixture(scope="module")
def _shop(tmp_path_factory) -> Tiny:
    folder = tmp_path_factory.mktemp("shop") / "shop"
    with clock(MORNING):
        assert cli.main(["init", str(folder)]) == 0
        assert cli.main(["sample", "--customers", "4000", "--workspace", str(folder)]) == 0
    settings = folder / "pyproject.toml"
    settings.write_text(f"{settings.read_text('utf-8')}\n[tool.justenough.crowd]\nweb = 0\n", "utf-8")
    return Tiny(folder)


@pytest.fixture
def shop(_shop, tmp_path) -> Tiny:
    return _shop.copy(tmp_path / "shop")


def happened(shop: Tiny, statement: str) -> None:
    """Change the sample's warehouse."""
    with duckdb.connect(str(shop.state / "sample" / f"{TODAY}.duckdb")) as connection:
        connection.execute(statement)


def planned(shop: Tiny) -> Path:
    return shop.state / "plans" / shop.plan().order.run_id


def gained(before: Path, after: Path, brand: str) -> dict[str, int]:
    """Product -> people of a brand for whom it was decided on, or who were held out of it, and for whom nothing was before."""
    won = "SELECT customer_id, brand, product FROM read_parquet('{}/decisions/*.parquet') WHERE message_type = 'marketing' AND "
    won += "(reason IS NULL OR reason = 'HOLDOUT')"
    query = f"""
        SELECT product, count(*) FROM ({won.format(after)}) AS now
        ANTI JOIN ({won.format(before)}) AS was ON was.customer_id = now.customer_id AND was.brand = now.brand
        WHERE brand = '{brand}' GROUP BY product
    """
    with duckdb.connect() as connection:
        return dict(connection.execute(query).fetchall())


def telling(plan: Path, dimension: str, brand: str, channels: str) -> dict[str, int]:
    """Product -> people of a brand whose message by one of some channels is made with a dimension."""
    query = f"""
        SELECT product, count(DISTINCT (customer_id, subject_id))
        FROM read_parquet('{plan}/deliveries/*.parquet', union_by_name = true)
        WHERE brand = '{brand}' AND channel IN ({channels}) AND list_contains(facts, '{dimension}')
            AND (reason IS NULL OR reason = 'DUPLICATE_ADDRESS') GROUP BY product
    """
    with duckdb.connect() as connection:
        return dict(connection.execute(query).fetchall())


def more(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


@pytest.mark.slow
def test_a_channel_that_is_added_reaches_whom_was_said(shop, tmp_path):
    whole = shop.copy(tmp_path / "whole")
    shop.edit(
        "pyproject.toml",
        '[tool.justenough.targets.nordtal]\nemail = "ses"\nsms = "sms_file"\n',
        '[tool.justenough.targets.nordtal]\nemail = "ses"\n',
    )
    care = shop.folder / "templates/care_guide"
    for file in care.glob("sms*.j2"):
        file.unlink()
    shop.edit("templates/care_guide/product.yaml", "first_of: [email, push, sms]", "first_of: [email, push]")
    found = unlocks(assess(shop))
    before, after = planned(shop), planned(whole)
    assert set(gained(before, after, "nordtal")) == {"basket_answers", "care_guide", "choosing_guide", "running_low"}
    for brand in ("nordtal", "seewind"):
        assert found["channel", "sms", brand] == gained(before, after, brand)
    assert set(found["channel", "sms", "seewind"]) == {"care_guide"}  # its brand has a target, the product no words


@pytest.mark.slow
def test_a_yes_that_is_given_reaches_whom_was_said_and_a_no_stays_one(shop):
    found = unlocks(assess(shop))
    before = planned(shop)
    happened(
        shop,
        f"""
        INSERT INTO consent_events BY NAME
        SELECT 'new' || customer_id AS event_id, customer_id, 'seewind' AS brand, 'email' AS channel,
            'shopping_help' AS topic, 'yes' AS state, TIMESTAMP '{TODAY} 06:00' AS happened_at,
            TIMESTAMP '{TODAY} 06:00' AS loaded_at
        FROM memberships WHERE brand = 'seewind' AND customer_id NOT IN (
            SELECT customer_id FROM consent_events WHERE brand = 'seewind' AND channel = 'email' AND topic = 'shopping_help'
                AND state NOT IN ('yes', 'pending'))
        """,
    )
    recounted = gained(before, planned(shop), "seewind")
    assert found["consent", "email, shopping_help", "seewind"] == recounted
    assert sum(recounted.values()) > 10


@pytest.mark.slow
def test_an_address_that_is_found_reaches_whom_was_said(shop):
    found = unlocks(assess(shop))
    before = planned(shop)
    happened(shop, "UPDATE customers SET push_token = 't' || customer_id WHERE trim(coalesce(push_token, '')) = ''")
    after = planned(shop)
    for brand in ("nordtal", "seewind"):
        assert found["address", "push_token", brand] == gained(before, after, brand) != {}


@pytest.mark.slow
def test_a_dimension_that_is_filled_tells_more_to_whom_was_said(shop):
    found = unlocks(assess(shop), "detail")
    before = planned(shop)
    happened(shop, "UPDATE customers SET first_name = 'Anna'")
    after = planned(shop)
    for brand in ("nordtal", "seewind"):  # the words of e-mails and of the web greet by name
        counts = [telling(plan, "name", brand, "'email', 'web'") for plan in (before, after)]
        assert found["dimension", "name", brand] == more(*counts) != {}


@pytest.mark.slow
def test_a_fresher_source_tells_more_to_whom_was_said(shop):
    shop.edit("sql/dimensions.yaml", "fresh_for: 90 days\n  name:", "fresh_for: 2 days\n  name:")
    found = unlocks(assess(shop), "detail")
    before = planned(shop)
    happened(shop, f"UPDATE returns SET opened_at = TIMESTAMP '{TODAY} 00:00' - INTERVAL 12 HOUR")
    after = planned(shop)
    for brand in ("nordtal", "seewind"):
        counts = [telling(plan, "last_order", brand, "'email', 'push', 'sms', 'web'") for plan in (before, after)]
        recounted = more(*counts)["easy_return"]
        assert found["source", "last_order", brand]["easy_return"] == recounted > 0


@pytest.mark.slow
def test_rows_that_are_true_for_longer_reach_whom_was_said(shop, tmp_path):
    whole = shop.copy(tmp_path / "whole")
    shop.edit(
        "sql/segments/delivered_recently.sql",
        "k.delivered_at + interval 14 days as",
        "k.delivered_at + interval 3 days as",
    )
    found = unlocks(assess(shop))
    before, after = planned(shop), planned(whole)
    for brand in ("nordtal", "seewind"):
        recounted = gained(before, after, brand)
        assert found["source", "delivered_recently", brand] == recounted != {}


@pytest.mark.slow
def test_a_language_that_is_spoken_reaches_whom_was_said(shop, tmp_path):
    whole = shop.copy(tmp_path / "whole")
    shop.edit(
        "templates/care_guide/product.yaml", "segment: delivered_recently", "segment: delivered_recently\nlocales: [en]"
    )
    found = unlocks(assess(shop))
    before = planned(shop)
    whole.edit(
        "templates/care_guide/product.yaml",
        "segment: delivered_recently",
        "segment: delivered_recently\nlocales: [en, de]",
    )
    after = planned(whole)
    for brand in ("nordtal", "seewind"):
        assert found["language", "de", brand] == gained(before, after, brand) != {}
