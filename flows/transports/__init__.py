"""Ways out of the outbox: how one file gets to the other end, whole or not at all, and never over another.

A way has two steps. `upload` may be repeated at will, because no reader sees what it leaves; `reveal` is the one step by which a
file gets its name. What is there can be looked at before and after, so that a step whose answer was lost is never guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, Protocol, cast

from flows.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from flows.destinations import Destination

Found = Literal["absent", "unrevealed", "same", "other"]
"""What has a file's name at the other end: nothing; nothing, and the file is there under its temporary name, so that it was not
revealed; the very file; something else."""
_LIBRARY = {"s3": "botocore", "sftp": "asyncssh"}


@dataclass(frozen=True)
class Parcel:
    """One file on its way.

    Attributes:
        path: where it is here.
        name: what it is called there, below the destination's path.
        size: its bytes.
        sha256: its digest.
    """

    path: Path
    name: str
    size: int
    sha256: str


class Way(Protocol):
    """An open connection to a destination.

    Every method raises TransportError where it did nothing, and only `reveal` DoubtError.
    """

    def find(self, parcel: Parcel) -> Found:
        """What is there."""

    def upload(self, parcel: Parcel, sent: Callable[[int], None]) -> None:
        """Bring it there, where no reader looks; `sent` is told how many bytes are."""

    def reveal(self, parcel: Parcel, sent: Callable[[int], None]) -> None:
        """Give it its name. Raises DoubtError where nobody answers whether it was done."""

    def discard(self, parcel: Parcel) -> None:
        """Take away what was uploaded and not revealed."""


class Store(Protocol):
    """Objects by their names, which nobody else puts or takes. Every method raises TransportError."""

    def put(self, name: str, path: Path, seal: str) -> None:
        """Put a file there, whole or not at all, with what proves who it is from."""

    def get(self, name: str, path: Path) -> str:
        """Write an object into a new file, and return its seal; nothing, where it has none."""

    def names(self, prefix: str) -> list[str]:
        """The objects whose names begin with something."""

    def remove(self, names: Iterable[str]) -> None:
        """Take objects away; one that is gone already is as good."""


def open_store(destination: Destination) -> AbstractContextManager[Store]:
    """Objects in S3. Raises SettingError where the library is not installed, TransportError as `open_way`."""
    if find_spec(_LIBRARY["s3"]) is None:
        where = "pyproject.toml: tool.justenough.store"
        raise SettingError(where, f"s3 needs {_LIBRARY['s3']}", "pip install 'justenough[s3]'")
    return cast("AbstractContextManager[Store]", import_module("flows.transports.s3").stored(destination))


def open_way(destination: Destination) -> AbstractContextManager[Way]:
    """Connect. Raises TransportError where the other end does not answer, or refuses."""
    # The libraries are extras, and slow to import.
    module = import_module(f"flows.transports.{destination.scheme}")
    return cast("AbstractContextManager[Way]", module.connected(destination))


def check_way(name: str, destination: Destination) -> None:
    """Refuse a destination that cannot be reached from here.

    Args:
        name: the target's.
        destination: its other end.

    Raises:
        SettingError: the library is not installed, or a file that it needs is missing.
    """
    where, scheme = f"pyproject.toml: tool.justenough.transports.{name}", destination.scheme
    if find_spec(_LIBRARY[scheme]) is None:
        raise SettingError(where, f"{scheme} needs {_LIBRARY[scheme]}", f"pip install 'justenough[{scheme}]'")
    for key in ("known_hosts", "key_file"):
        path = getattr(destination, key)
        if path is not None and not path.is_file():
            raise SettingError(where, f"{key}: there is no file {path}", "mend the path, or put the file there")
