"""A person accepts what was learned, as a file of the workspace: helps are chosen by it from then on, say."""

from __future__ import annotations

import re
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
    from collections.abc import Callable

    from flows.learning.choices import Read
    from flows.settings import Settings
    from flows.workspace import Workspace


@dataclass(frozen=True)
class Learned:
    """What was learned and is proposed now.

    Attributes:
        id: the same at every look that finds the same.
        where: the command that looks, and accepts it by `--accept`.
        kind, what: what it is, and of which.
        says: it in a sentence, without its full stop.
        name: the file of the workspace that would say it.
        file: what it would say.
    """

    id: str
    where: str
    kind: str
    what: str
    says: str
    name: str
    file: str

    def is_in_use(self, settings: Settings) -> bool:
        """Whether the workspace says just this, learned on whatever day."""
        path = settings.workspace / self.name
        return path.is_file() and _undated(path.read_text("utf-8")) == _undated(self.file)


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


def learned_choice(found: Read) -> Learned | None:
    """What choices among helps propose; None: nothing."""
    if found.file is None or found.found is None or found.id is None:
        return None
    way = next(each for each in found.found.ways if each.name == found.found.proposed)
    says = (
        f"Helps are chosen by {way.name} for each: {100 * way.more.value:+.2f} pt of {found.outcome} against the rules, and at"
        f" the least {100 * way.more.low:+.2f} pt"
    )
    return Learned(found.id, WHERE, "choose", way.name, says, FILE, found.file)


def accept_choice(workspace: Workspace, proposal_id: str) -> AcceptedChoice:
    """Write what was learned into sql/next_best.yaml, where it is what a look finds now. Raises as `accept_learned`."""
    return accept_learned(workspace, proposal_id, WHERE, lambda: learned_choice(read_choices(workspace)))


def accept_learned(
    workspace: Workspace, proposal_id: str, where: str, look: Callable[[], Learned | None]
) -> AcceptedChoice:
    """Write what a look proposes into a file of the workspace, and a line about it into CHANGELOG.md.

    The workspace as it would be is tried before anything is written.

    Args:
        workspace: as it is.
        proposal_id: of what somebody has looked at.
        where: the command that looks.
        look: finds what is proposed now; under the run's lock.

    Raises:
        UsageError: nothing is proposed, or something else by now.
        JustEnoughError: the workspace would not be sound, as `load_workspace` says.
        LockedError: a run is going on.
        StateError: the ledger is from a backup.
    """
    settings = workspace.settings
    with run_lock(settings, f"{where} --accept"):
        refuse_restored(settings)
        found = look()
        if found is None or found.id != proposal_id:
            what = "nothing is proposed now" if found is None else f"'{found.id}' is proposed now"
            raise UsageError("--accept", f"'{proposal_id}' is not: {what}", f"look at it: {where}")
        row = {"state": "open", "proposal_id": found.id, "product": found.name, "says": f"{found.says}."}
        with tempfile.TemporaryDirectory(prefix="justenough-") as scratch:
            folder = Path(scratch)
            copy_workspace(settings.workspace, folder)
            for file, content in ((found.name, found.file), (CHANGELOG, noted(settings, row))):
                (folder / file).write_bytes(content.encode())
            load_workspace(folder)
            files = {file: folder / file for file in (found.name, CHANGELOG)}
            here = {file: settings.workspace / file for file in files if (settings.workspace / file).is_file()}
            kept = keep_files(settings, here) if here else None
            write_files(settings.workspace, files, ())
    return AcceptedChoice(found.id, found.says, tuple(files), kept)


def _undated(text: str) -> str:
    return re.sub(r"(?m)^learned_on: .*\n", "", text)
