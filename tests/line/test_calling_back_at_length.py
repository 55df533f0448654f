"""Days of opt-outs, outcomes, acknowledgements, recalls and corrections, held against a model that reads the outbox alone."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from flows import line
from flows.errors import StateError
from tests.tiny import clock, crowd, day, make

pytestmark = pytest.mark.slow
DAYS = 6


class Model:
    """What was seen and told so far: who holds which message, which of them may be sent still, and what must not be."""

    def __init__(self) -> None:
        self.seen, self.messages = set(), {}  # message -> batch, customer, valid until, made at, corrects
        self.sent, self.sent_each, self.failed, self.called_back = set(), set(), set(), set()
        self.stopped, self.ended_at = set(), {}

    def look(self, tiny, at) -> set[str]:
        """Take over what is new in the outbox; returns what it calls back: known, open, and for the first time."""
        back = []
        for batch in tiny.batches():
            name = batch.manifest["batch_id"]
            if name in self.seen or batch.manifest["kind"] == "state":
                continue
            self.seen.add(name)
            for row in batch.rows:
                if batch.manifest["kind"] == "recall":
                    message, (held, customer, *_) = row["message_id"], self.messages[row["message_id"]]
                    assert (row["batch_id"], row["customer_id"]) == (held, customer)
                    assert row["address"] == f"{customer}@x.example.com"
                    back.append(message)
                else:
                    assert row["message_id"] not in self.messages
                    assert row["customer_id"] not in self.stopped
                    until = datetime.fromisoformat(row["valid_until"].replace("Z", "+00:00"))
                    corrects = batch.manifest["corrects"]
                    self.messages[row["message_id"]] = (name, row["customer_id"], until, at, corrects)
        assert len(back) == len(set(back))
        assert not set(back) - self.open(at)
        self.called_back |= set(back)
        return set(back)

    def open(self, at) -> set[str]:
        over = self.sent | self.failed | self.called_back
        return {message for message, (_, _, until, *_) in self.messages.items() if until > at} - over

    def due(self, at) -> set[str]:
        """What a run has to call back."""
        return {m for m in self.open(at) if self.messages[m][1] in self.stopped or self.is_over(m)}

    def is_over(self, message) -> bool:
        _, customer, _, made_at, _ = self.messages[message]
        return customer in self.ended_at and self.ended_at[customer] > made_at

    def of(self, batch) -> dict[str, str]:
        return {message: row[1] for message, row in self.messages.items() if row[0] == batch}


def workspace(folder):
    tiny = make(folder, people=crowd(14), late=(), brands=["north"])
    tiny.set(caps="50 in 7 days")
    tiny.edit("templates/care/product.yaml", "{every: 30 days, per: person}", "{every: 1 days, per: person}")
    tiny.edit("templates/care/product.yaml", "success:", "ends_when: [returned]\nsuccess:")
    tiny.warehouse("CREATE TABLE returned (customer_id VARCHAR, happened_at TIMESTAMP)")
    entry = "  returned: {person: customer_id, happened_at: happened_at, may_be_empty: true}\ndimensions:"
    tiny.edit("sql/dimensions.yaml", "dimensions:", entry)
    (tiny.folder / "sql/outcomes").mkdir()
    text = "SELECT customer_id, 'returned' AS outcome, happened_at FROM returned"
    (tiny.folder / "sql/outcomes/returned.sql").write_text(text)
    return tiny


def acknowledged(tiny, model, drawn, batch) -> None:
    """The other end tells something of a batch, or of some of its messages."""
    settings = tiny.load().settings
    for told, chance in (("loaded", 0.8), ("sent", 0.3)):
        if drawn.random() < chance:
            line.acknowledge(settings, batch, told)
            if told == "sent":
                model.sent |= set(model.of(batch)) - model.failed
    mine = sorted(set(model.of(batch)) - model.sent - model.failed)
    for told, names, into in (("failed", mine[:1], model.failed), ("sent", mine[1:2], model.sent_each)):
        if names and drawn.random() < 0.7:
            file = tiny.folder / "told.txt"
            file.write_text("\n".join(names))
            line.acknowledge(settings, batch, told, file)
            into.update(names)
    model.sent |= model.sent_each


def recalled(tiny, model, who, at) -> None:
    """A person calls back what is on its way to some people."""
    file = tiny.folder / "who.txt"
    file.write_text("\n".join(who))
    meant = {message for message in model.open(at) if model.messages[message][1] in who}
    line.recall(tiny.load().settings, line.Which(product="care", customers=file))
    assert model.look(tiny, at) == meant


def corrected(tiny, model, batch, at) -> list[str] | None:
    """A batch is corrected; who was told. None where that was refused."""
    back, before = model.called_back - model.sent_each, set(model.messages)
    wanted = sorted(
        customer for message, customer in model.of(batch).items()
        if message not in model.failed | back and customer not in model.stopped and not model.is_over(message)
    )  # fmt: skip
    try:
        line.correct(tiny.load(), batch, len(wanted))
    except StateError:
        return None
    assert model.look(tiny, at) == set()
    assert sorted(model.messages[message][1] for message in set(model.messages) - before) == wanted
    return wanted


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_called_back_and_corrected_is_what_a_model_says(tmp_path, seed):
    drawn, tiny, model = random.Random(seed), workspace(tmp_path / "tiny"), Model()
    everybody = [row[0] for row in crowd(14)]
    done, refused = set(), 0
    for number in range(DAYS):
        at = day(number)
        expected = model.due(at)
        tiny.run(at=at)
        assert model.look(tiny, at) == expected
        noon = at + timedelta(hours=3)
        batches = sorted({row[0] for row in model.messages.values()})
        with clock(noon):
            acknowledged(tiny, model, drawn, drawn.choice(batches))
            if drawn.random() < 0.4:
                recalled(tiny, model, drawn.sample(everybody, 2), noon)
            batch = drawn.choice(batches)
            new = corrected(tiny, model, batch, noon)
            assert new is None or batch not in done
            refused += new is None
            done |= {batch} if new else set()
        if drawn.random() < 0.8:
            model.stopped.add(who := drawn.choice(everybody))
            tiny.says(who, at=noon)
        if drawn.random() < 0.6:
            who, then = drawn.choice(everybody), at + timedelta(hours=5)
            tiny.warehouse(f"INSERT INTO returned VALUES ('{who}', '{then:%F %T}')")
            model.ended_at[who] = then
    assert model.called_back
    assert done
    assert refused
    attempts = tiny.history("SELECT count(*), count(DISTINCT message_id) FROM claim WHERE attempt > 1")
    assert attempts == [(len({m for m, row in model.messages.items() if row[4]} - model.failed),) * 2]
