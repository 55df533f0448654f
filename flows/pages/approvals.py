"""What was approved, and what waits for people, for a terminal and for the page of a plan."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from flows.pages.artifacts import to_deliver

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.line.approving import Approved, Signed
    from flows.line.permitting import Asked
    from flows.plan import Plan


def approved(done: Approved) -> RenderableType:
    """Who has approved a plan, and what comes next."""
    said = f"{done.approver} has approved the plan {done.run_id} for {done.people:,} people."
    left = done.needed - len(done.given)
    deliver = f"justenough deliver {done.run_id} --expect {done.people}"
    step = f"{left} more has to approve it, since {'; '.join(done.because)}" if left > 0 else deliver
    alike = f"{' and '.join(done.alike)} did so under the same account: nobody can tell that these are two people."
    return Group(Text(said), *([Text(alike, style="red")] if done.alike else []), Text(f"Next: {step}", style="dim"))


def signed(done: Signed) -> RenderableType:
    """What was signed, and who has to sign still."""
    said = f"{done.approver} has signed the words of {done.product} in {', '.join(done.languages)} as {done.role}."
    waiting = [Text(f"In {language} it waits: {who}.", style="red") for language, who in done.waiting.items()]
    step = "another signature: justenough approve --help" if waiting else "justenough plan"
    return Group(Text(said), *waiting, Text(f"Next: {step}", style="dim"))


def to_approve(found: Asked, plan: Plan) -> list[Text]:
    """That a plan waits for people, where it does."""
    if not found.is_open:
        return []
    return [Text(f"This plan waits: {found.told}.", style="red"), Text(f"Next: {found.step(plan)}", style="dim")]


def page_to_go_on(found: Asked, plan: Plan, folder: str, why: str) -> str:
    """The same for the page of a plan: why it waits, who may approve it, and how it is delivered then."""
    waits = f"\n**The plan waits**: {why}.\n" if why else ""
    return waits + _page_to_approve(found, plan, folder) + to_deliver(plan, folder)


def _page_to_approve(found: Asked, plan: Plan, folder: str) -> str:
    """Who may approve a plan, and by which command; nothing where nobody is asked."""
    if not found.is_open:
        return ""
    command = found.step(plan).partition(", as ")[0]
    who = " or ".join(name for name in found.approvers if name not in found.given)
    return (
        f"\n## It waits for approval\n\nBecause {found.told}. {who} may approve it:\n\n"
        f"```\n{command} --workspace {shlex.quote(folder)}\n```\n"
    )
