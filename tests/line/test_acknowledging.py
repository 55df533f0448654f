"""Written is not sent: what failed at the other end is delivered again, to those and nobody else."""

from __future__ import annotations

import pytest

from flows import cli
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from tests.tiny import MORNING, clock, day, make


@pytest.fixture
def delivered(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.run()
    return tiny


def call(tiny, *arguments, at=MORNING):
    with clock(at):
        return cli.main([*arguments, "--workspace", str(tiny.folder)])


def mails(tiny):
    return [batch for batch in tiny.batches() if batch.target == "email_file"]


def test_what_failed_is_delivered_again_to_those_and_nobody_else(delivered, tmp_path, capsys):
    [first] = mails(delivered)
    ids = {row["customer_id"]: row["message_id"] for row in first.rows}
    name = first.manifest["batch_id"]
    file = tmp_path / "failed.txt"
    older = f"{ids['c01']}{'0' * 32}"  # an earlier version gave messages twice the digits
    file.write_text("".join(f"{each}\n" for each in (older, ids["c03"], ids["c13"])))
    assert call(delivered, "acknowledge", name, "failed", "--file", str(file)) == 0
    assert (
        f"3 claims are released. \nNext: justenough deliver --failed {name}".replace(" \n", "\n")
        in capsys.readouterr().out
    )
    with clock(MORNING):
        inbox.write(delivered.load().settings, [Notice(customer_id="c13")])
    assert call(delivered, "deliver", "--failed", name) == 0
    again = mails(delivered)[1]
    before = {row["customer_id"]: row for row in first.rows}
    assert again.rows == [before["c01"], before["c03"]]
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("2 rows are in outbox/email_file/2026-11-22-")
    assert said.endswith(". Left out: NO_CONSENT 1.")
    assert delivered.history("SELECT count(*), count(DISTINCT message_id) FROM claim WHERE channel = 'email'") == [
        (6, 6)
    ]
    assert call(delivered, "deliver", "--failed", name) == 0
    assert "Nobody of those it failed for may get it any more." in capsys.readouterr().out
    assert len(mails(delivered)) == 2


@pytest.mark.slow
def test_nobody_is_kept_from_a_help_by_a_file_that_nobody_loaded(delivered):
    delivered.edit(
        "pyproject.toml", "[tool.justenough]\n", '[tool.justenough]\nacknowledged = ["email_file", "sms_file"]\n'
    )
    text = next(batch.manifest["batch_id"] for batch in delivered.batches() if batch.target == "sms_file")
    assert call(delivered, "acknowledge", text, "loaded") == 0
    outcome = delivered.run(at=day(6))  # the batches ran out after five days
    assert [(found.batch_id, found.state) for found in outcome.recovered] == [("email_file-2026-11-22-1", "lapsed")]
    later = {row["customer_id"] for batch in mails(delivered)[1:] for row in batch.rows}
    assert later >= {"c01", "c03", "c04", "c13"}
    assert delivered.history("SELECT count(*) FROM batch WHERE target = 'sms_file'") == [(1,)]


@pytest.mark.slow
def test_a_plan_that_has_expired_is_not_delivered_again(delivered, capsys):
    [first] = mails(delivered)
    name = first.manifest["batch_id"]
    assert call(delivered, "acknowledge", name, "failed") == 0
    assert call(delivered, "deliver", "--failed", name, at=day(2)) == 1
    assert "this plan expired" in capsys.readouterr().err
    assert call(delivered, "explain", "c01", at=day(2)) == 0
    assert "failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["deliver"], "UsageError justenough deliver: it takes a plan, or --failed and a batch"),
        (
            ["acknowledge", "email_file-2026-11-22-9", "sent"],
            "StateError email_file-2026-11-22-9: there is no such batch",
        ),
        (
            ["acknowledge", "email_file-2026-11-22-1", "failed", "--file", "none.txt"],
            "SourceError none.txt: this file cannot be read",
        ),
    ],
)
def test_what_cannot_be_acknowledged_is_said(delivered, capsys, given, complaint):
    assert call(delivered, *given) != 0
    assert complaint in capsys.readouterr().err
