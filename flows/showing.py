"""The commands that show messages: as a page, and as a mail to oneself."""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Group
from rich.text import Text

from flows.answering import plain, say
from flows.app import HERE, Common, Several, app, first, later
from flows.errors import JustEnoughError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows import durable, line
    from flows.ledger import lock
    from flows.line import Published
    from flows.pages import artifacts, previews, product_html, run_html
    from flows.plan import Plan
    from flows.settings import Settings
    from flows.transports import smtp as smtp_way
    from flows.workspace import Workspace
else:
    durable, line, lock = later("flows.durable"), later("flows.line"), later("flows.ledger.lock")
    smtp_way = later("flows.transports.smtp")
    pages = ("artifacts", "previews", "product_html", "run_html")
    artifacts, previews, product_html, run_html = (later(f"flows.pages.{page}") for page in pages)


@first
def preview(  # noqa: PLR0913  (a message has so many sides)
    product: str,
    *,
    channel: Several = (),
    locale: Several = (),
    variant: Several = (),
    brand: str | None = None,
    customer: str | None = None,
    browse: Annotated[bool, Parameter(name="--open")] = True,
    common: Common = HERE,
) -> int:
    """Preview a product's messages as people see them, with customer data highlighted: here, and as a page.

    Without a customer the segment's examples stand for one: each channel, variant, locale and set of facts. It reads no
    customer data, and needs no warehouse. The page, in pages/ of the state folder, has switches for all of these, and for the
    screen; it holds nobody's id or address, and loads nothing from anywhere.

    Examples:
        justenough preview care_guide
        justenough preview care_guide --channel sms --locale de
        justenough preview care_guide --customer C0000018

    Args:
        product: its name.
        channel: only this channel (repeat it for more).
        locale: only these words, as somebody of this locale gets them (repeat it for more).
        variant: only this variant (repeat it for more).
        brand: as this brand says it; default: the product's first, and on the page all.
        customer: what this customer would get by the latest plan, or why nothing.
        browse: open the page in a browser, where there is one and somebody looks.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    settings, asked = workspace.settings, line.Asked(channel, locale, variant, brand)
    if customer:
        shown, name = [line.preview_for(workspace, product, customer, asked)], f"{product}-customer"
    else:
        shown, name = line.previews(workspace, product, asked), product
    found = shown[0]
    page = write_page(settings, name, product_html.product_html(shown, workspace=settings.name))
    told = {**plain(found), "page": str(page)}
    say(told, lambda: Group(previews.previewed(found), Text(f"\nAs a page: {page}")), as_json=common.json)
    if browse and not common.json and _is_looked_at():
        webbrowser.open(page.as_uri())
    return 0


@app.command(name="send-test")
def send_test(  # noqa: PLR0913  (a message has so many sides)
    product: str,
    *,
    to: str,
    customer: str | None = None,
    locale: str | None = None,
    variant: str | None = None,
    brand: str | None = None,
    smtp: str | None = None,
    common: Common = HERE,
) -> int:
    """Send a product's mail to yourself: as a file that a mail program opens, or by a mail server.

    It is whole as it would be sent, but for its subject, which begins with [Test], and its links to unsubscribe, which are
    nobody's. Nothing is claimed or counted. An address that is suppressed, or has said stop, gets none.

    Examples:
        justenough send-test care_guide --to crm@example.com
        justenough send-test care_guide --to crm@example.com --locale de --smtp localhost:1025

    Args:
        product: its name.
        to: an address of your own.
        customer: with what this customer is told by the latest plan; default: the segment's examples.
        locale: the words as somebody of this locale gets them.
        variant: this variant; default: the first.
        brand: as this brand says it; default: the product's first.
        smtp: host:port of a mail server that takes it; encrypted where the server offers it. Default: write a file.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    asked = line.Asked((), (locale,) if locale else (), (variant,) if variant else (), brand)
    mail = line.mail_to(workspace, product, to, asked, customer)
    if smtp is not None:
        smtp_way.hand_over(smtp, mail.sender, mail.to, mail.content)
        say({"server": smtp}, lambda: f"Handed to {smtp}.", as_json=common.json)
        return 0
    file = workspace.settings.folder("pages", f"{product}-test.eml").absolute()
    durable.write_bytes(file, mail.content)
    say({"file": str(file)}, lambda: Text(f"{file} is the mail, to be opened or sent as it is."), as_json=common.json)
    return 0


def run_page(workspace: Workspace, settled: Plan, published: Sequence[Published] = ()) -> Path | None:
    """Write the page of a run, and return where; None where that cannot be, for the run itself is done.

    Args:
        workspace: as it was when the plan was made.
        settled: the plan.
        published: what was delivered of it.
    """
    try:
        with lock.run_lock(workspace.settings, "a run's page"):  # who is forgotten meanwhile would stand in it
            return _written(workspace, settled, published)
    except (JustEnoughError, OSError):
        return None


def page_in_run(workspace: Workspace, settled: Plan, published: Sequence[Published] = ()) -> None:
    """As `run_page`, for whoever holds the run's lock."""
    with suppress(JustEnoughError, OSError):
        _written(workspace, settled, published)


def _written(workspace: Workspace, settled: Plan, published: Sequence[Published]) -> Path:
    text = run_html.run_html(line.overview(workspace, settled), published, workspace=workspace.settings.name)
    return write_page(workspace.settings, settled.order.run_id, text)


def as_pages(workspace: Workspace, settled: Plan) -> str:
    """Where the page of a run is, and those of its products that `justenough preview` has made; nothing where there are none."""
    names, settings = (settled.order.run_id, *settled.order.products), workspace.settings
    pages = [page for name in names if (page := _place_of(settings, name)).is_file()]
    return artifacts.as_pages(pages, settings.workspace)


def told_of(page: Path | None) -> Text:
    """Where a page is."""
    return Text(f"As a page: {page}" if page else "There is no page of it: it could not be written.", style="dim")


def write_page(settings: Settings, name: str, text: str) -> Path:
    """Write a page into the state folder, readable by its owner alone, and return where. Raises OutboxError."""
    page = _place_of(settings, name)
    durable.write_bytes(page, text.encode())
    return page


def _place_of(settings: Settings, name: str) -> Path:
    return settings.folder("pages", f"{name}.html").absolute()


def _is_looked_at() -> bool:
    """Whether somebody sits at a screen where a browser opens a window."""
    has_screen = sys.platform in {"darwin", "win32"} or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return sys.stdout.isatty() and bool(has_screen)
