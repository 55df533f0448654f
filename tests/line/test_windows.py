"""A batch of more rows than are held at a time: the same bytes, and the same history, as in one piece."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from flows.ledger.inbox import Notice, write
from flows.line.rows import Rows
from tests.tiny import make, payloads

NIGHT = datetime(2026, 11, 22, 22, tzinfo=UTC)
FACTS = [("Ann", "tent"), (None, "rope"), ("Zoë", None), (None, None)]
PEOPLE = [
    (f"p{n:02}", "north", f"{'abc'[n % 3]}@x.example.com" if n < 6 else f"p{n}@x.example.com", None, *FACTS[n % 4], 3.0)
    for n in range(10)
] + [(f"q{n:02}", "north", None, f"+4915112345{n:03}", *FACTS[n % 4], 3.0) for n in range(6)]
ORDERS = [(f"p{n:02}", "north", f"o{n}-{nth}", ("tent", "rope")[nth], 4) for n in (1, 3, 4, 9) for nth in range(2)]
ORDERS += [("q01", "north", "o7", "tent", 4), ("q05", "north", "o8", "rope", 4)]
QUIET = '{email = "hold from 21:00 until 07:00"}'
SEEDS = {"email": ["seed@x.example.com", "a@x.example.com"], "sms": ["0151 12345699"]}


@pytest.mark.slow  # in `make test` tests/channels/test_filing.py stands for it
@pytest.mark.parametrize("target", ["braze", "ses"])
def test_a_batch_is_the_same_however_few_rows_are_held_at_a_time(target, tmp_path, monkeypatch, while_staged):
    base = make(tmp_path / "base", brands=["north"], people=PEOPLE, late=ORDERS)
    base.edit("pyproject.toml", "email_file", target)
    seeds = ", ".join(f"{way} = {json.dumps(found)}" for way, found in SEEDS.items())
    base.edit("pyproject.toml", "links = {}", f"links = {{}}\nseeds = {{{seeds}}}")
    hours = f"[tool.justenough.quiet_hours]\ndefault = {QUIET}\n\n"
    base.edit("pyproject.toml", "[tool.justenough.crowd]", f"{hours}[tool.justenough.crowd]")
    base.warehouse("ALTER TABLE people ADD COLUMN time_zone VARCHAR")
    base.warehouse("UPDATE people SET time_zone = 'Asia/Kathmandu' WHERE customer_id IN ('p02', 'p07', 'q02', 'q04')")
    base.edit("sql/customers.sql", "phone", "phone, time_zone")
    plan = base.plan(at=NIGHT)
    found = []
    for most in (1000, 2, 3):
        monkeypatch.setattr(Rows, "most", most)
        tiny = base.copy(tmp_path / f"{most}")
        settings = tiny.load().settings
        while_staged(target, lambda settings=settings: write(settings, [Notice(customer_id="p04")]))
        while_staged("sms_file", lambda settings=settings: write(settings, [Notice(customer_id="q02")]))
        done = tiny.deliver(plan.order.run_id, at=NIGHT + timedelta(minutes=1))
        manifests = [{**seen.manifest} for seen in tiny.batches()]
        history = tiny.everything()
        del history["consent_event"]  # of a notice that each gave itself
        found.append(
            (payloads(tiny.batches()), manifests, [(p.target, p.rows, p.dropped) for p in done.published], history)
        )
    files, [mails, texts, _], _, history = found[0]
    assert (mails["rows"], mails["seed_rows"]) == (15, 4)
    assert len({kind for *_, kind in files if kind.startswith("recipients")}) > 2  # rounds or hours
    assert len(history["claim"]) == mails["rows"] - mails["seed_rows"] + texts["rows"] - texts["seed_rows"]
    assert found[1:] == found[:1] * 2
