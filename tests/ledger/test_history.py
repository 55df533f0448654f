"""What the ledger remembers of people."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from polars.testing import assert_frame_equal

from flows.ledger.history import last_sources, read_history
from flows.ledger.membership import forget_older, scan_members, write_members
from flows.ledger.runs import all_published, decided_at, last_published
from flows.ledger.store import open_ledger
from flows.schemas import HISTORY
from tests.ledger.claiming import END, TODAY, claimed

YESTERDAY = TODAY - timedelta(days=1)


def decided(ledger, person, *, on, reason=None, run="run"):
    row = {
        "decision_id": person,
        "run_id": run,
        "as_of": on,
        "person_key": person,
        "brand": "north",
        "product": "care",
        "message_type": "marketing",
        "propensity": 1.0,
        "score": 0.5,
        "reason": reason,
        "valid_until": END,
    }
    with ledger.transaction():
        ledger.append("decision", pl.DataFrame([row], schema_overrides={"reason": pl.String}))


def ran(ledger, name, *, state="delivered", source_rows="{}", at=END):
    row = {
        "run_id": name,
        "workspace": "test",
        "as_of": TODAY,
        "state": state,
        "plan_digest": "",
        "people_count": 0,
        "expires_at": END,
        "source_rows": source_rows,
        "started_at": at,
    }
    with ledger.transaction():
        ledger.append("run", pl.DataFrame([row]))


def test_claims_held_out_wins_and_all_that_was_decided_today_are_remembered(settings):
    with open_ledger(settings) as ledger:
        ran(ledger, "run")
        ran(ledger, "given up", state="abandoned")
        claimed(ledger, {"person_key": "claimed", "as_of": YESTERDAY})
        claimed(ledger, {"person_key": "long ago", "as_of": TODAY - timedelta(days=90)})
        claimed(ledger, {"person_key": "tomorrow", "as_of": TODAY + timedelta(days=1)})
        decided(ledger, "held out", on=YESTERDAY, reason="HOLDOUT")
        decided(ledger, "decided yesterday", on=YESTERDAY)
        decided(ledger, "decided today", on=TODAY)
        decided(ledger, "given up", on=TODAY, run="given up")
        found = read_history(ledger, TODAY - timedelta(days=60), TODAY).sort("person_key")
    people = {
        "claimed": YESTERDAY,
        "decided today": TODAY,
        "held out": YESTERDAY,
        "tomorrow": TODAY + timedelta(days=1),
    }
    rows = [(person, "north", "care", "marketing", None, on) for person, on in people.items()]
    assert_frame_equal(found, pl.DataFrame(rows, HISTORY, orient="row"))


def test_the_sources_are_compared_with_the_run_that_started_last(settings):
    with open_ledger(settings) as ledger:
        assert last_sources(ledger) == ({}, {})
        ran(ledger, "b", source_rows='{"people": 7}')
        ran(ledger, "a", source_rows='{"people": 9}', at=END + timedelta(hours=1))
        assert last_sources(ledger) == ({"people": 9}, {})


def test_what_a_state_target_holds_is_the_batch_that_was_published_last(settings):
    with open_ledger(settings) as ledger:
        for as_of in (TODAY, YESTERDAY, TODAY):  # the second for a past day; the third was never published
            claimed(ledger, kind="state", target="web_profiles", as_of=as_of)
        assert last_published(ledger, "web_profiles", "north") is None
        with ledger.transaction():
            ledger.execute("UPDATE batch SET state = 'published' WHERE batch_id <> 'web_profiles-2026-11-22-2'")
        assert last_published(ledger, "web_profiles", "north") == "web_profiles-2026-11-21-1"
        assert last_published(ledger, "web_profiles", "south") is None
        claimed(ledger, kind="state", target="google_customer_match", as_of=TODAY)
        with ledger.transaction():
            ledger.execute("UPDATE batch SET state = 'loaded' WHERE target <> 'web_profiles'")
        assert all_published(ledger) == {
            ("web_profiles", "north"): "web_profiles-2026-11-21-1",
            ("google_customer_match", "north"): "google_customer_match-2026-11-22-1",
        }


def test_nobody_has_to_be_asked_when_no_decision_was_made(settings):
    with open_ledger(settings) as ledger:
        some, none = (decided_at(ledger, pl.Series(names, dtype=pl.String)) for names in (["d1"], []))
    assert_frame_equal(none, some)


def test_only_the_members_of_the_last_batch_are_kept(settings):
    members = pl.DataFrame({"customer_id": ["c01"]})
    for batch in ("one", "two", "three"):
        write_members(settings, "web_profiles", "north", batch, members)
    forget_older(settings, "web_profiles", "north", "two")
    folder = settings.folder("membership", "web_profiles", "north")
    assert [path.name for path in folder.iterdir()] == ["two.parquet"]
    assert oct((folder / "two.parquet").stat().st_mode & 0o777) == "0o600"
    assert_frame_equal(scan_members(settings, "web_profiles", "north", "two", members.schema).collect(), members)
    assert scan_members(settings, "web_profiles", "north", None, members.schema).collect().is_empty()
