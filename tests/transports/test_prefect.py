"""Under Prefect, too, what was published is carried, by a task of its own; and no secret is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import MORNING, make
from tests.transports.servers import KEYS
from tests.transports.shops import MAIL, sent, states, ways

ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; from flows.personalise import personalise; personalise(sys.argv[1], targets=('email_file',))"


@pytest.mark.slow
@pytest.mark.end_to_end
def test_a_task_carries_and_no_secret_is_kept(tmp_path, s3_end):
    tiny = make(tmp_path / "tiny", brands=("north",))
    ways(tiny, **{MAIL: s3_end.settings()})
    home = tmp_path / "prefect"
    environment = os.environ | KEYS | {"PREFECT_HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment |= {"JUSTENOUGH_NOW": MORNING.isoformat(), "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
    command = [sys.executable, "-c", PROGRAM, str(tiny.folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "carry email_file for north" in done.stderr
    assert states(tiny) == {f"{MAIL}-2026-11-22-1": "carried"}
    assert s3_end.list() == sent(tiny)
    kept = [path for folder in (home, tiny.folder) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in kept)
    secret = KEYS["AWS_SECRET_ACCESS_KEY"]
    assert [path for path in kept if secret.encode() in path.read_bytes()] == []
    assert secret not in done.stdout + done.stderr
