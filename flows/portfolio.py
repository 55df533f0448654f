"""The commands about the products of a workspace: how they stand, and going back to an earlier version of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.answering import say
from flows.app import EXIT_WAITING, HERE, Common, app, later
from flows.clock import present
from flows.errors import UsageError, nearest

if TYPE_CHECKING:
    from flows import line, pauses
    from flows.pages import portfolio
else:
    line, pauses, portfolio = map(later, ("flows.line", "flows.pauses", "flows.pages.portfolio"))


@app.command
def products(*, common: Common = HERE) -> int:
    """List the products: their state and version, what they use of people, whom they reached lately, who looks at them when.

    Examples:
        justenough products
        justenough products --json

    Args:
        common: where, and in which form to answer.
    """
    found = line.standings(common.loaded())
    say(found, lambda: portfolio.standings(found), as_json=common.json)
    return 0


@app.command
def pause(product: str, *, why: str = "by hand", common: Common = HERE) -> int:
    """Have a product say nothing from now on, until `justenough resume`: no run sends it, audiences and profiles lose it.

    It holds at once: what is being delivered is sealed no more, and no plan that was made before is delivered. What is on its way
    already is called back by `justenough recall --product`.

    Examples:
        justenough pause care_guide --why "the guide's page is down"

    Args:
        product: its name.
        why: what a person should look at; it stands in each plan, so name no customer.
        common: where, and in which form to answer.
    """
    known = common.loaded().products
    if product not in known:
        raise UsageError("justenough pause", f"there is no product '{product}'", nearest(product, known))
    done = pauses.pause(common.settings(), product, why, present())
    say(done, lambda: portfolio.paused(done), as_json=common.json)
    return 0


@app.command
def resume(product: str, *, common: Common = HERE) -> int:
    """Let a paused product speak again.

    Examples:
        justenough resume care_guide

    Args:
        product: its name.
        common: where, and in which form to answer.
    """
    done = pauses.resume(common.settings(), product)
    say(done, lambda: portfolio.resumed(done), as_json=common.json)
    return 0


@app.command
def rollback(product: str, *, to: int, common: Common = HERE) -> int:
    """Go back to an earlier version of a product: its words, SQL and settings; what is on its way of others is called back.

    Its folder in templates/ is put back as it was, and its segment where no other product uses it. Other files that a message is
    made of (sql/customers.sql, the catalogue, templates/_shared/) are left alone, and named where they have changed. The
    workspace as it would be is tried first, and what was here before is kept.

    Examples:
        justenough rollback care_guide --to 3

    Args:
        product: its name.
        to: the number of the version; `justenough products` tells the present one.
        common: where, and in which form to answer.
    """
    done = line.revert(common.settings(), product, to)
    say(done, lambda: portfolio.reverted(done), as_json=common.json)
    return EXIT_WAITING if done.recalled.is_waiting else 0
