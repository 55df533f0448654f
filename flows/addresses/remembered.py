"""Addresses read once per distinct value and kept on disk, so that the next run reads only what is new."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from typing import TYPE_CHECKING, Final

import polars as pl

from flows.addresses import rules
from flows.errors import OutboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORTH_PROCESSES: Final = 20_000
"""From how many new values on processes pay: two take a second to start and read 50,000 values in the next."""

KEY: Final = ("raw", "region")
KEPT: Final = pl.Schema({"raw": pl.String(), "region": pl.String(), "address": pl.String(), "fault": pl.String()})

_CHUNK = 5_000
_MANY_MORE = 10
"""Where so many times more is kept than is asked for, what nobody asks for is let go of first: a join would take all of it in."""
_LOCAL = r"[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*"
_PLAIN_LOCAL = rf"^{_LOCAL}$"
_LONGEST_LOCAL, _LONGEST = 64, 254


def normalise(frame: pl.DataFrame, cache: Path | None, *, workers: int | None = None) -> pl.DataFrame:
    """Read the addresses of `frame`, each distinct one that `cache` does not know yet once.

    Args:
        frame: columns `kind` (`email` or `phone`), `raw`, and `region`, the owner's country (of phones only).
        cache: the folder of what has been read before, made when missing; None keeps nothing.
        workers: at most so many processes for many new values; by default as many as this process has cores.

    Returns:
        `frame` in its order with `address`, the form to send to, and `fault`, a key of `rules.FAULTS`; one of the
        two is null.

    Raises:
        OutboxError: the cache cannot be written.
    """
    workers = workers or len(os.sched_getaffinity(0))
    asked = frame.with_row_index("_place").with_columns(
        pl.col("raw").cast(pl.String), _region=pl.when(pl.col("kind") == "phone").then(pl.col("region").cast(pl.String))
    )
    read = [_answered(kind, asked.filter(pl.col("kind") == kind), cache, workers) for kind in rules.VERSIONS]
    found = pl.concat(read).sort("_place")  # of one kind they are in order
    return frame.with_columns(found.select("address", "fault"))


def _answered(kind: rules.Kind, asked: pl.DataFrame, cache: Path | None, workers: int) -> pl.DataFrame:
    """`_place, address, fault` of what is asked of one kind: from the cache, or read now and put there."""
    kept = _load(kind, cache) if cache and asked.height else KEPT.to_frame()
    if asked.height < kept.height / _MANY_MORE:
        kept = kept.filter(pl.col("raw").is_in(asked["raw"].implode()))
    answered = _looked_up(asked, kept)
    is_new = pl.col("raw").is_not_null() & pl.col("address").is_null() & pl.col("fault").is_null()
    new = answered.filter(is_new).select("raw", region="_region").unique()
    if new.height:
        read = _read_emails(new, workers) if kind == "email" else _read_each(kind, new, workers)
        if cache:
            _store(kind, cache, read)
        answered = _looked_up(asked, pl.concat([kept, read]))
    absent = pl.when(pl.col("raw").is_null()).then(pl.lit("absent"))
    return answered.select("_place", "address", fault=pl.coalesce(absent, "fault"))


def _looked_up(asked: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    return asked.join(
        kept.rename({"region": "_region"}), on=["raw", "_region"], how="left", nulls_equal=True, maintain_order="left"
    )


# ---- reading


def _read_emails(new: pl.DataFrame, workers: int) -> pl.DataFrame:
    """E-mail addresses: where the part before the @ is plain, the library need only see each distinct domain."""
    text = pl.col("raw").str.strip_chars(rules.EDGES)
    halves = new.with_columns(
        text.str.split_exact("@", 2).struct.rename_fields(["local", "domain", "third"]).alias("x")
    )
    plain = halves.unnest("x").filter(
        pl.col("third").is_null(),
        pl.col("domain").is_not_null(),
        pl.col("local").str.contains(_PLAIN_LOCAL),
        pl.col("local").str.len_bytes() <= _LONGEST_LOCAL,
    )
    domains = plain.select(pl.col("domain").unique())
    in_ascii = _read_each("domain", domains.select(raw="domain", region=pl.lit(None, pl.String)), workers)
    short = (
        plain.join(in_ascii.select(domain="raw", ascii="address"), on="domain")
        .filter(pl.col("ascii").is_not_null())
        .select("raw", "region", address=pl.concat_str("local", pl.lit("@"), "ascii"), fault=pl.lit(None, pl.String))
        .filter(pl.col("address").str.len_bytes() <= _LONGEST)
    )
    rest = new.join(short, on=KEY, how="anti", nulls_equal=True)
    return pl.concat([short, _read_each("email", rest, workers)])


def _read_each(kind: str, new: pl.DataFrame, workers: int) -> pl.DataFrame:
    """One call of a library per row, over processes where there are many."""
    raw, region = new["raw"].to_list(), new["region"].to_list()
    starts = range(0, len(raw), _CHUNK)
    chunks = [(kind, raw[start : start + _CHUNK], region[start : start + _CHUNK]) for start in starts]
    # a daemon, such as a Dask worker, may have no children
    alone = workers == 1 or len(raw) < WORTH_PROCESSES or multiprocessing.current_process().daemon
    read: list[list[rules.Reading]] = []
    if not alone:
        # a child that was killed, or a program that cannot be imported by one: the work is done here
        with contextlib.suppress(BrokenProcessPool):
            read = _over_processes(chunks, workers)
    read = read or [_read_chunk(chunk) for chunk in chunks]
    addresses, faults = zip(*chain.from_iterable(read), strict=True) if raw else ((), ())
    return new.select(*KEY, address=pl.Series(addresses, dtype=pl.String), fault=pl.Series(faults, dtype=pl.String))


def _over_processes(chunks: list[tuple[str, list[str], list[str | None]]], workers: int) -> list[list[rules.Reading]]:
    # spawned, not forked: Polars holds threads, and a fork of them may hang
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(chunks)), mp_context=spawn) as pool:
        return list(pool.map(_read_chunk, chunks))


def _read_chunk(chunk: tuple[str, list[str], list[str | None]]) -> list[rules.Reading]:
    kind, raw, region = chunk
    if kind == "phone":
        return [rules.read_phone(value, there) for value, there in zip(raw, region, strict=True)]
    if kind == "domain":
        return [(rules.read_domain(value), None) for value in raw]
    return [rules.read_email(value) for value in raw]


# ---- keeping: one file per kind, `<kind>-<version>-<digest of its bytes>.parquet`


def _load(kind: rules.Kind, cache: Path) -> pl.DataFrame:
    """What has been kept under these rules. A file that is not what its name says is read as if it were not there."""
    kept = [KEPT.to_frame()]
    for path in sorted(cache.glob(f"{kind}-{_version(kind)}-*.parquet")):
        with contextlib.suppress(OSError, pl.exceptions.PolarsError):
            content = path.read_bytes()
            if path.stem.rpartition("-")[2] == _digest(content):
                kept.append(pl.read_parquet(io.BytesIO(content)).select(KEPT.names()))
    # two files only after a kill between writing the one and removing the other
    return pl.concat(kept).unique(KEY) if len(kept) > 2 else kept[-1]


def _store(kind: rules.Kind, cache: Path, read: pl.DataFrame) -> None:
    """Add readings to what is kept, whole or not at all, whoever else does the same at the time."""
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache.chmod(0o700)
        with _locked(cache / "lock"):
            together = pl.concat([_load(kind, cache), read]).unique(KEY)
            content = io.BytesIO()
            together.write_parquet(content)
            name = f"{kind}-{_version(kind)}-{_digest(content.getvalue())}.parquet"
            _write(cache / f"{kind}.new", content.getvalue())
            (cache / f"{kind}.new").replace(cache / name)
            _sync(cache)
            for path in cache.glob(f"{kind}-*.parquet"):
                if path.name != name:
                    path.unlink()
    except OSError as error:
        what = f"the addresses read cannot be kept here ({error.strerror})"
        raise OutboxError(cache, what, "make the state folder writable, or free some space") from None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _version(kind: rules.Kind) -> str:
    return _digest(rules.VERSIONS[kind].encode())[:8]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
