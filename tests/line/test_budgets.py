"""Budgets of channels over a whole run: never exceeded, spent on those worth the most, and the same however a run is cut."""

from __future__ import annotations

import pytest

from flows import line
from flows.errors import PlanError, SettingError
from flows.line.recalling import Which
from flows.pages.artifacts import plan_page
from flows.pages.explanation import candidate
from flows.pages.sentences import by_budgets
from flows.plan import read_plan
from tests.tiny import clock, day, make, payloads

MAIL = "email_file-2026-11-22-1"


def people(*numbers: int) -> list[tuple]:
    """The higher the number, the more relevant; even ones have a telephone too."""
    return [
        (f"p{n}", "north", f"p{n}@x.example.com", None if n % 2 else f"+49151123456{n:02}", "Ann", "tent", 2.5 + n / 5)
        for n in numbers
    ]


def budgeted(folder, per: str = "day", email: int = 3, sms: int = 1, late=()):
    tiny = make(folder, people=people(*range(8)), late=late, brands=["north"])
    budgets = f'[tool.justenough.budgets.north]\nemail = "{email} a {per}"\nsms = "{sms} a {per}"\n\n'
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", f"{budgets}[tool.justenough.crowd]")
    return tiny


def join(tiny, *numbers: int) -> None:
    """More customers, with a need."""
    for customer, brand, email, phone, name, item, interest in people(*numbers):
        number = f"'{phone}'" if phone else "NULL"
        tiny.warehouse(
            f"INSERT INTO people VALUES ('{customer}', '{brand}', 'DE', 'en', '{email}', {number}, '{name}');"
            f"INSERT INTO needs VALUES ('{customer}', '{brand}', '{item}', {interest}, '2026-01-01');"
            f"INSERT INTO consents VALUES ('y{customer}', '{customer}', '{brand}', '*', '*', 'yes', '2026-01-01')"
        )


def sent(tiny) -> dict[str, set[str]]:
    """Channel -> whom a message went to."""
    found: dict[str, set[str]] = {}
    for batch in tiny.batches():
        if batch.manifest["kind"] == "message":
            found.setdefault(batch.manifest["channel"], set()).update(row["customer_id"] for row in batch.rows)
    return found


def told(tiny, customer: str) -> str:
    """What `explain` says of a customer's one decision."""
    found = line.explain(tiny.load(), customer)
    return "\n".join(candidate(found, found.candidates[0]))


def numbers(plan) -> dict[str, tuple[str, int, int, int, int]]:
    """Channel -> budget, spent, planned, moved, fallen."""
    return {row.channel: (row.budget, row.spent, row.planned, row.moved, row.fallen) for row in plan.prices}


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    tiny = budgeted(tmp_path_factory.mktemp("budgets") / "tiny")
    return tiny, tiny.run()


@pytest.fixture
def first(whole_run, tmp_path):
    return whole_run[0].copy(tmp_path / "tiny"), whole_run[1]


def test_the_budgets_go_to_those_who_are_worth_the_most_and_the_plan_says_at_which_price(whole_run):
    tiny, done = whole_run
    assert sent(tiny) == {"email": {"p7", "p6", "p5"}, "sms": {"p4"}}
    deliveries = done.plan.deliveries["marketing"]
    assert (deliveries.base, deliveries.passed, deliveries.reasons) == (16, 12, {"OVER_BUDGET": 4})
    assert done.plan.people["marketing"].passed == 8
    assert numbers(done.plan) == {"email": ("3 a day", 0, 3, 1, 4), "sms": ("1 a day", 0, 1, 0, 0)}
    prices = {
        row.channel: (row.price, row.gap) for row in read_plan(tiny.load().settings, done.plan.order.run_id).prices
    }
    # p3, who falls away, sets the price of e-mail; by SMS, which p4 has, p6 would lose a hundredth, so it costs that much less.
    sms = 0.7503 - 0.01 * 0.8455
    assert prices == {"email": (pytest.approx(0.7503, abs=1e-4), 0.0), "sms": (pytest.approx(sms, abs=1e-4), 0.0)}


def test_what_falls_away_says_the_price_and_what_goes_along_goes_all_the_same(whole_run):
    tiny, done = whole_run
    [email] = [row for row in line.explain(tiny.load(), "p3").deliveries if row["channel"] == "email"]
    price = next(row.price for row in done.plan.prices if row.channel == "email")
    assert email["reason"] == "OVER_BUDGET"
    assert email["detail"] == f"worth 0.7503, not above the price of email, {price:.4f}"
    assert {row["customer_id"] for batch in tiny.batches() if batch.target == "web_profiles" for row in batch.rows} == {
        f"p{n}" for n in range(8)
    }


def test_the_pages_say_what_became_of_whom(whole_run):
    tiny, done = whole_run
    email, sms = by_budgets(done.plan.prices)
    assert email.startswith(
        "The budget of email of north is 3 a day: 3 go by it, 1 by another channel instead, 4 fall away; the price is 0.7"
    )
    assert email.endswith("of what could be had is missed.")
    assert sms in plan_page(done.plan, workspace="tiny")
    moved, fallen = told(tiny, "p4"), told(tiny, "p2")
    assert "By sms, since the budget of an earlier channel of `first_of` goes to better uses." in moved
    assert "Not by email: the channel's budget is spent on better uses: worth 0.7109" in fallen
    assert "Not by sms: the channel's budget is spent on better uses (OVER_BUDGET)." in fallen


def test_the_history_has_the_channel_that_a_message_went_by(whole_run):
    tiny, _ = whole_run
    found = tiny.history(
        "SELECT d.channel, c.channel, c.lane FROM decision d JOIN claim c USING (decision_id) WHERE c.channel = 'sms'"
    )
    assert found == [("sms", "sms", "first")]


@pytest.mark.slow
def test_in_three_parts_a_run_delivers_the_same(whole_run, tmp_path):
    tiny, done = whole_run
    cut = budgeted(tmp_path / "cut")
    again = cut.run(parts=3)
    assert payloads(cut.batches()) == payloads(tiny.batches())
    assert again.plan.prices == done.plan.prices


@pytest.mark.slow
def test_who_fell_away_comes_again_on_the_next_day_with_its_own_budget(first):
    tiny, _ = first
    second = tiny.run(at=day(1))
    assert numbers(second.plan) == {"email": ("3 a day", 0, 3, 1, 0), "sms": ("1 a day", 0, 1, 0, 0)}
    assert sent(tiny) == {"email": {"p7", "p6", "p5", "p3", "p2", "p1"}, "sms": {"p4", "p0"}}


@pytest.mark.slow
def test_a_later_run_of_the_day_has_what_is_left_of_the_day(first):
    tiny, _ = first
    join(tiny, 8)
    second = tiny.run()
    assert numbers(second.plan) == {"email": ("3 a day", 3, 0, 0, 1), "sms": ("1 a day", 1, 0, 0, 0)}
    assert "used by earlier runs" in by_budgets(second.plan.prices)[0]
    assert sent(tiny) == {"email": {"p7", "p6", "p5"}, "sms": {"p4"}}


@pytest.mark.slow
def test_a_plan_that_is_delivered_after_another_does_not_exceed_the_day_either(tmp_path):
    tiny = budgeted(tmp_path / "tiny")
    one, other = (tiny.plan(customers=who).order.run_id for who in (("p7", "p5"), ("p3", "p1")))
    tiny.deliver(one)
    with pytest.raises(PlanError, match="1 of 4 planned deliveries may not leave any more"):
        tiny.deliver(other)
    tiny.set(tolerated_share=1)
    one, other = (tiny.plan(customers=who).order.run_id for who in (("p6",), ("p3", "p1")))
    tiny.deliver(one)
    left = tiny.deliver(other).published
    assert {batch.target: batch.dropped for batch in left if batch.dropped} == {"email_file": {"OVER_BUDGET": 1}}
    assert sum(len(who) for who in sent(tiny).values()) <= 4


@pytest.mark.slow
def test_a_correction_is_not_stopped_by_the_day_that_its_batch_has_filled_and_counts(first):
    tiny, _ = first
    with clock(day(0)):
        line.acknowledge(tiny.load().settings, MAIL, "loaded")
        _, done = line.correct(tiny.load(), MAIL, 3)
    assert done is not None
    assert [each.rows for each in done.published] == [3]
    join(tiny, 8)
    assert numbers(tiny.plan())["email"] == ("3 a day", 6, 0, 0, 1)


@pytest.mark.slow
def test_what_is_called_back_stays_in_the_budget_and_what_failed_leaves_it(first):
    tiny, _ = first
    join(tiny, 8)
    with clock(day(0)):
        line.recall(tiny.load().settings, Which(batch=MAIL))
    assert numbers(tiny.plan())["email"] == ("3 a day", 3, 0, 0, 1)
    with clock(day(0)):
        line.acknowledge(tiny.load().settings, MAIL, "failed")
    assert numbers(tiny.plan())["email"][1] == 0


@pytest.mark.slow
def test_what_failed_finds_the_room_that_is_left_of_the_day_when_it_is_delivered_again(first):
    tiny, _ = first
    with clock(day(0)):
        line.acknowledge(tiny.load().settings, MAIL, "failed")
    join(tiny, 8, 9)
    tiny.run(customers=("p8", "p9"))
    with clock(day(0)):
        again = line.deliver_again(tiny.load(), MAIL)
    assert (again.rows, again.dropped) == (1, {"OVER_BUDGET": 2})
    [rows] = [
        batch.rows for batch in tiny.batches() if batch.name == again.folder.name and batch.target == "email_file"
    ]
    assert [row["customer_id"] for row in rows] == ["p7"]


@pytest.mark.slow
def test_a_run_for_one_target_uses_the_day_and_sets_no_price_for_a_few(tmp_path):
    tiny = budgeted(tmp_path / "tiny")
    narrow = tiny.run(targets=("email_file",))
    assert numbers(narrow.plan)["email"] == ("3 a day", 0, 3, 0, 5)
    join(tiny, 8)
    assert numbers(tiny.plan()) == {"email": ("3 a day", 3, 0, 1, 0), "sms": ("1 a day", 0, 1, 0, 0)}
    few = tiny.plan(customers=("p8",), at=day(1))
    assert {row.price for row in few.prices} == {0.0}


@pytest.mark.slow
def test_a_run_for_one_product_has_the_budget_that_is_left_of_the_day(first):
    tiny, _ = first
    join(tiny, 8)
    assert numbers(tiny.plan(products=("care",)))["email"] == ("3 a day", 3, 0, 0, 1)
    assert tiny.plan(products=("late",)).prices == ()


@pytest.mark.slow
def test_a_run_for_a_few_pays_the_prices_of_the_last_run_for_everybody(tmp_path):
    tiny = budgeted(tmp_path / "tiny", "run")
    first = tiny.run().plan
    whole = {row.channel: row.price for row in first.prices}
    for name in ("plan.json", "plan.seal"):  # whose time may be over; the history keeps them
        (tiny.state / "plans" / first.order.run_id / name).unlink()
    join(tiny, 9, 10)
    tiny.warehouse("UPDATE needs SET interest = 2.6 WHERE customer_id = 'p10'")
    few = tiny.run(customers=("p9", "p10"))
    assert {row.channel: row.price for row in few.plan.prices} == whole
    assert numbers(few.plan) == {"email": ("3 a run", 0, 1, 0, 1), "sms": ("1 a run", 0, 0, 0, 0)}
    assert "p9" in sent(tiny)["email"]


@pytest.mark.slow
def test_service_messages_have_no_budget(tmp_path):
    late = [("p0", "north", "o1", "tent", 4), ("p1", "north", "o2", "tent", 4)]
    tiny = budgeted(tmp_path / "tiny", email=0, sms=0, late=late)
    done = tiny.run()
    assert sent(tiny) == {"email": {"p0", "p1"}}
    assert done.plan.deliveries["marketing"].reasons == {"OVER_BUDGET": 6}
    assert done.plan.deliveries["service"].passed == 4


@pytest.mark.slow
def test_a_run_for_one_target_moves_nobody_to_another_or_from_there(tmp_path):
    tiny = budgeted(tmp_path / "tiny")
    only = tiny.plan(targets=("sms_file",))
    assert only.deliveries["marketing"].base == 0
    emails = tiny.plan(targets=("email_file",))
    assert numbers(emails) == {"email": ("3 a day", 0, 3, 0, 5), "sms": ("1 a day", 0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("[tool.justenough.budgets.north]\nemail = 5", "budgets.north.email: '5' is no budget"),
        ('[tool.justenough.budgets.north]\nemail = "5 a week"', "'5 a week' is no budget"),
        ('[tool.justenough.budgets.nord]\nemail = "5 a day"', "budgets: 'nord' is no brand of this workspace"),
        ('[tool.justenough.budgets.default]\nweb = "5 a day"', "nothing is sent by 'web', so it has no budget"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(planned, written, what):
    tiny, _ = planned
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", f"{written}\n\n[tool.justenough.crowd]")
    with pytest.raises(SettingError) as refused:
        tiny.load()
    assert what in str(refused.value)
