"""`[tool.justenough.transports.<target>]`: where published batches are carried to. There is no secret in it."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<path>(/[\w.=+@-]+)*)/?")
_SFTP = re.compile(
    r"sftp://(?P<user>[\w.+-]+)@(?P<host>[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:(?P<port>\d{1,5}))?(?P<path>(/[\w.=+@-]+)*)/?"
)
_HERE = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?/?")


class Destination(BaseModel):
    """The other end of a target.

    Attributes:
        to: `s3://bucket/prefix`, or `sftp://user@host:22/folder` with the folder from the server's root on.
        keeps_files: whether what was carried stays there; where whoever loads takes files away, one that is missing may have
            been loaded, so nothing is sent a second time before a person has looked.
        layout: `folders`: `<batch>/<file>`; `flat`: `<batch>-<file>`, for jobs that look into one folder only.
        patience_seconds: how long the other end may be silent.
        endpoint: the address of an S3-compatible store; None is Amazon's.
        region: of the bucket; None is what the environment says.
        known_hosts: the file with the server's key, as OpenSSH writes it: no other key is taken (SFTP).
        key_file: the private key (SFTP); its passphrase, if any, is in JUSTENOUGH_SFTP_PASSPHRASE.
        temporary: a folder at the other end in which files are made, on the file system of the one in `to`; None makes them
            beside where they will be, with `.part` at the end of their names (SFTP).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str
    keeps_files: bool = False
    layout: Literal["folders", "flat"] = "folders"
    patience_seconds: float = Field(default=60, gt=0, le=3600)
    endpoint: str | None = None
    region: str | None = None
    known_hosts: Path | None = None
    key_file: Path | None = None
    temporary: str | None = None

    # Of the whole rather than of the field: an error then does not show what was written, which may hold a password.
    @model_validator(mode="after")
    def _is_one_of_both(self) -> Destination:
        if self.to.startswith("s3://"):
            self._check_s3()
        elif self.to.startswith("sftp://"):
            self._check_sftp()
        else:
            raise ValueError(
                "`to` has no way that is known here | write s3://bucket/prefix or sftp://user@host:22/folder"
            )
        if any(step in (".", "..") for step in f"{self.to}/{self.temporary or ''}".split("/")):
            raise ValueError("a folder is named by going up | write it from the top on")
        return self

    def _check_s3(self) -> None:
        if not _S3.fullmatch(self.to):
            raise ValueError(
                "`to` is no place in S3 | write it as in s3://bucket/prefix; keys come from the environment"
            )
        if self.known_hosts or self.key_file or self.temporary:
            raise ValueError("`known_hosts`, `key_file` and `temporary` are for SFTP | take them out")
        if self.endpoint and not (
            re.fullmatch(r"https://[\w.:\[\]-]+/?", self.endpoint) or _HERE.fullmatch(self.endpoint)
        ):
            raise ValueError(
                "`endpoint` is no address of a store | write it as in https://s3.example.com, without a key"
            )

    def _check_sftp(self) -> None:
        if re.match(r"sftp://[^/@]*:[^/]*@", self.to):
            raise ValueError(
                "there is a password in `to` | take it out, and name a `key_file`; that password is known now"
            )
        if not _SFTP.fullmatch(self.to) or self.port > 65_535:
            raise ValueError("`to` is no place on an SFTP server | write it as in sftp://user@host:22/folder")
        if self.endpoint or self.region:
            raise ValueError("`endpoint` and `region` are for S3 | take them out")
        if not self.known_hosts or not self.key_file:
            raise ValueError(
                "SFTP needs `known_hosts` and `key_file` | ssh-keyscan HOST writes the first; compare it with what they tell"
            )
        if self.temporary and not re.fullmatch(r"(/[\w.=+@-]+)+", self.temporary):
            raise ValueError("`temporary` is no folder | write it from the server's root on, as in /making")

    @property
    def scheme(self) -> Literal["s3", "sftp"]:
        """Which way it is."""
        return "s3" if self.to.startswith("s3:") else "sftp"

    @cached_property
    def _parts(self) -> dict[str, str | None]:
        found = (_S3 if self.scheme == "s3" else _SFTP).fullmatch(self.to)
        return found.groupdict() if found else {}

    @property
    def bucket(self) -> str:
        """Of S3."""
        return str(self._parts["bucket"])

    @property
    def host(self) -> str:
        """Of SFTP."""
        return str(self._parts["host"]).strip("[]")

    @property
    def port(self) -> int:
        """Of SFTP."""
        return int(self._parts["port"] or 22)

    @property
    def user(self) -> str:
        """Of SFTP."""
        return str(self._parts["user"])

    @property
    def path(self) -> str:
        """The prefix or folder, without a slash at its end; empty is the top."""
        return str(self._parts["path"])

    def name(self, batch_id: str, file: str) -> str:
        """What a file of a batch is called below `path`."""
        return f"{batch_id}{'/' if self.layout == 'folders' else '-'}{file}"
