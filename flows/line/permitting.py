"""What a person has to let pass: nothing of a plan leaves while it is stopped, or not approved; nobody is told unsigned words.

It is asked before a delivery, and again in every seal: of the plan and the ledger as they are then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.errors import PlanError, StoppedError, WaitingError
from flows.keys import load_keys
from flows.ledger.approvals import Approval, approvals, is_sealed, note
from flows.ledger.store import open_ledger
from flows.line.frozen import frozen
from flows.line.signing import in_unsigned_words, unsigned
from flows.plan import plan_digest, plan_folder
from flows.stops import in_stopped_country, stopped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.ledger.store import Ledger
    from flows.plan import Plan
    from flows.settings import Settings
    from flows.workspace import Workspace

FALLEN = pl.Schema({"message_id": pl.String(), "reason": pl.String()})
BEFORE = timedelta(days=7)
"""With the runs of how long before the people of a plan are compared."""
_CHANGED = "this plan is not as it was made here"


@dataclass(frozen=True)
class Asked:
    """Whether people have to approve a plan.

    Attributes:
        needed: how many of them.
        because: the rules that it meets.
        given: who has, of those who may.
        accounts: those who have -> the account of the operating system under which they said so.
        approvers: who may.
    """

    needed: int
    because: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    accounts: Mapping[str, str | None] = field(default_factory=dict)
    approvers: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether somebody has to approve it still."""
        return len(self.given) < self.needed

    @property
    def told(self) -> str:
        """What it lacks, and why it is asked for."""
        has = f", and has {len(self.given)} ({', '.join(self.given)})" if self.given else ""
        return f"it needs {self.needed} approval{'s' if self.needed > 1 else ''}{has}: {'; '.join(self.because)}"

    def step(self, plan: Plan) -> str:
        """The command by which somebody approves it."""
        who = " or ".join(name for name in self.approvers if name not in self.given)
        return f"justenough approve {plan.order.run_id} --expect {plan.people_count} --as NAME, as {who}"


def asked(ledger: Ledger, workspace: Workspace, plan: Plan) -> Asked:
    """Which approvals a plan needs, by the ledger as it is now, and has: of just this plan, for no fewer people."""
    rules, keys = workspace.settings.approval, load_keys(workspace.settings.key_file)
    if not rules.most:
        return Asked(0)
    met = [(count, why) for count, why in _met(ledger, workspace, plan) if count]
    digest = plan_digest(plan_folder(workspace.settings, plan.order.run_id))
    rows = [row for row in approvals(ledger, keys, "plan", plan.order.run_id) if row.digest == digest]
    given: dict[str, str | None] = {}
    for row in rows:
        if row.approver in rules.approvers and (row.people_count or 0) >= plan.people_count:
            given.setdefault(row.approver, row.account)
    given = _of_own_accounts(given) if rules.own_accounts else given
    needed, because = max((count for count, _ in met), default=0), tuple(why for _, why in met)
    return Asked(needed, because, tuple(given), given, rules.approvers)


def _of_own_accounts(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Of those who have approved something under one account the first, and nobody of whom no account is known."""
    first: dict[str | None, str] = {}
    for name, account in given.items():
        first.setdefault(account, name)
    return {name: account for name, account in given.items() if account is not None and first[account] == name}


def _met(ledger: Ledger, workspace: Workspace, plan: Plan) -> Iterable[tuple[int, str]]:
    """The rules that a plan meets: how many have to approve it, and why."""
    settings, people = workspace.settings, plan.people_count
    rules, keys = settings.approval, load_keys(settings.key_file)
    if rules.over_two is not None and people > rules.over_two:
        yield 2, f"it is for {people:,} people, more than {rules.over_two:,}"
    elif rules.over is not None and people > rules.over:
        yield 1, f"it is for {people:,} people, more than {rules.over:,}"
    for name in sorted({count.product for count in plan.counts}):
        known = {row.digest for row in approvals(ledger, keys, "delivered", name)}
        if workspace.product_digest(workspace.products[name]) not in known:
            new = "was never delivered before" if not known else "is not what was delivered before"
            yield max(rules.new_version, 0 if known else rules.new_product), f"{name} {new}"
    if rules.rise is not None and people >= max(rules.rise_from, 1):
        since = present().replace(tzinfo=None) - BEFORE
        most = max(
            (row.people_count or 0 for row in approvals(ledger, keys, "reached") if row.approved_at > since), default=0
        )
        if people > most * (1 + rules.rise):
            yield (
                1,
                f"it is for {people:,} people, and {most:,} is the most of any run of the {BEFORE.days} days before",
            )


def note_delivered(ledger: Ledger, workspace: Workspace, plan: Plan) -> None:
    """Note what a run that has ended delivered: by it is told what is new, and more than before, and answers go by it."""
    settings, run_id = workspace.settings, plan.order.run_id
    folder, keys = plan_folder(settings, run_id), load_keys(settings.key_file)
    if not is_sealed(folder, keys):
        return
    said = ledger.rows(
        "SELECT DISTINCT product FROM receipt JOIN batch USING (batch_id) WHERE run_id = $run", {"run": run_id}
    )
    names = sorted({count.product for count in plan.counts} & set(said["product"].to_list()))
    digests = {name: workspace.product_digest(workspace.products[name]) for name in names}
    known = {(row.subject, row.digest) for row in approvals(ledger, keys, "delivered")}
    rows = [Approval("delivered", *pair) for pair in digests.items() if pair not in known]
    if plan.order.is_whole and not plan.order.is_narrowed:
        rows.append(frozen(folder, plan))
        rows += [Approval("reached", run_id, plan_digest(folder), plan.people_count)] if plan.people_count else []
    with ledger.transaction():
        note(ledger, keys[0], rows)


def refuse_waiting(workspace: Workspace, plan: Plan) -> None:
    """Refuse a plan of which nothing may leave now. It is kept.

    Raises:
        StoppedError: everything is stopped.
        WaitingError: people have to approve it.
        PlanError: it is not as it was made here.
    """
    settings, run_id = workspace.settings, plan.order.run_id
    then = f"and then: justenough deliver {run_id} --expect {plan.people_count}"
    if stop := next(iter(stopped(settings, "everything")), None):
        raise StoppedError(run_id, f"everything is stopped {stop.said}", f"{stop.end}, {then}")
    if settings.approval.is_open:
        return
    refuse_changed(workspace, plan)
    with open_ledger(settings) as ledger:
        found = asked(ledger, workspace, plan)
    if found.is_open:
        raise WaitingError(run_id, found.told, f"look at it; {found.step(plan)}, {then}")


def refuse_changed(workspace: Workspace, plan: Plan) -> None:
    """Refuse a plan that somebody has changed together with its digests. Raises PlanError."""
    settings = workspace.settings
    if not is_sealed(plan_folder(settings, plan.order.run_id), load_keys(settings.key_file)):
        raise PlanError(plan.order.run_id, _CHANGED, "make a new plan")


def forbidden(ledger: Ledger, workspace: Workspace, plan: Plan, brand: str) -> str | None:
    """Why nothing of a plan may be sealed for a brand now; None where it may."""
    settings = workspace.settings
    if (stop := halted(settings, brand)) is not None or settings.approval.is_open:
        return stop
    if not is_sealed(plan_folder(settings, plan.order.run_id), load_keys(settings.key_file)):
        return _CHANGED
    found = asked(ledger, workspace, plan)
    return found.told if found.is_open else None


def halted(settings: Settings, brand: str) -> str | None:
    """Why nothing of a brand may be sealed now, or carried; None where it may."""
    stops = (each for each in stopped(settings, "everything", "brand") if each.name in (brand, "everything"))
    stop = next(stops, None)
    return f"{stop.of} is stopped {stop.said}" if stop else None


def fallen(ledger: Ledger, workspace: Workspace, plan: Plan, windows: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """`FALLEN` of messages that may not be sealed though the last look let them pass.

    Their country is stopped (EXCLUDED), or their words are not signed (LOCALE_MISMATCH).

    Args:
        ledger: open.
        workspace: gives products and words.
        plan: of which they are.
        windows: `message_id, country`, and for words `product, locale` of them, in any pieces.
    """
    silent, found = unsigned(ledger, workspace), [FALLEN.to_frame()]
    is_stopped = in_stopped_country(workspace.settings)
    if silent or stopped(workspace.settings, "country"):  # mostly not
        for rows in windows:
            found.append(rows.filter(is_stopped).select("message_id", reason=pl.lit("EXCLUDED")))
            found.append(in_unsigned_words(workspace, plan, rows, silent))
    return pl.concat(found)
