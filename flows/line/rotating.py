"""A new key: what the ledger has of people and addresses is written under it before the next plan, and nobody becomes a stranger.

Retired keys stay in the key file. Tombstones, and what was told of people who are no customers on that day, are looked up
under each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import moment
from flows.errors import SettingError
from flows.keys import load_keys, rotate_key
from flows.ledger.lock import run_lock
from flows.ledger.publishing import check_folders, recover
from flows.ledger.rekeying import key_in_use, note_key, rekey
from flows.ledger.restoring import refuse_restored
from flows.ledger.store import open_ledger
from flows.line.sources import Source, addresses_of, database, read_people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.keys import Key
    from flows.workspace import Workspace


@dataclass(frozen=True)
class Rotated:
    """What a new key has changed.

    Attributes:
        key_id: of the new key.
        rows: of the ledger that are under it now.
        retired: how many keys are kept for what was noted under them.
    """

    key_id: str
    rows: int
    retired: int


def rotate(workspace: Workspace) -> Rotated:
    """Make a new key and write the ledger under it. Plans of before are not delivered any more.

    Killed in between, the next plan goes on with it. When repeated it makes another key.

    Raises:
        LockedError: a run is going on.
        StateError: the ledger is from a backup.
        SettingError: the key file cannot be read, or lacks the ledger's key.
        SourceError, DataError, StatementError: people cannot be read.
    """
    settings = workspace.settings
    with run_lock(settings, "justenough rotate-key"):
        check_folders(settings)
        refuse_restored(settings)
        recover(settings)
        source = Source(
            workspace, database(settings, moment(None, settings.zone).as_of), moment(None, settings.zone), {}
        )
        follow_key(source)
        key = rotate_key(settings.key_file)
        rows = follow_key(source)
        return Rotated(key.key_id, rows, len(load_keys(settings.key_file)) - 1)


def follow_key(source: Source) -> int:
    """Write the ledger under the key that is in use now, where it is under another; returns how many rows have changed.

    Call it under the run's lock, before anything is planned.

    Raises:
        SettingError: the key that the ledger is under is not in the key file.
    """
    settings = source.workspace.settings
    keys = load_keys(settings.key_file)
    with open_ledger(settings) as ledger:
        used = key_in_use(ledger) or keys[-1].key_id
    if used == keys[0].key_id:
        return 0
    if used not in {key.key_id for key in keys}:
        what = f"the history is under the key {used}, which is not in it"
        raise SettingError(settings.key_file, what, "put the newest key file back from your backup")
    people = read_people(source, keys[0])
    addresses = addresses_of(people)
    renewed = {
        "person_key": _pairs(people.select("customer_id"), keys),
        "address_key": _pairs(addresses.select("brand", "channel", "address_match"), keys),
    }
    with open_ledger(settings) as ledger:
        changed = rekey(ledger, renewed)
        ledger.rewrite()  # what was under a key that may have leaked is not left in the file
    with open_ledger(settings) as ledger:
        note_key(ledger, keys[0].key_id)  # last, so that the next plan repeats what a kill has cut short
    return changed


def _pairs(named: pl.DataFrame, keys: Sequence[Key]) -> pl.DataFrame:
    """`old, new`: what is made of the columns under each retired key, and under the one in use."""
    inputs = [pl.col(name) for name in named.columns]
    named = named.unique()
    return pl.concat(named.select(old=retired.of(*inputs), new=keys[0].of(*inputs)) for retired in keys[1:])
