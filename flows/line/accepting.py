"""A person accepts a proposal: product.yaml is changed by as little as it takes, and the workspace's CHANGELOG.md says so."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.clock import moment
from flows.documents import parsed_text
from flows.editing import edited, stands
from flows.errors import ProductError, UsageError, nearest
from flows.learning.proposals import value_at
from flows.ledger.lock import run_lock
from flows.ledger.proposals import move, open_proposals, proposals_of
from flows.ledger.restoring import refuse_restored
from flows.ledger.store import open_ledger
from flows.line.reverting import copy_workspace, keep_files, write_files
from flows.product import read_product
from flows.workspace import load_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.settings import Settings

CHANGELOG = "CHANGELOG.md"
_WHERE = "justenough accept"


@dataclass(frozen=True)
class Accepted:
    """What acceptance has changed.

    Attributes:
        id, product, kind, what, says: the proposal.
        written, removed: files of the workspace, by name; none where there was nothing to change.
        kept: the folder in which these are as they were; None where there was nothing to change.
    """

    id: str
    product: str
    kind: str
    what: str
    says: str
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: Path | None = None


def accept(settings: Settings, proposal_id: str) -> Accepted:
    """Do what an open proposal says.

    The workspace as it would be is tried before anything is written. Where it is killed the next call for the same proposal
    finishes. What has no edit (keep testing) changes nothing, and stays open.

    Args:
        settings: say where everything is.
        proposal_id: as `justenough proposals` lists it.

    Raises:
        UsageError: no such proposal is open; or product.yaml has changed, so that it is about something else: it is withdrawn.
        ProductError: product.yaml cannot be changed by so little.
        JustEnoughError: the workspace would not be sound, as `load_workspace` says.
        LockedError: a run is going on.
        StateError: the ledger is from a backup.
    """
    with run_lock(settings, _WHERE):
        refuse_restored(settings)
        row = _open(settings, proposal_id)
        told = {name: row[name] for name in ("product", "kind", "what", "says")}
        changes = {tuple(edit["place"]): edit["value"] for edit in json.loads(row["edits"])}
        if not changes:
            return Accepted(proposal_id, **told)
        product_yaml = f"templates/{row['product']}/product.yaml"
        text = _text(settings.workspace / product_yaml)
        _refuse_other(settings, row, changes, parsed_text(text, product_yaml))
        removed = tuple(_words_of(settings.workspace, row["product"], changes))
        with tempfile.TemporaryDirectory(prefix="justenough-") as scratch:
            folder = Path(scratch)
            copy_workspace(settings.workspace, folder)
            _put(folder / product_yaml, edited(text, changes, product_yaml))
            for name in removed:
                (folder / name).unlink()
            load_workspace(folder)
            _put(folder / CHANGELOG, noted(settings, row))
            written = {name: folder / name for name in (product_yaml, CHANGELOG)}
            here = {name: settings.workspace / name for name in (*written, *removed)}
            kept = keep_files(settings, {name: file for name, file in here.items() if file.is_file()})
            with open_ledger(settings) as ledger:
                move(ledger, proposal_id, "accepting", of=("open",))
            write_files(settings.workspace, written, removed)
        with open_ledger(settings) as ledger:
            move(ledger, proposal_id, "accepted", of=("accepting",))
    return Accepted(proposal_id, **told, written=tuple(written), removed=removed, kept=kept)


def _open(settings: Settings, proposal_id: str) -> Mapping[str, Any]:
    """The row of a proposal that waits, or was being accepted."""
    with open_ledger(settings) as ledger:
        known, waiting = proposals_of(ledger, proposal_id), open_proposals(ledger)["id"].to_list()
    if proposal_id in waiting:
        return known.row(-1, named=True)
    if known.is_empty():
        hint = nearest(proposal_id, waiting) if waiting else "see what a look now proposes: justenough readout --keep"
        raise UsageError(_WHERE, f"there is no proposal '{proposal_id}'", hint)
    last = known.row(-1, named=True)
    what = f"proposal '{proposal_id}' was {last['state']} on {last['ended_at']:%Y-%m-%d}"
    raise UsageError(_WHERE, what, "see what is open: justenough proposals")


def _refuse_other(
    settings: Settings, row: Mapping[str, Any], changes: Mapping[tuple[str, ...], Any], content: object
) -> None:
    """Withdraw a proposal that is not about what is there any more; what it asks for may be there already, after a kill."""
    product = read_product(settings.workspace / "templates" / row["product"])
    for key, then in json.loads(row["about"]).items():
        place = tuple(key.split("."))
        asked = {edit: value for edit, value in changes.items() if edit[: len(place)] == place}
        is_done = bool(asked) and all(stands(content, *change) for change in asked.items())
        if value_at(product, key) != then and not is_done:
            with open_ledger(settings) as ledger:
                move(ledger, row["proposal_id"], "withdrawn", of=("open", "accepting"))
            what = f"`{key}` has changed since, so the proposal '{row['proposal_id']}' is about something else; it is withdrawn"
            raise UsageError(product.at(*place), what, "see what a look now proposes: justenough readout --keep")


def _words_of(base: Path, product: str, changes: Mapping[tuple[str, ...], Any]) -> list[str]:
    """The template files of variants that go."""
    gone = {place[-1] for place, value in changes.items() if place[:2] == ("test", "variants") and value is None}
    files = sorted((base / "templates" / product).glob("*.*.j2"))
    return [str(file.relative_to(base)) for file in files if file.name.split(".")[1] in gone]


def noted(settings: Settings, row: Mapping[str, Any]) -> str:
    """CHANGELOG.md with a line for what is accepted: before the first one that is there."""
    path = settings.workspace / CHANGELOG
    text = _text(path) if path.exists() else "# Changelog\n"
    if row["state"] == "accepting" and f"(proposal {row['proposal_id']})" in text:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    line = f"- {moment(None, settings.zone).as_of}, `{row['product']}`: {row['says']} (proposal {row['proposal_id']}){newline}"
    first = re.search(r"^[-*] ", text, re.MULTILINE)
    if first:
        return text[: first.start()] + line + text[first.start() :]
    return f"{text}{'' if text.endswith(newline) else newline}{newline}{line}"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        raise ProductError(path, "this file is no text that can be read", "save it as UTF-8") from None


def _put(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
