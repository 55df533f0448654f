"""S3, and stores that speak as it does: a key is its object's final name, and one conditional put makes both or nothing.

Source: AWS, "How to prevent object overwrites with conditional writes": a PUT with `If-None-Match: *` answers 412 where the key
is taken, 409 where two put it at once. One PUT takes 5 GB.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from flows.errors import DoubtError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader
    from pathlib import Path

    from flows.destinations import Destination
    from flows.transports import Found, Parcel

_MOST_BYTES = 5 * 1024**3
_TAKEN = 412
_SEAL = "seal"
"""The name of what is told of an object beside it."""


@contextmanager
def connected(destination: Destination) -> Iterator[_Bucket]:
    """A client of the bucket; it connects with its first request."""
    with _client(destination, attempts=1) as client:  # whether to try again is decided with a look in between
        yield _Bucket(destination, client)


@contextmanager
def _client(destination: Destination, attempts: int) -> Iterator[Any]:
    config = Config(
        retries={"total_max_attempts": attempts, "mode": "standard"},
        connect_timeout=min(10, destination.patience_seconds),
        read_timeout=destination.patience_seconds,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"} if destination.endpoint else {},
    )
    try:
        client = botocore.session.get_session().create_client(
            "s3", region_name=destination.region, endpoint_url=destination.endpoint, config=config
        )
    except BotoCoreError as problem:
        raise _refused(destination, problem) from None
    try:
        yield client
    finally:
        client.close()


@contextmanager
def stored(destination: Destination) -> Iterator[Objects]:
    """The objects below a prefix; the store is asked again where it does not answer, for who puts or takes them is alone."""
    with _client(destination, attempts=5) as client:
        yield Objects(destination, client)


class Objects:
    """As `transports.Store`."""

    def __init__(self, destination: Destination, client: Any) -> None:  # noqa: ANN401  (made from the service's description)
        self._destination, self._client = destination, client

    def put(self, name: str, path: Path, seal: str) -> None:
        """As `Store.put`."""
        size = path.stat().st_size
        if size > _MOST_BYTES:
            what = f"what is to be put there has {size:,} bytes, and one put takes {_MOST_BYTES:,}"
            raise TransportError(
                self._destination.to, what, "set `parts` to more, or give all machines a common folder"
            )
        with path.open("rb") as body, self._asked():
            self._client.put_object(**self._key(name), Body=body, ContentLength=size, Metadata={_SEAL: seal})

    def get(self, name: str, path: Path) -> str:
        """As `Store.get`."""
        with self._asked(), path.open("xb") as file:
            answer = self._client.get_object(**self._key(name))
            for block in answer["Body"].iter_chunks(1 << 20):
                file.write(block)
        return str(answer["Metadata"].get(_SEAL, ""))

    def names(self, prefix: str) -> list[str]:
        """As `Store.names`."""
        whole = self._key(prefix)
        begins = len(whole["Key"]) - len(prefix)
        with self._asked():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=whole["Bucket"], Prefix=whole["Key"])
            return [each["Key"][begins:] for page in pages for each in page.get("Contents", [])]

    def remove(self, names: Iterable[str]) -> None:
        """As `Store.remove`."""
        with self._asked():
            for name in names:
                self._client.delete_object(**self._key(name))

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, HTTPClientError, ClientError) as problem:
            raise _refused(self._destination, problem) from None

    def _key(self, name: str) -> dict[str, str]:
        return _key(self._destination, name)


class _Bucket:
    """As `transports.Way`."""

    def __init__(self, destination: Destination, client: Any) -> None:  # noqa: ANN401  (made from the service's description)
        self._destination = destination
        self._client = client

    def find(self, parcel: Parcel) -> Found:
        """As `Way.find`; where the store does not tell its own digest, what has the name and the size is read."""
        try:
            head = self._client.head_object(**self._key(parcel), ChecksumMode="ENABLED")
            if head["ContentLength"] != parcel.size:
                return "other"
            digest = head.get("ChecksumSHA256") or self._digest(parcel)
        except (BotoCoreError, HTTPClientError, ClientError) as problem:
            if isinstance(problem, ClientError) and _status(problem) == 404:
                return "absent"
            raise _refused(self._destination, problem) from None
        return "same" if digest == _encoded(parcel.sha256) else "other"

    def _digest(self, parcel: Parcel) -> str:
        digest = hashlib.sha256()
        for block in self._client.get_object(**self._key(parcel))["Body"].iter_chunks(1 << 20):
            digest.update(block)
        return _encoded(digest.hexdigest())

    def upload(self, parcel: Parcel, sent: Callable[[int], None]) -> None:
        """As `Way.upload`: there is nothing to do before the put."""

    def reveal(self, parcel: Parcel, sent: Callable[[int], None]) -> None:
        """As `Way.reveal`."""
        if parcel.size > _MOST_BYTES:
            what = f"{parcel.name} has {parcel.size:,} bytes, and one put takes {_MOST_BYTES:,}"
            raise TransportError(self._destination.to, what, "carry it by hand, then: justenough recover BATCH --taken")
        with parcel.path.open("rb") as file:
            body = _Body(file, parcel.size, sent)
            try:
                answer = self._client.put_object(
                    **self._key(parcel),
                    Body=body,
                    ContentLength=parcel.size,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=_encoded(parcel.sha256),
                )
            except (BotoCoreError, HTTPClientError) as problem:
                # Of an object whose end never left this machine nothing is kept.
                said = _unanswered(self._destination, parcel) if body.was_read else _refused(self._destination, problem)
                raise said from None
            except ClientError as problem:
                is_taken, is_broken = _status(problem) == _TAKEN, _status(problem) >= 500
                in_doubt = is_taken or (is_broken and body.was_read)
                said = _unanswered(self._destination, parcel) if in_doubt else _refused(self._destination, problem)
                raise said from None
        if answer.get("ChecksumSHA256", _encoded(parcel.sha256)) != _encoded(parcel.sha256):
            raise _unanswered(self._destination, parcel)

    def discard(self, parcel: Parcel) -> None:
        """As `Way.discard`: there is nothing before the put."""

    def _key(self, parcel: Parcel) -> dict[str, str]:
        return _key(self._destination, parcel.name)


class _Body:
    """A file that knows whether it was read to its end, and tells how far."""

    def __init__(self, file: BufferedReader, size: int, sent: Callable[[int], None]) -> None:
        self._file, self._size, self._sent = file, size, sent
        self.was_read = size == 0

    def read(self, amount: int = -1) -> bytes:
        found = self._file.read(amount)
        place = self._file.tell()
        self.was_read = self.was_read or place >= self._size
        self._sent(place)
        return found

    def seek(self, place: int, whence: int = 0) -> int:
        self.was_read = self._size == 0  # what was read before, to sign it, has not left
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


def _key(destination: Destination, name: str) -> dict[str, str]:
    prefix = destination.path.lstrip("/")
    return {"Bucket": destination.bucket, "Key": f"{prefix}/{name}" if prefix else name}


def _encoded(hexadecimal: str) -> str:
    """A digest as S3 writes it."""
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def _status(problem: ClientError) -> int:
    return int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _refused(destination: Destination, problem: Exception) -> TransportError:
    """Its words are left out: they may quote what was sent."""
    if isinstance(problem, ClientError):
        code = problem.response.get("Error", {}).get("Code", "")
        what = f"the store refuses: {code if str(code).isalnum() else ''} ({_status(problem)})"
        return TransportError(destination.to, what, "the key needs s3:PutObject, s3:GetObject and s3:ListBucket there")
    hint = "see that the store can be reached from here, and that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set"
    return TransportError(destination.to, f"the store does not answer ({type(problem).__name__})", hint)


def _unanswered(destination: Destination, parcel: Parcel) -> DoubtError:
    return DoubtError(destination.to, f"the store did not say whether it has {parcel.name}", "look there")
