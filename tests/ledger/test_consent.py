"""The inbox of notices, and what the ledger makes of them."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.errors import DataError
from flows.keys import load_key
from flows.ledger import inbox
from flows.ledger.consent import EVENTS, barred_since, drain, suppressed, told, told_suppressions
from flows.ledger.inbox import Notice
from flows.ledger.store import open_ledger
from tests.ledger.claiming import claimed
from tests.tiny import MORNING, clock

ROWS = pl.DataFrame(
    {
        "message_id": ["m1", "m2", "m3", "m4"],
        "person_key": ["ann", "bea", "cid", "dan"],
        "brand": ["north", "north", "south", "north"],
        "channel": ["email", "email", "email", "sms"],
        "topic": ["Care", "orders", "Care", "Care"],
        "address_match": ["ann@x.example.com", "bea@x.example.com", "cid@x.example.com", "+4915112345601"],
    }
)


@pytest.fixture
def workspace(settings):
    return settings.model_copy(update={"brands": {"north": {}, "south": {}}, "key_file": settings.state / "key"})


@pytest.fixture
def key(workspace):
    return load_key(workspace.key_file)


@pytest.fixture
def say(workspace, key):
    """Put notices into the inbox, drain it, and return the number of the drain."""

    def said(*notices: Notice) -> int:
        with clock(MORNING):
            inbox.write(workspace, notices)
            with open_ledger(workspace) as ledger:
                return drain(workspace, ledger, key)

    return said


@pytest.fixture
def ask(workspace):
    """What the ledger answers to a question."""

    def asked(question, *more):
        with open_ledger(workspace) as ledger:
            return question(ledger, *more)

    return asked


def person(name: str) -> str:
    """The id whose HMAC stands in `ROWS` in the tests that need one."""
    return f"customer {name}"


def rows_of(key, *names: str) -> pl.DataFrame:
    """`ROWS` with the keys of real ids."""
    return ROWS.filter(pl.col("person_key").is_in(names)).with_columns(
        person_key=key.of(pl.lit("customer ") + pl.col("person_key"))
    )


def test_a_notice_is_a_private_file_that_is_there_before_the_writer_goes_on(workspace):
    assert inbox.write(workspace, [Notice(customer_id="c1"), Notice(address="a@x.example.com", state="bounced")]) == 2
    [file] = inbox.waiting(workspace)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"customer_id": "c1", "brand": "*", "channel": "*", "topic": "*", "state": "no"},
        {"address": "a@x.example.com", "brand": "*", "channel": "*", "topic": "*", "state": "bounced"},
    ]


def test_nothing_to_say_leaves_no_file(workspace):
    assert inbox.write(workspace, []) == 0
    assert inbox.waiting(workspace) == []


def test_a_notice_about_a_message_of_an_earlier_version_is_about_that_message(workspace):
    inbox.write(workspace, [Notice(message_id="a1" * 32), Notice(customer_id="ann")])
    assert inbox.read(inbox.waiting(workspace))["message_id"].to_list() == ["a1" * 16, None]


def test_a_drain_empties_the_inbox_and_keeps_keys_instead_of_identities(workspace, key, say, ask):
    until = datetime(2026, 12, 1, tzinfo=UTC)
    assert say(Notice(customer_id="c1", state="snooze", until=until, channel="email", topic="care", source="shop")) == 1
    assert inbox.waiting(workspace) == []
    keyed = pl.select(person_key=key.of(pl.lit("c1")))["person_key"].item()
    [event_id] = ask(told)["event_id"]
    row = {
        "person_key": keyed,
        "event_id": event_id,
        "brand": "*",
        "channel": "email",
        "topic": "care",
        "state": "snooze",
    }
    row |= {"happened_at": MORNING, "until": until, "source": "shop", "wording": None}
    assert_frame_equal(ask(told), pl.DataFrame([row], EVENTS))


def test_a_notice_that_is_drained_again_counts_once(workspace, say, ask):
    inbox.write(workspace, [Notice(customer_id="c1"), Notice(address="a@x.example.com")])
    [file] = inbox.waiting(workspace)
    content, written_at = file.read_bytes(), file.stat().st_mtime_ns
    assert say() == 1
    before = ask(told), ask(told_suppressions)
    file.write_bytes(content)  # as a kill between the ledger's commit and the removal leaves it
    os.utime(file, ns=(written_at, written_at))
    assert say() == 2
    assert inbox.waiting(workspace) == []
    assert_frame_equal(ask(told), before[0])
    assert_frame_equal(ask(told_suppressions), before[1])


def test_a_file_of_a_name_that_was_there_before_says_something_new(workspace, say, ask):
    assert inbox.waiting(workspace) == []
    file = workspace.folder("inbox", "opt-outs") / "today.ndjson"
    for number, customer in enumerate(("c1", "c2"), start=1):
        file.write_bytes(f'{{"customer_id": "{customer}"}}'.encode())
        os.utime(file, ns=(number, number))
        say()
    assert ask(told)["person_key"].n_unique() == 2


def test_drains_are_counted_and_an_empty_inbox_is_none(say):
    assert say() == 0
    assert say(Notice(customer_id="c1")) == 1
    assert say() == 1
    assert say(Notice(address="a@x.example.com")) == 2


def test_a_no_about_what_nobody_knows_is_about_everything(say, ask):
    say(Notice(customer_id="c1", brand=" NORTH ", channel="Email ", topic=" Care"))
    say(Notice(customer_id="c1", brand="nroth", channel="fax", topic=" "))
    say(Notice(customer_id="c1", brand="nroth", state="yes", source="shop", wording="w1"))
    found = ask(told).select("brand", "channel", "topic", "state").rows()
    assert sorted(found) == [("*", "*", "*", "no"), ("north", "email", "care", "no"), ("nroth", "*", "*", "yes")]


def test_a_no_from_the_future_counts_from_now_and_a_yes_does_not(say, ask):
    later = MORNING + timedelta(days=2)
    say(
        Notice(customer_id="c1", happened_at=later),
        Notice(customer_id="c2", state="yes", source="s", wording="w", happened_at=later),
    )
    assert sorted(ask(told).select("state", "happened_at").rows()) == [("no", MORNING), ("yes", later)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"c1,no", "Invalid JSON: expected value at line 1 column 1"),
        (b"{}", "it names one of customer_id, address and message_id"),
        (b'{"customer_id": "c1", "address": "a@x.example.com"}', "it names one of customer_id, address and message_id"),
        (b'{"customer_id": ""}', "customer_id: String should have at least 1 character"),
        (b'{"customer_id": "c1", "canary": 1}', "Extra inputs are not permitted"),
        (
            b'{"customer_id": "c1", "state": "canary"}',
            "state: Input should be 'no', 'yes', 'pending', 'snooze', 'bounced' or 'complained'",
        ),
        (b'{"customer_id": "c1", "state": "snooze"}', "a snooze says until when"),
        (b'{"customer_id": "c1", "state": "yes", "source": "shop"}', "a yes names its source and its wording"),
        (b'{"customer_id": "c1", "state": "bounced"}', "'bounced' is said of an address or a message_id"),
        (b'{"address": "a@x.example.com", "state": "yes"}', "'yes' is said by a customer_id or a message_id"),
        (b'{"address": "canary"}', "an address has an @ or digits"),
        (b'{"customer_id": "c1", "state": "no", "state": "pending"}', "a key stands twice"),
        (
            b'{"customer_id": "c1", "happened_at": "2026-11-22T09:00:00"}',
            "happened_at: Input should have timezone info",
        ),
    ],
)
def test_a_line_that_is_no_notice_stops_whatever_would_leave(workspace, key, line, said):
    folder = workspace.folder("inbox", "opt-outs")
    inbox.write(workspace, [Notice(customer_id="c1")])
    (folder / "20000101T000000-0.ndjson").write_bytes(b'{"customer_id": "c2"}\n' + line + b"\n")
    with open_ledger(workspace) as ledger, pytest.raises(DataError) as refused:
        drain(workspace, ledger, key)
    assert refused.value.where == "inbox/opt-outs/20000101T000000-0.ndjson:2"
    assert refused.value.what == f"this is no notice: {said}"
    assert "canary" not in str(refused.value)
    assert len(inbox.waiting(workspace)) == 2


def test_a_file_that_is_still_being_written_waits(workspace, say):
    folder = workspace.folder("inbox", "opt-outs")
    assert inbox.waiting(workspace) == []
    (folder / ".half.ndjson").write_bytes(b'{"custo')
    assert say() == 0
    assert (folder / ".half.ndjson").exists()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()])
def test_what_is_no_plain_file_is_not_waited_for(workspace, key, make):
    assert inbox.waiting(workspace) == []
    make(workspace.folder("inbox", "opt-outs") / "1.ndjson")
    with open_ledger(workspace) as ledger, pytest.raises(DataError, match="this is not a plain file"):
        drain(workspace, ledger, key)


def test_an_empty_file_is_one_that_is_still_being_written(workspace, say):
    assert inbox.waiting(workspace) == []
    file = workspace.folder("inbox", "opt-outs") / "1.ndjson"
    file.touch()
    assert say() == 0
    file.write_bytes(b'{"customer_id": "c1"}')
    assert say() == 1
    assert not file.exists()


@pytest.mark.parametrize(
    ("notice", "barred"),
    [
        (Notice(customer_id=person("ann")), ["m1"]),
        (Notice(customer_id=person("ann"), state="snooze", until=MORNING + timedelta(days=1)), ["m1"]),
        (Notice(customer_id=person("ann"), brand="north", channel="email", topic="care"), ["m1"]),
        (Notice(customer_id=person("ann"), brand="south"), []),
        (Notice(customer_id=person("ann"), channel="sms"), []),
        (Notice(customer_id=person("ann"), topic="orders"), []),
        (Notice(customer_id=person("ann"), state="yes", source="s", wording="w"), []),
        (Notice(customer_id=person("ann"), state="pending"), []),
        (Notice(customer_id="somebody else"), []),
    ],
)
def test_whom_a_seal_leaves_out(say, ask, key, notice, barred):
    rows = rows_of(key, "ann", "bea")
    say(notice)
    assert ask(barred_since, 0, rows, key).rows() == [(message, "NO_CONSENT") for message in barred]


def test_a_seal_leaves_out_only_what_came_after_the_look(say, ask, key):
    rows = rows_of(key, "ann", "bea")
    first = say(Notice(customer_id=person("ann")))
    say(Notice(customer_id=person("bea")))
    assert ask(barred_since, first, rows, key).rows() == [("m2", "NO_CONSENT")]


@pytest.mark.parametrize(
    ("notice", "barred"),
    [
        (Notice(address="ANN@x.example.com "), ["m1"]),
        (Notice(address="Ann <ann@x.example.com>", state="bounced"), ["m1"]),
        (Notice(address="ann@x.example.com", brand="south"), []),
        (Notice(address="cid@x.example.com", brand="south"), ["m3"]),
        (Notice(address="ann@x.example.com", channel="sms"), []),
        (Notice(address="+49 151 12345601", state="complained"), ["m4"]),
        (Notice(address="0151 12345601", channel="sms"), ["m4"]),
        (Notice(address="015112345602"), []),
    ],
)
def test_an_address_gets_nothing_any_more_whoever_it_belongs_to(say, ask, key, notice, barred):
    say(notice)
    assert ask(barred_since, 0, ROWS, key).rows() == [(message, "SUPPRESSED") for message in barred]
    addresses = ROWS.select("brand", "channel", "address_match")
    listed = ROWS.filter(pl.col("message_id").is_in(barred)).select("channel", "address_match", "brand")
    assert_frame_equal(suppressed(ask(told_suppressions), addresses, key), listed)


def test_who_is_barred_twice_has_the_first_reason(say, ask, key):
    say(Notice(customer_id=person("ann")), Notice(address="ann@x.example.com"))
    assert ask(barred_since, 0, rows_of(key, "ann"), key).rows() == [("m1", "SUPPRESSED")]


@pytest.mark.bad_input(85)
def test_an_address_that_belongs_to_nobody_yet_is_kept_for_when_it_does(say, ask, key):
    say(Notice(address="new@x.example.com"))
    later = ROWS.head(1).with_columns(address_match=pl.lit("new@x.example.com"))
    assert ask(barred_since, 0, later, key).rows() == [("m1", "SUPPRESSED")]


@pytest.fixture
def sent(workspace, key):
    """A message to Ann, claimed as a run does."""
    with open_ledger(workspace) as ledger:
        address = pl.select(key.of("north", "email", "ann@x.example.com")).item()
        claimed(ledger, {"message_id": "sent", "address_key": address})


@pytest.mark.usefixtures("sent")
def test_an_answer_to_a_message_is_its_receivers_and_about_its_brand(say, ask, key):
    say(Notice(message_id="sent"))
    assert ask(told).select("person_key", "brand", "channel", "state").rows() == [("ann", "north", "*", "no")]
    assert ask(barred_since, 0, ROWS, key).rows() == [("m1", "NO_CONSENT")]
    assert ask(told_suppressions).is_empty()


@pytest.mark.usefixtures("sent")
def test_a_message_that_bounces_takes_its_address_away(say, ask, key):
    say(Notice(message_id="sent", state="bounced"))
    assert ask(barred_since, 0, ROWS, key).rows() == [("m1", "SUPPRESSED")]
    assert ask(told).is_empty()


@pytest.mark.bad_input(79)
def test_an_answer_to_a_message_that_nobody_knows_is_kept_and_bars_nobody(say, ask, key):
    say(Notice(message_id="unknown"))
    assert ask(barred_since, 0, ROWS, key).is_empty()
    assert ask(lambda ledger: ledger.rows("SELECT message_id, person_key FROM consent_event").rows()) == [
        ("unknown", None)
    ]
