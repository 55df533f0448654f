"""What platforms tell, in the form that their documentation shows, becomes rows of our own."""

from __future__ import annotations

import json

import pytest

from flows.adapters import FILE, adapters
from flows.incoming import read_incoming

OURS = "a1" * 32
RECIPIENT = "recipient@example.com"

SES_MAIL = {
    "timestamp": "2026-11-22T09:59:58.000Z",
    "source": "Sender Name <sender@example.com>",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": [RECIPIENT],
    "tags": {"ses:configuration-set": ["ConfigSet"], "message_id": [OURS]},
}
AT = {"timestamp": "2026-11-22T10:00:00.123Z"}


def ses(kind, **more):
    return {"eventType": kind, "mail": SES_MAIL, **more}


def sendgrid(event, **more):
    known = {
        "email": RECIPIENT,
        "timestamp": 1795341600,
        "sg_event_id": "E1",
        "sg_message_id": "x.filter",
        "message_id": OURS,
    }
    return {"event": event, **known, **more}


def mailgun(event, **more):
    headers = {"to": RECIPIENT, "message-id": f"{OURS}@north.example.com"}
    found = {
        "event": event,
        "id": "CPgfbmQMTCKtHW6uIWtuVe",
        "timestamp": 1795341600.123456,
        "message": {"headers": headers},
    }
    return {"signature": {"token": "t"}, "event-data": {**found, "recipient": RECIPIENT, **more}}


def braze(kind, **more):
    known = {"id": "f3b1", "user_id": "u", "external_user_id": "c01", "time": 1795341600, "email_address": RECIPIENT}
    return {"event_type": f"users.messages.{kind}", **known, **more}


BOUNCED = [{"emailAddress": RECIPIENT, "status": "5.1.1"}]
EXTRAS = json.dumps({"message_id": OURS})
TOLD = [
    ("ses", ses("Send", send={}), ["loaded"]),
    ("ses", ses("Delivery", delivery=AT), ["sent"]),
    ("ses", ses("Reject", reject={"reason": "Bad content"}), ["failed"]),
    ("ses", ses("Rendering Failure", failure={"errorMessage": "…"}), ["failed"]),
    (
        "ses",
        ses("Bounce", bounce={"bounceType": "Permanent", "bouncedRecipients": BOUNCED, **AT}),
        ["failed", "hard_bounce"],
    ),
    ("ses", ses("Bounce", bounce={"bounceType": "Transient", **AT}), ["failed", "soft_bounce"]),
    ("ses", ses("Complaint", complaint=AT), ["complained"]),
    ("ses", ses("Click", click={"link": "https://x.example.com", **AT}), ["clicked"]),
    ("ses", ses("Open", open=AT), []),
    ("ses", ses("DeliveryDelay", deliveryDelay=AT), []),
    (
        "ses",
        ses("Subscription", subscription={"newTopicPreferences": {"unsubscribeAll": True}, **AT}),
        ["unsubscribed"],
    ),
    ("ses", ses("Subscription", subscription={"newTopicPreferences": {"unsubscribeAll": False}, **AT}), []),
    ("ses", {"Type": "Notification", "MessageId": "s", "Message": json.dumps(ses("Click", click=AT))}, ["clicked"]),
    ("ses", {"notificationType": "Delivery", "mail": {**SES_MAIL, "tags": {}}, "delivery": AT}, []),
    ("sendgrid", sendgrid("processed"), ["loaded"]),
    ("sendgrid", sendgrid("delivered"), ["sent"]),
    ("sendgrid", sendgrid("deferred"), []),
    ("sendgrid", sendgrid("dropped", reason="Bounced Address"), ["failed"]),
    ("sendgrid", sendgrid("bounce", type="bounce", status="5.0.0"), ["failed", "hard_bounce"]),
    ("sendgrid", sendgrid("bounce", type="blocked"), ["failed", "soft_bounce"]),
    ("sendgrid", sendgrid("open", sg_machine_open=False), []),
    ("sendgrid", sendgrid("click", url="https://x.example.com"), ["clicked"]),
    ("sendgrid", sendgrid("spamreport"), ["complained"]),
    ("sendgrid", sendgrid("unsubscribe"), ["unsubscribed"]),
    ("sendgrid", sendgrid("group_unsubscribe", asm_group_id=10), ["unsubscribed"]),
    ("sendgrid", sendgrid("click", message_id="another-of-theirs"), []),
    ("mailgun", mailgun("accepted"), ["loaded"]),
    ("mailgun", mailgun("delivered"), ["sent"]),
    ("mailgun", mailgun("rejected"), ["failed"]),
    ("mailgun", mailgun("failed", severity="temporary", reason="generic"), []),
    ("mailgun", mailgun("failed", severity="permanent", reason="old"), ["failed"]),
    ("mailgun", mailgun("failed", severity="permanent", reason="bounce"), ["failed", "hard_bounce"]),
    ("mailgun", mailgun("opened"), []),
    ("mailgun", mailgun("clicked", url="https://x.example.com"), ["clicked"]),
    ("mailgun", mailgun("complained"), ["complained"]),
    ("mailgun", mailgun("unsubscribed"), ["unsubscribed"]),
    ("mailgun", mailgun("clicked", message={}, **{"user-variables": {"message_id": OURS}}), ["clicked"]),
    ("mailgun", {"items": [mailgun("clicked")["event-data"]], "paging": {}}, ["clicked"]),
    ("braze", braze("email.Send", message_extras=EXTRAS), ["loaded"]),
    ("braze", braze("email.Delivery", message_extras=EXTRAS), ["sent"]),
    ("braze", braze("email.Bounce", message_extras=EXTRAS), ["failed", "hard_bounce"]),
    ("braze", braze("email.SoftBounce", message_extras=EXTRAS), ["soft_bounce"]),
    ("braze", braze("email.Open", message_extras=EXTRAS), []),
    ("braze", braze("email.Click", message_extras=EXTRAS), ["clicked"]),
    ("braze", braze("email.MarkAsSpam", message_extras=EXTRAS), ["complained"]),
    ("braze", braze("email.Unsubscribe", message_extras=EXTRAS), ["unsubscribed"]),
    ("braze", braze("inappmessage.Click"), []),
]
WHEN = {
    "ses": "2026-11-22T10:00:00.123Z",
    "sendgrid": "2026-11-22T10:00:00+00:00",
    "braze": "2026-11-22T10:00:00+00:00",
}
WHEN |= {"mailgun": "2026-11-22T10:00:00.123456+00:00"}


def read(tmp_path, adapter, *events):
    file = tmp_path / "events.json"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return read_incoming(file, adapters()[adapter].shape)


@pytest.mark.parametrize(("adapter", "event", "outcomes"), TOLD)
def test_an_event_tells_what_its_platform_says_it_does_of_our_message_and_nobodys_address(
    tmp_path, adapter, event, outcomes
):
    found = read(tmp_path, adapter, event)
    assert (found.refusal, found.bad, found.records, found.others) == (None, 0, 1, not outcomes)
    assert found.values("outcome") == outcomes
    assert found.values("message_id") == [OURS] * len(outcomes)
    assert RECIPIENT not in repr(found.rows)
    is_of_mail = event.get("eventType") in ("Send", "Reject", "Rendering Failure")
    assert found.values("happened_at") == [SES_MAIL["timestamp"] if is_of_mail else WHEN[adapter]] * len(outcomes)


@pytest.mark.parametrize(
    ("kind", "outcomes", "channel"),
    [
        ("email.Click", ["clicked"], "email"),
        ("email.Delivery", [], "email"),
        ("email.Bounce", ["hard_bounce"], "email"),
        ("sms.Delivery", [], "sms"),
        ("sms.ShortLinkClick", ["clicked"], "sms"),
        ("pushnotification.Open", ["clicked"], "push"),
    ],
)
def test_without_our_message_braze_tells_what_customers_did_and_nothing_of_messages(tmp_path, kind, outcomes, channel):
    found = read(tmp_path, "braze", braze(kind))
    told = (found.values("outcome"), found.values("customer_id"), found.values("channel"))
    assert told == (outcomes, ["c01"] * len(outcomes), [channel] * len(outcomes))
    nested = {
        "id": "f3b1",
        "time": 1795341600,
        "event_type": f"users.messages.{kind}",
        "user": {"external_user_id": "c01"},
    }
    assert read(tmp_path, "braze", {"events": [nested]}).rows == found.rows


def test_a_list_of_events_stands_on_a_line(tmp_path):
    events = [[sendgrid("delivered"), sendgrid("click", sg_event_id="E2")], [], sendgrid("click", sg_event_id="E3")]
    found = read(tmp_path, "sendgrid", *events)
    assert (found.records, found.values("event_id"), found.lines) == (3, ["E1", "E2", "E3"], [1, 1, 3])


def test_two_clicks_on_two_links_in_one_moment_are_two_events(tmp_path):
    found = read(tmp_path, "ses", *(ses("Click", click={"link": link, **AT}) for link in "ab"))
    assert len(set(found.values("event_id"))) == 2
    sns = {"Type": "Notification", "MessageId": "1", "Message": json.dumps(ses("Click", click={"link": "a", **AT}))}
    assert read(tmp_path, "ses", sns).values("event_id") == found.values("event_id")[:1]


@pytest.mark.parametrize("adapter", adapters())
@pytest.mark.parametrize(
    "event",
    [
        {},
        {"eventType": [], "event": {}, "event_type": []},
        {"event": "click", "sg_event_id": "1", "timestamp": "soon", "id": "1"},
        {"event": "click", "sg_event_id": "1", "timestamp": 10**40, "id": "1"},
        {"Type": "Notification", "Message": "no JSON"},
        {"Type": "Notification", "Message": "[1]", "items": 3, "events": {"a": 1}},
        {
            "mail": [],
            "eventType": "Click",
            "event-data": "x",
            "event_type": "users.messages.email.Click",
            "id": "1",
            "time": "x",
        },
        "a text",
        None,
        7,
    ],
)
def test_what_is_no_event_is_left_out_and_told_by_its_line(tmp_path, adapter, event):
    good = {"ses": ses("Click", click=AT), "sendgrid": sendgrid("click"), "mailgun": mailgun("clicked")}
    found = read(tmp_path, adapter, *[good.get(adapter, braze("email.Click"))] * 3, event)
    assert (found.refusal, found.count, found.bad) == (None, 3, 1)
    assert found.places == [(4, "it is no event as this platform writes them")]


def test_an_adapter_makes_rows_in_the_columns_of_our_own_files(tmp_path):
    for adapter, event, _ in TOLD:
        assert set(read(tmp_path, adapter, event).rows) == set(FILE.columns)


def test_what_no_documentation_vouches_for_is_named():
    assert {name: bool(adapter.unverified) for name, adapter in adapters().items()} == {
        "braze": True,
        "mailgun": True,
        "sendgrid": False,
        "ses": True,
    }
