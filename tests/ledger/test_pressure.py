"""Caps are decided again inside the claim, from what the ledger has within their windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count, product
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from flows.caps import read_cap, windows
from flows.ledger.claims import CLAIM, claim, verdicts
from flows.ledger.pressure import heard_lately
from flows.ledger.store import open_ledger
from flows.settings import Settings
from tests.ledger.claiming import END, TODAY, claimed, header, messages
from tests.ledger.test_history import ran
from tests.tiny import clock

if TYPE_CHECKING:
    from flows.ledger.store import Ledger

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANOTHER = {"message_id": "m2", "decision_id": "d2", "product": "tips", "as_of": TODAY + DAY}  # not on the same day


def asked(*caps: str, at=NOW, zone="UTC", **changes) -> pl.DataFrame:
    """One message of another help, with the windows of some caps."""
    found = windows([read_cap(cap) for cap in caps], pl.Series([zone]), at)["windows"][0].to_list()
    return messages(ANOTHER | {"windows": found} | changes)


class Someone:
    """A person of whom a ledger knows nothing yet."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self.ledger, self.name = ledger, name
        self.key = {"person_key": name, "address_key": f"{name}@"}

    def sent(self, *agos: timedelta, **changes) -> None:
        """Messages to them that were claimed so long ago."""
        for place, ago in enumerate(agos):
            about = {"message_id": f"{self.name} {place} {ago} {changes}", "decision_id": self.name}
            with clock(NOW - ago):
                claimed(self.ledger, about | {"as_of": TODAY - 5 * DAY} | self.key | changes)

    def held_out(self, on=NOW, **changes) -> None:
        """A held-out win of theirs that a run has logged."""
        ran(self.ledger, self.name, at=on)
        row = {
            "decision_id": f"d {self.name}", "run_id": self.name, "as_of": TODAY, "person_key": self.name, "brand": "north",
            "product": "care", "subject_key": None, "message_type": "marketing", "propensity": 0.05, "score": 0.5,
            "reason": "HOLDOUT", "valid_until": END.replace(tzinfo=None), "channel": "email",
        }  # fmt: skip
        with self.ledger.transaction():
            self.ledger.append("decision", pl.DataFrame([row | changes]))

    def said(self, *caps: str, **about) -> str | None:
        """What the ledger says against another message to them."""
        wanted = asked(
            *caps, **({"message_id": f"{self.name} now", "decision_id": f"{self.name} now"} | self.key | about)
        )
        return verdicts(self.ledger, wanted)["reason"].item()


@pytest.fixture(scope="module")
def remembered(tmp_path_factory):
    """A ledger that several cases write to, each about a person of its own."""
    folder = tmp_path_factory.mktemp("remembered")
    given = {"workspace": folder, "name": "test", "ledger": folder / "ledger.duckdb", "targets": {}, "brands": {}}
    with open_ledger(Settings.model_validate(given)) as ledger:
        yield ledger, count()


@pytest.fixture
def ann(remembered) -> Someone:
    ledger, numbers = remembered
    return Someone(ledger, f"ann {next(numbers)}")


@pytest.mark.parametrize(
    ("agos", "caps", "reason"),
    [
        ([], ["1 in 1 day"], None),
        ([HOUR], [], None),
        ([HOUR], ["1 in 1 day"], "CAPPED"),
        ([HOUR], ["2 in 1 day"], None),
        ([HOUR, HOUR], ["2 in 1 day"], "CAPPED"),
        ([10 * HOUR], ["1 in 1 day"], None),  # yesterday
        ([9 * HOUR], ["1 in 1 day"], "CAPPED"),  # at midnight
        ([10 * HOUR], ["1 in 24 hours"], "CAPPED"),
        ([DAY - timedelta(microseconds=1)], ["1 in 24 hours"], "CAPPED"),
        ([DAY], ["1 in 24 hours"], None),
        ([DAY, 6 * DAY], ["2 in 7 days"], "CAPPED"),
        ([DAY, 7 * DAY], ["2 in 7 days"], None),
        ([HOUR, 3 * DAY], ["2 in 1 day", "2 in 4 days"], "CAPPED"),
        ([HOUR], ["2 in 1 day", "2 in 1 day", "2 in 24 hours"], None),  # each is counted for itself
        ([-3 * DAY], ["1 in 1 day"], "CAPPED"),  # the clock was set back since
        ([-3 * DAY], ["1 in 1 hour"], "CAPPED"),
    ],
)
def test_a_message_is_capped_by_what_was_claimed_within_a_window(ann, agos, caps, reason):
    ann.sent(*agos)
    assert ann.said(*caps) == reason


@pytest.mark.parametrize(
    ("earlier", "cap", "later", "reason"),
    [
        ({}, "1 in 1 day", {"channel": "sms"}, "CAPPED"),  # of all channels
        ({}, "1 email in 1 day", {}, "CAPPED"),
        ({}, "1 email in 1 day", {"channel": "sms"}, None),
        ({"channel": "sms"}, "1 email in 1 day", {}, None),
        ({"channel": "sms"}, "1 email or sms in 1 day", {}, "CAPPED"),
        ({"channel": "push"}, "1 email or sms in 1 day", {}, None),
        ({"person_key": "bea"}, "1 in 1 day", {}, None),
        ({"brand": "south"}, "1 in 1 day", {}, None),
        ({"message_type": "service"}, "1 in 1 day", {}, None),  # service does not count
        ({}, "1 in 1 day", {"message_type": "service"}, None),  # and is exempt
    ],
)
def test_it_counts_by_person_brand_and_channel_and_leaves_service_alone(ann, earlier, cap, later, reason):
    ann.sent(HOUR, **earlier)
    assert ann.said(cap, **later) == reason


def test_the_same_help_by_another_channel_is_a_message_all_the_same(ann):
    ann.sent(HOUR, decision_id="d", channel="push")
    assert ann.said("1 in 1 day", decision_id="d") == "CAPPED"
    assert ann.said("2 in 1 day", decision_id="d") is None


@pytest.mark.parametrize(
    ("ago", "zone", "reason"),
    [
        (10 * HOUR, "UTC", None),
        (10 * HOUR, "Asia/Tokyo", "CAPPED"),
        (10 * HOUR, "Europe/Berlin", "CAPPED"),
        (20 * HOUR, "Europe/Berlin", None),
        (20 * HOUR, "Pacific/Honolulu", "CAPPED"),  # 23:00 and 13:00 of the same day
    ],
)
def test_the_day_is_that_of_the_person(ann, ago, zone, reason):
    ann.sent(ago)
    assert ann.said("1 in 1 day", zone=zone) == reason


def test_a_claim_that_was_undone_does_not_count_and_one_on_hold_does(ann):
    ann.sent(HOUR)
    with ann.ledger.transaction():
        ann.ledger.execute("UPDATE batch SET state = 'hold'")
    assert ann.said("1 in 1 day") == "CAPPED"
    with ann.ledger.transaction():
        ann.ledger.execute("DELETE FROM claim WHERE person_key = $who", {"who": ann.name})
    assert ann.said("1 in 1 day") is None


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ({}, "CAPPED"),
        ({"channel": "sms"}, "CAPPED"),
        ({"channel": None}, None),  # nothing would have been sent
        ({"reason": None}, None),  # who is decided for counts when it is claimed
        ({"on": NOW - DAY}, None),
        ({"on": NOW + DAY}, "CAPPED"),
        ({"brand": "south"}, None),
    ],
)
def test_a_held_out_win_counts_as_the_message_that_it_stands_for(ann, held, reason):
    ann.held_out(**held)
    assert ann.said("1 in 1 day") == reason
    assert ann.said("1 email in 1 day") == (reason if held.get("channel") != "sms" else None)


def test_what_was_had_already_is_a_repetition_and_silence_comes_before_a_cap_and_a_cap_before_an_address(ann):
    ann.sent(HOUR)
    assert ann.said("1 in 1 day", product="care", repeats_after=TODAY - 9 * DAY) == "REPEATED"
    ann.sent(HOUR, message_type="service", product="late", as_of=TODAY + DAY)
    assert ann.said("1 in 1 day") == "SILENCED_BY_SERVICE"
    ann.sent(HOUR, person_key="bea", address_key="shared@", as_of=TODAY + 2 * DAY)
    shared = {"address_key": "shared@", "as_of": TODAY + 2 * DAY}
    assert ann.said("1 in 1 day", **shared) == "CAPPED"
    assert ann.said("9 in 1 day", **shared) == "DUPLICATE_ADDRESS"


def test_the_plan_reads_whom_a_message_by_each_channel_could_be_too_many(settings):
    with open_ledger(settings) as ledger:
        ann, bea, cid = (Someone(ledger, name) for name in ("ann", "bea", "cid"))
        ann.sent(HOUR, 6 * DAY, 9 * DAY)
        bea.sent(HOUR, HOUR, channel="sms")
        bea.held_out()
        bea.sent(-DAY, channel="push")
        cid.sent(HOUR, message_type="service")
        cid.held_out(channel=None)

        def found(*caps: str) -> list[tuple]:
            read = heard_lately(ledger, [read_cap(cap) for cap in caps], NOW).sort("person_key", "at", "channel")
            return [(person, way, NOW.replace(tzinfo=None) - at) for person, _, way, at in read.rows()]

        to_ann = [("ann", "email", 6 * DAY), ("ann", "email", HOUR)]
        to_bea = [("bea", "sms", HOUR), ("bea", "sms", HOUR), ("bea", "email", 0 * HOUR), ("bea", "push", -DAY)]
        assert found() == []
        assert found("4 in 7 days") == to_ann + to_bea
        assert found("6 in 7 days", "9 in 6 days") == to_bea
        assert found("7 in 7 days") == to_bea
        assert found("8 in 7 days") == []
        assert found("3 in 2 hours", "2 email in 24 hours") == to_ann[1:] + to_bea


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia"]
)
CAPS = st.builds(
    lambda most, way, length, unit: f"{most}{way} in {length} {unit}s",
    st.integers(1, 3), st.sampled_from(["", " sms", " email or push"]), st.integers(1, 4), st.sampled_from(["day", "hour"]),
)  # fmt: skip
CHANGES = st.sampled_from([(2026, 3, 29), (2026, 4, 5), (2026, 4, 24), (2026, 10, 25), (2026, 11, 1)])
JUMPS = st.one_of(st.timedeltas(timedelta(0), 8 * HOUR), st.timedeltas(-2 * DAY, 2 * DAY), st.just(-DAY), st.just(DAY))


def jumping(ledger, number: int, caps: list[str], start: tuple[int, ...], zones: list[str], steps: list) -> None:
    """Runs for some people at once, as the clock jumps: each decides as a plain count by the dates on the wall does.

    In the end every window is counted.
    """
    at = datetime(*start, tzinfo=UTC)
    left: dict[int, list[tuple[datetime, str]]] = {who: [] for who in range(len(zones))}

    def counts(cap: str, way: str) -> bool:
        named = cap.partition(" in ")[0].split()[1:]
        return not named or way in named

    def within(cap: str, since: datetime, until: datetime, who: int) -> bool:
        """Whether both are in one window that ends with the second, or the first lies ahead of it."""
        length, there = int(cap.split()[-2]), ZoneInfo(zones[who])
        if cap.endswith("hours"):
            return until - since < length * HOUR
        return (until.astimezone(there).date() - since.astimezone(there).date()).days < length

    for step, (jump, ways) in enumerate(steps):
        at += jump
        rows = []
        for who, zone in enumerate(zones):
            name = f"{number}-{who}"
            about = {
                "message_id": f"{name}-{step}",
                "decision_id": f"{name}-{step}",
                "person_key": name,
                "address_key": name,
            }
            about |= {"product": f"help {step}", "channel": ways[who], "as_of": TODAY + step * DAY}
            rows.append(asked(*caps, at=at, zone=zone, **about))
        full = [
            any(
                counts(cap, way)
                and sum(counts(cap, other) and within(cap, then, at, who) for then, other in left[who]) >= int(cap[0])
                for cap in caps
            )
            for who, way in enumerate(ways[: len(zones)])
        ]
        wanted = pl.concat(rows)
        verdict = wanted.join(verdicts(ledger, wanted), on="message_id", maintain_order="left")["reason"].to_list()
        assert verdict == ["CAPPED" if is_full else None for is_full in full]
        free = wanted.filter(~pl.Series(full))
        with clock(at), ledger.transaction():
            claim(ledger, header(), [free.select(*CLAIM)], END)
        for who, is_full in enumerate(full):
            left[who] += [] if is_full else [(at, ways[who])]
    for who, cap in product(left, caps):
        for end, _ in left[who]:
            window = [1 for then, way in left[who] if counts(cap, way) and then <= end and within(cap, then, end, who)]
            assert len(window) <= int(cap[0])


RUNS = {
    "caps": st.lists(CAPS, min_size=1, max_size=3),
    "start": CHANGES,
    "zones": st.lists(ZONES, min_size=3, max_size=6),
    "steps": st.lists(
        st.tuples(JUMPS, st.lists(st.sampled_from(["email", "sms", "push"]), min_size=6, max_size=6)),
        min_size=4,
        max_size=12,
    ),
}


@pytest.mark.bad_input(100)
@pytest.mark.property
@pytest.mark.oracle
@trying(max_examples=4)
@given(**RUNS)
def test_however_the_clock_jumps_nobody_gets_more_than_the_cap_within_any_window(remembered, caps, start, zones, steps):
    ledger, numbers = remembered
    jumping(ledger, next(numbers), caps, start, zones, steps)


@pytest.mark.slow
@pytest.mark.property
@pytest.mark.oracle
@trying(max_examples=60)
@given(**RUNS)
def test_nor_in_many_more_runs(remembered, caps, start, zones, steps):
    ledger, numbers = remembered
    jumping(ledger, next(numbers), caps, start, zones, steps)
