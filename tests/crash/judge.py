"""The judge: `python judge.py OUTBOX LOG REFERENCE TAKEN`; reads what consumers see and the log of who said stop, nothing else.

It imports nothing of the product and never reads its ledger. It polls the outbox until a line `end` comes on its standard
input; after a line `greedy` it takes every batch away at once, as a consumer does, after `patient` it leaves them. Its verdict
is one JSON object:

    double  a message twice, or the same person, brand and product twice within `once_every`; of what holds (web), a row
            that is added again although it is there unchanged
    lost    somebody who gets something from a run that is left alone (REFERENCE), got nothing, and has not said stop
    torn    a batch that appears without its whole manifest, or with a file of another size, digest or number of rows, or that
            changes once it has been seen
    late    a row for somebody whose stop was in the inbox when the batch was sealed

When a batch was sealed cannot be seen from outside: after its folder was made, before its last rename. But there is one
instant D at which the seal emptied the inbox, so there must be one that explains the batch:

    D is after the folder was made (its birth), and after its manifest was written where nobody is missing from the batch
    (else the seal may have written it again);
    D is after the beginning of each stop that is missing from the batch;
    D is before the end of each stop that is still in it.

Somebody is late where no D is left. So the judge needs no clock of the product and is as sharp as the stops are dense: who is
left out proves that the seal came after him, and with that after everybody who had said stop before him.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import select
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

ONCE_EVERY = timedelta(days=30)
POLL_SECONDS = 0.004


@dataclass
class Batch:
    """A batch as it appeared.

    Attributes:
        digests: file -> SHA-256, as seen first.
        made: seconds since 1970 at which its folder was made.
        written: at which its manifest was.
        renamed: at which it was revealed.
        rows: of all files but the creatives; each with the mode of its file.
    """

    path: Path
    manifest: dict
    digests: dict[str, str]
    made: float
    written: float
    renamed: float
    rows: list[dict] = field(repr=False)

    @property
    def way(self) -> tuple[str, str, str]:
        return self.manifest["target"], self.manifest["brand"], self.manifest["as_of"]

    @property
    def shown(self) -> list[dict]:
        return [row for row in self.rows if row["mode"] == "append"]


def look(folder: Path) -> Batch:
    """Read a batch as a careful consumer does. Raises ValueError, KeyError or OSError where it is not whole."""
    made, written, renamed = _instants(folder)
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    manifest = json.loads(content["manifest.json"])
    rows = []
    for entry in manifest["files"]:
        found = _parsed(entry["name"], content[entry["name"]])
        told = (entry["sha256"], entry["bytes"], entry["rows"])
        if told != (_sha256(content[entry["name"]]), len(content[entry["name"]]), len(found)):
            raise ValueError(f"{entry['name']} is not as the manifest says")
        if entry["name"] not in ("creatives.ndjson", "audiences.ndjson", "wordings.ndjson"):
            rows += [{**row, "mode": entry["mode"]} for row in found]
    if content.keys() != {"manifest.json", *(entry["name"] for entry in manifest["files"])}:
        raise ValueError("other files than the manifest says")
    if manifest["rows"] != len(rows):
        raise ValueError("another number of rows than the manifest says")
    digests = {name: _sha256(text) for name, text in content.items()}
    return Batch(folder, manifest, digests, made, written, renamed, rows)


class Watch:
    """Everything that was ever in the outbox."""

    def __init__(self, outbox: Path, taken: Path) -> None:
        self.outbox, self.taken = outbox, taken
        self.is_greedy = False
        self.known: dict[Path, int] = {}
        self.all: list[Batch] = []
        self.torn: list[str] = []

    def poll(self) -> None:
        for path in sorted(self.outbox.glob("*/*")):
            number = path.stat().st_ino
            if self.known.get(path) == number:
                continue
            name = f"{path.parent.name}/{path.name}"
            if path in self.known:
                self.torn.append(f"{name}: another took its place")
            self.known[path] = number
            try:
                batch = look(path)
            except (ValueError, KeyError, OSError) as problem:
                self.torn.append(f"{name}: {problem}")
                continue
            self.all.append(batch)
            if self.is_greedy:
                batch.path = self.taken / f"{name.replace('/', '-')}-{len(self.all)}"
                path.rename(batch.path)
                del self.known[path]

    def look_again(self) -> None:
        """What was seen must be as it was, wherever it is now."""
        for batch in self.all:
            try:
                if look(batch.path).digests != batch.digests:
                    self.torn.append(f"{batch.path.name}: has changed")
            except (ValueError, KeyError, OSError) as problem:
                self.torn.append(f"{batch.path.name}: {problem}")


def doubles(batches: list[Batch]) -> list[str]:
    found, messages = [], Counter()
    helped: dict[tuple[str, str, str], date] = {}
    held: dict[tuple[str, str, str], dict] = {}
    for batch in batches:
        target, brand, as_of = batch.way
        if batch.manifest["kind"] == "message":
            [product] = {entry["product"] for entry in batch.manifest["products"]}
            for row in batch.shown:
                messages[row["message_id"]] += 1
                key = row["customer_id"], brand, product
                before = helped.get(key)
                if messages[row["message_id"]] > 1 or (before and date.fromisoformat(as_of) - before < ONCE_EVERY):
                    found.append(f"{row['customer_id']} in {batch.manifest['batch_id']}")
                helped[key] = date.fromisoformat(as_of)
            continue
        # A platform takes away what is removed before it adds: the order of the manifest.
        for row in batch.rows:
            place = target, brand, row["message_id"]
            if row["mode"] == "remove":
                held.pop(place, None)
            elif held.get(place) == row:
                found.append(f"{row['customer_id']} in {batch.manifest['batch_id']}")
            else:
                held[place] = row
    return found


def losses(expected: dict, reached: dict, stops: dict) -> list[str]:
    return [
        f"{customer} of {'/'.join(way)}"
        for way, customers in sorted(expected.items())
        for customer in sorted(customers - reached.get(way, set()) - stops.keys())
    ]


def lates(batches: list[Batch], expected: dict, reached: dict, stops: dict[str, Stop]) -> tuple[list[str], list[float]]:
    """Who is late; and how long, per batch, a stop could not be told to be early or late, in seconds."""
    found, unsure = [], []
    for batch in batches:
        is_sent = batch.manifest["kind"] == "message"
        said = {customer: stop for customer, stop in stops.items() if is_sent or stop.about == "person"}
        customers = {row["customer_id"] for row in batch.shown}
        missing = expected.get(batch.way, set()) - reached[batch.way]
        after = [batch.made, *(said[customer].began for customer in missing & said.keys())]
        if not missing:
            after.append(batch.written)
        sealed_after = max(after)
        unsure.append(max(0.0, batch.renamed - sealed_after))
        found += [
            f"{customer} in {batch.manifest['batch_id']}"
            for customer in sorted(customers & said.keys())
            if said[customer].returned <= sealed_after
        ]
    return found, unsure


@dataclass
class Stop:
    """Somebody has said stop.

    Attributes:
        about: the person; or the address, to which nothing is sent then.
        began, returned: when that began, and when it was safely in the inbox; it may never have come back.
    """

    about: str
    began: float
    returned: float = float("inf")


def read_log(path: Path) -> dict[str, Stop]:
    """Customer -> what was said."""
    stops: dict[str, Stop] = {}
    for line in path.read_text().splitlines():
        event = json.loads(line)
        stop = stops.setdefault(event["customer_id"], Stop(event["about"], event["at"]))
        if event["what"] == "returned":
            stop.returned = event["at"]
    return stops


def judge(watch: Watch, stops: dict, reference: Path) -> dict:
    expected: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    reached: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for batch in map(look, reference.glob("*/*")):
        expected[batch.way] |= {row["customer_id"] for row in batch.shown}
    for batch in watch.all:
        reached[batch.way] |= {row["customer_id"] for row in batch.shown}
    late, unsure = lates(watch.all, expected, reached, stops)
    return {
        "double": doubles(watch.all),
        "lost": losses(expected, reached, stops),
        "torn": watch.torn,
        "late": late,
        "batches": len(watch.all),
        "rows": sum(len(batch.rows) for batch in watch.all),
        "stops": len(stops),
        "left_out": sum(len((expected[way] - reached[way]) & stops.keys()) for way in expected),
        "unsure_seconds": round(sorted(unsure)[len(unsure) // 2], 3) if unsure else None,
    }


def _instants(folder: Path) -> tuple[float, float, float]:
    """When a folder was made (0 where the file system does not keep that), its manifest written, the folder renamed."""
    birth = subprocess.run(["stat", "-c", "%.W", str(folder)], capture_output=True, text=True, check=True).stdout
    written = (folder / "manifest.json").stat().st_mtime
    return float(birth.strip().replace("-", "0")), written, folder.stat().st_ctime


def _parsed(name: str, content: bytes) -> list[dict]:
    if name.endswith(".csv"):
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    return [json.loads(line) for line in content.decode().split("\n") if line]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(outbox: str, log: str, reference: str, taken: str) -> None:
    watch = Watch(Path(outbox), Path(taken))
    watch.taken.mkdir(exist_ok=True)
    word = ""
    while word != "end":
        watch.poll()
        ready, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        heard = os.read(0, 64).decode() if ready else "\n"
        word = heard.split("\n")[-2] if heard else "end"
        watch.is_greedy = {"greedy": True, "patient": False}.get(word, watch.is_greedy)
    time.sleep(POLL_SECONDS)
    watch.poll()
    watch.look_again()
    print(json.dumps(judge(watch, read_log(Path(log)), Path(reference))))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
