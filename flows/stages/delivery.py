"""claimed -> batch: the files that a platform loads, with a manifest that says what they are."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import CHANNELS
from flows.clock import present
from flows.durable import create_file, no_space, private_folder, sync_file, sync_folder
from flows.errors import BalanceError, OutboxError
from flows.plan import sha256
from flows.words import Composed, Creative, Slot, fill, is_words_slot, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from flows.channels import Creatives, Target
    from flows.ledger.claims import Batch
    from flows.words import Piece

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
CREATIVES = "creatives.ndjson"


@dataclass(frozen=True)
class Payload:
    """Rows for one kind of file of a batch; `mode` tells the platform what they do: append, replace or remove."""

    stem: str
    mode: str
    rows: pl.DataFrame


def shaped(worded: pl.DataFrame, creatives: Creatives, target: Target, starts_at: datetime) -> pl.DataFrame:
    """Deliveries as the rows of a target's files, in their order.

    Args:
        worded: claimed deliveries of one target, with their slots.
        creatives: by `creative_id`, as `message.worded` made them.
        target: decides on columns, and whether whole bodies are filled in.
        starts_at: UTC instant at which the run's day starts: `valid_from`.

    Raises:
        BalanceError: a target that merges leaves out a slot that a creative has.
    """
    rows = worded.sort(target.order).with_columns(valid_from=pl.lit(starts_at))
    senders = pl.DataFrame(
        [{name: creatives[key][name] for name in _OF_CREATIVE} for key in sorted(creatives)],
        schema=dict.fromkeys(_OF_CREATIVE, pl.String),
    )
    rows = rows.join(senders, on="creative_id", how="left", maintain_order="left")
    if not target.merges:
        return target.rows(rows.with_columns(_whole(rows, creatives, target)))
    # Only what the creatives in hand use, in an order of its own: else the columns would tell how the run was cut into parts.
    slots = sorted({slot for creative in creatives.values() for slot in creative["slots"] if is_words_slot(slot)})
    slots.sort(key=len)
    others = [name for name in rows.columns if not is_words_slot(name)]
    shape = target.rows(rows.select(*others, *(slot for slot in slots if slot in rows.columns)))
    if missing := sorted(set(slots) - set(shape.columns)):
        what = f"the slot '{missing[0]}' of a creative has no column in the recipients' file"
        raise BalanceError(f"flows/channels/{target.name}.py", what, "keep every slot's column in rows()")
    return shape


def write_batch(
    folder: Path,
    payloads: Iterable[Payload],
    creatives: Creatives,
    target: Target,
    header: Mapping[str, Any],
) -> int:
    """Write and sync a batch's files and its manifest into a staging folder, and return the number of rows.

    Args:
        folder: must not exist yet.
        payloads: what to write; each is split by the target's cap into numbered parts. Empty ones are left out.
        creatives: of the rows, by id; they go beside the recipients where the target merges by itself.
        target: gives format and cap.
        header: the manifest's other entries, without personal data.

    Raises:
        OutboxError: the disk is full, or the folder cannot be written to.
    """
    with _told(folder):
        private_folder(folder.parent)
        folder.mkdir(mode=0o700)
        entries = [
            _write_part(folder, payload, number, part, target, creatives)
            for payload in payloads
            for number, part in _parts(payload, target)
        ]
        if target.merges and target.requests is None and creatives:
            entries.append(_write_creatives(folder, [creatives[name] for name in sorted(creatives)]))
        return _write_manifest(folder, header, entries)


def leave_out(
    folder: Path,
    barred: pl.Series,
    payloads: Iterable[Payload],
    creatives: Creatives,
    target: Target,
    header: Mapping[str, Any],
) -> int:
    """Write the parts of a staged batch that hold some messages again without them, and the manifest; the rest stays.

    Args:
        folder: as `write_batch` left it.
        barred: the `message_id` of what is left out.
        payloads: those that `write_batch` wrote.
        creatives: of their rows, by id.
        target: gives format and cap.
        header: the manifest's other entries, as they are now.

    Returns:
        The number of rows that the batch then has. With none left its files are not written again.

    Raises:
        OutboxError: as `write_batch`.
    """
    entries = []
    with _told(folder):
        before = {entry["name"]: entry for entry in json.loads((folder / MANIFEST).read_bytes())["files"]}
        for payload in payloads:
            for number, part in _parts(payload, target):
                path = folder / _name(payload, number, target)
                entry = before.pop(path.name)
                is_left = ~part["message_id"].is_in(barred.implode()) if "message_id" in part.columns else None
                if is_left is not None and not is_left.all():
                    path.unlink()
                    left = part.filter(is_left)
                    entry = _write_part(folder, payload, number, left, target, creatives) if left.height else None
                entries += [entry] if entry else []
        if not entries:
            return 0
        (folder / MANIFEST).unlink()
        return _write_manifest(folder, header, [*entries, *before.values()])


def _write_manifest(folder: Path, header: Mapping[str, Any], entries: list[dict[str, Any]]) -> int:
    """Write and sync the manifest and the folders; returns the number of rows."""
    row_count = sum(int(entry["rows"]) for entry in entries if entry["name"] != CREATIVES)
    manifest = {"schema_version": SCHEMA_VERSION, **header, "rows": row_count, "files": entries}
    create_file(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False).encode())
    sync_folder(folder)
    sync_folder(folder.parent)
    return row_count


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What the disk says, in our words."""
    hint = "free some space or mend the rights, then run again"
    try:
        yield
    except OSError as error:
        what = "the disk is full" if no_space(error) else f"a file cannot be written ({error.strerror or error})"
        raise OutboxError(folder, what, hint) from None
    except pl.exceptions.ComputeError:  # how Polars tells it of Parquet
        raise OutboxError(folder, "a file cannot be written", hint) from None


def header(
    batch: Batch, workspace: str, plan_digest: str, consent_checked_at: datetime, products: list[dict[str, Any]]
) -> dict[str, Any]:
    """The entries of a manifest that do not depend on the files (DESIGN §8)."""
    return {
        "batch_id": batch.batch_id,
        "run_id": batch.run_id,
        "workspace": workspace,
        "environment": "production",
        "brand": batch.brand,
        "target": batch.target,
        "channel": batch.channel,
        "kind": batch.kind,
        "as_of": str(batch.as_of),
        "created_at": f"{present():%Y-%m-%dT%H:%M:%SZ}",
        "valid_until": f"{batch.valid_until:%Y-%m-%dT%H:%M:%SZ}",
        "consent_checked_at": f"{consent_checked_at:%Y-%m-%dT%H:%M:%SZ}",
        "plan_digest": plan_digest,
        "products": products,
        "seed_rows": 0,
        "replaces": None,
        "recalls": None,
        "corrects": None,
    }


_OF_CREATIVE = ("creative_id", "sender_name", "sender_email", "reply_to", "sms_sender", "action_label", "action_url")


def _whole(rows: pl.DataFrame, creatives: Creatives, target: Target) -> list[pl.Series]:
    """The whole text of each part, filled in by column."""
    parts = CHANNELS[target.channel].parts
    used = rows["creative_id"].unique().sort()
    read = {
        key: Creative({part.name: pieces(creatives[key]["parts"][part.name], is_html=part.is_html) for part in parts})
        for key in used
    }
    slots = {part.name: _slots(creative.parts[part.name] for creative in read.values()) for part in parts}
    composed = Composed(rows.rename({"creative_id": "key"}), read, slots)
    return [fill(composed, part.name) for part in parts]


def _slots(texts: Iterable[tuple[Piece, ...]]) -> tuple[str, ...]:
    return tuple(sorted({piece.name for text in texts for piece in text if isinstance(piece, Slot)}))


def _parts(payload: Payload, target: Target) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of each file of a payload, by its number."""
    for number, part in enumerate(payload.rows.iter_slices(target.most_rows), start=1):
        if part.height:
            yield number, part


def _name(payload: Payload, number: int, target: Target) -> str:
    return f"{payload.stem}-{number:04}.{target.file_format}"


def _write_part(
    folder: Path, payload: Payload, number: int, part: pl.DataFrame, target: Target, creatives: Creatives
) -> dict[str, Any]:
    path = folder / _name(payload, number, target)
    create_file(path, b"")
    lines = target.requests(part, creatives) if target.requests else part
    _write(lines, path, target.file_format)
    sync_file(path)
    return _entry(path, payload.mode, part.height, lines.columns)


def _write(lines: pl.DataFrame, path: Path, file_format: str) -> None:
    if file_format == "csv":
        lines.write_csv(path, quote_style="necessary", line_terminator="\n")
    elif file_format == "parquet":
        lines.rechunk().write_parquet(path)  # in one piece, or the bytes would tell how the run was cut into parts
    else:
        lines.write_ndjson(path)


def _write_creatives(folder: Path, creatives: list[Mapping[str, Any]]) -> dict[str, Any]:
    path = folder / CREATIVES
    lines = (json.dumps(creative, ensure_ascii=False) for creative in creatives)
    create_file(path, "".join(f"{line}\n" for line in lines).encode())
    return _entry(path, "replace", len(creatives), list(creatives[0]))


def _entry(path: Path, mode: str, rows: int, columns: list[str]) -> dict[str, Any]:
    size = path.stat().st_size
    return {"name": path.name, "mode": mode, "rows": rows, "bytes": size, "sha256": sha256(path), "columns": columns}
