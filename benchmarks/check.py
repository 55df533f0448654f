"""What `justenough check` costs on the sample: CPU seconds of importing the program and of the check, and their ratio.

    .venv/bin/python benchmarks/check.py [--times 5]

The least of several processes is printed, child processes included. On an idle machine these are the seconds that one waits; on a
busy one the ratio holds, since both are the same machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows import line  # noqa: E402
from flows.settings import load_settings  # noqa: E402
from flows.starting import start_workspace  # noqa: E402

MEASURED = """
import contextlib, io, json, os, sys
from pathlib import Path
def spent():
    living = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    used = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13] for child in living]
    return sum(os.times()[:4]) + sum(int(each) for both in used for each in both) / os.sysconf("SC_CLK_TCK")
begun = spent()
from flows import cli
imported = spent()
with contextlib.redirect_stdout(io.StringIO()):
    assert cli.main(["check", "--workspace", sys.argv[1]]) == 0
print(json.dumps({"import": imported - begun, "check": spent() - imported}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "sample"
        start_workspace(workspace)
        line.sample(load_settings(workspace), None, 500, 7)
        seen = [_measured(workspace, Path(folder) / "compiled") for _ in range(times)]
    imported, checked = (min(each[step] for each in seen) for step in ("import", "check"))
    print(f"importing {imported:.2f} s, checking {checked:.2f} s, together {imported + checked:.2f} s of CPU")
    print(f"ratio {checked / imported:.2f}")


def _measured(workspace: Path, compiled: Path) -> dict[str, float]:
    """Of one process, with its modules compiled as they are for everybody but the first."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled), "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", MEASURED, str(workspace)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
