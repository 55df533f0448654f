"""The other end: a real OpenSSH server, a real S3 API, and a proxy that fails in the middle; each a process of its own.

The S3 API is moto's server. It honours `If-None-Match: *` and refuses half a body, but does not compare a body with its checksum.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXY = Path(__file__).with_name("proxy.py")
PATH = f"{os.environ['PATH']}:/usr/sbin"
SFTP_SERVER = "/usr/lib/openssh/sftp-server"
BUCKET = "deliveries"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush-secret", "AWS_DEFAULT_REGION": "eu-central-1"}

_NUMBER = itertools.count()


@dataclass(frozen=True)
class Sshd:
    """An OpenSSH server whose clients see the whole machine; what is delivered goes to `folder`."""

    port: int
    home: Path
    folder: Path

    def settings(self, *, port: int | None = None, **more: object) -> dict[str, object]:
        """Of a transport that goes there."""
        user = os.environ.get("USER") or "root"
        files = {"known_hosts": str(self.home / "known_hosts"), "key_file": str(self.home / "client")}
        return {"to": f"sftp://{user}@127.0.0.1:{port or self.port}{self.folder}", **files, **more}

    def know(self, *ports: int) -> None:
        """Have the key of the server be known under other ports, too."""
        key = " ".join((self.home / "host.pub").read_text().split()[:2])
        lines = [f"[127.0.0.1]:{port} {key}\n" for port in (self.port, *ports)]
        (self.home / "known_hosts").write_text("".join(lines))

    def list(self) -> dict[str, bytes]:
        """What a reader sees: every file, but those that are being made."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.suffix != ".part":
                found[str(path.relative_to(self.folder))] = path.read_bytes()
        return found

    def take(self, name: str) -> None:
        (self.folder / name).unlink()

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)


@dataclass(frozen=True)
class Store:
    """A bucket behind an S3 API."""

    port: int
    bucket: str = BUCKET

    def settings(self, *, port: int | None = None, **more: object) -> dict[str, object]:
        return {
            "to": f"s3://{self.bucket}/in",
            "endpoint": f"http://127.0.0.1:{port or self.port}",
            "region": "eu-central-1",
            **more,
        }

    @property
    def client(self) -> Any:
        return _client(self.port)

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix="in/").get("Contents", [])
        return [entry["Key"].removeprefix("in/") for entry in found]

    def list(self) -> dict[str, bytes]:
        client = self.client
        return {name: client.get_object(Bucket=self.bucket, Key=f"in/{name}")["Body"].read() for name in self.names()}

    def take(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=f"in/{name}")

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"in/{name}", Body=content)


@cache
def _client(port: int) -> Any:
    session = botocore.session.get_session()
    session.set_credentials("key", "secret")
    path = Config(s3={"addressing_style": "path"})
    there = f"http://127.0.0.1:{port}"
    return session.create_client("s3", region_name="eu-central-1", endpoint_url=there, config=path)


@contextmanager
def sshd(home: Path, subsystem: str = SFTP_SERVER) -> Iterator[Sshd]:
    """An OpenSSH server with keys of its own, on a free port."""
    home.mkdir(mode=0o700)
    folder = home / "in"
    folder.mkdir()
    for name in ("host", "client"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(home / name)]
        subprocess.run(command, check=True, timeout=60)
    shutil.copy(home / "client.pub", home / "authorized_keys")
    port = free_port()
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": home / "host",
        "AuthorizedKeysFile": home / "authorized_keys",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
        "Subsystem": f"sftp {subsystem}",
    }
    (home / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with running(
        [str(shutil.which("sshd", path=PATH)), "-D", "-e", "-f", str(home / "sshd_config")], port, home / "log"
    ):
        found = Sshd(port, home, folder)
        found.know()
        yield found


@contextmanager
def store(log: Path) -> Iterator[Store]:
    """An S3 API with an empty bucket, on a free port."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port, log):
        found = Store(port)
        found.client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield found


@contextmanager
def proxy(to: int, log: Path, *arguments: object) -> Iterator[int]:
    """A proxy before a server, with the arguments of proxy.py; yields its port."""
    port = free_port()
    with running([sys.executable, str(PROXY), str(port), str(to), *map(str, arguments)], port, log, asks=False):
        yield port


@contextmanager
def running(command: list[str], port: int, log: Path, *, asks: bool = True) -> Iterator[None]:
    """A process that listens; `asks` it whether it does by connecting, else by what it writes."""
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            until = time.monotonic() + 60
            while not (_listens(port) if asks else b"listening" in log.read_bytes()):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.02)
            yield
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def emptied(end: Any) -> Any:
    """The same server with another, empty folder or bucket."""
    number = next(_NUMBER)
    if hasattr(end, "home"):
        folder = end.home / f"in-{number}"
        folder.mkdir()
        return replace(end, folder=folder)
    found = replace(end, bucket=f"bucket-{number}")
    where = {"LocationConstraint": "eu-central-1"}
    found.client.create_bucket(Bucket=found.bucket, CreateBucketConfiguration=where)
    return found
