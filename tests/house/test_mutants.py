"""The mutants are in order, and the runner tells a caught one from one that lives."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT, write

if TYPE_CHECKING:
    from types import ModuleType

PATCH = """\
# breaks: {breaks}
# seen by: {seen_by}
--- a/flows/sums.py
+++ b/flows/sums.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a + b
+    return {mutated}
"""
TESTS = """\
from flows.sums import add


def test_adds():
    assert add(2, 3) == 5


def test_starts_at_nothing():
    assert add(0, 0) == 0
"""


def test_every_mutant_names_what_it_breaks_and_a_test_that_is_there():
    for mutant in runner().read(ROOT / "tests" / "mutants"):
        path, *names = mutant.seen_by.split("::")
        assert names, mutant.seen_by
        assert f"def {names[-1].partition('[')[0]}(" in (ROOT / path).read_text("utf-8"), mutant.seen_by


def test_every_mutant_still_applies():
    mutants = runner().read(ROOT / "tests" / "mutants")
    assert [mutant.name for mutant in mutants if not runner().applies(mutant.patch, ROOT, only_look=True)] == []


def test_a_mutant_that_its_test_sees_is_caught_and_others_are_told_apart(tmp_path):
    patches = {
        "product": PATCH.format(breaks="a product", seen_by="tests/test_sums.py::test_adds", mutated="a * b"),
        "unseen": PATCH.format(breaks="a product", seen_by="tests/test_sums.py::test_starts_at_nothing", mutated="a*b"),
        "broken": PATCH.format(breaks="all", seen_by="tests/test_sums.py::test_adds", mutated="a +"),
        "stale": PATCH.format(breaks="a product", seen_by="tests/test_sums.py::test_adds", mutated="a * b").replace(
            "def add(a, b)", "def add(one, two)"
        ),
    }
    verdicts = runner().run(runner().read(_tree(tmp_path, patches) / "mutants"), tmp_path)
    assert verdicts == {
        "broken": "its test does not run",
        "product": "caught",
        "stale": "does not apply",
        "unseen": "SURVIVED",
    }


def test_a_test_that_fails_without_any_mutant_is_an_error(tmp_path):
    patch = PATCH.format(breaks="a product", seen_by="tests/test_sums.py::test_adds", mutated="a * b")
    tree = _tree(tmp_path, {"product": patch})
    (tree / "flows" / "sums.py").write_text("def add(a, b):\n    return a\n", "utf-8")
    with pytest.raises(RuntimeError, match="do not pass on the code as it is"):
        runner().run(runner().read(tree / "mutants"), tree)


def test_a_patch_without_its_header_is_an_error(tmp_path):
    write(tmp_path, {"bare.patch": "# breaks: all\n--- a/x\n+++ b/x\n"})
    with pytest.raises(ValueError, match=r"bare.patch: one line `# seen by: …` is needed above the diff, 0 are there"):
        runner().read(tmp_path)


def runner() -> ModuleType:
    """tests/mutants/run.py, which is no module of a package."""
    if "mutants_run" not in sys.modules:
        spec = importlib.util.spec_from_file_location("mutants_run", ROOT / "tests" / "mutants" / "run.py")
        sys.modules["mutants_run"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["mutants_run"])
    return sys.modules["mutants_run"]


def _tree(root, patches):
    files = {f"mutants/{name}.patch": text for name, text in patches.items()}
    files |= {
        "flows/__init__.py": "",
        "flows/sums.py": "def add(a, b):\n    return a + b\n",
        "tests/test_sums.py": TESTS,
    }
    subprocess.run(["git", "init", "-q", str(write(root, files))], check=True)
    return root
