"""Every class of error is there for a remedy that somebody can meet."""

from __future__ import annotations

import ast

from tests.house.tree import ROOT, Module, modules, write

BASE = "JustEnoughError"


def test_every_class_of_error_is_made_somewhere():
    complaints = never_made(modules(ROOT))
    assert not complaints, "\n".join(complaints)


def test_an_error_that_nothing_makes_is_seen(tmp_path):
    tree = {
        "flows/errors.py": f"class {BASE}(Exception): ...\nclass A({BASE}): ...\nclass B(A): ...\nclass C(A): ...\n",
        "flows/line.py": "from flows import errors\nfrom flows.errors import A, B\n\ndef f():\n    raise A('x')\n",
        "flows/cli.py": "from flows import errors\n\ndef g():\n    return errors.C('x')\n",
    }
    assert never_made(modules(write(tmp_path, tree))) == ["B"]


def never_made(tree: list[Module]) -> list[str]:
    """The classes of flows/errors.py, the base apart, that no other file calls."""
    errors = next(module for module in tree if module.name == "flows.errors")
    classes = {node.name for node in errors.syntax.body if isinstance(node, ast.ClassDef)} - {BASE}
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for module in tree
        if module is not errors
        for node in ast.walk(module.syntax)
        if isinstance(node, ast.Call)
    }
    return sorted(classes - called)
