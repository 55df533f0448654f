"""Runs a tiny workspace on a file system with no room left, and then with room: a tmpfs, in a mount namespace of its own.

unshare -rm python -m tests.bad_input.small_disk WORKSPACE PLACE   PLACE: a folder of the workspace, or `all+BYTES` for the
whole of it with so many bytes free. Prints what the first run said, what was seen then, and what there is in the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from flows.errors import JustEnoughError
from tests.tiny import Tiny

PAGE = 4096


def main(workspace: str, place: str) -> None:
    tiny = Tiny(Path(workspace))
    if place.startswith("all+"):
        disk = tiny.folder.with_name("disk")
        mount(disk, 2**26)
        tiny = tiny.copy(disk / "w")
        taken = sum(-(-path.stat().st_size // PAGE) * PAGE for path in disk.rglob("*") if path.is_file())
        mount(disk, taken + int(place.removeprefix("all+")), "remount")
    else:
        disk = tiny.folder / place
        mount(disk, PAGE)
        (disk / "filler").write_bytes(b"x" * PAGE)
    said = attempt(tiny)
    seen = sorted(batch.target for batch in tiny.batches())
    (disk / "filler").unlink(missing_ok=True)
    mount(disk, 2**26, "remount")
    then = attempt(tiny)
    claims = tiny.history("SELECT count(*), count(DISTINCT message_id) FROM claim")[0]
    sys.stdout.write(
        json.dumps({"said": said, "seen": seen, "then": then, "messages": messages(tiny), "claims": claims})
    )


def mount(folder: Path, size: int, *options: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    asked = ",".join((*options, f"size={size}", "mode=700"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", asked, "tmpfs", str(folder)], check=True)


def attempt(tiny: Tiny) -> list[Any]:
    """The class and the words of the error of a run; nothing where there is none."""
    try:
        tiny.run()
    except JustEnoughError as error:
        return [type(error).__name__, error.where, error.what, error.hint, error.exit_code]
    return []


def messages(tiny: Tiny) -> list[str]:
    """The ids of the messages that a consumer finds: each batch is read whole, every digest compared."""
    return [row["message_id"] for batch in tiny.batches() if batch.manifest["kind"] == "message" for row in batch.rows]


if __name__ == "__main__":
    main(*sys.argv[1:])
