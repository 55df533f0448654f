"""A tiny shop with an outbox whose batches are carried somewhere, and what has to be true of the other end."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flows import line
from tests.tiny import Tiny, clock, day
from tests.transports.servers import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIL, WEB = "email_file", "web_profiles"


def ways(tiny: Tiny, **transports: dict[str, object]) -> None:
    """Have these transports, and no others."""
    file = tiny.folder / "pyproject.toml"
    text = file.read_text("utf-8").partition("\n[tool.justenough.transports")[0]
    for target, settings in transports.items():
        text += f"\n[tool.justenough.transports.{target}]\n"
        text += "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    file.write_text(text, "utf-8")


def later(tiny: Tiny, *, at=day(0)) -> dict[str, tuple[str, str]]:
    """The first act of a later run: batch -> what became of it, and why."""
    with clock(at):
        recovered, _ = line.recover_now(tiny.load())
    return {found.batch_id: (found.state, found.reason) for found in recovered}


def states(tiny: Tiny) -> dict[str, str]:
    return dict(tiny.history("SELECT batch_id, state FROM carriage"))


def sent(tiny: Tiny, target: str = MAIL, layout: str = "folders") -> dict[str, bytes]:
    """What has to be at the other end: every file of the outbox of a target, under its name there."""
    files = [path for path in (tiny.outbox / target).rglob("*") if path.is_file()]
    between = "/" if layout == "folders" else "-"
    return {f"{target}-{path.parent.name}{between}{path.name}": path.read_bytes() for path in files}


def torn(listing: dict[str, bytes]) -> list[str]:
    """Manifests in a listing without one of their files, or with another one than they name."""
    found = []
    for name, content in listing.items():
        if name.endswith("manifest.json"):
            stem = name.removesuffix("manifest.json")
            for entry in json.loads(content)["files"]:
                if sha256(listing.get(stem + entry["name"], b"")) != entry["sha256"]:
                    found.append(f"{name}: {entry['name']}")
    return found


class Watcher(threading.Thread):
    """Lists the other end all the while. A greedy one takes each file away as soon as it sees it, as a landing job does.

    Attributes:
        torn: manifests that it saw without their files (of a greedy one: among all that it ever saw).
        seen: name -> how often it appeared.
    """

    def __init__(self, end: Any, *, greedy: bool = False) -> None:
        super().__init__(daemon=True)
        self.end, self.greedy = end, greedy
        self.torn: list[str] = []
        self.seen: dict[str, list[bytes]] = {}
        self.looks = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            self.look()
            time.sleep(0.03)
        self.look()

    def look(self) -> None:
        # A file that is listed after its manifest was there before it; a listing is not taken at one instant.
        try:
            listing = self.end.list()
        except (OSError, self.gone):
            return
        if not self.greedy:
            if torn(listing):
                self.torn += torn(self.end.list())
            self.seen |= {name: [content] for name, content in listing.items()}
        for name, content in listing.items() if self.greedy else ():
            self.end.take(name)
            self.seen.setdefault(name, []).append(content)
        if self.greedy:
            self.torn += torn({name: contents[-1] for name, contents in self.seen.items()})
        self.looks += 1

    @property
    def gone(self) -> type[Exception]:
        import botocore.exceptions

        return botocore.exceptions.ClientError


@contextmanager
def watched(end: Any, *, greedy: bool = False) -> Iterator[Watcher]:
    watcher = Watcher(end, greedy=greedy)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.over.set()
        watcher.join()


@contextmanager
def environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
