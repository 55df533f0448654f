"""Runs the main job of a workspace under Prefect, as its settings say, and tells by how much this process has grown.

    python on_a_cluster.py FOLDER

prints one line of JSON. A process of its own, as a deployment's is: workers import nothing of it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from flows.personalise import personalise


def megabytes(field: str) -> float:
    """What Linux tells of this process's memory."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def main(folder: Path) -> None:
    """Plan and deliver."""
    before, began = megabytes("VmRSS"), time.monotonic()
    outcome = personalise(workspace=folder)
    found = {
        "run_id": outcome.plan.order.run_id,
        "parts": outcome.plan.order.parts,
        "people": outcome.plan.people_count,
        "rows": sum(batch.rows for batch in outcome.delivered.published),
        "seconds": time.monotonic() - began,
        "grown_mb": megabytes("VmHWM") - before,
    }
    sys.stdout.write(f"\nFOUND {json.dumps(found)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
