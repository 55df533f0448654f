"""A tiny shop with an outbox whose batches are carried somewhere, and what has to be true of the other end."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flows import line
from tests.tiny import MORNING, Tiny, clock
from tests.transports.servers import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

MAIL, WEB = "email_file", "web_profiles"


def ways(tiny: Tiny, **transports: dict[str, object]) -> None:
    """Have these transports, and no others."""
    file = tiny.folder / "pyproject.toml"
    text = file.read_text("utf-8").partition("\n[tool.justenough.transports")[0]
    for target, settings in transports.items():
        text += f"\n[tool.justenough.transports.{target}]\n"
        text += "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    file.write_text(text, "utf-8")


def later(tiny: Tiny, *, at: datetime = MORNING) -> dict[str, tuple[str, str]]:
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
            files = {entry["name"]: entry["sha256"] for entry in json.loads(content)["files"]}
            found += [f"{name}: {file}" for file in files if sha256(listing.get(stem + file, b"")) != files[file]]
    return found


class Watcher(threading.Thread):
    """Lists the other end all the while. A greedy one takes away each file that it sees, as a job does that loads what lands.

    Attributes:
        torn: manifests that were there without their files.
        seen: name -> what appeared under it; a greedy one sees what is sent twice twice.
    """

    def __init__(self, end: Any, *, greedy: bool) -> None:
        super().__init__(daemon=True)
        self.end, self.greedy = end, greedy
        self.torn: list[str] = []
        self.seen: dict[str, list[bytes]] = {}
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            self.look()
            time.sleep(0.03)
        self.look()

    def look(self) -> None:
        listing = self.end.list()
        for name, content in listing.items():
            if self.greedy:
                self.end.take(name)
                self.seen.setdefault(name, []).append(content)
            else:
                self.seen[name] = [content]
        # Files are listed one after the other, so one that came after the first and before its manifest is seen by a second look.
        if torn({name: contents[-1] for name, contents in self.seen.items()}):
            again = {} if self.greedy else self.end.list()
            self.torn += torn({name: contents[-1] for name, contents in self.seen.items()} | again)


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
