"""A person accepts what was learned of helps: from then on they are chosen by it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.errors import UsageError
from flows.learning.choices import WHERE, read_choices
from flows.ledger.lock import run_lock
from flows.ledger.restoring import refuse_restored
from flows.line.accepting import CHANGELOG, noted
from flows.line.reverting import copy_workspace, keep_files, write_files
from flows.next_best import FILE
from flows.workspace import load_workspace

if TYPE_CHECKING:
    from flows.settings import Settings
    from flows.workspace import Workspace


@dataclass(frozen=True)
class AcceptedChoice:
    """What acceptance has changed.

    Attributes:
        id: of what was proposed.
        says: it in a sentence.
        written: files of the workspace, by name.
        kept: the folder in which those that were there are as they were; None where there were none.
    """

    id: str
    says: str
    written: tuple[str, ...]
    kept: Path | None


def accept_choice(workspace: Workspace, proposal_id: str) -> AcceptedChoice:
    """Write what was learned into sql/next_best.yaml, where it is what a look finds now.

    The workspace as it would be is tried before anything is written.

    Raises:
        UsageError: nothing is proposed, or something else by now.
        JustEnoughError: the workspace would not be sound, as `load_workspace` says.
        LockedError: a run is going on.
        StateError: the ledger is from a backup.
    """
    settings = workspace.settings
    with run_lock(settings, f"{WHERE} --accept"):
        refuse_restored(settings)
        read = read_choices(workspace)
        if read.file is None or read.found is None or read.id != proposal_id:
            what = "nothing is proposed now" if read.id is None else f"'{read.id}' is proposed now"
            raise UsageError("--accept", f"'{proposal_id}' is not: {what}", f"look at it: {WHERE}")
        way = next(each for each in read.found.ways if each.name == read.found.proposed)
        says = (
            f"Helps are chosen by {way.name} for each: {100 * way.more.value:+.2f} pt of {read.outcome} against the rules, and at"
            f" the least {100 * way.more.low:+.2f} pt"
        )
        return written(settings, FILE, read.file, proposal_id, says)


def written(settings: Settings, name: str, text: str, proposal_id: str, says: str) -> AcceptedChoice:
    """Write what a person accepts into a file of the workspace, and a line about it into CHANGELOG.md; under the run's lock.

    Raises:
        JustEnoughError: the workspace would not be sound with it, as `load_workspace` says.
    """
    row = {"state": "open", "proposal_id": proposal_id, "product": name, "says": f"{says}."}
    with tempfile.TemporaryDirectory(prefix="justenough-") as scratch:
        folder = Path(scratch)
        copy_workspace(settings.workspace, folder)
        for file, content in ((name, text), (CHANGELOG, noted(settings, row))):
            (folder / file).write_bytes(content.encode())
        load_workspace(folder)
        files = {file: folder / file for file in (name, CHANGELOG)}
        here = {file: settings.workspace / file for file in files if (settings.workspace / file).is_file()}
        kept = keep_files(settings, here) if here else None
        write_files(settings.workspace, files, ())
    return AcceptedChoice(proposal_id, says, tuple(files), kept)
