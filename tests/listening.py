"""A server on this machine that keeps what it is told: what people's chat, or Prefect's server, would hear."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Heard(list[tuple[str, Any]]):
    """Path and JSON of each POST, in the order in which they came.

    Attributes:
        url: where it listens.
        asked: the paths of each GET.
    """

    url: str
    asked: list[str]


@contextmanager
def listening() -> Iterator[Heard]:
    """Listen on a free port."""
    heard = Heard()
    heard.asked = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, json.loads(body)))
            self._answer()

        def do_GET(self) -> None:
            heard.asked.append(self.path)
            self._answer()

        def _answer(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the tests' output as it is."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    heard.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
