"""The commands about the products of a workspace: how they stand, and going back to an earlier version of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.answering import say
from flows.app import EXIT_WAITING, HERE, Common, app, later

if TYPE_CHECKING:
    from flows import line
    from flows.pages import portfolio
else:
    line, portfolio = later("flows.line"), later("flows.pages.portfolio")


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
