"""What the files of targets cost: seconds for a batch, against those in which Polars writes the same lines raw.

    .venv/bin/python benchmarks/targets.py [--rows 1000000] [--targets email_file ses …]

`rows` is from worded deliveries, as a plan has them, to the rows of the target, sorted and shaped, with digests of addresses.
`batch` is from those to a staged batch: cut by the platform's caps, digested and synced, with its manifest. `raw` is Polars
writing the same lines, which it finds ready and cut, into as many files, which are synced, too. Where there are digests of
addresses, both shaping and hashing count against Polars writing and hashing once as many texts, which it does as fast as it can.
Each is measured in one run, three times; the least counts. The last lines are the worst ratios among targets whose files are CSV.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import polars_hash  # noqa: F401  (registers the `chash` namespace on expressions)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows.channels import CHANNELS, Target, target, targets  # noqa: E402
from flows.channels.filing import Payload, parts_of  # noqa: E402
from flows.durable import sync_files  # noqa: E402
from flows.stages.delivery import shaped, write_batch  # noqa: E402

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
    print(f"{asked.rows:,} rows{'':<18} rows batch   raw  ratio")
    ratios: dict[str, tuple[bool, float]] = {}
    for name in asked.targets:
        cost = _cost(target(name), asked.rows)
        if target(name).file_format == "csv":
            ratios[name] = cost.is_hashed, cost.ratio
        print(f"{name:<26}{cost.rows:7.2f}{cost.batch:6.2f}{cost.raw:6.2f}{cost.ratio:7.2f}", flush=True)
    for is_hashed, what in ((False, "raw / batch"), (True, "raw / (rows + batch), with digests")):
        found = [(ratio, name) for name, (hashes, ratio) in ratios.items() if hashes == is_hashed]
        if found:
            print("worst {1:.2f} {2} of {0}".format(what, *min(found)))


@dataclass(frozen=True)
class _Cost:
    """Seconds."""

    rows: float
    batch: float
    raw: float
    is_hashed: bool

    @property
    def ratio(self) -> float:
        """How fast ours is, raw being 1."""
        return self.raw / (self.rows + self.batch if self.is_hashed else self.batch)


def _cost(to: Target, rows: int) -> _Cost:
    worded, words = _worded(to, rows), {"k1": _creative(to)}
    content = shaped(worded, words, to, START)
    lines = to.lines(content, words) if to.lines else content
    with tempfile.TemporaryDirectory() as folder:

        def batch(number: int) -> None:
            write_batch(Path(folder) / f"b{number}", [Payload("recipients", "append", content)], words, to, {})

        cuts = _cuts(content, words, to, lines.height)
        hashed = [name for name in lines.columns if lines[name].dtype == pl.String and _is_digest(lines[name][-1])]

        def raw(number: int) -> None:
            into = Path(folder) / f"raw{number}"
            into.mkdir()
            made = lines.with_columns(pl.col(name).chash.sha2_256() for name in hashed)  # type: ignore[attr-defined]
            for place, (start, height) in enumerate(cuts):
                part, path = made.slice(start, height), into / f"{place}"
                if to.file_format == "csv":
                    part.write_csv(path)
                elif to.file_format == "parquet":
                    part.write_parquet(path)
                else:
                    part.write_ndjson(path)
            sync_files(into.iterdir())

        shaping = _least(lambda _: shaped(worded, words, to, START))
        return _Cost(shaping, _least(batch), _least(raw), bool(hashed))


def _cuts(content: pl.DataFrame, words: dict[str, dict[str, object]], to: Target, lines: int) -> list[tuple[int, int]]:
    """Start and height of the lines in each file of ours; equal shares where a line is of several rows."""
    parts = [part.rows.height for part in parts_of(Payload("recipients", "append", content), to, words)]
    heights = parts if sum(parts) == lines else [-(-lines // len(parts))] * len(parts)
    return list(zip(accumulate(heights, initial=0), heights, strict=False))


def _is_digest(text: str | None) -> bool:
    """Of an address: 32 bytes, in hexadecimals or base64."""
    return re.fullmatch(r"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=", text or "") is not None


def _least(work: Callable[[int], object]) -> float:
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
