"""What the first day delivers: to whom, one message per address, and everything adds up."""

from __future__ import annotations

import json
import stat

import pytest

from tests.tiny import CARED_FOR, KEY, PEOPLE, make, payloads


def rows(batches, *targets):
    return [(b.manifest["brand"], row) for b in batches if b.target in targets for row in b.rows]


def test_everybody_whom_nothing_bars_gets_one_message_and_nobody_else(delivered):
    tiny, _ = delivered
    messages = [(row["customer_id"], brand) for brand, row in rows(tiny.batches(), "email_file", "sms_file")]
    assert sorted(messages) == sorted([*CARED_FOR, ("c07", "north"), ("c08", "north"), ("c08", "north")])


def test_on_a_shared_address_the_higher_score_gets_the_message_then_the_lower_id(delivered):
    tiny, outcome = delivered
    mails = {row["customer_id"] for _, row in rows(tiny.batches(), "email_file")}
    assert mails & {"c02", "c03", "c04", "c05"} == {"c03", "c04"}
    assert outcome.plan.deliveries["marketing"].reasons == {"DUPLICATE_ADDRESS": 2}


def test_a_shared_address_keeps_nobody_off_the_web(delivered):
    tiny, _ = delivered
    shown = sorted((row["customer_id"], brand, row["product"]) for brand, row in rows(tiny.batches(), "web_profiles"))
    care = [(*who, "care") for who in {*CARED_FOR, ("c02", "north"), ("c05", "north")}]
    late = [("c07", "north", "late"), ("c08", "north", "late"), ("c08", "north", "late")]
    assert shown == sorted([*care, *late])


def test_a_late_order_silences_marketing_that_day(delivered):
    tiny, outcome = delivered
    about_gus = [row["message_id"] for _, row in rows(tiny.batches(), "email_file") if row["customer_id"] == "c07"]
    found = tiny.history(f"SELECT product, message_type FROM claim WHERE message_id IN ('{about_gus[0]}')")
    assert (len(about_gus), found) == (1, [("late", "service")])
    assert outcome.plan.people["marketing"].reasons["SILENCED_BY_SERVICE"] == 1


def test_both_waterfalls_are_what_a_person_counts(delivered):
    _, outcome = delivered
    people, deliveries = outcome.plan.people, outcome.plan.deliveries
    # 15 needs; 7 by message and 2 who lost an address are decided.
    assert people["marketing"].model_dump() == {
        "base": 15,
        "passed": 9,
        "reasons": {
            "UNREACHABLE": 2,  # c10 and c11: the e-mail is bad or suppressed, and there is no telephone
            "BELOW_THRESHOLD": 1,
            "EXCLUDED": 1,
            "NO_CONSENT": 1,
            "SILENCED_BY_SERVICE": 1,
        },
    }
    assert people["service"].model_dump() == {"base": 3, "passed": 3, "reasons": {}}
    assert deliveries["marketing"].model_dump() == {"base": 18, "passed": 16, "reasons": {"DUPLICATE_ADDRESS": 2}}
    assert deliveries["service"].model_dump() == {"base": 6, "passed": 6, "reasons": {}}
    assert outcome.plan.people_count == 12
    assert outcome.plan.candidates == {"care": 15, "late": 3}


def test_claims_rows_manifests_and_ledger_are_the_same_messages(delivered):
    tiny, outcome = delivered
    batches = tiny.batches()
    on_disk = {
        (b.target, b.manifest["brand"], row["message_id"])
        for b in batches
        if b.manifest["kind"] == "message"
        for row in b.rows
    }
    joined = "FROM {} JOIN batch USING (batch_id) WHERE state = 'published' AND kind = 'message'"
    for table in ("claim", "delivery"):
        found = tiny.history(f"SELECT target, batch.brand, message_id {joined.format(table)}")
        assert len(found) == len(on_disk)
        assert set(found) == on_disk
    counted = {(b.target, b.manifest["batch_id"]): (b.manifest["rows"], len(b.rows)) for b in batches}
    assert counted == {(t, i): (n, n) for t, i, n in tiny.history("SELECT target, batch_id, row_count FROM batch")}
    told = {p.folder.name: p.rows for p in outcome.delivered.published if p.folder and p.target == "email_file"}
    assert told == {b.name: len(b.rows) for b in batches if b.target == "email_file"}


def test_every_row_that_is_sent_or_shown_has_one_receipt_from_the_first_delivery_on(delivered):
    tiny, _ = delivered
    sent = sorted(row["message_id"] for _, row in rows(tiny.batches(), "email_file", "sms_file", "web_profiles"))
    receipts = tiny.history("SELECT message_id, product, product_version, level, facts FROM receipt ORDER BY 1")
    assert [row[0] for row in receipts] == sent
    assert {(product, version, level) for _, product, version, level, _ in receipts} == {("care", 1, 2), ("late", 1, 2)}
    assert {tuple(facts) for *_, facts in receipts} <= {
        (),
        ("name",),
        ("last_order",),
        ("last_order", "name"),
    }


def test_a_manifest_counts_its_rows_by_product_version_and_facts(delivered):
    tiny, _ = delivered
    north = next(b for b in tiny.batches() if (b.target, b.manifest["brand"]) == ("email_file", "north"))
    listed = north.manifest["products"]
    assert sum(entry["rows"] for entry in listed) == north.manifest["rows"] == 7
    assert {"product": "care", "variant": None, "facts": [], "rows": 1, "version": 1} in listed  # c13


def test_the_words_and_sql_of_the_first_version_are_archived(delivered):
    tiny, _ = delivered
    digests = dict(tiny.history("SELECT product, digest FROM product_version"))
    assert digests.keys() == {"care", "late"}
    kept = tiny.state / "content" / digests["care"]
    assert (kept / "templates/care/email.j2").read_bytes() == (tiny.folder / "templates/care/email.j2").read_bytes()
    assert (kept / "sql/segments/owners.sql").is_file()
    assert not (kept / "templates/late").exists()


def test_a_kept_message_is_the_address_of_the_unsubscribe_link(delivered):
    tiny, _ = delivered
    for brand, row in rows(tiny.batches(), "email_file"):
        is_marketing = row["customer_id"] not in {"c07", "c08"}
        expected = f"https://{brand}.example.com/unsubscribe/{row['message_id']}" if is_marketing else ""
        assert row["unsubscribe_url"] == expected


def test_everything_in_state_and_outbox_is_private(delivered):
    tiny, _ = delivered
    modes = {}
    for path in [tiny.state, *tiny.state.rglob("*"), tiny.outbox, *tiny.outbox.rglob("*")]:
        modes.setdefault((path.is_dir(), stat.S_IMODE(path.stat().st_mode)), []).append(path.relative_to(tiny.folder))
    assert modes.keys() == {(True, 0o700), (False, 0o600)}, {mode: paths[:5] for mode, paths in modes.items()}


def test_no_personal_data_is_in_the_ledger_the_manifests_or_what_a_plan_says_of_itself(delivered):
    tiny, _ = delivered
    canaries = {str(value) for row in PEOPLE for value in row[2:5] if value}
    canaries |= {row[0] for row in PEOPLE} | {name.lower() for name in canaries} | {"o71", "o81", "o82"}
    secret = KEY.strip().split(":")[1]
    files = [tiny.state / "ledger.duckdb", *tiny.state.glob("plans/*/*.json"), *tiny.outbox.rglob("manifest.json")]
    assert len(files) == 1 + 2 + 5
    assert not (tiny.state / "ledger.duckdb.wal").exists()
    for path in files:
        content = path.read_bytes()
        found = [word for word in {*canaries, secret} if len(word) > 3 and word.encode() in content]
        words = [word for word in canaries if len(word) <= 3 and f'"{word}"'.encode() in content]
        assert (found, words) == ([], []), path.name
    names = {str(path.relative_to(tiny.folder)) for path in [*tiny.state.rglob("*"), *tiny.outbox.rglob("*")]}
    assert [name for name in names if any(canary in name for canary in canaries if len(canary) > 3)] == []


def test_a_person_of_two_brands_is_one_person_with_a_decision_in_each(delivered):
    tiny, _ = delivered
    found = tiny.history("SELECT count(*), count(DISTINCT brand) FROM claim GROUP BY person_key HAVING count(*) = 2")
    assert sorted(found) == [(2, 1), (2, 2)]  # Hal's two orders of one brand, and Ann


@pytest.mark.parametrize("parts", [pytest.param(2, marks=pytest.mark.slow), 3, pytest.param(7, marks=pytest.mark.slow)])
def test_payloads_are_the_same_bytes_however_the_customers_are_cut(delivered, tmp_path, parts):
    whole, _ = delivered
    cut = make(tmp_path / "cut")
    outcome = cut.run(parts=parts)
    assert payloads(cut.batches()) == payloads(whole.batches())
    assert outcome.plan.people == delivered[1].plan.people
    assert outcome.plan.deliveries == delivered[1].plan.deliveries


@pytest.mark.slow
def test_more_parts_than_customers_make_no_difference(tmp_path):
    few = [row for row in PEOPLE if row[0] in {"c02", "c03", "c04", "c05"}]
    found = []
    for parts in (1, 7):
        tiny = make(tmp_path / str(parts), people=few, late=LATE_PAIR, brands=["north"])
        tiny.run(parts=parts, targets=("email_file", "web_profiles"))
        found.append(payloads(tiny.batches()))
    assert found[0] == found[1]
    assert json.loads(found[0]["web_profiles", "north", "2026-11-22", "additions-0001.ndjson"].split(b"\n")[0])


LATE_PAIR = [("c02", "north", "o2", "tent", 4), ("c03", "north", "o2", "tent", 4)]  # one order of two customers
