"""Carrying published batches to another end: data first, the manifest last, every step noted before and after.

A batch that could not be carried waits, and is the first thing that a later run tries, as long as it is valid and nobody in it
has said stop. What may be there already and is not any more is on hold: a second copy cannot be taken back.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.errors import DoubtError, JustEnoughError, SettingError, StateError, TransportError
from flows.keys import load_key
from flows.ledger import carriage
from flows.ledger.acknowledging import acknowledge
from flows.ledger.consent import barred_since, drain
from flows.ledger.publishing import MANIFEST, Recovered, is_whole
from flows.ledger.restoring import mark
from flows.ledger.store import open_ledger
from flows.line.permitting import halted
from flows.line.planned import scan_deliveries
from flows.line.request import Carried, Progress, silent
from flows.plan import plan_folder, read_order
from flows.transports import Parcel, check_way, open_way

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from flows.destinations import Destination
    from flows.ledger.carriage import Carriage
    from flows.ledger.states import Told
    from flows.settings import Settings
    from flows.transports import Way
    from flows.workspace import Workspace

_ATTEMPTS = 3
_TELL_SECONDS = 2.0


class _HoldError(Exception):
    """A person has to look at the other end."""


def check_ways(settings: Settings) -> None:
    """Refuse destinations that cannot be reached from here. Raises SettingError."""
    for name, destination in settings.transports.items():
        check_way(name, destination)


def carry(
    workspace: Workspace, run_id: str, target: str, brand: str, progress: Progress = silent
) -> tuple[Carried, ...]:
    """Carry what a run has published for one target and brand, and what had to wait for it.

    What a state target holds is built on what it was told before, so its batches go in order: one that could not be carried
    goes right before the next one, which takes away again who has said stop since.

    Raises:
        SettingError: the destination cannot be reached from here.
    """
    settings = workspace.settings
    if target not in settings.transports:
        return ()
    check_ways(settings)
    with open_ledger(settings) as ledger:
        mine = [each for each in carriage.on_their_way(ledger) if (each.target, each.brand) == (target, brand)]
        is_held = carriage.is_held(ledger, target, brand)
    now = [each for each in mine if each.kind != "state" and each.run_id == run_id]
    states = [each for each in mine if each.kind == "state"]
    is_late = any(each.run_id != run_id for each in states)
    if states and is_held:
        why = "one before it waits for a person"
    elif is_late and read_order(settings, run_id).is_narrowed:
        why = "one before it waits for a run over everybody"
    else:
        why = None
    done = [_carried(settings, each, progress) for each in now]
    for each in states:
        done.append(_waiting(settings, each, why) if why else _carried(settings, each, progress))
        if why is None and done[-1].state != "carried":
            why = f"{each.batch_id} has to be there before it"
    if done:
        mark(settings)
    return tuple(done)


def carry_late(workspace: Workspace, progress: Progress = silent) -> list[Recovered]:
    """Carry what earlier runs could not, unless it has run out or somebody in it has said stop. Call it under the run's lock.

    Raises:
        SettingError: a destination cannot be reached from here.
        DataError: the inbox cannot be read.
    """
    settings = workspace.settings
    check_ways(settings)
    with open_ledger(settings) as ledger:
        waiting = [each for each in carriage.on_their_way(ledger) if each.kind != "state"]
        if waiting:
            drain(settings, ledger, load_key(settings.key_file))
    found = []
    for each in waiting:
        told = _ended(workspace, each) or _carried(settings, each, progress)
        found.append(Recovered(told.batch_id, told.state, told.reason or f"{told.to} answers again"))
    if found:
        mark(settings)
    return found


def carry_recalls(settings: Settings) -> list[Carried]:
    """Carry recalls that are on their way; those that cannot be carried wait for the next run, or for a destination."""
    with open_ledger(settings) as ledger:
        waiting = [each for each in carriage.on_their_way(ledger) if each.kind == "recall"]
    return [_carried(settings, each, silent) for each in waiting]


def withdraw(settings: Settings, batches: Collection[str], reason: str) -> list[Carried]:
    """Give up those of some batches that wait to be carried, by their ids: something in them must not leave any more."""
    with open_ledger(settings) as ledger:
        waiting = [each for each in carriage.on_their_way(ledger) if each.batch_id in batches]
    return [_given_up(settings, each, "failed", reason) for each in waiting]


def resolve(settings: Settings, batch_id: str, kind: str, *, is_taken: bool, again: bool) -> None:
    """Note what a person found of a held batch at the other end.

    Args:
        settings: of the workspace.
        batch_id: of a batch that is on hold on its way.
        kind: message, state or recall.
        is_taken: whether it is there, or was.
        again: whether it is to be carried, or delivered, again.

    Raises:
        StateError: what a platform holds is built on it, so it cannot be given up.
    """
    with open_ledger(settings) as ledger:
        if is_taken:
            carriage.settle(ledger, batch_id, "carried")
        elif kind == "message":
            acknowledge(ledger, batch_id, "failed")
            carriage.settle(ledger, batch_id, "given_up")
        elif again:
            carriage.settle(ledger, batch_id, "waiting")
        else:
            hint = "carry it once more with --publish, or say --taken"
            raise StateError(batch_id, "what comes later is built on this batch, so it cannot be given up", hint)


def _ended(workspace: Workspace, each: Carriage) -> Carried | None:
    """What becomes of a batch that may not be carried any more; None where it may."""
    settings = workspace.settings
    if present() >= each.valid_until:
        return _given_up(settings, each, "lapsed", "it ran out before it could be carried")
    reason = _barred(workspace, each) if each.kind == "message" else None
    return _given_up(settings, each, "failed", reason) if reason else None


def _given_up(settings: Settings, each: Carriage, told: Told, reason: str) -> Carried:
    """Release its claims, since it reached nobody; where a part of it may be there, a person has to look."""
    if each.begun:
        return _held(settings, each, f"{reason}, and a part of it may be at the other end")
    with open_ledger(settings) as ledger:
        acknowledge(ledger, each.batch_id, told)
        carriage.note(ledger, each.batch_id, "given_up", reason)
    _clear(settings, each)
    return Carried(each.batch_id, each.destination, "lapsed" if told == "lapsed" else "failed", reason)


def _clear(settings: Settings, each: Carriage) -> None:
    """Take away what was uploaded of a batch and never revealed, where the other end answers."""
    destination, folder = settings.transports.get(each.target), settings.outbox / each.target / each.folder
    if destination is None or destination.to != each.destination or not is_whole(folder, each.manifest_sha256):
        return
    with suppress(JustEnoughError):
        check_way(each.target, destination)
        with open_way(destination) as way:
            for parcel in _parcels(each, folder, destination):
                way.discard(parcel)


def _barred(workspace: Workspace, each: Carriage) -> str | None:
    """Why a batch may not be carried late: somebody in it has said stop since its seal, or nobody can tell any more."""
    settings = workspace.settings
    key = load_key(settings.key_file)
    with open_ledger(settings) as ledger:
        mine = ledger.rows("SELECT message_id FROM delivery WHERE batch_id = $batch", {"batch": each.batch_id}).cast(
            pl.String
        )
        try:
            planned = scan_deliveries(plan_folder(settings, each.run_id)).collect()
            is_of_key = read_order(settings, each.run_id).key_id == key.key_id
        except (OSError, JustEnoughError, pl.exceptions.PolarsError):
            return "its plan is gone, so nobody can tell who in it has said stop since"
        if not is_of_key or not set(mine["message_id"]) <= set(planned["message_id"]):
            return "its plan or the key has changed, so nobody can tell who in it has said stop since"
        topics = {name: product.topic for name, product in workspace.products.items()}
        rows = planned.join(mine, on="message_id", how="semi").select(
            "message_id", "person_key", "brand", "channel", "address_match",
            topic=pl.col("product").replace_strict(topics, default=None, return_dtype=pl.String),
        )  # fmt: skip
        barred = barred_since(ledger, each.drain, rows, key).height
    if not barred:
        return None
    return f"{barred:,} of its {mine.height:,} messages are to people who have said stop since it was sealed"


def _carried(settings: Settings, each: Carriage, progress: Progress) -> Carried:
    """Carry one batch as far as it gets."""
    destination = settings.transports.get(each.target)
    stop = halted(settings, each.brand) if each.kind != "recall" else None
    if destination is None or stop is not None:
        return _waiting(settings, each, stop or f"there is no [tool.justenough.transports.{each.target}] any more")
    if each.begun and destination.to != each.destination:
        return _held(
            settings, each, f"a part of it may be at {each.destination}, and the settings say {destination.to} now"
        )
    each = replace(each, destination=destination.to)
    folder = settings.outbox / each.target / each.folder
    if any(path.is_symlink() for path in (folder, *folder.glob("*"))) or not is_whole(folder, each.manifest_sha256):
        return _held(settings, each, "its copy in the outbox is gone, or not as it was sealed")
    with open_ledger(settings) as ledger:
        carriage.note(ledger, each.batch_id, "carrying", to=destination.to)
    try:
        check_way(each.target, destination)
        _Journey(settings, each, destination, _parcels(each, folder, destination), progress).go()
    except _HoldError as doubt:
        return _held(settings, each, str(doubt))
    except (TransportError, DoubtError, SettingError) as problem:
        return _waiting(settings, each, problem.what)
    with open_ledger(settings) as ledger:
        carriage.note(ledger, each.batch_id, "carried")
    return Carried(each.batch_id, each.destination, "carried")


def _held(settings: Settings, each: Carriage, reason: str) -> Carried:
    with open_ledger(settings) as ledger:
        carriage.note(ledger, each.batch_id, "hold", reason)
    return Carried(each.batch_id, each.destination, "hold", reason)


def _waiting(settings: Settings, each: Carriage, reason: str) -> Carried:
    with open_ledger(settings) as ledger:
        carriage.note(ledger, each.batch_id, "waiting", reason)
    return Carried(each.batch_id, each.destination, "waiting", reason)


def _parcels(each: Carriage, folder: Path, destination: Destination) -> list[Parcel]:
    """The files of a batch; the manifest is the last, so that whoever sees it finds the others."""
    manifest = folder / MANIFEST
    listed = [(entry["name"], entry["sha256"]) for entry in json.loads(manifest.read_bytes())["files"]]
    return [
        Parcel(folder / name, destination.name(each.batch_id, name), (folder / name).stat().st_size, digest)
        for name, digest in [*listed, (MANIFEST, each.manifest_sha256)]
    ]


class _Journey:
    """One batch on its way, with a new connection where one breaks."""

    def __init__(
        self, settings: Settings, each: Carriage, destination: Destination, parcels: list[Parcel], progress: Progress
    ) -> None:
        self._settings, self._batch, self._destination, self._parcels = settings, each, destination, parcels
        self._begun, self._arrived = set(each.begun), set(each.arrived)
        self._progress = progress

    def go(self) -> None:
        """Carry what has not arrived.

        Raises:
            TransportError, DoubtError: the other end fails; what has arrived is noted.
            _HoldError: a person has to look there.
        """
        for attempt in range(_ATTEMPTS):
            with open_way(self._destination) as way:
                try:
                    for parcel in self._parcels:
                        if parcel.path.name not in self._arrived:
                            self._carry(way, parcel)
                except (TransportError, DoubtError):
                    if attempt == _ATTEMPTS - 1:
                        raise
                else:
                    return

    def _carry(self, way: Way, parcel: Parcel) -> None:
        name = parcel.path.name
        found = way.find(parcel)
        if found == "other":
            raise _HoldError(f"something else is called {parcel.name} there")
        if found == "absent" and name in self._begun and not self._destination.keeps_files:
            raise _HoldError(f"{name} may have been there, and is not any more: somebody may have loaded it")
        if found != "same":
            sent = self._telling(parcel)
            way.upload(parcel, sent)
            self._note(name, "begun")
            try:
                way.reveal(parcel, sent)
            except TransportError:
                self._note(name, "refused")
                raise
        self._note(name, "arrived")

    def _note(self, name: str, state: carriage.FileState) -> None:
        with open_ledger(self._settings) as ledger:
            carriage.note_file(ledger, self._batch.batch_id, name, state)
        if state == "refused":
            self._begun.discard(name)
        else:
            self._begun.add(name)
        if state == "arrived":
            self._arrived.add(name)

    def _telling(self, parcel: Parcel) -> Callable[[int], None]:
        """Tells now and then how much of a file is there: only long uploads tell anything."""
        latest = time.monotonic()

        def sent(size: int) -> None:
            nonlocal latest
            if time.monotonic() - latest >= _TELL_SECONDS:
                latest = time.monotonic()
                self._progress(f"carrying {parcel.name}", size, parcel.size)

        return sent
