"""What the budgets of channels cost and bring: prices against the exact linear programme and against greedy ways, and their time.

    .venv/bin/python benchmarks/prices.py [--customers 10000000] [--exact 20000] [--figures FILE]

What is timed is what a run does: from the files of its parts to the prices, and from those to the channel of each message. The
exact programme is solved by HiGHS (scipy, extra `judges`), of a size that it can, and for the scores as they are, which prices
round to millionths. Shares are of its optimum. What is recorded of the time is how many times as long it takes as Polars to
read the same files and to sort their messages by worth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import polars_hash as plh
from scipy.optimize import linprog
from scipy.sparse import coo_array

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from flows.prices import WORTH  # noqa: E402
from flows.stages.budgets import Priced, priced, tallied  # noqa: E402

BRAND, CHANNELS, PART = "nordtal", ("push", "email", "sms"), 500_000
SHARES = {"push": 0.20, "email": 0.25, "sms": 0.10}
"""What each channel has room for, of all customers: a little over half of them are told."""
LOSES = 0.01
"""The share of its worth that a message loses with each channel that it passes over."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--exact", type=int, default=20_000)
    add_option(parser)
    asked = parser.parse_args()
    print(told_machine())
    figures = []
    for count in (asked.exact, asked.customers):
        for kind in ("scores apart", "scores alike"):
            with tempfile.TemporaryDirectory() as folder:
                files = _write(Path(folder), count, is_coarse=kind == "scores alike")
                figures.append(_report(files, count, kind, is_exact=count == asked.exact))
    write(asked.figures, figures)


def _write(folder: Path, count: int, *, is_coarse: bool) -> list[Path]:
    """Messages of customers who can be reached by one to three channels, in each order, in parts."""
    rng = np.random.default_rng(20261126)
    ways = [",".join(way) for many in (1, 2, 3) for way in permutations(CHANNELS, many)]
    files = []
    for begin in range(0, count, PART):
        size = min(PART, count - begin)
        score = 1 / (1 + np.exp(-rng.normal(0, 1, size)))
        known = {"decision_id": [str(place) for place in range(begin, begin + size)]}
        rows = pl.DataFrame({**known, "score": np.round(score, 2) + 0.01 if is_coarse else score}).with_columns(
            plh.col("decision_id").chash.sha2_256(),
            pl.Series("ways", ways).gather(rng.integers(0, len(ways), size)),
            lane=pl.lit("first"),
            brand=pl.lit(BRAND),
            worth=(pl.col("score") * WORTH).round().cast(pl.Int64),
        )
        files.append(folder / f"{begin // PART:04}.parquet")
        rows.write_parquet(files[-1])
    return files


def _report(files: list[Path], count: int, kind: str, *, is_exact: bool) -> Figure:
    room = {name: int(share * count) for name, share in SHARES.items()}
    begun, used = time.perf_counter(), time.process_time()
    found = priced(pl.scan_parquet(files), BRAND, room, {})
    solved = time.perf_counter()
    tally = (
        pl.concat([tallied(found.on(pl.read_parquet(file))) for file in files])
        .group_by("channel")
        .agg(pl.col("planned").sum())
    )
    ended, used = time.perf_counter(), time.process_time() - used
    planned = dict(tally.select("channel", "planned").iter_rows())
    if found.solved.gap >= 1e-3 or any(planned[name] > room[name] for name in room):
        raise SystemExit(f"gap {found.solved.gap}, {planned} of {room}")
    print(f"{count:,} customers x {len(CHANNELS)} channels in {len(files)} parts, {kind}:")
    print(f"  {ended - begun:.2f} s, gap {found.solved.gap:.1e}")
    print(f"  prices {solved - begun:.2f} s, who goes where {ended - solved:.2f} s; {used:.2f} s of processors")
    used_up = [f"{name} {planned[name]:,} of {room[name]:,} at {found.solved.prices[name]:.4f}" for name in room]
    print(f"  {', '.join(used_up)}")
    if is_exact:
        return Figure(f"{count:,}, {kind}: prices / optimum", _compared(files, found, room), "higher")
    begun_sorting = time.perf_counter()
    pl.scan_parquet(files).select("ways", "worth").sort("ways", "worth").collect()
    times = (ended - begun) / (time.perf_counter() - begun_sorting)
    print(f"  {times:.1f} times as long as Polars reads and sorts them")
    return Figure(f"{count:,}, {kind}: prices / sorting", times)


def _compared(files: list[Path], found: Priced, room: dict[str, int]) -> float:
    """Prices and greedy ways as shares of the optimum; returned is that of prices."""
    rows = pl.concat([pl.read_parquet(file) for file in files])
    people = sorted(
        ((score, ways.split(",")) for score, ways in rows.select("score", "ways").iter_rows()), reverse=True
    )
    begun = time.perf_counter()
    most = _exact(people, room)
    print(f"  the exact programme: {time.perf_counter() - begun:.2f} s")
    reached = _reached(rows.join(found.on(rows).select("decision_id", goes="channel"), on="decision_id"))
    shares = {
        "prices": reached,
        "greedy, the best first": _greedy(people, room),
        "first choice, then cut": _cut(people, room),
    }
    for name, value in shares.items():
        print(f"  {name}: {value / most:.6f} of the optimum")
    return reached / most


def _reached(rows: pl.DataFrame) -> float:
    """What those who go are worth."""
    gone = rows.drop_nulls("goes")
    worth: list[float] = [
        score * (1 - LOSES * ways.split(",").index(goes))
        for score, ways, goes in gone.select("score", "ways", "goes").iter_rows()
    ]
    return sum(worth)


def _greedy(people: list[tuple[float, list[str]]], room: dict[str, int]) -> float:
    """Person by person, the most valuable first, each by the first channel that has room."""
    left, value = dict(room), 0.0
    for score, ways in people:
        for passed, way in enumerate(ways):
            if left[way]:
                left[way] -= 1
                value += score * (1 - LOSES * passed)
                break
    return value


def _cut(people: list[tuple[float, list[str]]], room: dict[str, int]) -> float:
    """Everybody by their first channel, of which the most valuable stay."""
    return sum(sum([score for score, ways in people if ways[0] == name][:most]) for name, most in room.items())


def _exact(people: list[tuple[float, list[str]]], room: dict[str, int]) -> float:
    names = list(room)
    pairs = [(person, passed, way) for person, (_, ways) in enumerate(people) for passed, way in enumerate(ways)]
    gains = np.array([people[person][0] * (1 - LOSES * passed) for person, passed, _ in pairs])
    rows = [person for person, *_ in pairs] + [len(people) + names.index(way) for *_, way in pairs]
    columns = [*range(len(pairs)), *range(len(pairs))]
    taken = coo_array((np.ones(len(rows)), (rows, columns)), (len(people) + len(names), len(pairs)))
    most = np.concatenate([np.ones(len(people)), [room[name] for name in names]])
    done = linprog(-gains, A_ub=taken.tocsr(), b_ub=most, method="highs")
    if done.status:
        raise SystemExit(done.message)
    return float(-done.fun)


if __name__ == "__main__":
    main()
