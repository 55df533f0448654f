"""Forgetting people under Prefect: whom files in the inbox name. Prefect is told the name of such a file at most, never a person.

The same function as `justenough forget`.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State  # noqa: TC002  (Prefect reads the annotations)
from prefect.states import Completed

from flows import line
from flows.errors import UsageError
from flows.pages.upkeep import forgotten_page
from flows.personalise import without_data
from flows.settings import load_settings


@flow(name="forget", persist_result=False, log_prints=False)
def forget(workspace: Path = Path(), *, file: str | None = None) -> State[None]:
    """Forget the people whom files in `inbox/forget/` of the state folder name, a customer's id on each line.

    A file is deleted when that is done. The page `forget` says in counts what was erased where. The run fails where a file
    cannot be read, or a batch on hold may still hold somebody; everybody else is forgotten all the same.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
        file: The name of the only file to look at, never what is in it. Empty is all of them.
    """
    with line.watched(workspace, get_run_logger().warning, "forget"), without_data("forget"):
        settings, log = load_settings(workspace), get_run_logger()
        done = line.forget_requested(settings, file)
        page = forgotten_page(done, workspace=settings.name, outbox=settings.outbox.name)
        create_markdown_artifact(page, "forget", "What was erased where, in counts")
        if done.refused:
            where, hint = f"inbox/forget/{done.refused[0]}", "write a customer's id on each line, as UTF-8"
            raise UsageError(where, "this is no file of text", hint)
        if done.on_hold:
            hint = "decide about it with justenough recover, then put the request into the inbox again"
            raise UsageError(done.on_hold[0], "this batch is on hold, and may hold people who were forgotten", hint)
        log.info("forgotten: %d", done.people)
    return Completed(message=f"forgotten: {done.people:,}")
