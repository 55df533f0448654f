"""The readout under Prefect: every morning what each product has changed. The same function as `justenough readout --keep`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State  # noqa: TC002  (Prefect reads the annotations)
from prefect.states import Completed

from flows import line
from flows.learning.board import read_board
from flows.learning.keeping import look_and_keep
from flows.pages.board import board_page
from flows.pages.effects import products_page
from flows.personalise import without_data
from flows.workspace import load_workspace

if TYPE_CHECKING:
    from flows.learning.products import LedgerReadout


@flow(name="readout", persist_result=False, log_prints=False)
def readout(workspace: Path = Path()) -> State[None]:
    """Say what each product has changed, as against those who were held out, and how sure that is.

    The page `readout` says it in counts of many, and why where there is no answer. What is found and proposed goes into the
    history, where proposals wait for a person. A product in which a guardrail is worse is paused at once; the flow's state is
    called `Breached` then, and its message says why. The page `board` says what all products together come to, month by month.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
    """
    with line.watched(workspace, get_run_logger().warning, "readout") as waits, without_data("readout"):
        loaded = load_workspace(workspace)
        found = look_and_keep(loaded)
        page = products_page(found, workspace=loaded.settings.name)
        create_markdown_artifact(page, "readout", "What each product has changed")
        # Loaded anew: what has just been paused waits for a person, too.
        together = board_page(read_board(load_workspace(workspace)), workspace=loaded.settings.name)
        create_markdown_artifact(together, "board", "What all products together come to, month by month")
        for each in found.paused:
            get_run_logger().warning("%s is paused: %s", each.product, each.why)
        waits([f"{each.product} is paused: {each.why}" for each in found.paused])
    return ended(found)


def ended(found: LedgerReadout) -> State[None]:
    """The state of the flow by what was found: `Breached` where a product had to be paused."""
    if found.paused:
        return Completed(
            name="Breached", message="; ".join(f"{each.product} is paused: {each.why}" for each in found.paused)
        )
    sure = sum(each.contrast.is_sure for product in found.products for each in product.compared)
    proposed = sum(len(product.proposals) for product in found.products)
    told = f"{len(found.products):,} products, {sure:,} sure differences"
    return Completed(message=f"{told}, {proposed:,} proposals" if proposed else told)
