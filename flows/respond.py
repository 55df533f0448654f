"""Answers to events under Prefect: what waits in the inbox. The same function as `justenough respond`.

Whoever has put a file there says no more than that something has come; Prefect keeps counts, and places in files.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State  # noqa: TC002  (Prefect reads the annotations)
from prefect.states import Completed

from flows import line
from flows.errors import LockedError
from flows.pages.responses import answered_page, said_of
from flows.personalise import without_data
from flows.refused import fail_where_refused
from flows.workspace import load_workspace


@flow(name="respond", persist_result=False, log_prints=False)
def respond(workspace: Path = Path()) -> State[None]:
    """Plan and deliver for the customers whom the files in `inbox/events/` of the state folder name, all in one run.

    The page `respond` says in counts what came of them. Where another run holds the workspace they wait for the next one. The run
    fails where a file is refused, or has rows that cannot be right; every other event is answered all the same, and such a file
    is put aside into `refused/`.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
    """
    with without_data("respond"):
        log, loaded = get_run_logger(), load_workspace(workspace)
        try:
            done = line.respond_waiting(loaded)
        except LockedError as held:
            log.info("the events wait: %s", held.what)
            return Completed(message="the events wait for the next run, since another one holds the workspace")
        if done.files:
            page = answered_page(done, workspace=loaded.settings.name)
            create_markdown_artifact(page, "respond", "What events came to, in counts")
        log.info("events: %s", said_of(done))
        mend = "mend the files in refused/, and put them back"
        fail_where_refused(done.refused, done.bad, "inbox/events", mend, log)
    return Completed(message=said_of(done))
