"""The line's names: imported one by one, and the same for whoever reads them and whoever runs them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from flows import line

SEEN = {
    (node.module, name.name)
    for node in ast.walk(ast.parse(Path(line.__file__).read_text(encoding="utf-8")))
    if isinstance(node, ast.ImportFrom) and str(node.module).startswith("flows.line.")
    for name in node.names
}


def test_what_type_checkers_see_is_what_runs():
    homes = {(f"flows.line.{home}", name) for home, names in line._HOMES.items() for name in names}
    assert homes == SEEN
    assert all(getattr(line, name) is getattr(sys.modules[module], name) for module, name in homes)


def test_a_name_that_is_not_there_is_not_there():
    with pytest.raises(AttributeError, match="polish"):
        _ = line.polish


def test_who_checks_does_not_wait_for_what_delivers():
    program = "import sys; from flows import line; line.check; print('flows.line.delivering' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
