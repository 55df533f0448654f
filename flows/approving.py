"""The command by which people let pass what waits for them: a plan, or the words of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.answering import say
from flows.app import EXIT_WAITING, HERE, Common, app, later
from flows.errors import UsageError

if TYPE_CHECKING:
    from flows import line
    from flows.pages import approvals
else:
    line, approvals = map(later, ("flows.line", "flows.pages.approvals"))


@app.command
def approve(
    run_id: str | None = None,
    *,
    approver: Annotated[str, Parameter(name="--as")],
    expect: int | None = None,
    wording: str | None = None,
    locale: str | None = None,
    role: str | None = None,
    common: Common = HERE,
) -> int:
    """Approve a plan that you have looked at, or sign the words of a product; who did, and when, is in the history.

    Which plans need one or two approvers, and who signs words, stands in `[tool.justenough.approval]`. An approval is of just
    this plan, and a signature of just these words: what changes asks anew.

    Examples:
        justenough approve 20261122-091500-3f2a1c --expect 731 --as anna
        justenough approve --wording care_guide --locale de --role legal --as lena

    Args:
        run_id: the plan, as `justenough plan` names it.
        approver: who you are, as the settings name you.
        expect: the number of people that you approve; another number is refused.
        wording: instead of a plan: the product whose words you sign.
        locale: only its words in this language; default: in all that it has.
        role: as what you sign: legal, brand, or whatever the settings name.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    if wording is not None and role is not None and run_id is None:
        signed = line.sign(workspace, wording, locale, role, approver)
        say(signed, lambda: approvals.signed(signed), as_json=common.json)
        return EXIT_WAITING if signed.waiting else 0
    if run_id is None or expect is None or wording is not None:
        what = "it takes a plan and --expect, or --wording and --role"
        raise UsageError("justenough approve", what, "see: justenough approve --help")
    done = line.approve(workspace, run_id, expect, approver)
    say(done, lambda: approvals.approved(done), as_json=common.json)
    return EXIT_WAITING if len(done.given) < done.needed else 0
