"""The stages fit into each other: what one takes, an earlier one has made."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT, Module, modules, write

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = {"warehouse", "ledger", "products"}  # what the line starts from
ARROW = re.compile(r"(?P<takes>\w+(?:, \w+)*) -> (?P<makes>\w+(?:, \w+)*): \S.*")


def test_each_stage_takes_what_earlier_ones_have_made():
    complaints = gaps(ROOT)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("order", "files", "complaint"),
    [
        (
            ("one", "two"),
            {"one": "warehouse -> a: x.", "two": "b -> c: x."},
            "two takes b, which nothing before it makes",
        ),
        (
            ("two", "one"),
            {"one": "warehouse -> a: x.", "two": "a -> b: x."},
            "two takes a, which nothing before it makes",
        ),
        (("one",), {"one": "warehouse -> a: x.", "two": "a -> b: x."}, "two is a file, but not in ORDER"),
        (("one", "two"), {"one": "ledger, products -> a: x."}, "two is in ORDER, but no file"),
        (("one",), {"one": "Makes a."}, "one begins with 'Makes a.', not with `input -> output: words`"),
        (("one",), {"one": "warehouse -> a"}, "one begins with 'warehouse -> a', not with `input -> output: words`"),
        (("one", "one"), {"one": "warehouse -> a: x."}, "one is in ORDER twice"),
    ],
)
def test_stages_that_do_not_fit_are_seen(tmp_path, order, files, complaint):
    assert gaps(_stages(tmp_path, order, files)) == [complaint]


def test_stages_that_fit_pass(tmp_path):
    files = {"one": "warehouse -> a, b: x.", "two": "a, ledger -> c: x.", "three": "b, c -> d: x."}
    assert gaps(_stages(tmp_path, tuple(files), files)) == []


def test_an_order_that_is_missing_is_seen(tmp_path):
    tree = write(tmp_path, {"flows/stages/__init__.py": '"""Stages."""'})
    assert gaps(tree) == ["flows/stages/__init__.py has no ORDER of names"]


def gaps(root: Path) -> list[str]:
    """A line for each stage that is out of ORDER, has no arrow, or takes what nothing before it makes."""
    found = []
    files = {module.name.rpartition(".")[2]: module for module in modules(root, "flows/stages")}
    package = files.pop("stages", None)
    order = _order(package)
    if not order:
        return ["flows/stages/__init__.py has no ORDER of names"]
    found += [f"{name} is a file, but not in ORDER" for name in files if name not in order]
    found += [f"{name} is in ORDER, but no file" for name in order if name not in files]
    found += [f"{name} is in ORDER twice" for name in sorted(set(order)) if order.count(name) > 1]
    made = set(GIVEN)
    for name in [name for name in order if name in files]:
        arrow = ARROW.fullmatch(files[name].first_line)
        if not arrow:
            found.append(f"{name} begins with '{files[name].first_line}', not with `input -> output: words`")
            continue
        takes, makes = arrow["takes"].split(", "), arrow["makes"].split(", ")
        found += [f"{name} takes {what}, which nothing before it makes" for what in takes if what not in made]
        made |= set(makes)
    return found


def _order(package: Module | None) -> tuple[str, ...]:
    """ORDER of flows/stages/__init__.py, read without running it."""
    for node in package.syntax.body if package else []:
        names = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(name, ast.Name) and name.id == "ORDER" for name in names):
            try:
                return tuple(ast.literal_eval(node.value))  # type: ignore[attr-defined]
            except (TypeError, ValueError):
                return ()
    return ()


def _stages(root: Path, order: tuple[str, ...], files: dict[str, str]) -> Path:
    tree = {f"flows/stages/{name}.py": f'"""{line}\n\nMore.\n"""\n' for name, line in files.items()}
    return write(root, {"flows/stages/__init__.py": f"ORDER = {order!r}\n", **tree})
