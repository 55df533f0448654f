"""What may be sent still is called back, once, and only while it is valid: after an opt-out, an ended need, or by hand."""

from __future__ import annotations

import pytest

from flows import cli, line
from flows.errors import SourceError, StateError
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from flows.line.recalling import Which
from flows.settings import load_settings
from tests.tiny import clock, day, make

NEXT = day(1)
MAIL, TEXT = "email_file-2026-11-22-1", "sms_file-2026-11-22-1"


@pytest.fixture(scope="module")
def first_day(tmp_path_factory):
    """After the first day: care to c01, c03, c04, c13 by mail and c06 by SMS; news of late orders to c07 and twice c08."""
    tiny = make(tmp_path_factory.mktemp("recalling") / "tiny", brands=["north"])
    tiny.run()
    return tiny


@pytest.fixture
def tiny(first_day, tmp_path):
    return first_day.copy(tmp_path / "tiny")


def recalls(tiny) -> list[tuple[str, str, str, str]]:
    """Target, recalled batch, customer and address of all that was called back; what the manifests say agrees."""
    found = []
    for batch in tiny.batches():
        if batch.manifest["kind"] == "recall":
            assert batch.manifest["recalls"] == sorted({row["batch_id"] for row in batch.rows})
            assert {row["_mode"] for row in batch.rows} == {"remove"}
            found += [(batch.target, row["batch_id"], row["customer_id"], row["address"]) for row in batch.rows]
    return found


def by_hand(tiny, at=NEXT, **which):
    with clock(at):
        return line.recall(load_settings(tiny.folder), Which(**which))


def test_a_run_calls_back_what_is_on_its_way_to_whoever_may_not_be_spoken_to_any_more_and_nothing_else(tiny):
    tiny.says("c01", at=day(0))
    tiny.warehouse("INSERT INTO barred VALUES ('c06')")
    with clock(day(0)):
        inbox.write(tiny.load().settings, [Notice(address="mia@x.example.com", channel="email")])
    done = tiny.run(at=day(1)).delivered.recalled
    assert sorted(recalls(tiny)) == [
        ("email_file", MAIL, "c01", "ann@x.example.com"),
        ("email_file", MAIL, "c13", "mia@x.example.com"),
        ("sms_file", TEXT, "c06", "+4915112345606"),
    ]
    assert done.reasons == {"EXCLUDED": 1, "NO_CONSENT": 1, "SUPPRESSED": 1}
    assert sorted(done.batches.values()) == [1, 2]
    # Nobody knows that it was not sent, so it counts still.
    assert tiny.history("SELECT count(*) FROM claim JOIN recall USING (message_id)") == [(3,)]
    assert tiny.history("SELECT reason, count(*) FROM recall GROUP BY ALL ORDER BY ALL") == [
        ("EXCLUDED", 1), ("NO_CONSENT", 1), ("SUPPRESSED", 1)
    ]  # fmt: skip
    assert tiny.run(at=day(2)).delivered.recalled.batches == {}
    assert len(recalls(tiny)) == 3


@pytest.mark.slow
def test_a_run_calls_back_what_its_plan_has_not_seen(tiny):
    """Of people whom it is not about, and of who is no customer any more."""
    tiny.warehouse("INSERT INTO barred VALUES ('c06'); DELETE FROM people WHERE customer_id = 'c13'")
    assert tiny.run(at=day(1), customers=("c01",)).delivered.recalled.reasons == {"EXCLUDED": 1, "UNREACHABLE": 1}
    assert sorted(customer for _, _, customer, _ in recalls(tiny)) == ["c06", "c13"]
    tiny.warehouse("DELETE FROM people WHERE customer_id = 'c04'")
    assert tiny.run(at=day(2)).delivered.recalled.reasons == {"UNREACHABLE": 1}


def test_a_run_hears_what_is_said_until_it_calls_back(tiny):
    plan = tiny.plan(at=day(1))
    with clock(day(1)):
        line.start(tiny.load(), plan.order.run_id, expected=None, allow_past=False)
        inbox.write(tiny.load().settings, [Notice(customer_id="c01")])
        assert line.recall_outdated(tiny.load(), plan).reasons == {"NO_CONSENT": 1}


def test_what_was_sent_or_has_run_out_is_not_called_back(tiny):
    [(first,)] = tiny.history(f"SELECT min(message_id) FROM claim WHERE batch_id = '{MAIL}' AND product = 'care'")
    whose = next(row["customer_id"] for b in tiny.batches() for row in b.rows if row["message_id"] == first)
    with clock(day(0)):
        settings = tiny.load().settings
        line.acknowledge(settings, TEXT, "sent")
        told = tiny.folder / "told.csv"
        told.write_text(f"message_id,state\n{first},sent\n")
        line.acknowledge(settings, MAIL, None, told)
    # News of late orders ran out on the second day, the care guide not before the fifth.
    assert by_hand(tiny, at=day(3), batch=MAIL).reasons == {"by hand": 3}
    assert sorted(customer for _, _, customer, _ in recalls(tiny)) == sorted({"c01", "c03", "c04", "c13"} - {whose})
    with pytest.raises(StateError, match=r"this batch was sent\nhint: .*justenough correct sms_file-2026-11-22-1"):
        by_hand(tiny, at=day(3), batch=TEXT)
    assert by_hand(tiny, at=day(5), product="care").batches == {}


def test_a_product_a_batch_and_people_are_called_back_by_hand_though_the_words_are_broken(tiny):
    (tiny.folder / "templates/care/email.j2").write_text("{% block subject %}{{ nothing_like_it }}{% endblock %}")
    assert by_hand(tiny, product="late").reasons == {"by hand": 3}
    file = tiny.folder / "who.txt"
    file.write_text("c01\nc06\nc07\nnobody\n")
    assert by_hand(tiny, product="care", customers=file).reasons == {"by hand": 2}
    assert by_hand(tiny, batch=MAIL).reasons == {"by hand": 3}
    assert sorted((batch, customer) for _, batch, customer, _ in recalls(tiny)) == [
        (MAIL, "c01"), (MAIL, "c03"), (MAIL, "c04"), (MAIL, "c07"), (MAIL, "c08"), (MAIL, "c08"), (MAIL, "c13"), (TEXT, "c06")
    ]  # fmt: skip


def test_a_recall_that_failed_at_the_other_end_is_written_again(tiny):
    [name] = by_hand(tiny, batch=TEXT).batches
    with clock(day(1)):
        line.acknowledge(tiny.load().settings, name.replace("/", "-"), "failed")
    assert list(by_hand(tiny, batch=TEXT).batches.values()) == [1]
    assert by_hand(tiny, batch=TEXT).batches == {}


def test_what_was_called_back_and_not_sent_is_released_and_not_delivered_again(tiny):
    by_hand(tiny, at=day(0), product="care")
    with clock(day(0)):
        settings = tiny.load().settings
        assert line.acknowledge(settings, MAIL, "failed").released == 7
        done = line.deliver_again(tiny.load(), MAIL)
    assert done.rows == 3
    again = next(b for b in tiny.batches() if b.name == done.folder.name and b.target == "email_file")
    assert sorted(row["customer_id"] for row in again.rows) == ["c07", "c08", "c08"]
    with clock(day(0)):
        line.acknowledge(settings, TEXT, "failed")
        with pytest.raises(StateError, match="nothing of this batch failed"):
            line.deliver_again(tiny.load(), TEXT)


def ends(tiny, rows: str) -> None:
    """`care` ends with `returned`, `late` with `delivered`, by a table of outcomes."""
    tiny.warehouse(
        "CREATE TABLE happened (customer_id VARCHAR, order_id VARCHAR, what VARCHAR, since TIMESTAMP, loaded_at TIMESTAMP)"
    )
    tiny.warehouse(f"INSERT INTO happened VALUES {rows}")
    entry = "  happened: {person: customer_id, happened_at: since, may_be_empty: true}\ndimensions:"
    tiny.edit("sql/dimensions.yaml", "dimensions:", entry)
    (tiny.folder / "sql/outcomes").mkdir()
    (tiny.folder / "sql/outcomes/happened.sql").write_text(
        "SELECT customer_id, order_id AS subject_id, what AS outcome, since AS happened_at, loaded_at FROM happened"
    )
    for product, outcome in (("care", "returned"), ("late", "delivered")):
        tiny.edit(f"templates/{product}/product.yaml", "success:", f"ends_when: [{outcome}]\nsuccess:")


@pytest.mark.slow
def test_what_an_outcome_has_ended_is_called_back_once_it_is_known(tiny):
    ends(
        tiny,
        """
        ('c01', NULL, 'returned', '2026-11-22 12:00', NULL),                  -- after it was decided
        ('c03', NULL, 'returned', '2026-11-21 12:00', NULL),                  -- weighed by the segment
        ('c04', NULL, 'returned', '2026-11-21 12:00', '2026-11-22 20:00'),    -- before, and known later
        ('c13', NULL, 'delivered', '2026-11-22 12:00', NULL),                 -- ends another help
        ('c06', NULL, 'returned', '2026-11-25 12:00', NULL),                  -- has not happened yet
        ('c08', 'o82', 'delivered', '2026-11-22 12:00', NULL),                -- just this order
        ('c07', 'o99', 'delivered', '2026-11-22 12:00', NULL)                 -- another order
        """,
    )
    done = tiny.run(at=day(1), products=("late",)).delivered.recalled
    assert done.reasons == {"ended": 3}
    assert sorted(customer for _, _, customer, _ in recalls(tiny)) == ["c01", "c04", "c08"]
    tiny.run(at=day(4), products=("late",))
    assert sorted(customer for _, _, customer, _ in recalls(tiny)) == ["c01", "c04", "c06", "c08"]


@pytest.mark.slow
def test_what_the_web_shows_of_an_ended_need_is_taken_away_by_the_next_run(tiny):
    ends(tiny, "('c01', NULL, 'returned', '2026-11-22 12:00', NULL)")
    tiny.run(at=day(1))
    removed = [row for b in tiny.batches() if b.target == "web_profiles" and b.manifest["as_of"] == "2026-11-23"
               for row in b.rows if row["_mode"] == "remove"]  # fmt: skip
    shown = [row for b in tiny.batches() if b.target == "web_profiles" for row in b.rows
             if row["_mode"] == "append" and row["customer_id"] == "c01"]  # fmt: skip
    assert {row["message_id"] for row in shown} <= {row["message_id"] for row in removed}


def test_recalling_is_a_command_that_says_what_it_did(tiny, capsys):
    folder = str(tiny.folder)
    with clock(day(1)):
        assert cli.main(["recall", "--product", "late", "--workspace", folder]) == 0
        assert "outbox/email_file/2026-11-23-1 calls back 3" in capsys.readouterr().out
        assert cli.main(["recall", "--product", "late", "--workspace", folder]) == 0
        assert "There is nothing to call back" in capsys.readouterr().out
        assert cli.main(["recall", "--product", "lat", "--workspace", folder]) == 2
        assert "did you mean 'late'?" in capsys.readouterr().err
        assert cli.main(["recall", "--batch", "email_file-2026-11-22-9", "--workspace", folder]) == 1
        assert "there is no such batch" in capsys.readouterr().err
        assert cli.main(["recall", "--batch", "web_profiles-2026-11-22-1", "--workspace", folder]) == 1
        assert "nothing of it is sent to anybody" in capsys.readouterr().err
        inbox.write(tiny.load().settings, [Notice(customer_id="c01")])  # nobody else has emptied it
        assert cli.main(["recall", "--workspace", folder, "--json"]) == 0
        assert '"NO_CONSENT": 1' in capsys.readouterr().out


def test_an_empty_warehouse_calls_nobody_back_by_command_either(tiny):
    tiny.warehouse("DELETE FROM people")
    with clock(day(1)), pytest.raises(SourceError, match="people"):
        line.recall_now(tiny.load())
    assert recalls(tiny) == []
