"""A batch that was wrong is corrected by one message more to its recipients: once, on purpose, and to nobody who said stop."""

from __future__ import annotations

import pytest

from flows import cli, line
from flows.errors import PlanError, StateError
from flows.line.recalling import Which
from tests.tiny import clock, day, make

MAIL = "email_file-2026-11-22-1"
NEXT = day(1)


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """After a first day whose mail was loaded, and whose words about care have been mended since."""
    tiny = make(tmp_path_factory.mktemp("correcting") / "tiny", brands=["north"])
    tiny.run()
    with clock(day(0)):
        line.acknowledge(tiny.load().settings, MAIL, "loaded")
    tiny.edit("templates/care/email.j2", "dry it first", "never dry it")
    return tiny


@pytest.fixture
def tiny(sent, tmp_path):
    return sent.copy(tmp_path / "tiny")


def correct(tiny, batch=MAIL, expected=None, at=NEXT):
    with clock(at):
        return line.correct(tiny.load(), batch, expected)


def acknowledge(tiny, batch, told, at=NEXT, file=None):
    with clock(at):
        line.acknowledge(tiny.load().settings, batch, told, file)


def mail(tiny) -> list:
    return [b for b in tiny.batches() if b.target == "email_file" and b.manifest["kind"] == "message"]


def reached(batch) -> list[str]:
    return sorted(row["customer_id"] for row in batch.rows)


def test_the_recipients_who_may_still_be_spoken_to_are_told_once_more_in_the_words_as_they_are_now(tiny):
    tiny.says("c03")
    tiny.warehouse("INSERT INTO barred VALUES ('c04')")
    tiny.warehouse("UPDATE people SET email = 'ann.new@x.example.com' WHERE customer_id = 'c01'")
    tiny.warehouse("DELETE FROM people WHERE customer_id = 'c13'")
    planned, done = correct(tiny)
    assert done is None
    assert len(mail(tiny)) == 1
    care, late = planned.people["marketing"], planned.people["service"]
    assert (care.base, care.passed, care.reasons) == (4, 1, {"EXCLUDED": 1, "NO_CONSENT": 1, "UNREACHABLE": 1})
    assert (late.base, late.passed) == (3, 3)
    correct(tiny, expected=4)
    wrong, right = mail(tiny)
    assert reached(wrong) == ["c01", "c03", "c04", "c07", "c08", "c08", "c13"]
    assert reached(right) == ["c01", "c07", "c08", "c08"]
    assert {row["email"] for row in right.rows if row["customer_id"] == "c01"} == {"ann.new@x.example.com"}
    assert (right.manifest["corrects"], right.manifest["as_of"], wrong.manifest["corrects"]) == (
        MAIL,
        "2026-11-23",
        None,
    )
    assert b"never dry it" in right.payload["creatives.ndjson"]
    assert b"never dry it" not in wrong.payload["creatives.ndjson"]
    assert not {row["message_id"] for row in right.rows} & {row["message_id"] for row in wrong.rows}
    attempts = (
        "SELECT attempt, count(*), count(DISTINCT decision_id) FROM claim WHERE channel = 'email' GROUP BY 1 ORDER BY 1"
    )
    assert tiny.history(attempts) == [(1, 7, 7), (2, 4, 4)]
    assert tiny.history("SELECT DISTINCT decision_id FROM claim WHERE attempt = 2 EXCEPT "
                        "SELECT decision_id FROM claim WHERE attempt = 1") == []  # fmt: skip
    assert tiny.history("SELECT corrects FROM batch WHERE corrects IS NOT NULL") == [(MAIL,)]
    tiny.run(at=day(1))
    assert len({row["message_id"] for b in mail(tiny) for row in b.rows}) == sum(len(b.rows) for b in mail(tiny))


@pytest.mark.slow
def test_a_batch_is_corrected_once_and_its_correction_may_be_corrected(tiny):
    correct(tiny, expected=7)
    with pytest.raises(
        StateError, match=r"this batch was corrected by (.*)\nhint: .*justenough correct email_file-2026-11-23-1"
    ):
        correct(tiny, expected=7)
    [_, first] = mail(tiny)
    with pytest.raises(StateError, match="nobody has told that it was loaded"):
        correct(tiny, first.manifest["batch_id"])
    acknowledge(tiny, first.manifest["batch_id"], "sent")
    tiny.edit("templates/care/email.j2", "never dry it", "dry it in the shade")
    correct(tiny, first.manifest["batch_id"], expected=7)
    assert mail(tiny)[-1].manifest["corrects"] == first.manifest["batch_id"]
    assert tiny.history("SELECT attempt, count(*) FROM claim WHERE channel = 'email' GROUP BY 1 ORDER BY 1") == [
        (1, 7), (2, 7), (3, 7)
    ]  # fmt: skip


def test_another_number_of_people_than_was_approved_gets_nothing(tiny):
    with pytest.raises(PlanError, match="6 were approved, and the plan has 7"):
        correct(tiny, expected=6)
    assert len(mail(tiny)) == 1


def test_what_nobody_has_seen_is_not_corrected(tiny):
    with pytest.raises(StateError, match="justenough recall --batch sms_file-2026-11-22-1"):
        correct(tiny, "sms_file-2026-11-22-1")
    acknowledge(tiny, "sms_file-2026-11-22-1", "failed")
    with pytest.raises(StateError, match="this batch is failed: it reached nobody"):
        correct(tiny, "sms_file-2026-11-22-1")
    with pytest.raises(StateError, match="put right by: justenough run"):
        correct(tiny, "web_profiles-2026-11-22-1")
    with pytest.raises(StateError, match="there is no such batch"):
        correct(tiny, "email_file-2026-11-22-7")


@pytest.mark.slow
def test_who_was_called_back_or_whose_message_failed_is_not_corrected_unless_it_was_sent_all_the_same(tiny):
    names = {row["message_id"]: row["customer_id"] for b in mail(tiny) for row in b.rows}
    care = sorted(name for name, who in names.items() if who in {"c01", "c03", "c04", "c13"})
    file = tiny.folder / "told.csv"
    file.write_text(f"message_id,state\n{care[0]},failed\n{care[1]},sent\n")
    with clock(day(1)):
        line.recall(tiny.load().settings, Which(product="care"))
    acknowledge(tiny, MAIL, None, file=file)
    with clock(day(1)):
        assert correct(tiny)[0].people["marketing"].base == 1
    correct(tiny, expected=4)
    assert reached(mail(tiny)[-1]) == sorted(["c07", "c08", "c08", names[care[1]]])


@pytest.mark.slow
def test_neither_a_cap_nor_the_same_help_bars_a_correction_and_both_count_it(tiny):
    tiny.set(caps="1 in 7 days")
    correct(tiny, expected=7)
    assert "c01" in reached(mail(tiny)[-1])
    # Thirty days after the message the help would come again; it comes thirty days after the correction.
    planned = tiny.run(at=day(30), dry_run=True).plan
    assert planned.people["marketing"].reasons["REPEATED"] >= 4


def test_a_product_that_was_paused_for_its_words_can_be_corrected(tiny):
    tiny.edit("templates/care/product.yaml", "status: live", "status: paused")
    assert correct(tiny)[0].people_count == 7


def test_who_leaves_the_segment_later_is_told_what_was_wrong_all_the_same(tiny):
    tiny.warehouse(
        "UPDATE needs SET since_at = '2026-11-24' WHERE customer_id = 'c13'"
    )  # was not known on the day of the batch
    tiny.edit(
        "sql/segments/owners.sql", "FROM needs n", "FROM (SELECT * FROM needs WHERE $as_of < DATE '2026-11-23') n"
    )
    planned, _ = correct(tiny, at=day(2))
    assert planned.people["marketing"].reasons == {"STALE_CONTEXT": 1}
    assert planned.people["marketing"].passed == 3


@pytest.mark.slow
def test_a_correction_shows_whom_it_would_reach_and_waits_for_their_number(tiny, capsys):
    folder = str(tiny.folder)
    with clock(day(1)):
        assert cli.main(["correct", MAIL, "--workspace", folder]) == 3
        assert f"justenough correct {MAIL} --expect 7" in capsys.readouterr().out.replace("\n", " ")
        assert cli.main(["correct", MAIL, "--dry-run", "--workspace", folder]) == 0
        assert cli.main(["correct", MAIL, "--dry-run", "--expect", "7", "--workspace", folder]) == 2
        assert cli.main(["correct", MAIL, "--expect", "8", "--workspace", folder]) == 1
        assert len(mail(tiny)) == 1
        capsys.readouterr()
        assert cli.main(["correct", MAIL, "--expect", "7", "--workspace", folder, "--json"]) == 0
        assert f'"corrects": "{MAIL}"' in capsys.readouterr().out
        assert cli.main(["correct", MAIL, "--expect", "7", "--workspace", folder]) == 1
        assert "was corrected by email_file-2026-11-23-1" in capsys.readouterr().err
    assert len(mail(tiny)) == 2


@pytest.mark.slow
def test_a_correction_that_failed_is_delivered_again_and_no_correction_is_explained_as_a_plan(tiny):
    planned = tiny.plan(at=day(1))
    correct(tiny, expected=7)
    batch = mail(tiny)[-1].manifest["batch_id"]
    acknowledge(tiny, batch, "failed")
    with clock(day(1)):
        again = line.deliver_again(tiny.load(), batch)
        assert line.explain(tiny.load(), "c01").run_id == planned.order.run_id
    assert again.rows == 7
    assert mail(tiny)[-1].manifest["corrects"] == MAIL
    assert tiny.history("SELECT count(*) FROM claim WHERE attempt = 2") == [(7,)]
