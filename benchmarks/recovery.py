"""What it takes to recover a batch whose run was killed after the seal: seconds of the clock, with the files hashed.

    .venv/bin/python benchmarks/recovery.py [--messages 1000000]

A process claims so many messages, stages them in files of half a million rows, seals them with their deliveries, receipts and
exposure, and is killed at the rename. Then the next one's first act is measured; the claims have to be free after it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows.clock import present  # noqa: E402
from flows.durable import private_folder  # noqa: E402
from flows.ledger import publishing  # noqa: E402
from flows.ledger.claims import CLAIM, Header, claim  # noqa: E402
from flows.ledger.consent import latest_drain  # noqa: E402
from flows.ledger.store import open_ledger  # noqa: E402
from flows.settings import Settings  # noqa: E402
from flows.warehouse.connection import connect  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.ledger.store import Ledger

TODAY = date(2026, 11, 22)
END = datetime(2026, 11, 27, tzinfo=UTC)
FILE_ROWS = 500_000
WANTED = """
SELECT sha256('n' || i) AS message_id, sha256('e' || i) AS decision_id, 'first' AS lane, 1 AS attempt, DATE '2026-11-22' AS as_of,
    sha256('q' || i) AS person_key, 'north' AS brand, 'care' AS product, NULL::VARCHAR AS subject_key,
    'marketing' AS message_type, 'email' AS channel, sha256('b' || i) AS address_key
FROM range({messages}) t(i)
"""


@dataclass(frozen=True)
class Staged:
    """A batch as `publish` takes it: nobody in it says stop, and nothing has changed."""

    tables: Mapping[str, pl.DataFrame]
    messages: pl.DataFrame

    def records(self) -> Iterable[tuple[str, pl.DataFrame]]:
        """What becomes true with the seal."""
        return self.tables.items()

    def rows(self) -> list[pl.DataFrame]:
        """The messages."""
        return [self.messages.with_columns(topic=pl.lit("care"), address_match="address_key")]

    def is_current(self) -> bool:
        """Always."""
        return True

    def forbidden(self, _ledger: Ledger) -> None:
        """Nobody has stopped it."""

    def fallen(self, _ledger: Ledger) -> pl.DataFrame:
        """None of them."""
        return self.messages.clear().select("message_id", reason=pl.lit(None, pl.String))

    def leave_out(self, barred: pl.Series) -> int:
        """Never asked for."""
        raise NotImplementedError(barred)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    messages = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as name:
        settings = _settings(Path(name))
        killed = multiprocessing.get_context("spawn").Process(target=_be_killed, args=(Path(name), messages))
        killed.start()
        killed.join()
        assert killed.exitcode == -signal.SIGKILL
        begun = time.perf_counter()
        assert _claims(settings) == messages  # opens what the kill has left, too
        [found] = publishing.recover(settings)
        seconds = time.perf_counter() - begun
        assert (found.state, _claims(settings)) == ("aborted", 0)
    print(f"a sealed batch of {messages:,} messages, {found.reason}: undone in {seconds:.1f} s")


def _be_killed(folder: Path, messages: int) -> None:
    """Publish a batch, and die at its rename."""
    settings = _settings(folder)
    publishing.check_folders(settings)
    wanted = connect().sql(WANTED.format(messages=messages)).pl()
    with open_ledger(settings) as ledger, ledger.transaction():
        batch = claim(
            ledger, Header("r1", "email_file", "north", "email", "message", TODAY), [wanted.select(*CLAIM)], END
        )
        drain = latest_drain(ledger)
    staged, files = private_folder(publishing.staged(settings, batch.batch_id)), []
    for part in range(0, messages, FILE_ROWS):
        rows = wanted[part : part + FILE_ROWS]
        path = staged / f"recipients-{part // FILE_ROWS + 1:04}.csv"
        rows.select("message_id", "address_key", "product").write_csv(path)
        files.append({"name": path.name, "rows": rows.height, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    (staged / publishing.MANIFEST).write_text(json.dumps({"files": files}), "utf-8")
    records = {"delivery": _deliveries(wanted, batch.batch_id), "receipt": _receipts(wanted, batch.batch_id)}
    records["exposure"] = wanted.select(
        "person_key", "brand", dimension=pl.lit("last_order"), shown_on="as_of", batch_id=pl.lit(batch.batch_id)
    )
    vars(publishing)["rename_once"] = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    publishing.publish(settings, batch, Staged(records, wanted), drain)


def _deliveries(wanted: pl.DataFrame, batch_id: str) -> pl.DataFrame:
    return wanted.select(
        "message_id", "decision_id", batch_id=pl.lit(batch_id), creative_id=pl.lit("c1"), valid_until=pl.lit(END)
    )


def _receipts(wanted: pl.DataFrame, batch_id: str) -> pl.DataFrame:
    return wanted.select(
        "message_id",
        "as_of",
        "product",
        batch_id=pl.lit(batch_id),
        product_version=pl.lit(1),
        level=pl.lit(2),
        facts=pl.lit(["last_order", "name"]),
        words_sha256=pl.lit("0" * 64),
        consent_key="address_key",
        consent_checked_at=pl.lit(present()),
    )


def _claims(settings: Settings) -> int:
    with open_ledger(settings) as ledger:
        return int(ledger.rows("SELECT count(*) FROM claim").item())


def _settings(folder: Path) -> Settings:
    return Settings(
        workspace=folder, name="b", state=folder, ledger=folder / "ledger.duckdb", key_file=folder / "key",
        outbox=folder / "outbox", targets={}, brands={},
    )  # fmt: skip


if __name__ == "__main__":
    main()
