"""Approving a plan, and signing words: who did, and when, goes into the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.errors import PlanError, ProductError, UsageError, nearest
from flows.keys import load_keys
from flows.ledger.approvals import Approval, account, note
from flows.ledger.runs import run_state
from flows.ledger.store import open_ledger
from flows.line.permitting import Asked, asked, refuse_changed
from flows.line.planned import check_current
from flows.line.signing import digest_of_words, languages, parts_of_words, unsigned
from flows.plan import check_deliverable, plan_digest, plan_folder, read_plan

if TYPE_CHECKING:
    from flows.plan import Plan
    from flows.workspace import Workspace


@dataclass(frozen=True)
class Approved:
    """What came of an approval.

    Attributes:
        run_id: the plan.
        people: how many it is for.
        approver: who has approved it.
        given: everybody who has.
        needed: how many have to.
        because: why.
        alike: of those who have, who else did so under the same account of the operating system: nobody can tell them apart.
    """

    run_id: str
    people: int
    approver: str
    given: tuple[str, ...]
    needed: int
    because: tuple[str, ...]
    alike: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signed:
    """What was signed.

    Attributes:
        product, role, approver: what, as what, and by whom.
        languages: of which the words were.
        waiting: language -> who has to sign still.
    """

    product: str
    role: str
    approver: str
    languages: tuple[str, ...]
    waiting: dict[str, str]


def asked_of(workspace: Workspace, plan: Plan) -> Asked:
    """Which approvals a plan needs, and has; the ledger is not opened where nobody is asked."""
    if not workspace.settings.approval.most:
        return Asked(0)
    with open_ledger(workspace.settings) as ledger:
        return asked(ledger, workspace, plan)


def approve(workspace: Workspace, run_id: str, expected: int, approver: str) -> Approved:
    """Approve a plan that somebody has looked at. It waits for no run.

    Args:
        workspace: must be as it was when the plan was made.
        run_id: of the plan.
        expected: the number of people that is approved.
        approver: who approves it, as the settings name them.

    Raises:
        PlanError: it has expired, was changed, is for another number of people, was delivered already, is made of other words or
            SQL, or needs no approval.
        UsageError: that is none of the approvers, or has approved it already; or somebody else has under the same account, and
            each approver needs their own.
    """
    settings = workspace.settings
    plan, rules, keys = read_plan(settings, run_id), settings.approval, load_keys(settings.key_file)
    check_deliverable(plan, expected)
    check_current(workspace, plan.order)
    deliver = f"justenough deliver {run_id} --expect {plan.people_count}"
    if approver not in rules.approvers and rules.most:
        raise UsageError("--as", f"'{approver}' is none of the approvers", nearest(approver, rules.approvers))
    with open_ledger(settings) as ledger:
        if run_state(ledger, run_id) == "delivered":
            raise PlanError(run_id, "this plan was delivered already", "make a new one")
        found = asked(ledger, workspace, plan)
        if not found.needed:
            raise PlanError(run_id, "this plan needs no approval", f"deliver it: {deliver}")
        refuse_changed(workspace, plan)
        if approver in found.given:
            left = "nobody else has to" if not found.is_open else found.step(plan)
            raise UsageError("--as", f"{approver} has approved this plan already", left)
        here = account()
        alike = tuple(name for name, other in found.accounts.items() if other == here)
        if alike and rules.own_accounts:
            hint = "two people approve it under an account of their own each: `own_accounts` asks for that"
            raise UsageError("--as", f"the account '{here}' has approved this plan already, as {alike[0]}", hint)
        digest = plan_digest(plan_folder(settings, run_id))
        said = Approval("plan", run_id, digest, plan.people_count, approver=approver, account=here)
        with ledger.transaction():
            note(ledger, keys[0], [said])
    given = (*found.given, approver)
    return Approved(run_id, plan.people_count, approver, given, found.needed, found.because, alike)


def sign(workspace: Workspace, name: str, language: str | None, role: str, approver: str) -> Signed:
    """Sign a product's words as they are now, in one language or in all that it has.

    Raises:
        ProductError: there is no such product, or it has no words in that language.
        UsageError: nobody signs words in that role, or somebody else does.
    """
    settings, keys = workspace.settings, load_keys(workspace.settings.key_file)
    roles = settings.approval.wording
    if name not in workspace.products:
        raise ProductError("--wording", f"there is no product '{name}'", nearest(name, workspace.products))
    product = workspace.products[name]
    known = languages(workspace, product)
    if language is not None and language not in known:
        raise ProductError("--locale", f"{name} has no words in '{language}'", nearest(language, known))
    if role not in roles:
        raise UsageError("--role", f"nobody signs words as '{role}'", nearest(role, roles))
    if approver not in roles[role]:
        raise UsageError("--as", f"'{approver}' does not sign as {role}", nearest(approver, roles[role]))
    chosen = known if language is None else [language]
    made = {each: parts_of_words(workspace, product, each) for each in chosen}
    rows = [
        Approval(
            *("words", name, digest_of_words(parts)),
            locale=each,
            role=role,
            approver=approver,
            account=account(),
            parts=parts,
        )
        for each, parts in made.items()
    ]
    with open_ledger(settings) as ledger:
        with ledger.transaction():
            note(ledger, keys[0], rows)
        waiting = unsigned(ledger, workspace, also=name).get(name, {})
    return Signed(name, role, approver, tuple(chosen), waiting)
