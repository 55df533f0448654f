"""What a run has written: the rows of its files, and the words as one reader gets them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.words import restore

if TYPE_CHECKING:
    from pathlib import Path


def files(folder: Path | None, pattern: str = "*") -> list[Path]:
    return sorted(folder.glob(pattern)) if folder else []


def csv(folder: Path | None) -> pl.DataFrame:
    return pl.concat([pl.read_csv(file, infer_schema=False) for file in files(folder, "recipients-*.csv")])


def ndjson(folder: Path | None, stem: str) -> list[dict[str, Any]]:
    return [
        json.loads(row) for file in files(folder, f"{stem}*.ndjson") for row in file.read_text("utf-8").splitlines()
    ]


def digests(folder: Path | None) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files(folder)
        if file.name != "manifest.json"
    }


def parts(row: dict[str, str], creative: dict[str, Any]) -> dict[str, str]:
    """An e-mail's parts with its reader's slots in them."""
    slots = {name: row[name] for name in creative["slots"]}
    return {name: restore(text, slots) for name, text in creative["parts"].items()}


def said(folders: dict[str, Path | None], customer_id: str) -> dict[str, tuple[str, ...]]:
    """Target -> what one person is told by it: subject and first lines of the text; body; or headline and body."""
    found: dict[str, tuple[str, ...]] = {}
    creatives = {creative["creative_id"]: creative for creative in ndjson(folders["email_file"], "creatives")}
    for row in _of(csv(folders["email_file"]), customer_id):
        read = parts(row, creatives[row["creative_id"]])
        opening = read["text"].partition("\n\n- ")[0]
        found["email_file"] = (read["subject"], *(line for line in opening.splitlines() if line))
    for row in _of(csv(folders["sms_file"]), customer_id):
        found["sms_file"] = (row["body"],)
    for row in ndjson(folders["web_profiles"], "additions"):
        if row["customer_id"] == customer_id:
            found["web_profiles"] = (row["payload"]["headline"], row["payload"]["body"])
    return found


def _of(rows: pl.DataFrame, customer_id: str) -> list[dict[str, str]]:
    return rows.filter(pl.col("customer_id") == customer_id).to_dicts()
