"""A person who asks to be forgotten is recalled, and nothing of them stays but a tombstone that nobody can read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import urllib.parse

import polars as pl
import pytest

from flows import line
from flows.errors import PlanError, UsageError
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from flows.ledger.lock import run_lock
from tests.tiny import KEY, MORNING, PEOPLE, clock, day, make

ID, MAIL, PHONE, NAME, ORDER = (
    "zz-canary-77",
    "quirin.canary@post.example.com",
    "+4915198765432",
    "Quirinus-Ébène",
    "order-cnry-9",
)
CANARY = (ID, "north", MAIL, PHONE, NAME, "tent", 4.0)
LATE = (("zz-canary-77", "north", ORDER, "tent", 4), ("c08", "north", "o81", "rope", 3))


def forget(tiny, *customers, at=MORNING):
    with clock(at):
        return line.forget(tiny.load().settings, customers)


def forms(text: str) -> dict[str, bytes]:
    """How a text may be written down, any of which would give it away."""
    raw = text.encode()
    variants = {text, text.lower(), text.upper()}
    return {
        "raw": raw,
        "URL": urllib.parse.quote(text, safe="").encode(),
        "JSON": json.dumps(text)[1:-1].encode(),
        **{f"SHA-256 of {each}": hashlib.sha256(each.encode()).hexdigest().encode() for each in variants},
        **{f"SHA-256 bytes of {each}": hashlib.sha256(each.encode()).digest() for each in variants},
        # whatever stands before it
        **{f"base64 {shift}": base64.b64encode(b"\0" * shift + raw)[(shift * 8 + 5) // 6 : -4] for shift in range(3)},
    }


def found(tiny, keyed: bool = False) -> dict[str, set[str]]:
    """File in the state folder, or in the outbox -> what of the canary is in it: in its bytes, or in what they unpack to."""
    wanted = {
        f"{text}, {form}": needle for text in (ID, MAIL, PHONE, NAME, ORDER) for form, needle in forms(text).items()
    }
    if keyed:
        secret = KEY.strip().partition(":")[2].encode()
        wanted |= {"keyed": hmac.new(secret, ID.encode(), hashlib.sha256).hexdigest()[:32].encode()}
    hits = {}
    for path in sorted(path for top in (tiny.state, tiny.outbox) for path in top.rglob("*") if path.is_file()):
        content = path.name.encode() + b"\n" + path.read_bytes()
        if path.suffix == ".parquet":
            content += pl.read_parquet(path).write_json().encode() + repr(pl.read_parquet(path).rows()).encode()
        here = {what for what, needle in wanted.items() if needle in content}
        if here:
            hits[str(path.relative_to(tiny.folder))] = here
    return hits


@pytest.fixture(scope="module")
def spoken_to(tmp_path_factory):
    """A canary among others, who has got the care guide, a late order's news, and is shown both on the web."""
    tiny = make(tmp_path_factory.mktemp("forgetting") / "tiny", people=(*PEOPLE, CANARY), late=LATE, brands=["north"])
    tiny.run()
    tiny.warehouse(f"DELETE FROM late_orders WHERE order_id = '{ORDER}'")  # so that the care guide is not silenced
    tiny.run(at=day(1))
    return tiny


def test_nothing_of_a_forgotten_person_is_in_the_state_folder(spoken_to, tmp_path):
    tiny = spoken_to.copy(tmp_path / "tiny")
    settings = tiny.load().settings
    with clock(day(1)):
        inbox.write(settings, [Notice(customer_id=ID), Notice(address=MAIL, state="bounced"), Notice(address=PHONE)])
    killed = tiny.state / "inbox" / "opt-outs" / ".killed.1.tmp"
    killed.write_text(ID)
    os.utime(killed, (0, 0))
    before = found(tiny)
    in_state = {name.split("/")[1] for name in before if name.startswith(".justenough/")}
    assert in_state == {"addresses", "inbox", "membership", "plans"}
    assert any(name.startswith("outbox/email_file") for name in before)
    texts = {what.partition(",")[0] for here in before.values() for what in here}
    assert texts == {ID, MAIL, PHONE, NAME, ORDER}
    done = forget(tiny, ID, at=day(1))
    assert list(done.held) == ["web_profiles for north"]
    assert {name.split("/")[1] for name in found(tiny) if name.startswith(".justenough/")} == {"membership"}
    tiny.run(at=day(1))  # takes it away downstream; the person is in the warehouse still
    assert {name: here for name, here in found(tiny).items() if name.startswith(".justenough/")} == {}
    assert "keyed" in found(tiny, keyed=True)[".justenough/ledger.duckdb"]


def test_files_that_a_kill_left_half_written_go_and_one_that_is_being_written_stays(spoken_to, tmp_path):
    tiny = spoken_to.copy(tmp_path / "tiny")
    opt_outs = tiny.state / "inbox" / "opt-outs"
    opt_outs.mkdir(parents=True, exist_ok=True)
    plan = next(folder for folder in (tiny.state / "plans").iterdir())
    left = [plan / ".deliveries.parquet.7.tmp", tiny.state / "membership" / ".web.parquet.7.tmp", opt_outs / ".a.7.tmp"]
    for half in (*left, opt_outs / ".b.8.tmp"):
        half.write_text(MAIL, "utf-8")
    os.utime(opt_outs / ".a.7.tmp", (0, 0))
    forget(tiny, ID)
    assert [half for half in left if half.exists()] == []
    assert (opt_outs / ".b.8.tmp").exists()


def test_what_was_deleted_is_not_left_in_the_ledgers_file(spoken_to, tmp_path):
    tiny = spoken_to.copy(tmp_path / "tiny")
    key = hmac.new(KEY.strip().partition(":")[2].encode(), ID.encode(), hashlib.sha256).hexdigest()[:32]
    mine = tiny.history(f"SELECT decision_id, message_id FROM claim WHERE person_key = '{key}'")
    keyed = [text.encode() for pair in mine for text in pair]
    before = {text for text in keyed if text in (tiny.state / "ledger.duckdb").read_bytes()}
    assert before == set(keyed)
    forget(tiny, ID, at=day(1))
    ledger = (tiny.state / "ledger.duckdb").read_bytes()
    assert [text for text in keyed if text in ledger] == []
    assert key.encode() in ledger  # the tombstone
    assert sorted(path.name for path in tiny.state.glob("*ledger*")) == ["ledger.duckdb"]
    assert oct((tiny.state / "ledger.duckdb").stat().st_mode & 0o777) == "0o600"


@pytest.mark.slow
def test_a_forgotten_person_is_never_spoken_to_again_though_the_warehouse_has_them(spoken_to, tmp_path):
    tiny = spoken_to.copy(tmp_path / "tiny")
    forget(tiny, ID, at=day(1))
    tiny.run(at=day(1))
    outcome = tiny.run(at=day(40))
    assert outcome.plan.people["marketing"].reasons["ERASED"] == 1
    later = [row for batch in tiny.batches() if batch.manifest["as_of"] > "2026-11-23" for row in batch.rows]
    assert later
    assert ID not in {row.get("customer_id") for row in later}
    [key] = tiny.history("SELECT person_key FROM tombstone")
    for table in ("decision", "claim", "exposure"):
        assert tiny.history(f"SELECT count(*) FROM {table} WHERE person_key = '{key[0]}'") == [(0,)], table


@pytest.mark.parametrize("about", ["c08", pytest.param("c12", marks=pytest.mark.slow)])
def test_the_next_run_takes_a_forgotten_person_away_downstream_however_narrow_it_is(spoken_to, tmp_path, about):
    tiny = spoken_to.copy(tmp_path / "tiny")
    shown = {row["message_id"] for batch in tiny.batches() if batch.target == "web_profiles" for row in batch.rows
             if row.get("customer_id") == ID and row["_mode"] == "append"}  # fmt: skip
    assert len(shown) == 2
    forget(tiny, ID, at=day(1))
    seen = {batch.name for batch in tiny.batches() if batch.target == "web_profiles"}
    tiny.run(at=day(1), products=("late",), customers=(about,))
    [new] = [batch for batch in tiny.batches() if batch.target == "web_profiles" and batch.name not in seen]
    assert {row["message_id"] for row in new.rows if row["_mode"] == "remove"} == shown


def test_messages_that_may_be_sent_still_are_recalled_by_a_batch_that_names_them(spoken_to, tmp_path):
    tiny = spoken_to.copy(tmp_path / "tiny")
    mine = {
        (row["message_id"], batch.manifest["batch_id"])
        for batch in tiny.batches() if batch.target == "email_file" for row in batch.rows if row["customer_id"] == ID
    }  # fmt: skip
    assert len(mine) == 2
    done = forget(tiny, ID, at=day(1))
    assert done.recalled == {"email_file/2026-11-23-2": 2}
    recall = next(batch for batch in tiny.batches() if batch.name == "2026-11-23-2")
    assert {(row["message_id"], row["batch_id"]) for row in recall.rows} == mine
    assert {row["_mode"] for row in recall.rows} == {"remove"}
    assert recall.manifest["kind"] == "recall"
    assert recall.manifest["recalls"] == ["email_file-2026-11-22-1", "email_file-2026-11-23-1"]
    assert recall.manifest["products"] == []


def test_what_is_not_valid_any_more_is_not_recalled(spoken_to, tmp_path):
    tiny = spoken_to.copy(tmp_path / "tiny")
    with clock(day(30)):
        inbox.write(tiny.load().settings, [Notice(customer_id=ID)])
    assert forget(tiny, ID, at=day(30)).recalled == {}
    assert list((tiny.state / "inbox" / "opt-outs").iterdir()) == []  # nobody else has emptied it


def test_what_was_erased_is_told_in_counts_and_forgetting_again_finds_nothing(spoken_to, tmp_path):
    tiny = spoken_to.copy(tmp_path / "tiny")
    others = tiny.history("SELECT count(*) FROM claim")[0][0]
    done = forget(tiny, ID, at=day(1))
    assert (done.people, done.new) == (1, 1)
    assert done.ledger == {"claim": 2, "decision": 2, "delivery": 4, "exposure": 2, "recall": 2, "receipt": 4}
    assert len(done.plans) == 2
    assert done.caches == 2
    assert tiny.history("SELECT count(*) FROM claim") == [(others - 2,)]
    again = forget(tiny, ID, at=day(1))
    assert (again.new, again.recalled, again.plans, sum(again.ledger.values())) == (0, {}, {}, 0)
    assert tiny.history("SELECT count(*) FROM tombstone") == [(1,)]


@pytest.mark.slow
def test_everybody_else_is_as_before(spoken_to, tmp_path):
    tiny, left_alone = spoken_to.copy(tmp_path / "tiny"), spoken_to.copy(tmp_path / "alone")
    forget(tiny, ID, at=day(1))
    [(key,)] = tiny.history("SELECT person_key FROM tombstone")
    before, after = left_alone.everything(), tiny.everything()
    for table in ("decision", "claim", "exposure"):
        assert after[table] == [row for row in before[table] if key not in row], table
    assert after["run"] == before["run"]
    for at in (day(1), day(2)):
        tiny.run(at=at)
        left_alone.run(at=at)

    def told(one):
        return {(batch.target, row["message_id"]) for batch in one.batches() for row in batch.rows
                if row["_mode"] == "append" and row.get("customer_id") != ID}  # fmt: skip

    assert told(tiny) == told(left_alone)


@pytest.mark.slow
def test_a_run_that_is_half_delivered_is_finished_without_the_person_and_balances(spoken_to, tmp_path):
    tiny = make(tmp_path / "tiny", people=(*PEOPLE, CANARY), late=(), brands=["north"])
    planned = tiny.plan()
    with clock(MORNING), run_lock(tiny.load().settings, "test"):
        line.tidy(tiny.load())
        line.start(tiny.load(), planned.order.run_id, expected=None, allow_past=False)
        line.publish(tiny.load(), planned.order.run_id, "email_file", "north")
    forget(tiny, ID)
    outcome = tiny.run()
    assert [old.plan.order.run_id for old in outcome.resumed] == [planned.order.run_id]
    assert tiny.history("SELECT DISTINCT state FROM run") == [("delivered",)]
    web = [row for batch in tiny.batches() if batch.target == "web_profiles" for row in batch.rows]
    assert web
    assert ID not in {row.get("customer_id") for row in web}


@pytest.mark.slow
def test_a_plan_that_waits_is_delivered_without_the_person(tmp_path):
    tiny = make(tmp_path / "tiny", people=(*PEOPLE, CANARY), late=(), brands=["north"])
    planned = tiny.plan()
    forget(tiny, ID)
    tiny.deliver(planned.order.run_id, planned.people_count)
    told = {row["customer_id"] for batch in tiny.batches() for row in batch.rows}
    assert ID not in told
    assert "c01" in told


def test_a_plan_about_the_person_alone_goes_whole(tmp_path):
    tiny = make(tmp_path / "tiny", people=(*PEOPLE, CANARY), late=(), brands=["north"])
    planned = tiny.plan(customers=(ID,))
    assert forget(tiny, ID).plans == {planned.order.run_id: None}
    assert not (tiny.state / "plans" / planned.order.run_id).exists()


def test_a_file_of_a_plan_that_was_changed_stays_refused_after_forgetting(tmp_path):
    tiny = make(tmp_path / "tiny", people=(*PEOPLE, CANARY), late=(), brands=["north"])
    planned = tiny.plan()
    [file] = (tiny.state / "plans" / planned.order.run_id / "deliveries").glob("*-care.parquet")
    rows = pl.read_parquet(file)
    rows.with_columns(address=pl.lit("else@x.example.com")).write_parquet(file)
    forget(tiny, ID)
    with pytest.raises(PlanError, match="was changed"):
        tiny.deliver(planned.order.run_id)


def test_nobody_is_no_request(tmp_path):
    tiny = make(tmp_path / "tiny", late=(), brands=["north"])
    for customers in ((), ("",), ("c01", " ")):
        with pytest.raises(UsageError) as refused:
            forget(tiny, *customers)
        assert refused.value.what == "nobody is named"


@pytest.mark.slow
def test_files_in_the_inbox_are_requests_and_go_when_they_are_done(tmp_path):
    tiny = make(tmp_path / "tiny", people=(*PEOPLE, CANARY), late=(), brands=["north"])
    requests = tiny.state / "inbox" / "forget"
    requests.mkdir(parents=True)
    (requests / "monday.txt").write_text(f"\ufeff{ID}\r\n\r\nc01\n", "utf-8")
    (requests / "broken.txt").write_bytes(b"\xff\xfe\x00")
    (requests / "elsewhere.txt").symlink_to(tiny.folder / "pyproject.toml")
    (requests / ".half").write_text("c02")
    settings = tiny.load().settings
    with clock(MORNING):
        with pytest.raises(UsageError, match="no such request"):
            line.forget_requested(settings, "tuesday.txt")
        assert line.forget_requested(settings, "broken.txt").people == 0
        done = line.forget_requested(settings)
    assert (done.people, done.refused) == (2, ("broken.txt", "elsewhere.txt"))
    assert sorted(path.name for path in requests.iterdir()) == [".half", "broken.txt", "elsewhere.txt"]
    tiny.run()
    told = {row["customer_id"] for batch in tiny.batches() for row in batch.rows}
    assert not told & {ID, "c01"}
    assert "c02" in told
