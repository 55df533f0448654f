"""claimed -> batch: the files that a platform loads, with a manifest that says what they are."""

from __future__ import annotations

import json
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import CHANNELS, RESERVED_SLOTS
from flows.channels.filing import HOURS, Files, Part, Payload, entry_of, parts_of
from flows.clock import present
from flows.durable import (
    create_file,
    no_space,
    private_folder,
    sync_files,
    sync_folder,
)
from flows.errors import BalanceError, OutboxError
from flows.words import Composed, Creative, Slot, fill, is_words_slot, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from flows.channels import Creatives, Target
    from flows.ledger.claims import Batch
    from flows.settings import Settings
    from flows.words import MergeLanguage, Piece

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
CREATIVES = "creatives.ndjson"
EXCLUDE = "exclude"


def shaped(worded: pl.DataFrame, creatives: Creatives, target: Target, starts_at: datetime) -> pl.DataFrame:
    """Deliveries as the rows of a target's files, in their order.

    Args:
        worded: claimed deliveries of one target, with their slots: all of a batch, or those of a window.
        creatives: by `creative_id`, as `message.worded` made them.
        target: decides on columns, and whether whole bodies are filled in.
        starts_at: UTC instant at which the run's day starts: `valid_from`.

    Raises:
        BalanceError: a target whose platform merges leaves out a slot that a creative has.
    """
    rows = worded.sort(target.order).with_columns(_of_creatives(creatives), valid_from=pl.lit(starts_at))
    if target.merge is None:
        return _timed(target.rows(rows.with_columns(_whole(rows, creatives, target))), rows, target)
    # Only what the creatives in hand use, in an order of its own: else the columns would tell how the run was cut into parts.
    slots = sorted({slot for creative in creatives.values() for slot in creative["slots"] if is_words_slot(slot)})
    slots.sort(key=len)
    others = [name for name in rows.columns if not is_words_slot(name)]
    shape = target.rows(rows.select(*others, *(slot for slot in slots if slot in rows.columns)))
    links = {slot for creative in creatives.values() for slot in creative["slots"] if slot in RESERVED_SLOTS}
    shape = shape.hstack(rows.select(sorted(links - set(shape.columns))))
    if missing := sorted(set(slots) - set(shape.columns)):
        what = f"the slot '{missing[0]}' of a creative has no column in the recipients' file"
        raise BalanceError(f"flows/channels/{target.name}.py", what, "keep every slot's column in rows()")
    return _timed(shape, rows, target)


def _timed(shape: pl.DataFrame, rows: pl.DataFrame, target: Target) -> pl.DataFrame:
    """The rows of a target's files, with `HOURS` where not all may be sent at any hour and they do not say when themselves."""
    if target.kind == "state" or "not_before" in shape.columns:
        return shape
    begins, ends = (pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in ("not_before", "not_after"))
    narrow = rows.filter((pl.col("not_before") > pl.col("valid_from")) | (pl.col("not_after") < pl.col("valid_until")))
    if narrow.is_empty():  # mostly
        return shape
    hours = narrow.select("message_id", (begins + "/" + ends).alias(HOURS))
    return shape.join(hours, on="message_id", how="left", maintain_order="left")


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
        payloads: what to write; each is split by the target's caps into numbered parts. Empty ones are left out.
        creatives: of the rows, by id; they go beside the recipients where the platform merges by itself.
        target: gives format and caps.
        header: the manifest's other entries, without personal data.

    Raises:
        OutboxError: the disk is full, or the folder cannot be written to.
        TemplateError: a message is longer than the platform takes.
    """
    with _told(folder):
        private_folder(folder.parent)
        folder.mkdir(mode=0o700)
        files = Files(folder, target, creatives)
        for payload in payloads:
            for part in parts_of(payload, target, creatives):
                files.write(part)
        others = [_write_lines(folder / name, lines) for name, lines in _beside(payloads, creatives, target).items()]
        return _write_manifest(folder, header, files.entries(), others)


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
    with _told(folder):
        before = {entry["name"]: entry for entry in json.loads((folder / MANIFEST).read_bytes())["files"]}
        files, names = Files(folder, target, creatives), set()
        for payload in payloads:
            parts: Iterable[Part] = parts_of(payload, target, creatives)
            parts = list(parts) if payload.is_held else parts
            hold = {part.name for part in parts if not part.is_left(barred).all()}
            for name in hold:
                (folder / name).unlink()
            for part in parts if payload.is_held else parts_of(payload, target, creatives):
                names.add(part.name)
                if part.name in hold:
                    files.write(part.filter(part.is_left(barred)))
                else:
                    files.keep(part, before[part.name])
        entries = files.entries()
        if not entries:
            return 0
        (folder / MANIFEST).unlink()
        return _write_manifest(folder, header, entries, [before[name] for name in before if name not in names])


def _write_manifest(
    folder: Path, header: Mapping[str, Any], entries: Sequence[dict[str, Any]], others: Iterable[dict[str, Any]]
) -> int:
    """Sync the files, and write and sync the manifest and the folders.

    Returns:
        The number of rows, which the files in `others` do not have.
    """
    sync_files(folder / entry["name"] for entry in entries)
    row_count = sum(int(entry["rows"]) for entry in entries)
    manifest = {"schema_version": SCHEMA_VERSION, **header, "rows": row_count, "files": [*entries, *others]}
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
    except (OSError, pl.exceptions.ComputeError) as error:  # the latter is how Polars tells it of Parquet
        why = f" ({error.strerror or error})" if isinstance(error, OSError) else ""
        what = "the disk is full" if no_space(error) else f"a file cannot be written{why}"
        raise OutboxError(folder, what, hint) from None


def header(
    batch: Batch,
    settings: Settings,
    plan_digest: str,
    consent_checked_at: datetime,
    products: list[dict[str, Any]],
    seeds: Iterable[str] = (),
) -> dict[str, Any]:
    """The entries of a manifest that do not depend on the files (DESIGN §8); `seeds` are the `message_id` of copies."""
    seeded = sorted(seeds)
    return {
        "batch_id": batch.batch_id,
        "run_id": batch.run_id,
        "workspace": settings.name,
        "environment": settings.environment,
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
        "seed_rows": len(seeded),
        "seeds": seeded,
        "replaces": None,
        "recalls": None,
        "corrects": None,
    }


_OF_CREATIVE = ("sender_name", "sender_email", "reply_to", "sms_sender", "action_label", "action_url")


def _of_creatives(creatives: Creatives) -> list[pl.Expr]:
    """What the creatives say of their senders and their link."""
    return [
        pl.col("creative_id")
        .replace_strict({key: creative[name] for key, creative in creatives.items()}, return_dtype=pl.String)
        .alias(name)
        for name in _OF_CREATIVE
    ]


def _whole(rows: pl.DataFrame, creatives: Creatives, target: Target) -> list[pl.Series]:
    """The whole text of each part, filled in by column."""
    parts = CHANNELS[target.channel].parts
    used = {key: creatives[key] for key in rows["creative_id"].unique().sort()}
    made = {key: target.prepare(creative) if target.prepare else creative for key, creative in used.items()}
    read = {
        key: Creative({part.name: pieces(creative["parts"][part.name], is_html=part.is_html) for part in parts})
        for key, creative in made.items()
    }
    slots = {part.name: _slots(creative.parts[part.name] for creative in read.values()) for part in parts}
    composed = Composed(rows.rename({"creative_id": "key"}), read, slots)
    return [fill(composed, part.name) for part in parts]


def _slots(texts: Iterable[tuple[Piece, ...]]) -> tuple[str, ...]:
    return tuple(sorted({piece.name for text in texts for piece in text if isinstance(piece, Slot)}))


def _beside(payloads: Iterable[Payload], creatives: Creatives, target: Target) -> dict[str, pl.DataFrame | list[Any]]:
    """The files that hold no row of a person, by their names: creatives, and what is said of audiences."""
    found: dict[str, pl.DataFrame | list[Any]] = {}
    if target.merge is not None and not target.holds_words and creatives:
        found[CREATIVES] = [_merged(creatives[name], target.merge, target.channel) for name in sorted(creatives)]
    if target.beside is not None:
        told = [
            target.beside(rows, creatives)
            for payload in payloads
            if payload.mode == "append" and payload.use is None
            for rows in payload.pieces()
        ]
        for name in sorted({name for files in told for name in files}):
            lines = pl.concat([files[name] for files in told if name in files])
            found[name] = lines.unique(lines.columns[0], keep="first", maintain_order=True).sort(lines.columns[0])
    return found


def _merged(creative: Mapping[str, Any], language: MergeLanguage, channel: str) -> dict[str, Any]:
    """A creative in the language of the platform that merges it."""
    texts = {
        part.name: language.put(pieces(creative["parts"][part.name], is_html=part.is_html))
        for part in CHANNELS[channel].parts
        if part.name in creative["parts"]
    }
    return {**creative, "parts": texts}


def _write_lines(path: Path, lines: pl.DataFrame | list[dict[str, Any]]) -> dict[str, Any]:
    rows = lines.to_dicts() if isinstance(lines, pl.DataFrame) else lines
    content = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()
    create_file(path, content)
    return entry_of(path.name, "replace", len(rows), list(rows[0]), len(content), sha256(content).hexdigest())
