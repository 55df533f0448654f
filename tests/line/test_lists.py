"""A platform's suppression list, held against ours both ways."""

from __future__ import annotations

import json
import stat

import pytest

from flows import cli
from flows.errors import SourceError
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from tests.tiny import MORNING, clock, day, make


@pytest.fixture
def tiny(tmp_path):
    return make(tmp_path / "tiny", brands=["north"])


def reconcile(tiny, capsys, target, content, *more, at=MORNING):
    file = tiny.folder / "list.csv"
    file.write_text(content, "utf-8")
    with clock(at):
        code = cli.main(["reconcile", target, str(file), *more, "--workspace", str(tiny.folder), "--json"])
    printed = capsys.readouterr()
    return json.loads(printed.out) if code == 0 else printed.out + printed.err


@pytest.mark.slow
def test_what_is_on_the_list_gets_nothing_and_what_it_lacks_is_written_for_an_upload(tiny, capsys):
    with clock(MORNING):
        inbox.write(tiny.load().settings, [Notice(customer_id="c03")])
    upload = tiny.folder / "upload.csv"
    found = reconcile(
        tiny,
        capsys,
        "email_file",
        "email,why\nANN@x.example.com,bounce\nkim@x.example.com,spam\n",
        "--missing",
        str(upload),
    )
    # Kim (c11) is suppressed in the warehouse: on both lists. Ida (c09) says no there, Cid (c03) in the inbox.
    assert found == {"target": "email_file", "listed": 2, "added": 2, "gone": 0, "missing": 2}
    assert upload.read_text() == "address\nPair@x.example.com\nida@x.example.com\n"
    assert stat.S_IMODE(upload.stat().st_mode) == 0o600
    tiny.run()
    mailed = {row["customer_id"] for batch in tiny.batches() if batch.target == "email_file" for row in batch.rows}
    assert mailed == {"c02", "c04", "c07", "c08", "c13"}


@pytest.mark.slow
def test_who_was_on_the_list_and_is_no_more_stays_suppressed_and_is_counted(tiny, capsys):
    reconcile(tiny, capsys, "email_file", "ann@x.example.com\nmia@x.example.com\n")
    found = reconcile(tiny, capsys, "email_file", "mia@x.example.com\n", at=day(1))
    assert (found["listed"], found["added"], found["gone"]) == (1, 0, 1)
    assert tiny.history("SELECT count(DISTINCT event_id) FROM suppression") == [(2,)]


@pytest.mark.slow
def test_telephone_numbers_are_the_same_however_they_are_written(tiny, capsys):
    with clock(MORNING):
        inbox.write(tiny.load().settings, [Notice(address="+4915112345606")])
    found = reconcile(tiny, capsys, "sms_file", "phone\n0151 12345606\n")
    assert (found["added"], found["missing"]) == (1, 0)
    found = reconcile(tiny, capsys, "sms_file", "+49 151 12345606\n")
    assert found["added"] == 0


def test_a_list_that_nobody_compared_in_time_stops_the_run_and_its_age_stands_in_the_plan(tiny, capsys):
    tiny.edit(
        "pyproject.toml",
        "[tool.justenough.crowd]",
        '[tool.justenough.suppression_lists]\nemail_file = "2 days"\n\n[tool.justenough.crowd]',
    )
    with pytest.raises(SourceError) as refused:
        tiny.plan()
    assert (refused.value.where, refused.value.what) == (
        "target email_file",
        "its suppression list was never compared with ours, and 2 days are allowed",
    )
    reconcile(tiny, capsys, "email_file", "nobody@x.example.com\n")
    assert tiny.plan(at=day(1)).order.list_ages == {"email_file": "24 hours"}
    with pytest.raises(SourceError) as refused:
        tiny.plan(at=day(3))
    assert refused.value.what == "its suppression list was last compared 3 days ago, and 2 days are allowed"


@pytest.mark.parametrize(
    ("target", "content", "more", "complaint"),
    [
        ("email_fil", "x@y.example.com", [], "'email_fil' is no target here"),
        ("email_file", "x@y.example.com", ["--brand", "nroth"], "'nroth' is no brand"),
        ("email_file", "name,place\nx,y\n", [], "the header has no column address"),
    ],
)
def test_what_is_no_list_is_said(tiny, capsys, target, content, more, complaint):
    assert complaint in reconcile(tiny, capsys, target, content, *more)
