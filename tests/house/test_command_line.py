"""Every command of the command line stands on a page that a person has written, and shows how it is called."""

from __future__ import annotations

import importlib.util
import inspect

import pytest
from cyclopts import App

from tests.house.tree import ROOT


def test_every_command_stands_on_a_page_that_a_person_has_written():
    pages = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *(ROOT / "docs" / "how-to").glob("*.md")]
    complaints = unmentioned(_app(), "\n".join(page.read_text("utf-8") for page in pages))
    assert not complaints, "\n".join(complaints)


def test_every_command_has_an_example_in_its_help():
    complaints = without_example(_app())
    assert not complaints, "\n".join(complaints)


def test_a_command_that_the_pages_leave_out_is_seen():
    assert unmentioned(_sample(), "First `justenough run`.") == ["justenough plan"]


def test_a_command_without_an_example_is_seen():
    assert without_example(_sample()) == ["justenough plan"]


def unmentioned(app: App, pages: str) -> list[str]:
    """The commands that the pages do not show as they are typed."""
    return [command for command in commands(app) if command not in pages]


def without_example(app: App) -> list[str]:
    """The commands whose help does not show them as they are typed."""
    return [command for command, text in commands(app).items() if command not in text]


def commands(app: App, before: str = "justenough") -> dict[str, str]:
    """Each command as it is typed, `justenough run`, with its help. Hidden ones are left out."""
    found = {}
    for name in app:
        inner = app[name]
        if name.startswith("-") or not inner.show:
            continue
        typed = f"{before} {name}"
        below = commands(inner, typed)
        found |= below or {typed: f"{inner.help}\n{inspect.getdoc(inner.default_command) or ''}"}
    return found


def _app() -> App:
    """The command line's app, the one value of its kind in flows/cli.py."""
    if importlib.util.find_spec("flows.cli") is None:
        pytest.fail("flows/cli.py is not there")
    cli = importlib.import_module("flows.cli")
    return next(value for value in vars(cli).values() if isinstance(value, App))


def _sample() -> App:
    app = App(name="justenough")

    def run() -> None:
        """Run it.

        Example:
            justenough run
        """

    def plan() -> None:
        """Plan it."""

    app.command(run)
    app.command(plan)
    return app
