"""Retention under Prefect: every night what is older than the settings keep goes. The same function as `justenough retain`."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State  # noqa: TC002  (Prefect reads the annotations)
from prefect.states import Completed

from flows import line
from flows.pages.upkeep import retained_page
from flows.personalise import without_data
from flows.workspace import load_workspace


@flow(name="retain", persist_result=False, log_prints=False)
def retain(workspace: Path = Path()) -> State[None]:
    """Remove plans, copies in the outbox, history and addresses that are older than the workspace keeps them.

    Nothing that can still be needed goes. The page `retain` says in counts what went.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
    """
    with line.watched(workspace, get_run_logger().warning, "retain"), without_data("retain"):
        loaded = load_workspace(workspace)
        done = line.retain(loaded)
        create_markdown_artifact(
            retained_page(done, workspace=loaded.settings.name), "retain", "What retention removed"
        )
    return Completed(message=f"{done.plans:,} plans and {done.batches:,} batches are gone")
