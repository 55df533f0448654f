"""What a website holds: additions and removals, so that it ends up with what should be shown, and no more."""

from __future__ import annotations

import pytest

from tests.tiny import day


def changes(tiny, since):
    """`(mode, customer, product)` of the web batches from a day on, sorted."""
    found = []
    for batch in tiny.batches():
        if batch.target == "web_profiles" and batch.manifest["as_of"] >= f"{since:%F}":
            found += [(row["_mode"], row["customer_id"], row["product"]) for row in batch.rows]
    return sorted(found)


def held(tiny):
    """What a website holds that has loaded every batch in order: message ids."""
    holds = {}
    for batch in tiny.batches():
        if batch.target == "web_profiles":
            for row in batch.rows:
                if row["_mode"] == "remove":
                    del holds[row["message_id"]]
            holds |= {row["message_id"]: row for row in batch.rows if row["_mode"] == "append"}
    return sorted((row["customer_id"], row["product"]) for row in holds.values())


CARE = ["c01", "c02", "c03", "c04", "c05", "c06", "c13"]
SHOWN = sorted([*((customer, "care") for customer in CARE), ("c07", "late"), ("c08", "late"), ("c08", "late")])


def test_where_no_product_is_live_any_more_nobody_gets_anything_and_what_was_shown_is_taken_away(tiny):
    for product in ("care", "late"):
        tiny.edit(f"templates/{product}/product.yaml", "status: live", "status: paused")
    outcome = tiny.run(at=day(1))
    assert [(done.target, done.rows, done.removed) for done in outcome.delivered.published] == [
        ("email_file", 0, 0),
        ("sms_file", 0, 0),
        ("web_profiles", 10, 10),
    ]
    assert held(tiny) == []


def test_yesterdays_members_stay_while_once_every_keeps_them_from_being_decided_again(tiny):
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07')")  # what could be decided anew
    outcome = tiny.run(at=day(1))
    web = outcome.delivered.published[2]
    # c02 and c05 have no row in the segment any more; what was said of them is still true.
    assert (web.folder, web.unchanged) == (None, 10)
    assert held(tiny) == sorted([*[(c, "care") for c in CARE], ("c07", "late"), ("c08", "late"), ("c08", "late")])


def test_an_opt_out_after_publication_takes_away(tiny):
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07')")
    tiny.says("c01")
    outcome = tiny.run(at=day(1))
    assert changes(tiny, day(1)) == [("remove", "c01", "care")]
    web = outcome.delivered.published[2]
    assert (web.rows, web.removed, web.unchanged) == (1, 1, 9)


def test_an_exclusion_after_publication_takes_away_every_product(tiny):
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07')")
    tiny.warehouse("INSERT INTO barred VALUES ('c07'), ('c08'), ('c13')")
    tiny.run(at=day(1))
    gone = [("remove", "c07", "late"), ("remove", "c08", "late"), ("remove", "c08", "late"), ("remove", "c13", "care")]
    assert changes(tiny, day(1)) == gone


def test_who_is_no_customer_any_more_is_taken_away_whatever_they_said(tiny):
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07')")
    tiny.warehouse("DELETE FROM people WHERE customer_id IN ('c01', 'c07')")
    tiny.run(at=day(1))
    assert changes(tiny, day(1)) == [("remove", "c01", "care"), ("remove", "c07", "late")]


@pytest.mark.slow
def test_what_has_run_out_is_taken_away(tiny):
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07')")
    tiny.warehouse("DELETE FROM late_orders")
    tiny.set(largest_fall=1)
    tiny.run(at=day(2))  # `late` is true for two days, `care` for five
    assert changes(tiny, day(1)) == [("remove", "c07", "late"), ("remove", "c08", "late"), ("remove", "c08", "late")]
    tiny.run(at=day(5))
    assert held(tiny) == []


def test_a_product_that_is_paused_is_taken_away_and_its_messages_are_not_sent(tiny):
    tiny.edit("templates/care/product.yaml", "status: live", "status: paused")
    tiny.run(at=day(1))
    assert changes(tiny, day(1)) == [("remove", customer, "care") for customer in CARE]
    assert held(tiny) == [("c07", "late"), ("c08", "late"), ("c08", "late")]


def test_a_newer_decision_takes_the_place_of_the_older_one(tiny):
    tiny.edit("templates/care/product.yaml", "every: 30 days", "every: 2 days")
    tiny.warehouse("DELETE FROM needs WHERE customer_id <> 'c01'; DELETE FROM late_orders")
    tiny.set(largest_fall=1)
    tiny.run(at=day(2))
    late = [("remove", "c07", "late"), ("remove", "c08", "late"), ("remove", "c08", "late")]
    assert changes(tiny, day(1)) == [("append", "c01", "care"), ("remove", "c01", "care"), *late]
    assert held(tiny) == [(customer, "care") for customer in CARE]


@pytest.mark.slow
def test_a_target_that_a_brand_no_longer_uses_is_emptied_and_the_new_one_filled(tiny):
    tiny.edit("pyproject.toml", 'web = "web_profiles"', 'web = "web_profiles_parquet"')
    tiny.edit("templates/care/product.yaml", "every: 30 days", "every: 1 day")
    tiny.run(at=day(1), products=("late",))  # a narrowed run leaves alone what it is not about
    assert changes(tiny, day(1)) == []
    tiny.run(at=day(1))
    assert changes(tiny, day(1)) == [("remove", customer, product) for customer, product in SHOWN]
    moved = [batch for batch in tiny.batches() if batch.target == "web_profiles_parquet"]
    assert {(row["customer_id"], row["product"]) for batch in moved for row in batch.rows} >= {("c01", "care")}
    again = tiny.run(at=day(2))
    assert "web_profiles" not in {published.target for published in again.delivered.published}


@pytest.mark.slow
def test_a_channel_that_a_brand_gives_up_is_emptied(tiny):
    tiny.edit("pyproject.toml", 'web = "web_profiles"\n', "")
    tiny.run(at=day(1), customers=("c01",))
    assert changes(tiny, day(1)) == [("remove", "c01", "care")]
    tiny.run(at=day(1))
    assert held(tiny) == []


def test_someone_who_is_held_out_from_now_on_is_taken_away(tiny):
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07')")
    tiny.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 1\n")
    tiny.run(at=day(1))
    assert changes(tiny, day(1)) == [("remove", customer, "care") for customer in CARE]


@pytest.mark.slow
def test_the_membership_names_what_is_published_and_nothing_older_is_kept(tiny):
    tiny.says("c01")
    tiny.run(at=day(1))
    kept = [path.stem for path in (tiny.state / "membership/web_profiles/north").iterdir()]
    last = tiny.history(
        "SELECT batch_id FROM batch WHERE target = 'web_profiles' AND state = 'published' ORDER BY as_of DESC LIMIT 1"
    )
    assert [(kept[0],)] == last
    assert len(kept) == 1


@pytest.mark.slow
def test_a_run_for_a_past_day_is_followed_by_the_next_one_as_usual(tiny):
    tiny.says("c01")
    tiny.run(at=day(1))
    tiny.warehouse("INSERT INTO late_orders VALUES ('c03', 'north', 'o31', 'stove', 4)")
    tiny.run(at=day(1), as_of=day(0).date(), allow_past=True)
    tiny.says("c04")
    tiny.run(at=day(1), targets=("web_profiles",))
    assert ("c03", "late") in held(tiny)
    assert ("c04", "care") not in held(tiny)


def test_a_batch_that_only_takes_away_can_still_be_loaded(tiny):
    for customer in (*CARE, "c07", "c08"):
        tiny.says(customer)
    tiny.run(at=day(1))
    last = tiny.batches()[-1]
    assert held(tiny) == []
    assert last.manifest["valid_until"] > f"{day(1):%Y-%m-%dT%H:%M:%SZ}"
