"""A customer's decision in sentences."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time

import pytest
from rich.console import Console

from flows.line.explaining import Explanation
from flows.pages.explanation import WHY, explained
from flows.pages.upcoming import coming
from flows.reasons import REASONS

UNTIL, END = datetime(2026, 11, 26, 23, tzinfo=UTC), "until 2026-11-27 00:00 (Europe/Berlin)."
BASE = {"name": "base", "log_odds": -2.0, "age_days": None, "value": None}
SINCE = {"name": "delivered_at", "log_odds": 1.5157, "age_days": 2.0, "value": None}
OPENED = {"name": "opened_care_page", "log_odds": 0.5, "age_days": None, "value": 1.0}


def row(product: str = "care", **changes):
    """A decision that is told: `care` is due, for the whole person; changes say otherwise."""
    return {
        "product": product,
        "brand": "nordtal",
        "subject_id": None,
        "message_type": "marketing",
        "score": 0.51,
        "terms": [BASE, SINCE, OPENED],
        "closed": [],
        "valid_until": UNTIL,
        "reason": None,
        "detail": None,
        "need": "New owners ask how.",
        "threshold": 0.25,
        "winner": None,
        "service": None,
        "had_on": None,
        "due_on": None,
        "spare": [],
        "unserved": [],
    } | changes


def way(channel: str = "email", **changes):
    """A delivery of `care`."""
    usual = {"product": "care", "brand": "nordtal", "subject_id": None, "channel": channel, "target": f"{channel}_file"}
    return usual | {"facts": ["last_order", "name"], "reason": None, "valid_until": UNTIL} | changes


SENT = {
    "as_of": date(2026, 11, 1),
    "product": "care",
    "brand": "nordtal",
    "channel": "email",
    "batch_id": "b",
    "message_type": "marketing",
    "product_version": 2,
    "state": "published",
    "facts": ["name"],
    "because": ["last_order"],
    "facts_at": [{"dimension": "name", "at": datetime(2026, 10, 1, 8, tzinfo=UTC)}],
    "sources": [{"dimension": "name", "columns": ["people.first_name", "people.surname"]}],
    "consent_key": "k",
    "words_sha256": "0123456789abcdef",
    "agreed": {"happened_at": datetime(2026, 1, 2, 8, tzinfo=UTC), "source": "shop", "wording": "Tips, please"},
}


def said(*candidates, ways=(), **changes) -> list[str]:
    """The lines below the title."""
    usual = {
        "customer_id": "c1",
        "run_id": "r1",
        "as_of": date(2026, 11, 22),
        "time_zone": "Europe/Berlin",
        "is_current": True,
        "phrases": {"name": "my name", "last_order": "my last order"},
        "products": ("care", "tips"),
        "targets": ("email_file", "web_file"),
        "candidates": list(candidates),
        "elsewhere": [],
        "deliveries": list(ways),
        "messages": [],
        "left_out": [],
        "not_left_out": [],
    }
    file = io.StringIO()
    Console(file=file, soft_wrap=True).print(explained(Explanation(**usual | changes)))
    title, *lines = file.getvalue().splitlines()
    assert title == "c1 in plan r1"
    return lines


def why(reason: str, **changes) -> str:
    """The sentence about a help that is not got, after who does not get what."""
    first = said(row(reason=reason, **changes))[0]
    start, end = "c1 does not get care of nordtal: ", f" ({reason})."
    assert first.startswith(start)
    assert first.endswith(end)
    return first.removeprefix(start).removesuffix(end)


def test_what_is_got_is_told_with_the_way_the_facts_and_the_end_and_then_why():
    closed = [{"channel": "push", "reason": "UNREACHABLE", "detail": None}]
    lines = said(row(subject_id="o12", closed=closed, spare=["sms"]), ways=[way(subject_id="o12")])
    assert lines == [
        f"c1 gets care of nordtal about o12: by email (email_file), using last_order and name, {END}",
        "  The need: New owners ask how.",
        "  It fits: score 0.51, and 0.25 is enough: base (−2.00), delivered 2 days ago (+1.52), opened care page (+0.50).",
        "  Not by push: there is no address for it (UNREACHABLE).",
        "  Not by sms: an earlier channel of `first_of` is open.",
    ]


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        ([way(facts=[])], "by email (email_file), using no customer data"),
        ([way(), way("web")], "by email (email_file) and by web (web_file), using last_order and name"),
        (
            [way(), way("web", facts=["name"])],
            "by email (email_file) using last_order and name and by web (web_file) using name",
        ),
        ([way(), way("web", reason="NO_CONSENT")], "by email (email_file), using last_order and name"),
    ],
)
def test_channels_that_use_other_facts_say_so(ways, expected):
    assert said(row(), ways=ways)[0] == f"c1 gets care of nordtal: {expected}, {END}"


def test_a_delivery_that_is_dropped_says_why_and_one_that_was_closed_says_it_once():
    closed = [{"channel": "web", "reason": "EXCLUDED", "detail": "no_web"}]
    ways = [way(), way("web", reason="EXCLUDED"), way("ads", reason="AUDIENCE_TOO_SMALL")]
    assert [line for line in said(row(closed=closed), ways=ways) if "Not by" in line] == [
        "  Not by web: sql/exclusions/no_web.sql names them (EXCLUDED).",
        "  Not by ads: the audience is below the platform's minimum (AUDIENCE_TOO_SMALL).",
    ]


def test_what_was_decided_and_does_not_leave_says_so():
    assert (
        said(row(), ways=[way(reason="DUPLICATE_ADDRESS")])[0]
        == "care of nordtal was decided on, but none of it leaves."
    )
    narrowed = said(row(), products=("tips",))
    assert narrowed[0] == "care of nordtal was decided on, but this plan delivers only tips."


def test_a_channel_that_a_cap_closes_says_which_and_until_when():
    closed = [
        {"channel": "sms", "reason": "CAPPED", "detail": "until 2026-11-29 00:00: 1 sms message in 7 days"},
        {"channel": "push", "reason": "CAPPED", "detail": "beside what goes first: 2 messages in 1 day"},
    ]
    assert [line for line in said(row(closed=closed), ways=[way()]) if "Not by" in line] == [
        "  Not by sms: capped until 2026-11-29: 1 sms message in 7 days (CAPPED).",
        "  Not by push: capped beside what goes first: 2 messages in 1 day (CAPPED).",
    ]


def test_a_channel_of_which_the_next_opening_comes_too_late_says_when_that_would_be():
    why = "it would have to wait until 2026-11-27 08:00 (Europe/Berlin), and is over by then"
    ways = [way(), way("sms", reason="STALE_CONTEXT", detail=why), way("push", reason="STALE_CONTEXT", detail=None)]
    assert [line for line in said(row(), ways=ways) if "Not by" in line] == [
        f"  Not by sms: {why} (STALE_CONTEXT).",
        "  Not by push: the occasion is over (STALE_CONTEXT).",
    ]


def test_a_channel_without_a_target_is_told_from_one_without_an_address():
    closed = [{"channel": name, "reason": "UNREACHABLE", "detail": None} for name in ("sms", "push")]
    assert [line for line in said(row(closed=closed, unserved=["push"]), ways=[way()]) if "Not by" in line] == [
        "  Not by sms: there is no address for it (UNREACHABLE).",
        "  Not by push: the brand has no target for it (UNREACHABLE).",
    ]


def test_a_help_for_everybody_in_its_segment_needs_no_score():
    assert "  It fits: it is for everybody in its segment." in said(row(terms=[], score=1.0), ways=[way()])


@pytest.mark.parametrize("reason", [r.code for r in REASONS if "candidate" in r.of])
@pytest.mark.parametrize("is_current", [True, False])
def test_every_reason_of_a_candidate_has_its_sentence(reason, is_current):
    known = {} if is_current else {"need": None, "threshold": None, "unserved": None}
    first, *_ = said(row(reason=reason, **known), is_current=is_current)
    assert first.startswith("c1 does not get care of nordtal: ")
    assert first.endswith(f" ({reason}).")
    _is_a_sentence(first)


@pytest.mark.parametrize("reason", [r.code for r in REASONS if "delivery" in r.of])
@pytest.mark.parametrize("is_current", [True, False])
def test_every_reason_of_a_delivery_has_its_sentence(reason, is_current):
    known = {} if is_current else {"need": None, "threshold": None, "unserved": None}
    lines = said(row(**known), ways=[way(), way("web", reason=reason)], is_current=is_current)
    [line] = [line for line in lines if "Not by web: " in line]
    assert line.endswith(f" ({reason}).")
    _is_a_sentence(line)


def _is_a_sentence(text: str):
    assert len(text.split()) > 6
    assert not {"None", "{", "}", "Unknown"} & set(text.replace("{", " { ").split())


def test_the_sentences_are_those_of_the_closed_list_and_no_others():
    assert set(WHY) == {reason.code for reason in REASONS}


@pytest.mark.parametrize(
    ("reason", "told", "sentence"),
    [
        ("EXCLUDED", {"detail": "staff"}, "sql/exclusions/staff.sql names them"),
        ("EXCLUDED", {"detail": "a, b"}, "sql/exclusions/a.sql and sql/exclusions/b.sql name them"),
        (
            "EXCLUDED",
            {"closed": [{"channel": "email", "reason": "EXCLUDED", "detail": "no_mail"}]},
            "sql/exclusions/no_mail.sql names them",
        ),
        ("STALE_CONTEXT", {}, "the occasion was over at 2026-11-27 00:00 (Europe/Berlin)"),
        (
            "REPEATED",
            {"had_on": date(2026, 11, 1), "due_on": date(2026, 12, 1)},
            "their last turn was on 2026-11-01, and the next is on 2026-12-01 at the earliest",
        ),
        ("REPEATED", {}, "they have had a decision today already"),
        (
            "BELOW_THRESHOLD",
            {"score": 0.119, "terms": [BASE]},
            "it does not fit well enough now, with a score of 0.12, and 0.25 is needed: base (−2.00)",
        ),
        (
            "OUTRANKED",
            {"winner": {"product": "tips", "subject_id": "o9", "score": 0.8}},
            "tips about o9 fits better, with 0.80 against 0.51",
        ),
        (
            "SILENCED_BY_SERVICE",
            {"service": {"product": "late", "subject_id": None, "score": 0.8}},
            "late goes to them today, and service comes first",
        ),
        ("SILENCED_BY_SERVICE", {}, "a service message goes to this person today"),
        (
            "HOLDOUT",
            {},
            "it is the one that fits best (0.51), and a few people get nothing, to measure what it changes",
        ),
        (
            "CAPPED",
            {"detail": "until 2026-11-29 00:00: 3 messages in 7 days"},
            "they are capped until 2026-11-29: 3 messages in 7 days",
        ),
        (
            "CAPPED",
            {"detail": "until 2026-11-22 10:15: 1 message in 2 hours"},
            "they are capped until 2026-11-22 10:15: 1 message in 2 hours",
        ),
        ("CAPPED", {}, "the person has had as many messages as the caps allow"),
        ("ERASED", {}, "the person asked to be forgotten"),
    ],
)
def test_a_reason_is_told_with_what_brought_it_about(reason, told, sentence):
    assert why(reason, **told) == sentence


@pytest.mark.parametrize(
    ("name", "log_odds", "age_days", "value", "words"),
    [
        ("delivered_at", 0.25, 0.4, None, "delivered within a day (+0.25)"),
        ("delivered_at", 0.25, 1.2, None, "delivered 1 day ago (+0.25)"),
        ("first_seen_at", -0.25, 7.6, None, "first seen 8 days ago (−0.25)"),
        ("delivered_at", 0.001, 250.0, None, "delivered long ago (+0.00)"),
        ("delivered_at", 0.0, None, None, "delivered long ago, or not known (+0.00)"),
        ("delivered_at", 0.25, None, None, "delivered at (+0.25)"),
        ("base", 0.0, None, None, "base (+0.00)"),
        ("opened_care_page", 0.0, None, 0.0, "opened care page: no (+0.00)"),
        ("late_days", 2.0, None, 4.0, "late days 4 (+2.00)"),
        ("late_days", 2.0, None, 2.5, "late days 2.5 (+2.00)"),
    ],
)
def test_a_signal_is_told_in_words(name, log_odds, age_days, value, words):
    term = {"name": name, "log_odds": log_odds, "age_days": age_days, "value": value}
    assert why("BELOW_THRESHOLD", terms=[term]).endswith(f": {words}")


def test_what_is_got_comes_first_and_then_what_is_not_with_its_channels_where_they_are_why():
    closed = [{"channel": "email", "reason": "NO_CONSENT", "detail": None}]
    others = [row("tips", reason="NO_CONSENT", closed=closed), row("acts", reason="OUTRANKED", closed=closed)]
    lines = said(*others, row(), ways=[way()])
    assert [line.split(":")[0] for line in lines] == [
        "c1 gets care of nordtal", "  The need", "  It fits",
        "c1 does not get tips of nordtal", "  Not by email", "c1 does not get acts of nordtal", "  It fits, too",
    ]  # fmt: skip


def test_the_segments_without_the_customer_are_named_last():
    assert (
        said(row(), ways=[way()], elsewhere=["a", "b", "c"])[-1]
        == "Not in the segments of a, b and c, or not due there yet."
    )
    assert said() == ["No live product's segment has this customer."]


def test_a_plan_of_another_workspace_is_warned_of():
    warning = "Settings, words or SQL have changed since; `justenough plan` makes a new plan."
    assert said(row(), ways=[way()], is_current=False)[-1] == warning
    assert warning not in said(row(), ways=[way()])


def test_what_was_before_is_told_with_its_version_and_facts():
    usual = {"as_of": date(2026, 11, 1), "product": "care", "brand": "nordtal", "channel": "email", "batch_id": "b"}
    held = usual | {"channel": None, "facts": None, "product_version": None, "state": "held out"}
    assert said(messages=[SENT, held])[1:] == [
        "Before:",
        "  2026-11-01: email with care of nordtal version 2, using name (published)",
        "    It used “my name” (name), as it was known on 2026-10-01 08:00 UTC, from people.first_name, people.surname.",
        "    They could tell that it is about “my last order” (last_order).",
        "    They had agreed to it on 2026-01-02 09:00 (Europe/Berlin) (shop), to “Tips, please”. Its words: 0123456789ab…",
        "  2026-11-01: care of nordtal was held back, to measure what it changes (held out)",
    ]


def told(**changes) -> list[str]:
    return said(messages=[SENT | changes])[2:]


def test_a_receipt_that_knows_less_says_less():
    bare = {"facts": ["age"], "because": [], "facts_at": [], "sources": None, "consent_key": None}
    assert told(**bare, message_type="service") == [
        "  2026-11-01: email with care of nordtal version 2, using age (published)",
        "    It used age.",
        "    A service message, which needs no consent. Its words: 0123456789ab…",
    ]
    assert told(agreed=None)[-1].startswith(
        "    They had agreed to it; the consent that it relied on is not in the warehouse"
    )
    agreed = {"happened_at": datetime(2026, 1, 2, 8, tzinfo=UTC), "source": None, "wording": None}
    assert told(agreed=agreed)[-1].startswith(
        "    They had agreed to it on 2026-01-02 09:00 (Europe/Berlin). Its words"
    )


def test_what_was_claimed_and_not_sealed_has_no_receipt():
    assert told(product_version=None, facts=None) == [
        "  2026-11-01: email with care of nordtal, using no customer data (published)"
    ]


def audience(**changes):
    """Of `buyers`, which names somebody, and in which a platform has them."""
    usual = {
        "brand": "north",
        "target": "ads_file",
        "audience": "buyers",
        "why": "They have just bought.",
        "code": "a-1",
    }
    usual |= {
        "is_named": True,
        "reason": None,
        "is_held": True,
        "since_batch": "ads_file-2026-11-20-1",
        "is_looked_at": True,
    }
    return said(left_out=[usual | changes])[1:]


LEFT_OUT = "Other ad campaigns of north leave c1 out: sql/audiences/buyers.sql names them."
NOT_LEFT_OUT = "Other ad campaigns of north do not leave c1 out, though sql/audiences/buyers.sql names them"
HELD_SINCE = "  ads_file has them in a-1 since batch ads_file-2026-11-20-1"
NOT_ANY_MORE = f"{HELD_SINCE}, until the next delivery takes them away."


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [LEFT_OUT, "  The use: They have just bought.", f"{HELD_SINCE}."]),
        (
            {"since_batch": None},
            [LEFT_OUT, "  The use: They have just bought.", "  ads_file has them in a-1."],
        ),
        (
            {"is_held": False, "since_batch": None, "audience": "held_out", "why": None},
            [
                "Other ad campaigns of north leave c1 out: they are held out of all products.",
                "  ads_file is to be told with the next delivery, as a-1.",
            ],
        ),
        (
            {"reason": "NO_CONSENT", "is_held": False},
            [
                f"{NOT_LEFT_OUT}: they have not agreed to ads as a whole, or no longer (NO_CONSENT).",
            ],
        ),
        (
            {"reason": "EXCLUDED"},
            [
                f"{NOT_LEFT_OUT}: a query in sql/exclusions/ names the person, or their country is stopped (EXCLUDED).",
                NOT_ANY_MORE,
            ],
        ),
        (
            {"is_named": False},
            ["Other ad campaigns of north need not leave c1 out any more as one of buyers.", NOT_ANY_MORE],
        ),
        (
            {"is_named": False, "is_looked_at": False},
            [
                "Other ad campaigns of north leave c1 out as one of buyers, at which this plan did not look.",
                f"{HELD_SINCE}.",
            ],
        ),
    ],
)
def test_who_is_left_out_of_other_campaigns_is_told_why_or_why_not_and_since_when(changes, expected):
    assert audience(**changes) == expected


def test_audiences_that_have_nothing_to_do_with_the_customer_are_named():
    assert said(not_left_out=["buyers", "held_out"])[1:] == [
        "Not in buyers and held_out, whom other ad campaigns leave out."
    ]


def test_a_fact_is_told_with_since_when_it_is_known_and_a_channel_with_its_right_and_its_hours():
    agreed = {"happened_at": datetime(2026, 1, 2, 8, tzinfo=UTC), "source": None, "wording": None}
    known = {
        "facts_at": [{"dimension": "last_order", "at": datetime(2026, 11, 20, 8, tzinfo=UTC)}],
        "message_type": "marketing",
        "consent_key": "k",
        "agreed": agreed,
        "not_before": datetime(2026, 11, 23, 7, tzinfo=UTC),
        "not_after": UNTIL,
    }
    early = known | {"not_after": datetime(2026, 11, 23, 19, tzinfo=UTC)}
    lines = said(row(), ways=[way(**known), way("sms", **early), way("web", **known | {"agreed": None})])
    assert lines[3:] == [
        "  It uses “my last order” (last_order), as it was known on 2026-11-20 08:00 UTC.",
        "  By email and sms: They agreed to it on 2026-01-02 09:00 (Europe/Berlin).",
        "  By web: They agreed to it; the consent that it relied on is not in the warehouse any more.",
        "  By sms it may be sent from 2026-11-23 08:00 (Europe/Berlin) until 2026-11-23 20:00 (Europe/Berlin).",
    ]


def test_what_fits_and_is_outranked_or_held_out_tells_its_own_terms():
    terms = "score 0.51, and 0.25 is enough: base (−2.00), delivered 2 days ago (+1.52), opened care page (+0.50)."
    assert said(row(reason="OUTRANKED"))[1] == f"  It fits, too: {terms}"
    assert said(row(reason="HOLDOUT"))[1] == f"  It fits: {terms}"
    assert said(row(reason="OUTRANKED", terms=[]))[1] == "  It fits, too: it is for everybody in its segment."


def test_what_comes_next_is_told_brand_by_brand():
    rows = [
        {
            "brand": "nordtal",
            "time_zone": "Europe/Berlin",
            "next_on": date(2026, 11, 27),
            "caps": [
                {"cap": "1 message in 5 days", "had": 1, "most": 1, "until": "2026-11-27 00:00", "is_of_all": True},
                {
                    "cap": "1 sms message in 24 hours",
                    "had": 1,
                    "most": 1,
                    "until": "2026-11-23 09:30",
                    "is_of_all": False,
                },
                {"cap": "9 messages in 9 days", "had": 2, "most": 9, "until": None, "is_of_all": True},
            ],
            "again": [
                {"product": "care", "per": "person", "had_on": date(2026, 11, 22), "due_on": date(2026, 12, 22)},
                {"product": "late", "per": "subject", "had_on": date(2026, 11, 22), "due_on": date(2026, 12, 23)},
            ],
            "due": [
                {"product": "tips", "subject_id": "o9", "on": date(2026, 12, 5)},
                {"product": "acts", "subject_id": None, "on": date(2026, 12, 6)},
            ],
            "quiet": [
                {"channels": ["call", "sms"], "then": "hold", "begins": time(20), "ends": time(8)},
                {"channels": ["push"], "then": "drop", "begins": time(22), "ends": time(7, 30)},
            ],
        },
        {"brand": "seewind", "time_zone": "UTC", "next_on": date(2026, 11, 22), "caps": [], "again": [], "due": []}
        | {"quiet": []},
    ]
    assert coming(rows) == [
        "Next from nordtal: marketing can be decided on 2026-11-27 at the earliest.",
        "  1 message in 5 days: 1 had, and room again from 2026-11-27 on (Europe/Berlin).",
        "  1 sms message in 24 hours: 1 had, and room again from 2026-11-23 09:30 on (Europe/Berlin).",
        "  9 messages in 9 days: 2 had, so there is room for 7.",
        "  care again on 2026-12-22 at the earliest; the last was on 2026-11-22.",
        "  late about the same again on 2026-12-23 at the earliest; the last was on 2026-11-22.",
        "  tips about o9 is to be considered on 2026-12-05.",
        "  acts is to be considered on 2026-12-06.",
        "  By call and sms no marketing from 20:00 until 08:00 where they are (Europe/Berlin): it waits.",
        "  By push no marketing from 22:00 until 07:30 where they are (Europe/Berlin): it does not go out.",
        "Next from seewind: marketing can be decided on 2026-11-22 at the earliest.",
    ]
    assert said(coming=rows)[1:] == coming(rows)
