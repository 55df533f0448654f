"""Capability under Prefect: every week what can be done, and what one missing thing would add; as `justenough assess`."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State  # noqa: TC002  (Prefect reads the annotations)
from prefect.states import Completed

from flows import line
from flows.pages.artifacts import as_pages
from flows.pages.assessed import assessed_page
from flows.pages.assessed_html import assessed_html
from flows.personalise import without_data
from flows.showing import write_page
from flows.workspace import load_workspace


@flow(name="assess", persist_result=False, log_prints=False)
def assess(workspace: Path = Path()) -> State[None]:
    """Say what can be done today, by channel and product, and which one missing thing would reach how many people more.

    Nothing is claimed, planned or published. The page `assess` says it in counts, and names the file that has all of it.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
    """
    with line.watched(workspace, get_run_logger().warning, "assess"), without_data("assess"):
        loaded, log = load_workspace(workspace), get_run_logger()
        settings = loaded.settings
        found = line.assess(loaded, lambda step, done, of: log.info("%s: %d of %d parts", step, done, of))
        page = write_page(settings, "assess", assessed_html(found, workspace=settings.name))
        told = assessed_page(found, workspace=settings.name) + as_pages([page], settings.workspace)
        create_markdown_artifact(told, "assess", "What can be done, and what one thing more would add")
    return Completed(message=f"{found.served:,} of {found.reachable:,} people are reached today")
