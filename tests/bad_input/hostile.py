"""Checks one hostile statement after the other, in an interpreter of its own: what its children take is then theirs alone.

python -m tests.bad_input.hostile WORKSPACE CASE…   prints a line of JSON for each case
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import resource
import sys
import time
from pathlib import Path

from flows import cli

CASES = Path(__file__).parent / "hostile_statements"
SEGMENT = "sql/segments/owners.sql"


def main(workspace: str, *cases: str) -> None:
    for case in cases:
        text = (CASES / f"{case}.sql").read_bytes().decode()
        (Path(workspace) / SEGMENT).write_text(_expanded(text), "utf-8", newline="")
        spent, memory, told = _seconds(), _bytes(resource.RUSAGE_SELF), io.StringIO()
        with contextlib.redirect_stderr(told):
            code = cli.main(["check", "--workspace", workspace])
        found = {
            "code": code,
            "told": told.getvalue().replace(workspace, "<workspace>"),
            "seconds": _seconds() - spent,
            "bytes": _bytes(resource.RUSAGE_SELF) - memory,
            "bytes_of_children": _bytes(resource.RUSAGE_CHILDREN),
        }
        sys.stdout.write(json.dumps(found) + "\n")


def _expanded(text: str) -> str:
    """`«text×100»` stands for the text a hundred times."""
    return re.sub("«(.*?)×([0-9]+)»", lambda found: found[1] * int(found[2]), text, flags=re.DOTALL)


def _seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _bytes(whose: int) -> int:
    return resource.getrusage(whose).ru_maxrss * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
