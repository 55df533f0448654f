"""A Prefect server as anybody can ask it: by HTTP, and without importing Prefect, which takes seconds."""

from __future__ import annotations

import base64
import json
import os
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from flows.errors import UsageError

_BUSY = 503
"""What it answers while its database is locked."""
_ATTEMPTS = 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def named_url() -> str:
    """What `PREFECT_API_URL` says, whatever it is; empty where nothing does."""
    return os.environ.get("PREFECT_API_URL", "").strip().rstrip("/")


@dataclass(frozen=True)
class Server:
    """Where it is.

    Attributes:
        url: of its API, such as http://127.0.0.1:4200/api.
        password: `user:password`, where it asks for one.
    """

    url: str
    password: str = field(default="", repr=False)

    @classmethod
    def configured(cls) -> Server | None:
        """The server that `PREFECT_API_URL` names; None where nothing does.

        Raises:
            UsageError: that is no address of a server.
        """
        url = named_url()
        if not url:
            return None
        if not url.startswith(("http://", "https://")):
            hint = "write it as http://127.0.0.1:4200/api, or unset it"
            raise UsageError("PREFECT_API_URL", "this is no address of a server", hint)
        return cls(url, os.environ.get("PREFECT_API_AUTH_STRING", ""))

    @property
    def page(self) -> str:
        """The address of its pages."""
        return self.url.removesuffix("/api")

    def ask(self, path: str, body: object = None, *, method: str | None = None, seconds: float = 30) -> Any:  # noqa: ANN401
        """Its answer to a GET, or to a POST where there is a body; while it is busy it is asked again. Raises OSError."""
        import urllib.request  # here, since most commands only ask which server is named

        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", data, self._headers, method=method)  # noqa: S310 - see `configured`
        is_here = urlsplit(self.url).hostname in LOOPBACK  # no proxy knows the way to us
        opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if is_here else []))
        for attempt in range(_ATTEMPTS):
            try:
                with opener.open(request, timeout=seconds) as answer:
                    content = answer.read()
            except HTTPError as problem:
                if problem.code != _BUSY or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.5)
            else:
                break
        return json.loads(content) if content else None

    @property
    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.password:
            headers["Authorization"] = f"Basic {base64.b64encode(self.password.encode()).decode()}"
        return headers
