"""Outcomes in, under Prefect: what waits in the inbox, and what sql/outcomes/ tells. The same function as `justenough learn`.

What Prefect keeps are counts, and places in files.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State  # noqa: TC002  (Prefect reads the annotations)
from prefect.states import Completed

from flows import line
from flows.pages.outcomes import learned_page
from flows.personalise import without_data
from flows.refused import fail_where_refused
from flows.settings import load_settings
from flows.workspace import load_workspace


@flow(name="learn", persist_result=False, log_prints=False)
def learn(workspace: Path = Path()) -> State[None]:
    """Take in what people did, by the files in `inbox/outcomes/` of the state folder and by sql/outcomes/.

    A file goes when the history has it. The page `learn` says in counts what came in. The run fails where a file is refused, or
    has rows that cannot be right, and stays; everything else is taken in all the same, and who said stop in it is heard.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
    """
    with line.watched(workspace, get_run_logger().warning, "learn"), without_data("learn"):
        log, heard = get_run_logger(), line.hear_waiting(load_settings(workspace))
        loaded = load_workspace(workspace)
        done = line.learn(loaded, heard)
        page = learned_page(done, workspace=loaded.settings.name)
        create_markdown_artifact(page, "learn", "What came in of outcomes, in counts")
        mend = "mend them, or remove the file; the page says where"
        fail_where_refused(done.refused, done.bad, "inbox/outcomes", mend, log)
        log.info("outcomes: %d from files, %d from sql/outcomes/", done.taken, done.from_sql)
    return Completed(message=f"{done.taken + done.from_sql:,} outcomes came in")
