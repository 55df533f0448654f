"""The readout under Prefect: every morning what each product has changed. The same function as `justenough readout`."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State  # noqa: TC002  (Prefect reads the annotations)
from prefect.states import Completed

from flows.learning.products import read_products
from flows.pages.effects import products_page
from flows.personalise import without_data
from flows.workspace import load_workspace


@flow(name="readout", persist_result=False, log_prints=False)
def readout(workspace: Path = Path()) -> State[None]:
    """Say what each product has changed, as against those who were held out, and how sure that is.

    It may be looked at every day. The page `readout` says it in counts of many, and why where there is no answer.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
    """
    with without_data("readout"):
        loaded = load_workspace(workspace)
        found = read_products(loaded)
        page = products_page(found, workspace=loaded.settings.name)
        create_markdown_artifact(page, "readout", "What each product has changed")
    sure = sum(each.contrast.is_sure for product in found.products for each in product.compared)
    return Completed(message=f"{len(found.products):,} products, {sure:,} sure differences")
