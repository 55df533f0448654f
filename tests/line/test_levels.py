"""Detail levels as arms, from product.yaml to the ledger: how much is shown is drawn, and written down."""

from __future__ import annotations

import hashlib

import pytest

from flows import line
from flows.errors import ProductError
from tests.tiny import Tiny, clock, day, make

LEVELS = "test: {levels: {0: 50%, 2: 50%}}\nbecause:"


@pytest.fixture
def tried(tmp_path) -> Tiny:
    tiny = make(tmp_path / "tiny")
    tiny.edit("templates/care/product.yaml", "because:", LEVELS)
    return tiny


def drawn(who: str) -> int:
    u = int(hashlib.sha256(f"tiny/care/levels:{who}".encode()).hexdigest()[:13], 16) / 2**52
    return 0 if u < 0.5 else 2


HISTORY = (
    "SELECT decision.product, drawn_level, propensity, level, facts FROM decision JOIN delivery USING (decision_id) "
)
HISTORY += "JOIN receipt USING (message_id) ORDER BY ALL"


def test_each_person_is_shown_what_was_drawn_in_every_channel_and_the_history_says_so(tried):
    tried.run()
    known = {"c01", "c03", "c04", "c05", "c02", "c06", "c15"}
    rows = [row for batch in tried.batches() for row in batch.rows if row["customer_id"] in known]
    assert {drawn(row["customer_id"]) for row in rows} == {0, 2}
    found = tried.history(HISTORY)
    assert {level for product, level, *_ in found if product == "care"} == {0, 2, None}
    for product, level, propensity, shown, facts in found:
        if product == "late" or level is None:
            assert (level, propensity) == (None, 1.0)
        else:
            assert propensity == 0.5
            assert shown == level
            assert facts == ([] if level == 0 else facts)


def test_of_whom_not_all_is_known_is_in_no_arm(tried):
    tried.run()
    # Nothing is known of c13, whose care guide is a message all the same.
    none = tried.history(
        "SELECT count(*), max(len(facts)) FROM decision JOIN delivery USING (decision_id) JOIN receipt USING (message_id) "
        "WHERE decision.product = 'care' AND drawn_level IS NULL"
    )
    assert none[0][0] > 0
    assert none[0][1] == 0


@pytest.mark.slow
def test_a_person_keeps_their_arm(tried):
    tried.run()
    first = dict(tried.history("SELECT person_key, drawn_level FROM decision WHERE product = 'care'"))
    tried.run(at=day(31))
    again = dict(
        tried.history(f"SELECT person_key, drawn_level FROM decision WHERE product = 'care' AND as_of = '{day(31):%F}'")
    )
    assert again
    assert again == {person: first[person] for person in again}


def test_levels_that_would_say_the_same_are_refused(tried):
    for name in ("email", "web"):
        file = tried.folder / f"templates/care/{name}.j2"
        file.write_text(file.read_text("utf-8").replace("first_name", "item"), "utf-8")
    tried.edit("templates/care/product.yaml", "{0: 50%, 2: 50%}", "{0: 20%, 1: 40%, 2: 40%}")
    with pytest.raises(ProductError) as caught:
        tried.load()
    assert caught.value.what == "the detail levels 1 and 2 say the same: no words use name"
    assert caught.value.where.startswith("templates/care/product.yaml:")


@pytest.mark.slow
def test_a_correction_shows_no_more_than_was_drawn(tried):
    tried.run()
    (mail,) = (
        batch for batch in tried.batches() if batch.target == "email_file" and batch.manifest["brand"] == "north"
    )
    tried.edit("templates/care/product.yaml", LEVELS, "because:")
    with clock(day(0)):
        line.acknowledge(tried.load().settings, mail.manifest["batch_id"], "loaded")
        planned, _ = line.correct(tried.load(), mail.manifest["batch_id"], None)
        line.correct(tried.load(), mail.manifest["batch_id"], planned.people_count)
    shown = tried.history(
        "SELECT drawn_level, level FROM decision JOIN claim USING (decision_id) JOIN receipt USING (message_id) "
        "WHERE attempt = 2 AND drawn_level IS NOT NULL"
    )
    assert {level for level, _ in shown} == {0, 2}
    assert all(drawn == level for drawn, level in shown)
