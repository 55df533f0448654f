"""Plans that people have to approve, by size, by what is new, and by rise: whoever asks, and whatever is edited on disk."""

from __future__ import annotations

import json
import os
import pwd
from typing import TYPE_CHECKING

import pytest

from flows import cli, line
from flows.errors import PlanError, SettingError, UsageError, WaitingError
from flows.keys import load_key
from flows.ledger.approvals import Approval, account, note
from flows.ledger.store import SCHEMA_VERSION, open_ledger
from flows.line import approving
from flows.plan import plan_digest
from tests.tiny import MORNING, Tiny, clock, day, make

if TYPE_CHECKING:
    from flows.plan import Plan

ANNA, BEN = "anna", "ben"


def rules(tiny: Tiny, text: str, approvers: str = '["anna", "ben"]') -> None:
    table = f"[tool.justenough.approval]\napprovers = {approvers}\n{text}\n\n"
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", f"{table}[tool.justenough.crowd]")


def approve(tiny: Tiny, plan: Plan, who: str, *, people: int | None = None, at=MORNING) -> line.Approved:
    with clock(at):
        return line.approve(tiny.load(), plan.order.run_id, plan.people_count if people is None else people, who)


def command(tiny: Tiny, *arguments: str, at=MORNING) -> int:
    with clock(at):
        return cli.main([*arguments, "--workspace", str(tiny.folder)])


def nothing_left(tiny: Tiny) -> None:
    assert tiny.batches() == []
    assert tiny.history("SELECT * FROM claim") == []
    assert tiny.history("SELECT * FROM batch") == []


@pytest.fixture(scope="module")
def _two_asked(tmp_path_factory) -> tuple[Tiny, Plan]:
    tiny = make(tmp_path_factory.mktemp("two-asked") / "tiny", brands=["north"])
    rules(tiny, "over_two = 9")
    return tiny, tiny.plan()


@pytest.fixture
def two_asked(_two_asked, tmp_path) -> tuple[Tiny, Plan]:
    """A plan for ten people, which two have to approve."""
    return _two_asked[0].copy(tmp_path / "tiny"), _two_asked[1]


# ---- one after the other
@pytest.mark.bad_input(109, 110)
def test_what_two_people_have_to_approve_leaves_when_both_have(two_asked):
    tiny, plan = two_asked
    with pytest.raises(WaitingError, match="it needs 2 approvals: it is for 10 people, more than 9") as caught:
        tiny.deliver(plan.order.run_id)
    step = f"justenough approve {plan.order.run_id} --expect 10 --as NAME, as anna or ben"
    assert caught.value.hint == f"look at it; {step}, and then: justenough deliver {plan.order.run_id} --expect 10"
    assert approve(tiny, plan, ANNA).given == (ANNA,)
    with pytest.raises(UsageError, match="anna has approved this plan already"):
        approve(tiny, plan, ANNA)
    with pytest.raises(WaitingError, match=r"it needs 2 approvals, and has 1 \(anna\)"):
        tiny.deliver(plan.order.run_id)
    nothing_left(tiny)
    assert approve(tiny, plan, BEN).given == (ANNA, BEN)
    assert tiny.deliver(plan.order.run_id, 10).stopped == ()
    assert len(tiny.batches()) == 3
    said = tiny.history(
        "SELECT subject, approver, people_count, approved_at FROM approval WHERE kind = 'plan' ORDER BY 2"
    )
    assert said == [(plan.order.run_id, who, 10, MORNING.replace(tzinfo=None)) for who in (ANNA, BEN)]
    with pytest.raises(PlanError, match="was delivered already"):
        approve(tiny, plan, ANNA)


@pytest.mark.slow
def test_a_run_keeps_a_plan_that_waits_and_says_how_it_goes_on(two_asked, capsys):
    tiny, _ = two_asked
    assert command(tiny, "plan") == 0
    assert "This plan waits: it needs 2 approvals" in " ".join(capsys.readouterr().out.split())
    assert command(tiny, "run", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    run_id = told["plan"]["order"]["run_id"]
    assert (told["delivered"], told["waits"]["state"]) == (None, "WaitsForApproval")
    nothing_left(tiny)
    assert command(tiny, "approve", run_id, "--expect", "10", "--as", ANNA) == 3
    assert "1 more has to approve it" in " ".join(capsys.readouterr().out.split())
    assert command(tiny, "deliver", run_id, "--expect", "10") == 3
    assert command(tiny, "approve", run_id, "--expect", "10", "--as", BEN) == 0
    assert command(tiny, "deliver", run_id, "--expect", "11") == 1
    assert command(tiny, "deliver", run_id, "--expect", "10") == 0
    assert len(tiny.batches()) == 3


@pytest.mark.slow
@pytest.mark.bad_input(109, 111, 112)
def test_an_approval_that_is_late_by_the_wrong_one_or_of_another_number_is_refused(two_asked):
    tiny, plan = two_asked
    with pytest.raises(UsageError, match="'carl' is none of the approvers"):
        approve(tiny, plan, "carl")
    with pytest.raises(PlanError, match="11 were approved, and the plan has 10"):
        approve(tiny, plan, ANNA, people=11)
    with pytest.raises(PlanError, match="this plan expired"):
        approve(tiny, plan, ANNA, at=day(2))
    tiny.edit("templates/care/sms.j2", "Dry your", "Air your")
    with pytest.raises(PlanError, match="settings, words or SQL have changed"):
        approve(tiny, plan, ANNA)
    assert tiny.history("SELECT * FROM approval") == []
    nothing_left(tiny)


@pytest.mark.slow
@pytest.mark.bad_input(109, 112)
def test_an_approval_ends_with_its_plan_and_is_of_no_other(two_asked):
    tiny, plan = two_asked
    for who in (ANNA, BEN):
        approve(tiny, plan, who)
    other = tiny.plan()
    with pytest.raises(WaitingError):
        tiny.deliver(other.order.run_id)
    tiny.edit("pyproject.toml", "over_two = 9", "over_two = 9\nnew_version = 1")
    with pytest.raises(PlanError, match="settings, words or SQL have changed"):
        tiny.deliver(plan.order.run_id)
    nothing_left(tiny)


# ---- the rules


@pytest.mark.slow
def test_a_new_product_or_version_asks_until_it_was_delivered(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    rules(tiny, "new_product = 2\nnew_version = 1")
    first = tiny.run()
    assert first.waits.why == ("it needs 2 approvals: care was never delivered before; late was never delivered before")
    for who in (ANNA, BEN):
        approve(tiny, first.plan, who)
    tiny.deliver(first.plan.order.run_id)
    assert tiny.run(at=day(4)).waits is None
    tiny.edit("templates/care/sms.j2", "Dry your", "Air your")
    later = tiny.run(at=day(31))
    assert later.waits.why == "it needs 1 approval: care is not what was delivered before"
    approve(tiny, later.plan, BEN, at=day(31))
    tiny.deliver(later.plan.order.run_id, at=day(31))
    assert tiny.history("SELECT max(number) FROM product_version WHERE product = 'care'") == [(2,)]


@pytest.mark.slow
def test_more_people_than_in_the_days_before_ask_for_one(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    rules(tiny, 'rise = "50 %"\nrise_from = 3')
    first = tiny.run()
    assert (
        first.waits.why == "it needs 1 approval: it is for 10 people, and 0 is the most of any run of the 7 days before"
    )
    approve(tiny, first.plan, ANNA)
    tiny.deliver(first.plan.order.run_id)
    assert tiny.run(at=day(4)).waits is None  # three late orders
    assert tiny.run(at=day(12)).waits.why.endswith(
        "it is for 3 people, and 0 is the most of any run of the 7 days before"
    )


@pytest.mark.slow
def test_a_correction_needs_the_same_approvals(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    tiny.run()
    assert command(tiny, "acknowledge", "email_file-2026-11-22-1", "loaded") == 0
    rules(tiny, "over = 1")
    with clock(day(0)):
        planned, _ = line.correct(tiny.load(), "email_file-2026-11-22-1", None)
        with pytest.raises(WaitingError, match="it needs 1 approval"):
            line.correct(tiny.load(), "email_file-2026-11-22-1", planned.people_count)
        assert len(tiny.batches()) == 3
        line.approve(tiny.load(), planned.order.run_id, planned.people_count, ANNA)
        line.deliver(tiny.load(), planned.order.run_id, planned.people_count)
    assert [seen.manifest["corrects"] for seen in tiny.batches() if seen.manifest["corrects"]] == [
        "email_file-2026-11-22-1"
    ]


@pytest.mark.slow
def test_who_is_forgotten_takes_no_approval_away(two_asked):
    tiny, plan = two_asked
    for who in (ANNA, BEN):
        approve(tiny, plan, who)
    with clock(MORNING):
        line.forget(tiny.load().settings, ["c13"])
    done = tiny.deliver(plan.order.run_id)
    assert done.stopped == ()
    assert len(tiny.batches()) == 3


# ---- by whom


def of_another_account(monkeypatch, name: str) -> None:
    monkeypatch.setattr(approving, "account", lambda: name)


@pytest.mark.slow
@pytest.mark.bad_input(110)
def test_beside_the_name_that_is_told_stands_the_account_and_two_names_under_one_are_pointed_out(
    two_asked, monkeypatch, capsys
):
    tiny, plan = two_asked
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("LOGNAME", "somebody")
    assert approve(tiny, plan, ANNA).alike == ()
    assert command(tiny, "approve", plan.order.run_id, "--expect", "10", "--as", BEN) == 0
    assert "anna did so under the same account: nobody can tell that these are two people." in " ".join(
        capsys.readouterr().out.split()
    )
    here = pwd.getpwuid(os.getuid()).pw_name
    assert tiny.history("SELECT approver, account FROM approval ORDER BY ALL") == [(ANNA, here), (BEN, here)]


@pytest.mark.slow
@pytest.mark.bad_input(110)
def test_where_each_needs_an_account_of_their_own_two_names_under_one_are_one(tmp_path, monkeypatch):
    tiny = make(tmp_path / "tiny", brands=["north"])
    rules(tiny, "over_two = 9\nown_accounts = true")
    plan = tiny.plan()
    approve(tiny, plan, ANNA)
    with pytest.raises(UsageError, match=r"the account '.*' has approved this plan already, as anna"):
        approve(tiny, plan, BEN)
    key = load_key(tiny.state / "key")
    digest = plan_digest(tiny.state / "plans" / plan.order.run_id)
    for named in (account(), None):  # as a program wrote that did not ask, or knew of none
        with open_ledger(tiny.load().settings) as ledger, ledger.transaction():
            note(ledger, key, [Approval("plan", plan.order.run_id, digest, 10, approver=BEN, account=named)])
        with pytest.raises(WaitingError, match=r"has 1 \(anna\)"):
            tiny.deliver(plan.order.run_id)
        tiny.change("DELETE FROM approval WHERE approver = 'ben'")
    nothing_left(tiny)
    of_another_account(monkeypatch, "ben.berg")
    assert approve(tiny, plan, BEN).given == (ANNA, BEN)
    tiny.deliver(plan.order.run_id)
    assert len(tiny.batches()) == 3


@pytest.mark.slow
@pytest.mark.bad_input(113)
def test_an_account_that_is_changed_or_taken_out_by_hand_proves_nothing(two_asked):
    tiny, plan = two_asked
    for who in (ANNA, BEN):
        approve(tiny, plan, who)
    tiny.change("UPDATE approval SET account = 'ben.berg' WHERE approver = 'ben'")
    with pytest.raises(WaitingError, match=r"has 1 \(anna\)"):
        tiny.deliver(plan.order.run_id)
    tiny.change("UPDATE approval SET account = NULL")
    with pytest.raises(WaitingError, match="it needs 2 approvals: "):
        tiny.deliver(plan.order.run_id)
    nothing_left(tiny)


@pytest.mark.slow
def test_what_was_approved_before_accounts_were_noted_is_approved_still(two_asked):
    tiny, plan = two_asked
    tiny.change("ALTER TABLE approval DROP COLUMN account; UPDATE schema_version SET number = 12")
    key = load_key(tiny.state / "key")
    for who in (ANNA, BEN):
        row = forged(tiny, plan, approver=f"'{who}'")
        told = {"kind": "plan", "subject": plan.order.run_id, "digest": row["digest"].strip("'"), "people_count": 10}
        told |= {
            "locale": None,
            "role": None,
            "approver": who,
            "parts": "{}",
            "approved_at": MORNING.replace(tzinfo=None),
        }
        row["mac"] = f"'{key.seal(told)}'"
        tiny.change(f"INSERT INTO approval ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    tiny.deliver(plan.order.run_id)
    assert len(tiny.batches()) == 3
    versions = [number for (number,) in tiny.history("SELECT number FROM schema_version ORDER BY 1")]
    assert versions == [12, SCHEMA_VERSION]


# ---- on disk


def forged(tiny: Tiny, plan: Plan, **change: str) -> dict[str, str]:
    """A row of `approval` as somebody writes it who has the ledger alone."""
    digest = plan_digest(tiny.state / "plans" / plan.order.run_id)
    row = {
        "kind": "'plan'",
        "subject": f"'{plan.order.run_id}'",
        "digest": f"'{digest}'",
        "people_count": "10",
        "parts": "'{}'",
    }
    return row | {"approver": "'anna'", "approved_at": "'2026-11-22 09:00:00'", "mac": f"'{'0' * 128}'"} | change


@pytest.mark.bad_input(113)
def test_rows_that_are_written_or_changed_by_hand_count_as_nothing(two_asked):
    tiny, plan = two_asked
    approve(tiny, plan, ANNA)
    for who in (ANNA, BEN):
        row = forged(tiny, plan, approver=f"'{who}'")
        tiny.change(f"INSERT INTO approval ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    tiny.change("INSERT INTO approval SELECT * REPLACE ('ben' AS approver) FROM approval WHERE mac NOT LIKE '000%'")
    with pytest.raises(WaitingError, match=r"has 1 \(anna\)"):
        tiny.deliver(plan.order.run_id)
    nothing_left(tiny)


@pytest.mark.slow
@pytest.mark.bad_input(113)
def test_an_approval_of_another_plan_moved_by_hand_counts_as_nothing(two_asked):
    tiny, plan = two_asked
    for who in (ANNA, BEN):
        approve(tiny, plan, who)
    other = tiny.plan()
    digest = plan_digest(tiny.state / "plans" / other.order.run_id)
    tiny.change(f"UPDATE approval SET subject = '{other.order.run_id}', digest = '{digest}'")
    with pytest.raises(WaitingError, match="it needs 2 approvals: "):
        tiny.deliver(other.order.run_id)
    nothing_left(tiny)


def edited(tiny: Tiny, plan: Plan) -> None:
    """Have a plan say that it is for few people, with all digests that it holds itself put right."""
    file = tiny.state / "plans" / plan.order.run_id / "plan.json"
    told = json.loads(file.read_bytes())
    for fall in told["people"].values():
        fall["base"] -= fall["passed"]
        fall["passed"] = 0
    file.write_text(json.dumps(told), "utf-8")


@pytest.mark.bad_input(113)
def test_a_plan_that_says_it_is_for_few_people_is_refused_with_and_without_approvals(two_asked):
    tiny, plan = two_asked
    edited(tiny, plan)
    for ask in (lambda: tiny.deliver(plan.order.run_id), lambda: approve(tiny, plan, ANNA, people=0)):
        with pytest.raises(PlanError, match=r"not as it was made here|needs no approval"):
            ask()
    nothing_left(tiny)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["over = 1", "new_product = 1", "new_version = 1", 'rise = "50 %"\nrise_from = 1'])
@pytest.mark.bad_input(113)
def test_a_plan_that_meets_a_rule_leaves_neither_by_command_nor_by_what_is_written_into_history_and_plan(
    tmp_path, rule
):
    tiny = make(tmp_path / "tiny", brands=["north"])
    rules(tiny, rule)
    plan = tiny.plan()
    deliver = ("deliver", plan.order.run_id, "--expect")
    assert [command(tiny, "run"), command(tiny, *deliver, "10")] == [3, 3]
    nothing_left(tiny)
    workspace = tiny.load()
    rows = [forged(tiny, plan, approver=f"'{who}'") for who in (ANNA, BEN)]
    rows.append(forged(tiny, plan, kind="'reached'", people_count="10000", approver="NULL"))
    for name, product in workspace.products.items():
        digest = workspace.product_digest(product)
        about = {"subject": f"'{name}'", "digest": f"'{digest}'", "people_count": "NULL", "approver": "NULL"}
        rows.append(forged(tiny, plan, kind="'delivered'", **about))
    for row in rows:
        tiny.change(f"INSERT INTO approval ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    assert [command(tiny, "run"), command(tiny, *deliver, "10")] == [3, 3]
    nothing_left(tiny)
    edited(tiny, plan)
    assert [command(tiny, *deliver, count) for count in ("10", "0")] == [1, 1]
    nothing_left(tiny)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["the ledger", "the plan"])
@pytest.mark.bad_input(113)
def test_what_is_edited_while_a_batch_is_made_is_seen_by_the_seal(two_asked, while_staged, way):
    tiny, plan = two_asked
    for who in (ANNA, BEN):
        approve(tiny, plan, who)

    def edit() -> None:
        if way == "the plan":
            edited(tiny, plan)
        elif tiny.history("SELECT * FROM approval WHERE approver = 'ben'"):
            tiny.change("DELETE FROM approval WHERE approver = 'ben'")

    while_staged("email_file", edit)
    done = tiny.deliver(plan.order.run_id)
    assert {batch.folder for batch in done.published} == {None}
    assert done.is_waiting
    assert len(done.stopped) == 1
    assert tiny.batches() == []
    assert tiny.history("SELECT * FROM claim") == []


@pytest.mark.slow
@pytest.mark.bad_input(113)
def test_a_version_that_is_written_into_the_history_by_hand_is_new_all_the_same(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    rules(tiny, "new_version = 1")
    workspace = tiny.load()
    for name, product in workspace.products.items():
        digest = workspace.product_digest(product)
        tiny.plan()  # makes the ledger
        tiny.change(f"INSERT INTO product_version VALUES ('{name}', 1, '{digest}', '2026-11-01')")
        tiny.change(
            "INSERT INTO approval (kind, subject, digest, parts, approved_at, mac) "
            f"VALUES ('delivered', '{name}', '{digest}', '{{}}', '2026-11-01', '{'0' * 128}')"
        )
    assert tiny.run().waits is not None
    nothing_left(tiny)


@pytest.mark.slow
def test_what_was_half_delivered_goes_on_only_while_it_is_approved(two_asked, while_staged):
    tiny, plan = two_asked
    for who in (ANNA, BEN):
        approve(tiny, plan, who)
    kills = [KeyboardInterrupt]

    def kill() -> None:
        if kills:
            raise kills.pop()

    while_staged("sms_file", kill)
    with pytest.raises(KeyboardInterrupt):
        tiny.deliver(plan.order.run_id)
    tiny.change("DELETE FROM approval WHERE approver = 'ben'")
    done = tiny.run()
    assert [found.state for found in done.recovered][-1] == "waiting"
    assert {seen.target for seen in tiny.batches()} == {"email_file"}
    approve(tiny, plan, BEN)
    assert tiny.run().resumed[0].stopped == ()
    assert {seen.target for seen in tiny.batches()} == {"email_file", "sms_file", "web_profiles"}


@pytest.mark.slow
def test_what_failed_or_is_on_hold_needs_its_approvals_still(two_asked, capsys):
    tiny, plan = two_asked
    for who in (ANNA, BEN):
        approve(tiny, plan, who)
    tiny.deliver(plan.order.run_id)
    mail, text = "email_file-2026-11-22-1", "sms_file-2026-11-22-1"
    assert command(tiny, "acknowledge", mail, "failed") == 0
    tiny.change("DELETE FROM approval WHERE kind <> 'plan' OR approver = 'ben'")
    assert command(tiny, "deliver", "--failed", mail) == 3
    tiny.change(f"UPDATE batch SET state = 'hold' WHERE batch_id = '{text}'")
    capsys.readouterr()
    assert command(tiny, "recover", text, "--publish") == 3
    assert "it needs 2 approvals, and has 1 (anna)" in capsys.readouterr().err
    assert len(tiny.batches()) == 3


# ---- the settings


def test_without_rules_nothing_is_asked_for(planned):
    tiny, plan = planned
    with pytest.raises(PlanError, match="this plan needs no approval"):
        approve(tiny, plan, ANNA)


@pytest.mark.parametrize(
    ("text", "approvers", "complaint"),
    [
        ("over_two = 5", '["anna"]', "a plan may need 2 approvers, and 1 is named"),
        ("over = 5", "[]", "a plan may need 1 approvers, and none are named"),
        ("over_two = 5", '["anna", "anna"]', "a plan may need 2 approvers, and 1 is named"),
        ('rise = "a lot"', '["anna"]', "approval.rise"),
        ("wording = {legal = []}", "[]", "approval.wording"),
    ],
)
def test_rules_that_nobody_could_meet_are_refused(tmp_path, text, approvers, complaint):
    tiny = make(tmp_path / "tiny", brands=["north"])
    rules(tiny, text, approvers)
    with pytest.raises(SettingError) as caught:
        tiny.load()
    assert complaint in str(caught.value)


def test_a_seal_is_of_all_that_is_said_and_of_its_key(tmp_path):
    key, other = load_key(tmp_path / "one"), load_key(tmp_path / "two")
    said = {"kind": "plan", "people_count": 10}
    assert key.seal(said) == key.seal(dict(reversed(said.items())))
    assert (
        len({key.seal(said), key.seal(said | {"people_count": 11}), other.seal(said), key.seal({"kind": "plan"})}) == 4
    )
