"""The commands about the products of a workspace: how they stand, and going back to an earlier version of one."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING

from rich.console import Group

from flows.answering import plain, say, with_progress
from flows.app import EXIT_WAITING, HERE, Common, app, later
from flows.clock import present
from flows.errors import UsageError, nearest

if TYPE_CHECKING:
    from flows import durable, line, pauses, showing, stops
    from flows.pages import assessed, assessed_html, portfolio, schedule, schedule_html, schedule_ics
else:
    rooms = ("flows.durable", "flows.line", "flows.pauses", "flows.showing", "flows.stops")
    durable, line, pauses, showing, stops = map(later, rooms)
    pages = ("assessed", "assessed_html", "portfolio", "schedule", "schedule_html", "schedule_ics")
    assessed, assessed_html, portfolio, schedule, schedule_html, schedule_ics = (
        later(f"flows.pages.{page}") for page in pages
    )


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
def calendar(*, days: int = 90, ics: Path | None = None, page: Path | None = None, common: Common = HERE) -> int:
    """Say what runs when on the next days, how many messages are to be expected, and which products want the same people.

    A product runs from `when.starts` to `when.ends`, but for the days under `not_on`, the setting `blackouts` (marketing), and
    after its review date. Messages are as many a day as lately. Clashes are by the last run over everybody.

    Examples:
        justenough calendar
        justenough calendar --days 365 --page calendar.html
        justenough calendar --ics calendar.ics

    Args:
        days: how many, today among them.
        ics: write it for calendar programs into this file, readable by you alone.
        page: write it as a page into this file, readable by you alone.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    found = line.calendar(workspace, days)
    name = workspace.settings.name
    if ics is not None:
        durable.write_bytes(ics, schedule_ics.schedule_ics(found, workspace=name))
    if page is not None:
        durable.write_bytes(page, schedule_html.schedule_html(found, workspace=name).encode())
    say(found, lambda: schedule.scheduled(found), as_json=common.json)
    return 0


@app.command
def assess(*, page: Path | None = None, common: Common = HERE) -> int:
    """Say what can be done today, by channel and product, and which one missing thing would reach or tell how many people more.

    A channel, a consent, an address, a dimension, a fresher source or a language is given to who lacks it, and all is decided
    again, as a plan decides. It also says which products are below their floor, and which wordings almost nobody would read. It
    reads: nothing is claimed, planned or published. It takes about as long as a plan.

    Examples:
        justenough assess
        justenough assess --page assess.html

    Args:
        page: write the page into this file, readable by you alone; default: assess.html in pages/ of the state folder.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    found = with_progress(lambda progress: line.assess(workspace, progress))
    text = assessed_html.assessed_html(found, workspace=workspace.settings.name)
    if page is None:
        page = showing.write_page(workspace.settings, "assess", text)
    else:
        durable.write_bytes(page, text.encode())
    below = [each.product for each in found.products if each.is_below]
    edges = {each.product: each.edges for each in found.products}
    told = {**plain(found), "below": below, "edges": edges, "page": str(page)}
    say(told, lambda: Group(assessed.assessed(found), showing.told_of(page)), as_json=common.json)
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
def stop(
    *,
    why: str,
    brand: str | None = None,
    country: str | None = None,
    product: str | None = None,
    common: Common = HERE,
) -> int:
    """Stop everything, or a brand, a country or a product: nothing of it is sealed from now on, until `justenough go`.

    It holds at once, for what is being delivered, too, and waits for no run. Of everything, and of a brand, plans are kept: what
    was stopped of them the next run delivers once it may, while they are valid. People of a country get nothing, and audiences
    and profiles lose them with the next run. To stop a product is to pause it.

    Examples:
        justenough stop --why "wrong prices in the shop"
        justenough stop --country DE --why "the warehouse there is flooded"

    Args:
        why: what a person should look at; it stands in each plan, so name no customer.
        brand: only what this brand says.
        country: only what people of this country are told, by two letters; nobody knows where: the setting `default_region`.
        product: only this product.
        common: where, and in which form to answer.
    """
    kind, name = _named("justenough stop", brand, country, product)
    settings = common.settings()
    if kind == "brand" and name not in settings.brands:
        raise UsageError("--brand", f"'{name}' is no brand of this workspace", nearest(name, settings.brands))
    folders = [file.parent.name for file in (settings.workspace / "templates").glob("*/product.yaml")]
    if kind == "product" and name not in folders:
        raise UsageError("--product", f"there is no product '{name}'", nearest(name, folders))
    done = stops.stop(settings, kind, name, why, present())
    say(done, lambda: portfolio.stopped(done), as_json=common.json)
    return 0


@app.command
def go(
    *,
    brand: str | None = None,
    country: str | None = None,
    product: str | None = None,
    common: Common = HERE,
) -> int:
    """End what `justenough stop` began, or `justenough pause`.

    Examples:
        justenough go
        justenough go --country DE

    Args:
        brand: let this brand speak again; without an option: everything.
        country: let people of this country be spoken to again.
        product: let this product speak again.
        common: where, and in which form to answer.
    """
    kind, name = _named("justenough go", brand, country, product)
    if kind == "product":
        return resume(name, common=common)
    done = stops.go(common.settings(), kind, name)
    say(done, lambda: portfolio.gone(done), as_json=common.json)
    return 0


def _named(command: str, brand: str | None, country: str | None, product: str | None) -> tuple[stops.Kind, str]:
    """What is meant: one of these, or everything. Raises UsageError."""
    asked: dict[stops.Kind, str | None] = {"brand": brand, "country": country, "product": product}
    given: list[tuple[stops.Kind, str]] = [(kind, name) for kind, name in asked.items() if name is not None]
    if len(given) > 1:
        what = "several things are named, and nobody can tell whether all of one or what is of both is meant"
        raise UsageError(command, what, "name one at a time")
    if not given:
        return "everything", stops.EVERYTHING
    kind, name = given[0]
    if kind == "country":
        name = name.strip().upper()
        if not re.fullmatch("[A-Z]{2}", name):
            raise UsageError("--country", f"'{name}' is no country", "name it by its two letters, as in DE")
    return kind, name


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
