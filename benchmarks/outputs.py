"""What the line and the straightforward script have written, read back to be compared; and whether the line's counts agree."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_LISTED = ("message_id", "customer_id", "brand", "product", "target")


@dataclass(frozen=True)
class Outputs:
    """What was written for all targets.

    Attributes:
        contents: target -> digests of what each recipient gets, as often as it stands there.
        deliveries: `message_id, customer_id, brand, product, target`.
        counts: of the line, by target, what has to be one number: rows in the files, in manifests and in the ledger, keys, claims
            (none of a state target), receipts.
    """

    contents: dict[str, Counter[str]]
    deliveries: pl.DataFrame
    counts: dict[str, dict[str, int]]


def script_outputs(out: Path) -> Outputs:
    """Of the straightforward script: `<target>/<brand>/`, and a list of all."""
    contents = {
        target.name: _contents(target.name, target.glob("*")) for target in sorted(out.iterdir()) if target.is_dir()
    }
    listed = pl.read_csv(out / "deliveries.csv", schema_overrides=dict.fromkeys(_LISTED, pl.String))
    return Outputs(contents, listed, {})


def line_outputs(workspace: Path) -> Outputs:
    """Of the line: the outbox, the plan and the ledger of a workspace that has run once."""
    outbox, state = workspace / "outbox", workspace / ".justenough"
    targets = sorted(folder for folder in outbox.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    contents = {target.name: _contents(target.name, target.glob("*")) for target in targets}
    (plan,) = (state / "plans").iterdir()
    with duckdb.connect(state / "ledger.duckdb", read_only=True) as ledger:
        counts = {target.name: _counts(ledger, target, contents[target.name]) for target in targets}
        files = [pl.scan_parquet(file) for file in sorted((plan / "deliveries").glob("*.parquet"))]
        planned = pl.concat(files, how="diagonal").select(_LISTED).collect()
        sent = ledger.sql("SELECT message_id FROM receipt JOIN batch USING (batch_id) WHERE state = 'published'").pl()
    return Outputs(contents, planned.join(sent, on="message_id", how="semi"), counts)


def unbalanced(line: Outputs) -> list[str]:
    """Where what must be one number is several; a state target claims nothing."""
    wrong = []
    for target, counts in line.counts.items():
        if len(set(counts.values())) != 1:
            told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
            wrong.append(f"{target} does not balance: {told}")
        listed = line.deliveries.filter(target=target).height
        if listed != counts["receipts"]:
            wrong.append(f"{target}: {listed:,} planned messages have a receipt, of {counts['receipts']:,} receipts")
    return wrong


def differences(line: Outputs, script: Outputs) -> list[str]:
    """Where the line and the script have not written the same, target by target."""
    wrong = []
    for target in sorted(line.contents.keys() | script.contents.keys()):
        ours, theirs = line.contents.get(target, Counter()), script.contents.get(target, Counter())
        if ours != theirs:
            told = f"{(ours - theirs).total():,} of {ours.total():,} of the line's are not the script's"
            wrong.append(f"{target}: {told}, and {(theirs - ours).total():,} of {theirs.total():,} the other way round")
    for name, one, other in (
        ("the line's", line.deliveries, script.deliveries),
        ("the script's", script.deliveries, line.deliveries),
    ):
        alone = one.join(other, on=list(_LISTED), how="anti").group_by("target", "product").len()
        kinds = alone.sort("target", "product").rows()
        wrong += [f"{target}, {product}: {count:,} deliveries are {name} alone" for target, product, count in kinds]
    return wrong


def written(folder: Path) -> tuple[dict[str, str], dict[str, dict[str, int]], list[str]]:
    """Of what a run has written: file -> digest; target -> counts; where counts that have to be one number are not."""
    files: dict[str, str] = {}
    targets: dict[str, dict[str, int]] = {}
    wrong: list[str] = []
    for place in sorted((folder / "outbox").glob("*/*/manifest.json")):
        manifest = json.loads(place.read_text("utf-8"))
        for file in manifest["files"]:
            files[f"{manifest['target']} {manifest['brand']} {file['name']}"] = file["sha256"]
        counts = targets.setdefault(manifest["target"], dict.fromkeys(("rows", "keys", "claims", "receipts"), 0))
        counts["rows"] += manifest["rows"]
        with duckdb.connect(str(folder / ".justenough/ledger.duckdb"), read_only=True) as ledger:
            for name, query in (
                ("keys", "SELECT count(DISTINCT message_id) FROM delivery"),
                ("claims", "SELECT count(*) FROM claim"),
                ("receipts", "SELECT count(*) FROM receipt"),
            ):
                (count,) = ledger.execute(f"{query} WHERE batch_id = ?", [manifest["batch_id"]]).fetchall()[0]
                counts[name] += count
                if manifest["kind"] == "message" and count != manifest["rows"]:
                    wrong.append(f"{manifest['batch_id']}: {manifest['rows']:,} rows, and {count:,} {name}")
    return files, targets, wrong


def target_table(targets: dict[str, dict[str, int]]) -> str:
    """What `written` has counted, a line for each target."""
    lines = [f"{'target':<28}{'rows':>9}{'keys':>9}{'claims':>9}{'receipts':>9}"]
    return "\n".join(
        [
            *lines,
            *(f"{name:<28}" + "".join(f"{count:>9,}" for count in counts.values()) for name, counts in targets.items()),
        ]
    )


def _counts(ledger: duckdb.DuckDBPyConnection, target: Path, contents: Counter[str]) -> dict[str, int]:
    manifests = [json.loads(file.read_text("utf-8")) for file in target.glob("*/manifest.json")]
    kind = {manifest["kind"] for manifest in manifests}

    def one(query: str) -> int:
        found = ledger.execute(
            f"{query} WHERE batch_id IN (SELECT batch_id FROM batch WHERE target = ?)", [target.name]
        )
        return int(found.fetchall()[0][0])

    return {
        "rows in the files": contents.total(),
        "manifest": sum(manifest["rows"] for manifest in manifests),
        "keys": one("SELECT count(DISTINCT message_id) FROM delivery"),
        "ledger": one("SELECT sum(row_count - released_count) FROM batch"),
        **({"claims": one("SELECT count(*) FROM claim")} if kind == {"message"} else {}),
        "deliveries": one("SELECT count(*) FROM delivery"),
        "receipts": one("SELECT count(*) FROM receipt"),
    }


def _contents(target: str, folders: Iterable[Path]) -> Counter[str]:
    found: Counter[str] = Counter()
    for folder in folders:
        found.update(_READERS[target](folder))
    return found


def _ses(folder: Path) -> Counter[str]:
    """E-mails as SES would send them: sender, address, headers, and the words with the slots filled in."""
    found: Counter[str] = Counter()
    for file in folder.glob("*.ndjson"):
        with file.open(encoding="utf-8") as calls:
            for call in map(json.loads, calls):
                template = call["DefaultContent"]["Template"]
                known = json.loads(template["TemplateData"])
                about = [call["FromEmailAddress"], call["ReplyToAddresses"]]
                for entry in call["BulkEmailEntries"]:
                    given = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
                    slots = {**known, **json.loads(given)}
                    words = [_filled(template["TemplateContent"][part], slots) for part in ("Subject", "Text", "Html")]
                    to = [entry["Destination"], entry["ReplacementTags"], entry["ReplacementHeaders"]]
                    found[_digest([*about, *to, *words])] += 1
    return found


def _filled(template: str, slots: dict[str, str]) -> str:
    return _SLOT.sub(lambda slot: slots[slot[1]], template)


def _sms(folder: Path) -> Counter[str]:
    """Text messages: every column of every row."""
    return Counter(_digest(sorted(row.items())) for file in folder.glob("*.csv") for row in _rows(file))


def _google(folder: Path) -> Counter[str]:
    """Members of audiences, each with the words of its audience; the audience's name is left out."""
    words = {}
    for file in folder.glob("audiences.ndjson"):
        for about in map(json.loads, file.read_text("utf-8").splitlines()):
            name = about.pop("audience")
            words[name] = sorted(about.items())
    return Counter(
        _digest([words[re.findall("a-[0-9a-f]{12}", file.name)[0]], sorted(row.items())])
        for file in folder.glob("additions-*.csv")
        for row in _rows(file)
    )


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


_READERS = {"ses": _ses, "sms_file": _sms, "google_customer_match": _google}
