"""Environments beside production: what is set for each, where each has its own folders, and that none gets into another's.

What has no mark is production's. So production's folders are as they always were, and one that was never marked can be taken for
nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from flows.durable import private_folder, write_bytes
from flows.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flows.destinations import Destination

PRODUCTION = "production"
MARK = ".justenough-environment"
"""The file that names the environment to which a folder, or the file that it is named after, belongs."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
_OWN = ("state", "ledger", "outbox", "key_file", "transports")
"""What is set for production is production's alone."""
_WHERE = "pyproject.toml: tool.justenough"


class Environment(Protocol):
    """What of a workspace's settings is about where it is."""

    @property
    def environment(self) -> str:
        """Its name."""

    @property
    def places(self) -> Mapping[str, Path]:
        """Setting -> the folder or file, absolute, that is written to."""

    @property
    def transports(self) -> Mapping[str, Destination]:
        """Target -> where its batches are carried to."""


def environment_name(name: str) -> str:
    """A word that names an environment. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError("this is no name of an environment | write it in small letters, as in staging")
    return name


def environment_tables(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is set for environments beside production. Raises ValueError."""
    if PRODUCTION in tables:
        raise ValueError("production has no table of its own | write it into [tool.justenough]")
    for name, table in tables.items():
        environment_name(name)
        if {"environment", "environments"} & table.keys():
            raise ValueError("an environment is named by its table alone | take `environment` out of it")
    return tables


def set_for(environment: object, table: Mapping[str, Any]) -> dict[str, Any]:
    """What is set for an environment: its own table over what is set for all. Where production is, and carries to, is not.

    Args:
        environment: as it was given; whatever is no name is refused with the other settings.
        table: `[tool.justenough]`.
    """
    if environment == PRODUCTION or not isinstance(environment, str):
        return dict(table)
    shared = {key: value for key, value in table.items() if key not in _OWN}
    tables = table.get("environments")
    own = tables.get(environment) if isinstance(tables, dict) else None
    places = {"state": f".justenough-{environment}", "outbox": f"outbox-{environment}"}
    return {**places, **shared, **(own if isinstance(own, dict) else {})}


def seeded_alone(
    targets: Mapping[str, Mapping[str, str]], seeds: Mapping[str, tuple[str, ...]], environment: str
) -> dict[str, dict[str, str]]:
    """Brand -> channel -> target, of channels that have seeds: beside production nothing else is delivered.

    Raises:
        SettingError: nothing is left.
    """
    found = {
        brand: {channel: name for channel, name in ways.items() if seeds.get(channel)}
        for brand, ways in targets.items()
    }
    if not any(found.values()):
        what = f"{environment} delivers to seeds alone, and no channel that has a target has any"
        raise SettingError(f"{_WHERE}.seeds", what, 'add some, as in email = ["qa@example.com"]')
    return found


def refuse_shared(settings: Environment, production: Environment) -> None:
    """Refuse an environment that would write where production does, or carry to where it carries to.

    Args:
        settings: of the environment.
        production: of the same workspace.

    Raises:
        SettingError: a place of the one is that of the other, or within it.
    """
    theirs = [place.resolve() for place in production.places.values()]
    for name, place in settings.places.items():
        mine = place.resolve()
        if any(mine.is_relative_to(other) or other.is_relative_to(mine) for other in theirs):
            what = f"'{place}' is production's, and this is {settings.environment}"
            raise SettingError(f"{_WHERE}.environments.{settings.environment}.{name}", what, "name another place")
    for name, destination in settings.transports.items():
        if any(_meet(destination, other) for other in production.transports.values()):
            what = "this is where production delivers to, or within it"
            where = f"{_WHERE}.environments.{settings.environment}.transports.{name}"
            raise SettingError(where, what, "name another bucket or folder")


def _meet(one: Destination, other: Destination) -> bool:
    """Whether two destinations are one, or one is within the other, whoever logs in there."""
    if one.scheme != other.scheme:
        return False
    if one.scheme == "s3":
        ends = [(each.bucket, each.endpoint) for each in (one, other)]
    else:
        ends = [(each.host.lower(), str(each.port)) for each in (one, other)]
    paths = [[step for step in each.path.split("/") if step] for each in (one, other)]
    shorter = min(map(len, paths))
    return ends[0] == ends[1] and paths[0][:shorter] == paths[1][:shorter]


def take_places(settings: Environment) -> None:
    """Mark the places of an environment beside production as its own, and refuse those of another one.

    Raises:
        SettingError: a folder or file is another environment's.
        OutboxError: it cannot be written to.
    """
    for name, place in settings.places.items():
        is_file = name in ("ledger", "key_file")
        found = next(_marks(place, is_file=is_file), None)
        if found is None and settings.environment != PRODUCTION:
            if _is_used(place):
                found = PRODUCTION
            else:
                _mark(place, settings.environment, is_file=is_file)
        if found not in (None, settings.environment):
            what = f"'{place}' is of {found}, and this is {settings.environment}"
            raise SettingError(f"{_WHERE}.{name}", what, "name another place for it; nothing there was touched")


def _marks(place: Path, *, is_file: bool) -> Iterator[str]:
    """The environments that a place is marked with, the nearest first."""
    beside = [place.with_name(f"{MARK}-{place.name}")] if is_file else [place / MARK]
    for mark in (*beside, *(folder / MARK for folder in place.resolve().parents)):
        if mark.is_file():
            yield mark.read_text("utf-8", errors="replace").strip()


def _is_used(place: Path) -> bool:
    if place.is_dir():
        return any(not found.name.startswith(f".{MARK}") for found in place.iterdir())  # another one marks it now
    return place.exists() or place.is_symlink()


def _mark(place: Path, environment: str, *, is_file: bool) -> None:
    if is_file:
        private_folder(place.parent)
    mark = place.with_name(f"{MARK}-{place.name}") if is_file else private_folder(place) / MARK
    write_bytes(mark, f"{environment}\n".encode())
