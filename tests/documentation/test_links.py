"""Every link of the documentation leads somewhere, and every error to a page that says more."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from flows import errors
from flows.settings import shipped
from tests.documentation.pages import anchors, links, markdown
from tests.house.tree import ROOT, write

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.JustEnoughError)]


def test_no_link_is_broken():
    complaints = broken(ROOT)
    assert not complaints, "\n".join(complaints)


def test_every_page_is_found_from_the_first_one():
    assert lost(ROOT) == []


def test_no_page_of_the_documentation_leads_out_of_it():
    """It ships whole, in the wheel, too, and nothing of what lies beside it does."""
    docs = ROOT / "docs"
    found = [
        (page, link) for page in docs.rglob("*.md") for link in links(page.read_text("utf-8")) if "://" not in link
    ]
    ways = [(page.name, link) for page, link in found if not (page.parent / link).resolve().is_relative_to(docs)]
    assert found
    assert ways == []


@pytest.mark.parametrize(
    ("link", "what"),
    [
        ("docs/two.md", None),
        ("docs/two.md#a-b-and-c_d", None),
        ("docs/two.md#a-b-and-c_d-1", None),
        ("https://example.com/x#y", None),
        ("docs/three.md", "there is no docs/three.md"),
        ("docs/two.md#nowhere", "docs/two.md has no place 'nowhere'"),
        ("docs/two.md#a-b-and-c_d-2", "docs/two.md has no place 'a-b-and-c_d-2'"),
        ("#nowhere", "README.md has no place 'nowhere'"),
        ("docs/one.png", "there is no docs/one.png"),
        ("../outside.md", "it leads out of the repository"),
        ("https:/example.com", "this is no address"),
        ("http://example.com", "this is no address"),
    ],
)
def test_a_link_that_leads_nowhere_is_seen(tmp_path, link, what):
    two = "# Two\n\n## A `b` and c_d\n\n```sh\n# Nowhere\n[not](a-link.md)\n```\n\n## A b and c_d\n"
    write(tmp_path, {"README.md": f"# One\n\n[it]({link}), and `[not](this.md)`\n", "docs/two.md": two})
    assert broken(tmp_path) == ([f"README.md: {link}: {what}"] if what else [])


def test_a_page_that_nothing_leads_to_is_seen(tmp_path):
    tree = {
        "README.md": "[one](docs/one.md)",
        "docs/one.md": "[two](two.md)",
        "docs/two.md": "",
        "docs/alone.md": "[one](one.md)",
    }
    assert lost(write(tmp_path, tree)) == ["docs/alone.md"]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_error_names_a_place_of_the_documentation(kind):
    page, _, place = kind.page.partition("#")
    file = ROOT / "docs" / page
    assert file.is_file()
    assert not place or place in anchors(file.read_text("utf-8"))


def test_every_class_of_error_but_the_base_has_chosen_its_place():
    assert {kind.__name__ for kind in CLASSES if kind.page == errors.JustEnoughError.page} == {"JustEnoughError"}


def test_every_page_that_the_program_names_is_there():
    named = {
        page
        for file in (ROOT / "flows").rglob("*.py")
        for page in re.findall(r"docs/[\w/-]+\.md", file.read_text("utf-8"))
    }
    assert len(named) > 2
    assert [page for page in sorted(named) if not (ROOT / page).is_file()] == []


def test_the_documentation_is_where_errors_point():
    assert shipped("docs", errors.JustEnoughError.page).is_file()


def broken(root: Path) -> list[str]:
    """The links of a tree that lead nowhere. Those to elsewhere are judged by their form alone."""
    return [
        f"{file.relative_to(root)}: {link}: {what}"
        for file in markdown(root)
        for link in links(file.read_text("utf-8"))
        if (what := _wrong(root, file, link))
    ]


def _wrong(root: Path, file: Path, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme:
        is_one = parts.scheme == "https" and re.fullmatch(r"[\w-]+(\.[\w-]+)+", parts.netloc)
        return None if is_one or parts.scheme == "mailto" else "this is no address"
    to = (file.parent / parts.path).resolve() if parts.path else file
    if not to.is_relative_to(root.resolve()):
        return "it leads out of the repository"
    name = to.relative_to(root.resolve())
    if not to.exists():
        return f"there is no {name}"
    if parts.fragment and parts.fragment not in anchors(to.read_text("utf-8")):
        return f"{name} has no place '{parts.fragment}'"
    return None


def lost(root: Path) -> list[str]:
    """The pages of docs/ that no way of links leads to from the README."""
    seen, open_ = set(), [root / "README.md"]
    while open_:
        page = open_.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        ways = [urlsplit(link) for link in links(page.read_text("utf-8"))]
        open_ += [(page.parent / way.path).resolve() for way in ways if way.path and not way.scheme]
    return sorted(str(page.relative_to(root)) for page in markdown(root) if page.parent != root and page not in seen)
