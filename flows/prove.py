"""The nightly proof under Prefect: shuffled in a small copy, customer data that a segment does not declare changes nothing.

The same function as `justenough check --prove`. What Prefect keeps are names and counts.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State  # noqa: TC002  (Prefect reads the annotations)
from prefect.states import Completed

from flows import line
from flows.pages.proofs import proof_page
from flows.personalise import without_data
from flows.workspace import load_workspace


@flow(name="prove", persist_result=False, log_prints=False)
def prove(workspace: Path = Path()) -> State[None]:
    """Prove that no field of a segment depends on customer data that it does not declare.

    The run fails where one does, and where too little changed to tell; its page `prove` names both.

    Args:
        workspace: The folder with pyproject.toml, sql/ and templates/. A dot is the folder that the deployment runs in.
    """
    with line.watched(workspace, get_run_logger().warning, "prove"), without_data("prove"):
        loaded, log = load_workspace(workspace), get_run_logger()
        proof = line.prove(loaded, lambda step, done, of: log.info("%s: %d of %d segments", step, done, of))
        page = proof_page(proof, workspace=loaded.settings.name)
        create_markdown_artifact(page, "prove", "What changed when undeclared customer data was shuffled")
        for complaint in proof.complaints:
            log.error("%s", complaint)
        if proof.complaints:
            raise proof.complaints[0]
    return Completed(message=f"{len(proof.findings):,} pairs of field and dimension hold")
