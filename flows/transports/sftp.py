"""SFTP: a file is made under a temporary name, synced where the server can, and gets its name by one rename.

Renaming is the only thing that removes the temporary file, so as long as that is there the file was not revealed: the proof by
which staging works, too. The server's key is the one in `known_hosts`, or nothing is sent.

Source: OpenSSH, PROTOCOL, 4: posix-rename@openssh.com is rename(2), and so one step; fsync@openssh.com is fsync(2). A plain
rename makes a second name, and then takes away the first.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import posixpath
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

import asyncssh

from flows.errors import DoubtError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from flows.destinations import Destination
    from flows.transports import Found, Parcel

PASSPHRASE = "JUSTENOUGH_SFTP_PASSPHRASE"  # noqa: S105  (the name of a variable)
_SLOWEST = 50_000  # bytes a second; what is slower counts as silent
_BROKEN = (
    OSError,
    TimeoutError,
    asyncssh.DisconnectError,
    asyncssh.ChannelOpenError,
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
)
Result = TypeVar("Result")


@contextmanager
def connected(destination: Destination) -> Iterator[_Server]:
    """A connection to the server. Raises TransportError."""
    with asyncio.Runner() as runner:
        server = _Server(destination, runner)
        try:
            yield server
        finally:
            server.close()


class _Server:
    """As `transports.Way`."""

    def __init__(self, destination: Destination, runner: asyncio.Runner) -> None:
        self._destination = destination
        self._runner = runner
        self._connection: asyncssh.SSHClientConnection | None = None
        self._connection, self._sftp = self._run(self._connect())

    def find(self, parcel: Parcel) -> Found:
        """As `Way.find`; what has the name and the size is read, so as to compare it."""
        return self._run(self._find(parcel), parcel.size)

    def upload(self, parcel: Parcel, sent: Callable[[int], None]) -> None:
        """As `Way.upload`."""
        self._run(self._upload(parcel, sent), parcel.size)

    def reveal(self, parcel: Parcel, sent: Callable[[int], None]) -> None:
        """As `Way.reveal`."""
        self._run(self._check_uploaded(parcel))
        try:
            self._runner.run(self._in_time(self._rename(parcel)))
        except _BROKEN:
            what = f"the server did not say whether it has {parcel.name}"
            raise DoubtError(self._destination.to, what, "look there") from None
        except asyncssh.SFTPError as problem:
            raise self._refused(problem) from None
        sent(parcel.size)

    def discard(self, parcel: Parcel) -> None:
        """As `Way.discard`."""
        self._run(self._discard(parcel))

    def close(self) -> None:
        """Let go of the server, whether it listens or not."""
        if self._connection is not None:
            self._connection.abort()
            with suppress(*_BROKEN):
                self._runner.run(self._in_time(self._connection.wait_closed()))

    async def _connect(self) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
        there = self._destination
        connection = await asyncssh.connect(
            there.host,
            there.port,
            username=there.user,
            known_hosts=str(there.known_hosts),
            client_keys=[str(there.key_file)],
            passphrase=os.environ.get(PASSPHRASE),
            preferred_auth="publickey",
            agent_path=None,
            config=None,  # what stands in ~/.ssh is another program's
            keepalive_interval=max(there.patience_seconds / 4, 1),
        )
        self._connection = connection
        return connection, await connection.start_sftp_client()

    async def _find(self, parcel: Parcel) -> Found:
        there = await self._looked_at(self._final(parcel))
        if there is None:
            return "absent" if await self._looked_at(self._part(parcel)) is None else "unrevealed"
        if not stat.S_ISREG(there.permissions or 0) or there.size != parcel.size:
            return "other"
        digest = hashlib.sha256()
        async with self._sftp.open(self._final(parcel), "rb") as file:
            while block := await file.read(1 << 20):
                digest.update(cast("bytes", block))
        return "same" if digest.hexdigest() == parcel.sha256 else "other"

    async def _upload(self, parcel: Parcel, sent: Callable[[int], None]) -> None:
        part = self._part(parcel)
        for folder in dict.fromkeys(posixpath.dirname(name) for name in (self._final(parcel), part)):
            await self._sftp.makedirs(folder, exist_ok=True)
        await self._sftp.put(
            str(parcel.path), part, sparse=False, progress_handler=lambda _from, _to, done, _of: sent(done)
        )
        async with self._sftp.open(part, "rb+") as file:
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    async def _check_uploaded(self, parcel: Parcel) -> None:
        made = await self._looked_at(self._part(parcel))
        if made is None or made.size != parcel.size:
            what = f"the server has {made.size if made else 0} of {parcel.size} bytes of {parcel.name}"
            raise TransportError(self._destination.to, what, "look at its disk, and at who else writes there")
        if await self._looked_at(self._final(parcel)) is not None:
            what = f"something else is called {parcel.name} there"
            raise TransportError(self._destination.to, what, "look there")

    async def _rename(self, parcel: Parcel) -> None:
        try:
            await self._sftp.posix_rename(self._part(parcel), self._final(parcel))
        except asyncssh.SFTPOpUnsupported:
            await self._sftp.rename(self._part(parcel), self._final(parcel))

    async def _discard(self, parcel: Parcel) -> None:
        with suppress(asyncssh.SFTPNoSuchFile):
            await self._sftp.remove(self._part(parcel))

    async def _looked_at(self, path: str) -> asyncssh.SFTPAttrs | None:
        try:
            return await self._sftp.lstat(path)
        except asyncssh.SFTPNoSuchFile:
            return None

    def _final(self, parcel: Parcel) -> str:
        return f"{self._destination.path}/{parcel.name}"

    def _part(self, parcel: Parcel) -> str:
        if self._destination.temporary is None:
            return f"{self._final(parcel)}.part"
        return f"{self._destination.temporary}/{parcel.name.replace('/', '-')}.part"

    def _run(self, work: Coroutine[Any, Any, Result], size: int = 0) -> Result:
        """Do what may be repeated."""
        try:
            return self._runner.run(self._in_time(work, size))
        except asyncssh.HostKeyNotVerifiable:
            hint = "ask whoever runs it for its key; if it has a new one, put that into `known_hosts`"
            raise TransportError(
                self._destination.to, "the server's key is not the one in `known_hosts`", hint
            ) from None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            hint = f"write a key without one, or set {PASSPHRASE}"
            raise TransportError(
                self._destination.to, "`key_file` cannot be read; it may want a passphrase", hint
            ) from None
        except asyncssh.PermissionDenied:
            hint = "have the public half of `key_file` put there"
            raise TransportError(
                self._destination.to, "the server does not take this user with this key", hint
            ) from None
        except _BROKEN as problem:
            what = f"the server does not answer ({type(problem).__name__})"
            raise TransportError(self._destination.to, what, "see that it can be reached from here") from None
        except asyncssh.SFTPError as problem:
            raise self._refused(problem) from None

    async def _in_time(self, work: Coroutine[Any, Any, Result], size: int = 0) -> Result:
        async with asyncio.timeout(self._destination.patience_seconds + size / _SLOWEST):
            return await work

    def _refused(self, problem: asyncssh.SFTPError) -> TransportError:
        """Its words are left out: they are the server's."""
        what = f"the server refuses to take it ({type(problem).__name__})"
        return TransportError(self._destination.to, what, "look at its disk, at the folder, and at the user's rights")
