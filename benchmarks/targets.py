"""What the files of targets cost: seconds for a batch, against those in which Polars writes the same lines raw.

    .venv/bin/python benchmarks/targets.py [--rows 1000000] [--targets email_file ses …]

Ours is from worded deliveries, as a plan has them, to a staged batch: sorted, filled in, shaped, cut, hashed, digested and
synced, with its manifest. Raw is Polars writing the lines of the first file's columns, which it finds ready, into one file that
is synced, too; where there are digests of addresses, raw hashes once as many texts: that alone takes longer than to write them.
Each is measured in one run, three times; the least counts. The last line is the worst ratio among targets whose files are CSV.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import polars_hash  # noqa: F401  (registers the `chash` namespace on expressions)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows.channels import CHANNELS, Target, target, targets  # noqa: E402
from flows.durable import sync_file  # noqa: E402
from flows.stages.delivery import Payload, shaped, write_batch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE_MAILS = {"eml", "ghost"}
"""They write a text for each message: no line of columns to compare with."""

TIMES = 3
PRODUCTS = 6
"""Rows come as a plan has them: those of each product in the order of its customers."""
START = datetime(2026, 11, 22, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--targets", nargs="*", default=sorted(set(targets()) - WHOLE_MAILS))
    asked = parser.parse_args()
    print(f"{asked.rows:,} rows{'':<18} ours   raw  raw/ours")
    ratios = {}
    for name in asked.targets:
        ours, raw = _cost(target(name), asked.rows)
        ratios[name] = raw / ours
        print(f"{name:<26}{ours:7.2f}{raw:6.2f}{raw / ours:10.2f}", flush=True)
    csv = {name: ratio for name, ratio in ratios.items() if target(name).file_format == "csv"}
    print(f"worst {min(csv.values(), default=1):.2f} {min(csv, key=lambda name: csv[name], default='')}")


def _cost(to: Target, rows: int) -> tuple[float, float]:
    worded, words = _worded(to, rows), {"k1": _creative(to)}
    content = shaped(worded, words, to, START)
    lines = to.lines(content, words) if to.lines else content
    with tempfile.TemporaryDirectory() as folder:

        def ours(number: int) -> None:
            payload = Payload("recipients", "append", shaped(worded, words, to, START))
            write_batch(Path(folder) / f"b{number}", [payload], words, to, {})

        hashed = [name for name in lines.columns if lines[name].dtype == pl.String and _is_digest(lines[name][-1])]

        def raw(number: int) -> None:
            path = Path(folder) / f"raw{number}"
            made = lines.with_columns(pl.col(name).chash.sha2_256() for name in hashed)
            if to.file_format == "csv":
                made.write_csv(path)
            elif to.file_format == "parquet":
                made.write_parquet(path)
            else:
                made.write_ndjson(path)
            sync_file(path)

        return _least(ours), _least(raw)


def _is_digest(text: str | None) -> bool:
    """Of an address: 32 bytes, in hexadecimals or base64."""
    return re.fullmatch(r"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=", text or "") is not None


def _least(work: Callable[[int], None]) -> float:
    seen = []
    for number in range(TIMES):
        os.sync()  # what was written before is no concern of this
        begun = time.perf_counter()
        work(number)
        seen.append(time.perf_counter() - begun)
    return min(seen)


def _worded(to: Target, rows: int) -> pl.DataFrame:
    number = pl.col("number").cast(pl.String).str.zfill(8)
    address = {"email": pl.lit("person.") + number + "@example.com", "ads": pl.lit("person.") + number + "@example.com"}
    return (
        pl.DataFrame({"number": range(rows)})
        .select(
            customer_id=pl.lit("c") + number,
            message_id=pl.lit("0123456789abcdef" * 3) + number,
            decision_id=pl.lit("d") + number,
            person_key=pl.lit("p") + number,
            brand=pl.lit("north"),
            product=pl.lit("care"),
            variant=pl.lit(None, pl.String),
            message_type=pl.lit("marketing"),
            country=pl.lit("DE"),
            locale=pl.lit("de-DE"),
            time_zone=pl.lit("Europe/Berlin"),
            address=address.get(to.channel, pl.lit("+49151") + number),
            phone=pl.lit("+49151") + number,
            valid_until=pl.lit(START + timedelta(days=2)),
            not_before=pl.lit(START),
            not_after=pl.lit(START + timedelta(days=2)),
            creative_id=pl.lit("k1"),
            unsubscribe_url=pl.lit("https://north.example.com/u/") + number,
            s1=pl.lit("Person ") + number,
            s2=pl.lit("Alpine tent"),
        )
        .sort(pl.col("customer_id").hash(seed=1) % PRODUCTS, maintain_order=True)
    )


def _creative(to: Target) -> dict[str, object]:
    who = ("sender_name", "sender_email", "reply_to", "sms_sender", "action_label", "action_url")
    greeting = "" if to.audience else "Hello {{{s1}}}, "  # a name would make an audience of everybody
    parts = {part.name: greeting + "your {{{s2}}} wants to be looked after." for part in CHANNELS[to.channel].parts}
    return {"creative_id": "k1", "slots": ["s1", "s2"], **{name: name for name in who}, "parts": parts}


if __name__ == "__main__":
    main()
