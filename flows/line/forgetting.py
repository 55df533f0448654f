"""Forgetting people: what is on its way is recalled first, then nothing of them stays but keyed tombstones.

Killed anywhere it is done again by repeating it. What state targets hold of them is taken away by the next run, and kept until
that is published, because the platform knows them by nothing else.
"""

from __future__ import annotations

import io
import shutil
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.digests import sha256
from flows.durable import private_folder, sync_folder, write_bytes
from flows.errors import DataError, SourceError, UsageError
from flows.incoming import read_incoming
from flows.keys import Key, load_keys
from flows.ledger.approvals import carry_over, is_sealed, seal_plan
from flows.ledger.consent import drain
from flows.ledger.erasure import bury, erase
from flows.ledger.lock import run_lock
from flows.ledger.membership import forget_older
from flows.ledger.publishing import Recovered, check_folders, on_hold, recover
from flows.ledger.recalls import recallable
from flows.ledger.restoring import mark, refuse_restored
from flows.ledger.runs import last_published, note_rewritten
from flows.ledger.store import open_ledger
from flows.line.carrying import withdraw
from flows.line.recalling import CUSTOMERS, called_back
from flows.line.reports import told_files
from flows.plan import Plan, plan_digest, save_plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows.line.request import Carried, Recalled
    from flows.settings import Settings

INBOX = ("inbox", "forget")
_MADE_ANEW = ("addresses", "pages", "rolling", "scratch")
"""In the state folder: what is made again where it is needed."""


@dataclass(frozen=True)
class Forgotten:
    """What was erased where, in counts.

    Attributes:
        people: who were to be forgotten.
        new: of these, who had not been forgotten before.
        recalled: the folder of each batch of recalls -> the messages it names.
        held: `<target> for <brand>` -> rows that the next run takes away downstream.
        ledger: table -> rows.
        plans: plans that held something of them -> rows that went; None where the whole plan did.
        caches: files of what is made anew that went.
        on_hold: batches that wait for a person, and may hold them.
        withdrawn: batches that waited to be carried, and failed since they hold them, or are on hold; recalls that wait.
        recovered: what killed runs had left behind.
        refused: files in the inbox that cannot be read.
        untold: files in `inbox/outcomes/`, which may name them, since nobody has taken them in.
    """

    people: int
    new: int
    recalled: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    ledger: dict[str, int] = field(default_factory=dict)
    plans: dict[str, int | None] = field(default_factory=dict)
    caches: int = 0
    on_hold: tuple[str, ...] = ()
    withdrawn: tuple[Carried, ...] = ()
    recovered: tuple[Recovered, ...] = ()
    refused: tuple[str, ...] = ()
    untold: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether nothing of them was found."""
        return not (self.recalled or self.held or self.plans or self.ledger)


def forget(settings: Settings, customers: Sequence[str]) -> Forgotten:
    """Forget some customers. Harmless when repeated, also after a kill.

    Args:
        settings: say where everything is. The workspace's products may be broken.
        customers: their ids, as in sql/customers.sql.

    Raises:
        UsageError: nobody is named.
        LockedError: a run is going on.
        StateError: the ledger is from a backup.
        OutboxError: something cannot be written.
    """
    if not customers or not all(customer.strip() for customer in customers):
        raise UsageError("CUSTOMER", "nobody is named", "name the customers' ids, as sql/customers.sql has them")
    with run_lock(settings, "justenough forget"):
        return _forget(settings, customers)


def _forget(settings: Settings, customers: Sequence[str]) -> Forgotten:
    check_folders(settings)
    refuse_restored(settings)
    recovered = recover(settings)
    keys = load_keys(settings.key_file)
    people = _keyed(customers, keys)
    with open_ledger(settings) as ledger:
        drained = drain(settings, ledger, keys[0])  # what the inbox says of them goes with the rest
        theirs = set(
            ledger.rows("SELECT DISTINCT batch_id FROM claim JOIN people USING (person_key)", people=people)["batch_id"]
        )
    withdrawn = withdraw(settings, theirs, "somebody in it was forgotten")
    recalled = _recall(settings, people, drained)
    with open_ledger(settings) as ledger:
        new = bury(ledger, people, keys[0])
        rows = erase(ledger, people)
        held_back = tuple(on_hold(ledger)["batch_id"])
    mark(settings)
    plans = _forget_in_plans(settings, people)
    held = _memberships(settings, people, held_back)
    caches = _drop_made_anew(settings)
    with open_ledger(settings) as ledger:
        ledger.rewrite()
    return Forgotten(
        people=people["customer_id"].n_unique(),
        new=new,
        recalled=recalled.batches,
        held=held,
        ledger=rows,
        plans=plans,
        caches=caches,
        on_hold=held_back,
        withdrawn=(*withdrawn, *(each for each in recalled.carried if each.state != "carried")),
        recovered=tuple(recovered),
        untold=len(told_files(settings)),
    )


def forget_requested(settings: Settings, name: str | None = None) -> Forgotten:
    """Forget those whom files in the inbox name, one customer's id on a line; a file is deleted when that is done.

    Whoever writes such a file moves it into `inbox/forget/` whole; names that begin with a dot are not looked at.

    Args:
        settings: say where the inbox is.
        name: of the only file to look at; None is all of them.

    Raises:
        UsageError: there is no such file. JustEnoughError: as `forget`.
    """
    inbox = settings.folder(*INBOX)
    files = sorted(path for path in inbox.glob("[!.]*") if name in {None, path.name})
    if name is not None and not files:
        raise UsageError(f"{'/'.join(INBOX)}/{name}", "there is no such request", "name a file of this folder, or none")
    read = {path: _requested(path) for path in files}
    refused = tuple(path.name for path, customers in read.items() if customers is None)
    customers = sorted({customer for found in read.values() for customer in found or ()})
    done = forget(settings, customers) if customers else Forgotten(0, 0)
    for path, found in read.items():
        if found is not None:
            path.unlink(missing_ok=True)
            sync_folder(inbox)
    return replace(done, refused=refused)


def _requested(path: Path) -> list[str] | None:
    """The ids that a file names; None where it is no whole file of text, or a link to one elsewhere."""
    try:
        found = read_incoming(path, CUSTOMERS)
    except (SourceError, DataError):
        return None
    return None if found.refusal else [name for name in found.values("customer_id") if name]


def _keyed(customers: Sequence[str], keys: Sequence[Key]) -> pl.DataFrame:
    """`customer_id, key_id, person_key`: everybody under each key that is kept."""
    listed = pl.DataFrame({"customer_id": sorted(set(customers))}, {"customer_id": pl.String})
    return pl.concat(
        listed.with_columns(key_id=pl.lit(key.key_id), person_key=key.of(pl.col("customer_id"))) for key in keys
    )


def _recall(settings: Settings, people: pl.DataFrame, drained: int) -> Recalled:
    """Call back the messages to people that may be sent still."""
    with open_ledger(settings) as ledger:
        rows = recallable(ledger, present())
    theirs = rows.join(people, on="person_key", how="semi", maintain_order="left")
    return called_back(settings, theirs.with_columns(reason=pl.lit("forgotten")), drained)


def _forget_in_plans(settings: Settings, people: pl.DataFrame) -> dict[str, int | None]:
    """Take people out of every plan. One that is about them by name goes whole, as does one that was never finished."""
    folders = sorted(path for path in settings.folder("plans").glob("*") if path.is_dir())
    found = {folder.name: _forget_in_plan(settings, folder, people) for folder in folders}
    return {name: rows for name, rows in found.items() if rows != 0}


def _forget_in_plan(settings: Settings, folder: Path, people: pl.DataFrame) -> int | None:
    try:
        plan = Plan.model_validate_json((folder / "plan.json").read_bytes())
        if not set(plan.order.customers) & set(people["customer_id"]):
            return _rewritten(settings, folder, plan, people)
    except (OSError, ValueError, pl.exceptions.PolarsError):  # unfinished or damaged: nobody can tell whom it holds
        pass
    drop_plan(folder)
    return None


def _rewritten(settings: Settings, folder: Path, plan: Plan, people: pl.DataFrame) -> int:
    """Write a plan's files anew without some people. It can be delivered still, less them, where it could be before."""
    files, gone, before, keys = dict(plan.files), 0, plan_digest(folder), load_keys(settings.key_file)
    is_as_made = is_sealed(folder, keys)
    for path in sorted(folder.rglob("*.parquet")):
        rows = pl.read_parquet(path)
        kept = _without(rows, people)
        if kept.height < rows.height:
            name, digest = str(path.relative_to(folder)), sha256(path)
            write_frame(kept, path)
            gone += rows.height - kept.height
            if files.get(name) == digest:  # one that was changed before stays refused
                files[name] = sha256(path)
    if gone:
        save_plan(folder, plan.model_copy(update={"files": files}))
        if is_as_made:  # one that somebody has changed stays refused
            seal_plan(folder, keys[0])
        with open_ledger(settings) as ledger:
            note_rewritten(ledger, before, plan_digest(folder))
            with ledger.transaction():
                carry_over(ledger, keys, before, plan_digest(folder))
    return gone


def _without(rows: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    for name in ("customer_id", "person_key"):
        if name in rows.columns:
            rows = rows.join(people.select(name).unique(), on=name, how="anti", maintain_order="left")
    return rows


def _memberships(settings: Settings, people: pl.DataFrame, on_hold: Sequence[str]) -> dict[str, int]:
    """What state targets hold of people by the last batch that was published, or may have been; others' members go."""
    found = {}
    for folder in sorted(path for path in settings.folder("membership").glob("*/*") if path.is_dir()):
        name, brand = folder.parent.name, folder.name
        with open_ledger(settings) as ledger:
            last = last_published(ledger, name, brand)
        forget_older(settings, name, brand, last or "", *on_hold)
        rows = [pl.scan_parquet(path).select("customer_id").collect() for path in folder.glob("*.parquet")]
        held = sum(
            frame.join(people.select("customer_id").unique(), on="customer_id", how="semi").height for frame in rows
        )
        if held:
            found[f"{name} for {brand}"] = held
    return found


def _drop_made_anew(settings: Settings) -> int:
    """Delete what may name anybody and is made again: addresses read, pages, spill, and files that a kill left half written."""
    spill = settings.ledger.with_name(f"{settings.ledger.name}.tmp")
    folders = [settings.folder(name) for name in _MADE_ANEW] + [spill]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    halves = [path for name in ("plans", "membership") for path in settings.folder(name).rglob(".*.tmp")]
    # Who writes a notice holds no lock, and takes a moment.
    long_ago = time.time() - 3600
    halves += [path for path in settings.folder("inbox").rglob(".*.tmp") if path.stat().st_mtime < long_ago]
    for path in [*files, *halves]:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in [*files, *halves]}:
        sync_folder(folder)
    return len(files) + len(halves)


def write_frame(rows: pl.DataFrame, path: Path) -> None:
    """Write Parquet whole or not at all, over what is there. Raises OutboxError."""
    content = io.BytesIO()
    rows.write_parquet(content)
    write_bytes(path, content.getvalue())


def drop_plan(folder: Path) -> None:
    """Delete a plan: first what makes it one, so that half of it is none."""
    (folder / "plan.json").unlink(missing_ok=True)
    sync_folder(private_folder(folder))
    shutil.rmtree(folder)
    sync_folder(folder.parent)
