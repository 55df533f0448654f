"""Running again: nothing twice on a day, `once_every` on later ones, versions, and narrowed runs."""

from __future__ import annotations

import pytest

from tests.tiny import day, make


def test_a_second_run_of_the_same_day_delivers_nothing_more(tiny):
    before, seen = tiny.everything(), tiny.batches()
    outcome = tiny.run()
    after = tiny.everything()
    assert [p.folder for p in outcome.delivered.published] == [None, None, None]
    assert [p.dropped for p in outcome.delivered.published] == [{}, {}, {}]
    assert tiny.batches() == seen
    # Only the run itself, whom it looked at, and what answers go by from now on.
    noted = {"run", "segment_count", "approval"}
    assert [row[0] for row in after["approval"] if row not in before["approval"]] == ["frozen"]
    assert {name: rows for name, rows in after.items() if name not in noted} == {
        name: rows for name, rows in before.items() if name not in noted
    }
    assert outcome.plan.people["marketing"].passed == outcome.plan.people["service"].passed == 0
    assert outcome.plan.people["marketing"].reasons["REPEATED"] == 7
    assert outcome.delivered.published[2].unchanged == 10


@pytest.mark.parametrize(
    ("number", "care", "late"),
    [(1, 0, 0), (3, 0, 0), (4, 0, 3), (29, 0, 3), (30, 5, 3)],  # once every 30 days a person, 4 days an order
)
def test_the_same_help_comes_again_only_after_once_every(tiny, number, care, late):
    plan = tiny.plan(at=day(number))
    service, marketing = plan.people["service"], plan.people["marketing"]
    assert (service.passed, service.reasons.get("REPEATED", 0)) == (late, 3 - late)
    # c02 and c05 had no message on the first day, and so no claim; Gus is silenced while his order is spoken of.
    silenced = 1 if late else 0
    assert marketing.reasons.get("SILENCED_BY_SERVICE", 0) == silenced
    assert marketing.passed == care + 2 + (1 - silenced)
    assert marketing.reasons.get("REPEATED", 0) == 5 - care


@pytest.mark.slow
def test_when_once_every_is_over_the_message_is_delivered_again_under_another_id(tiny):
    first = {row["message_id"] for batch in tiny.batches() for row in batch.rows if row["customer_id"] == "c01"}
    tiny.run(at=day(30))
    later = [batch for batch in tiny.batches() if batch.name.startswith("2026-12-22")]
    again = [
        row["message_id"] for b in later if b.target == "email_file" for row in b.rows if row["customer_id"] == "c01"
    ]
    assert len(again) == 1
    assert again[0] not in first


@pytest.mark.bad_input(100)
def test_a_clock_set_back_loosens_nothing(tiny):
    plan = tiny.plan(at=day(-1))
    assert plan.people["service"].reasons == {"REPEATED": 3}
    assert plan.people["marketing"].reasons["REPEATED"] == 5


def test_other_words_make_version_2_and_both_are_kept(tiny):
    tiny.edit("templates/late/email.j2", "We are sorry.", "We are very sorry.")
    tiny.warehouse("INSERT INTO late_orders VALUES ('c01', 'north', 'o11', 'tent', 4)")
    tiny.run(at=day(1))
    versions = tiny.history("SELECT product, number, digest FROM product_version ORDER BY product, number")
    assert [(product, number) for product, number, _ in versions] == [("care", 1), ("late", 1), ("late", 2)]
    words = [(tiny.state / "content" / digest / "templates/late/email.j2").read_text() for *_, digest in versions[1:]]
    assert ["very sorry" in text for text in words] == [False, True]
    used = tiny.history("SELECT DISTINCT product_version FROM receipt WHERE product = 'late' AND as_of = '2026-11-23'")
    assert used == [(2,)]


def test_a_product_that_was_not_asked_for_is_neither_claimed_nor_taken_away(tiny):
    tiny.warehouse("INSERT INTO late_orders VALUES ('c01', 'north', 'o11', 'tent', 4)")
    tiny.warehouse("INSERT INTO people VALUES ('c20', 'north', 'DE', 'en', 'new@x.example.com', NULL, 'New')")
    tiny.warehouse("INSERT INTO needs VALUES ('c20', 'north', 'tent', 4, '2026-11-01')")
    tiny.says("c20", "yes", at=day(-1))
    tiny.says("c03")  # said no since: called back, yet this run does not look at the care guide
    tiny.run(at=day(1), products=("late",))
    new = [batch for batch in tiny.batches() if batch.name.startswith("2026-11-23")]
    assert [(b.target, b.manifest["kind"], [(row["customer_id"], row["_mode"]) for row in b.rows]) for b in new] == [
        ("email_file", "recall", [("c03", "remove")]),
        ("email_file", "message", [("c01", "append")]),
        ("web_profiles", "state", [("c01", "append")]),
    ]
    assert tiny.history("SELECT DISTINCT product FROM claim WHERE as_of = '2026-11-23'") == [("late",)]


def test_a_target_that_was_not_asked_for_is_left_alone(tiny):
    tiny.warehouse("INSERT INTO late_orders VALUES ('c01', 'north', 'o11', 'tent', 4)")
    tiny.warehouse("DELETE FROM needs WHERE customer_id IN ('c02', 'c05', 'c07')")  # what could be decided anew
    tiny.says("c03")
    tiny.run(at=day(1), targets=("email_file",))
    new = [batch for batch in tiny.batches() if batch.name.startswith("2026-11-23")]
    assert [(b.target, b.manifest["kind"], [row["customer_id"] for row in b.rows]) for b in new] == [
        ("email_file", "recall", ["c03"]),
        ("email_file", "message", ["c01"]),
    ]


@pytest.mark.slow
def test_service_is_never_held_out_and_marketing_is(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 1\n")
    outcome = tiny.run()
    assert outcome.plan.people["service"].passed == 3
    assert outcome.plan.people["marketing"].passed == 0
    assert outcome.plan.people["marketing"].reasons["HOLDOUT"] == 7
    assert tiny.history("SELECT DISTINCT message_type FROM claim") == [("service",)]
    assert {row["product"] for b in tiny.batches() if b.target == "web_profiles" for row in b.rows} == {"late"}
    # A held-out win is logged, and binds as a claim does.
    assert tiny.history("SELECT count(*) FROM decision WHERE reason = 'HOLDOUT'") == [(7,)]
    assert tiny.plan(at=day(1)).people["marketing"].reasons["REPEATED"] == 7
