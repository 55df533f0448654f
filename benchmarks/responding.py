"""What an answer to events takes: one customer end to end, and a flood of events from many files.

    .venv/bin/python benchmarks/responding.py [--customers 20000] [--events 10000] [--files 100] [--over 30] [--times 5]
        [--figures FILE]

The workspace is the sample; the day before everybody was delivered to. One customer is somebody who gets something that day,
each time another one: in a process that is up already (with reading the workspace anew), by the clock and by the processors that
all its processes use, and as a command with the start of its process. The floor is DuckDB alone that is asked the same segments
of everybody, so that it grows with them. Beside it stands a warehouse of a tenth of the customers: an answer should not grow.

The flood comes in files over some seconds; `justenough respond` is called as long as anything waits, as a schedule would. Before
a time is printed each event has to be answered once, and nobody may have two decisions of marketing, or the same help twice.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from flows import line  # noqa: E402
from flows.clock import moment  # noqa: E402
from flows.line.segments import live_segments  # noqa: E402
from flows.starting import start_workspace  # noqa: E402
from flows.warehouse.queries import parameters  # noqa: E402
from flows.warehouse.sessions import cpu_seconds  # noqa: E402
from flows.workspace import load_workspace  # noqa: E402

HEADER = "event_id,happened_at,event,customer_id,channel\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--over", type=float, default=30, help="seconds in which they come")
    parser.add_argument("--times", type=int, default=5)
    add_option(parser)
    asked = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory(prefix="justenough-responding-") as folder:
        print(f"{told_machine()}; the least of {asked.times}\n")
        print(f"{'customers':>10}{'one customer':>15}{'of processors':>15}{'as a command':>15}{'floor':>15}")
        for customers in (max(asked.customers // 10, 2_000), asked.customers):
            bench = Bench(Path(folder) / str(customers), customers)
            (up, used, command), floor = bench.one(asked.times), bench.floor(asked.times)
            print(f"{customers:>10,}" + "".join(f"{took:>13.2f} s" for took in (up, used, command, floor)), flush=True)
            figures.append(Figure(f"one of {customers:,} customers / floor", up / floor))
        found = bench.flood(asked.events, asked.files, asked.over)
    print(
        f"\n{asked.events:,} events in {asked.files} files over {asked.over:g} s: {found['runs']} runs, the last answer",
        end=" ",
    )
    print(f"{found['seconds']:.1f} s after the first event; {found['people']:,} people got something")
    print("\n".join(found["wrong"]), file=sys.stderr)
    if not found["wrong"]:
        write(asked.figures, figures)
    return 1 if found["wrong"] else 0


class Bench:
    """A workspace of the sample on the day after its first."""

    def __init__(self, folder: Path, customers: int) -> None:
        self.folder = folder
        start_workspace(folder)
        self.inbox = folder / ".justenough/inbox/events"
        self._call("sample", "--customers", str(customers))
        (self.warehouse,) = (folder / ".justenough/sample").glob("*.duckdb")
        first = date.fromisoformat(self.warehouse.stem)
        self._at(first)
        self._call("run")
        self._at(first + timedelta(days=1))
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            rows = connection.execute("SELECT customer_id FROM customers ORDER BY customer_id").fetchall()
        self.everybody = sorted({row[0] for row in rows})
        plan = json.loads(self._call("plan", "--json"))["order"]["run_id"]
        decided = pl.read_parquet(folder / f".justenough/plans/{plan}/decisions/*.parquet")
        self.due = sorted(decided.filter(pl.col("reason").is_null())["customer_id"].unique())
        self.told = 0

    def one(self, times: int) -> tuple[float, float, float]:
        """Seconds of an answer to one customer: in this process, of the processors then, and as a command."""
        up, used, command = [], [], []
        for _ in range(times):
            file = self._file(self.folder / "one.csv", [self.due[self.told]])
            began, before = time.perf_counter(), _used()
            done = line.respond(load_workspace(self.folder), [file])
            up.append(time.perf_counter() - began)
            used.append(_used() - before)
            if done.plan is None or done.plan.people_count != 1:
                raise SystemExit("whom the event names did not get what is due")
            file = self._file(self.folder / "one.csv", [self.due[self.told]])
            began = time.perf_counter()
            self._call("respond", str(file))
            command.append(time.perf_counter() - began)
        return min(up), min(used), min(command)

    def floor(self, times: int) -> float:
        """Seconds that DuckDB takes for the segments of everybody, in this process, with the warehouse open."""
        workspace = load_workspace(self.folder)
        now = moment(None, workspace.settings.zone)
        took = []
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            for _ in range(times):
                began = time.perf_counter()
                for name in live_segments(workspace, now.as_of):
                    text = workspace.queries.segments[name]
                    connection.execute(text, parameters(text, now)).fetchall()
                took.append(time.perf_counter() - began)
        return min(took)

    def flood(self, events: int, files: int, over: float) -> dict[str, Any]:
        """Answer a flood as it comes, and look at what came of it."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        runs, each = 0, -(-events // files)
        began = time.perf_counter()

        def come() -> None:
            for number in range(files):
                customers = [
                    self.everybody[n * 7 % len(self.everybody)] for n in range(number * each, (number + 1) * each)
                ]
                self._file(self.inbox / f".{number:04}.csv", customers).rename(self.inbox / f"{number:04}.csv")
                time.sleep(over / files)

        coming = threading.Thread(target=come)
        coming.start()
        while coming.is_alive() or any(self.inbox.glob("[!.]*.csv")):
            if any(self.inbox.glob("[!.]*.csv")):
                self._call("respond")
                runs += 1
            else:
                time.sleep(0.1)
        seconds = time.perf_counter() - began
        with duckdb.connect(str(self.folder / ".justenough/ledger.duckdb"), read_only=True) as ledger:
            wrong = _wrong(ledger, self.told)
            count = "SELECT count(DISTINCT person_key) FROM claim WHERE as_of = (SELECT max(as_of) FROM claim)"
            people = ledger.execute(count).fetchall()[0][0]
        return {"runs": runs, "seconds": seconds, "people": people, "wrong": wrong}

    def _file(self, path: Path, customers: list[str]) -> Path:
        happened_at = datetime.fromisoformat(os.environ["JUSTENOUGH_NOW"]).strftime("%Y-%m-%dT%H:%M:%SZ")
        names = ("app", "site", "store", "email", "")
        rows = [
            f"e{self.told + n},{happened_at},page_of_help_opened,{customer},{names[n % 5]}\n"
            for n, customer in enumerate(customers)
        ]
        path.write_text(HEADER + "".join(rows), "utf-8")
        self.told += len(customers)
        return path

    @staticmethod
    def _at(day: date) -> None:
        os.environ["JUSTENOUGH_NOW"] = datetime.combine(day, clock_time(9), UTC).isoformat()

    def _call(self, *words: str) -> str:
        command = [sys.executable, "-m", "flows.cli", *words, "--workspace", str(self.folder)]
        own = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
        if done.returncode not in {0, 3}:
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


def _used() -> float:
    """Seconds of the processor of this process and its children, those that have ended included."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    of_threads = [file.read_text("ascii") for file in Path("/proc/self/task").glob("*/children")]
    going_on = [int(child) for children in of_threads for child in children.split()]
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(cpu_seconds, going_on))


def _wrong(ledger: duckdb.DuckDBPyConnection, told: int) -> list[str]:
    """What may not be."""
    several = "SELECT count(*) FROM (SELECT 1 FROM {} HAVING count(*) > 1)"
    asked = {
        "events that were not answered": f"SELECT {told} - count(DISTINCT event_id) FROM event",
        "events that were answered twice": several.format("event GROUP BY event_id"),
        "helps that were sent twice": several.format("claim GROUP BY person_key, brand, product, subject_key, lane"),
        "people with two decisions of marketing on a day": several.format(
            "(SELECT DISTINCT person_key, brand, as_of, decision_id FROM decision WHERE message_type = 'marketing') "
            "GROUP BY person_key, brand, as_of"
        ),
    }
    found = {what: ledger.execute(query).fetchall()[0][0] for what, query in asked.items()}
    return [f"{count} {what}" for what, count in found.items() if count]


if __name__ == "__main__":
    raise SystemExit(main())
