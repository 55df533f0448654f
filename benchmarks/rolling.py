"""A rolling run against a full one: same data, same history, same instant, outputs compared.

    .venv/bin/python benchmarks/rolling.py [--customers 200000] [--active 0.01] [--telling] [--figures FILE]

It builds a sample warehouse of which all but a few customers have done nothing for a year: what they did is dated back. On
the first day everybody is read, and all is delivered. Overnight the few look at pages again, some of their names are
corrected where they stand, and complaints are deleted. The next day is run twice, each in a process of its own and from a
copy of the same state: in full, and rolling. Seconds are of whole processes, with their start; CPU seconds are of the process
and of those that it starts, and hold on a busy machine, too.

It is done for two workspaces: the sample where two of six segments say `tells_when_due`, and the sample where all six do.
`TELLING` is what their queries need for it: what waits for time is told of, and not left out.

Before a time is printed both runs must have written the same bytes for every target, and of each message target rows, claims,
keys and receipts have to be one number.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from benchmarks.line import cpu_seconds  # noqa: E402
from benchmarks.outputs import target_table, written  # noqa: E402
from flows import line  # noqa: E402
from flows.starting import start_workspace  # noqa: E402
from flows.workspace import load_workspace  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Collection

_IS_LATE = "expected_on is not null or promised_on < $as_of"
TELLING = {
    "running_low": {
        "bool_and(coalesce(delivered_at <= $now, false))": "bool_and(delivered_at is not null)",
        "(p.due_at - interval 7 days)::date as next_due_on": (
            "greatest((p.due_at - interval 7 days)::date, if(p.here_at > $now, $as_of + 1, null)) as next_due_on"
        ),
    },
    "delivered_recently": {
        "bool_and(coalesce(delivered_at <= $now, false))": "bool_and(delivered_at is not null)",
        "order by a.delivered_at desc, a.order_id": "order by a.delivered_at > $now, a.delivered_at desc, a.order_id",
        "k.order_id as subject_id,": (
            "k.order_id as subject_id,\n"
            "    if(k.delivered_at > $now, greatest($as_of + 1, k.delivered_at::date), null) as next_due_on,"
        ),
    },
    "comparing_items": {
        "    and coalesce(b.bought_at < u.first_viewed_at, true)": "    and true",
        "u.view_count\nfrom undecided": (
            "u.view_count,\n    if(coalesce(b.bought_at < u.first_viewed_at, true), null, $as_of + 1) as next_due_on\n"
            "from undecided"
        ),
    },
    "delayed_orders": {
        "min(promised_on) as promised_on": f"min(if({_IS_LATE}, promised_on, null)) as promised_on",
        "coalesce(expected_on >= $as_of, false)": "coalesce(expected_on >= $as_of, promised_on >= $as_of)",
        "max(loaded_at) as loaded_at": f"max(if({_IS_LATE}, loaded_at, null)) as loaded_at",
        f"and ({_IS_LATE})": "and true",
        "coalesce(t.expected_on, $as_of))) as late_days": (
            "coalesce(t.expected_on, $as_of))) as late_days,\n    if(t.promised_on is null, $as_of + 1, null) as next_due_on"
        ),
    },
    "open_returns": {
        "r.opened_at < $as_of                                      -- leaves out who was told how today\n    and ": "",
        "c.loaded_at as name_as_of\nfrom": (
            "c.loaded_at as name_as_of,\n    if(r.opened_at < $as_of, null, $as_of + 1) as next_due_on\nfrom"
        ),
    },
    "unfinished_baskets": {
        "\n        and b.left_at <= $now - interval 3 hours              -- leaves out who may still be shopping": "",
        "d.left_at,\n    r.customer_id is not null": (
            "d.left_at,\n    if(d.left_at <= $now - interval 3 hours, null, $as_of + 1) as next_due_on,\n"
            "    r.customer_id is not null"
        ),
    },
}
"""Segment -> what is written otherwise, so that what waits for time is told of, and not left out."""
SOME = ("delivered_recently", "running_low")
OWNERS = {"orders": "order_id", "baskets": "basket_id"}
"""Table -> the column by which rows of others lead to its people."""
LONG_AGO = 400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--active", type=float, default=0.01)
    parser.add_argument(
        "--state", type=Path, help="a state folder with a sample and its addresses, to take instead of building"
    )
    parser.add_argument("--telling", action="store_true", help="only where all segments that are read tell")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)  # what a process of its own measures
    parser.add_argument("--rolling", action="store_true", help=argparse.SUPPRESS)
    add_option(parser)
    asked = parser.parse_args()
    if asked.one:
        sys.stdout.write(json.dumps(measured(asked.one, rolling=asked.rolling)))
        return 0
    wrong, figures = [], []
    with tempfile.TemporaryDirectory(prefix="justenough-rolling-") as folder:
        base, day = prepared(Path(folder) / "sample", asked.customers, asked.active, asked.state)
        print(
            f"{told_machine()}\n{asked.customers:,} customers, {asked.active:.1%} of them active; settings: the sample's"
        )
        workspaces = (("the sample, two of six segments tell", SOME), ("all segments tell", tuple(TELLING)))
        for name, telling in workspaces[asked.telling :]:
            found = compared(base, day, telling)
            wrong += found["wrong"]
            if not found["wrong"]:
                print(f"\n{table(name, found)}", flush=True)
                share = found["rolling"]["cpu"] / found["full"]["cpu"]
                figures.append(Figure(f"{name}: rolling / full, CPU", share))
    write(asked.figures, figures)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def prepared(folder: Path, customers: int, active: float, state: Path | None) -> tuple[Path, date]:
    """A workspace with a sample of which few are active, and the day it is of."""
    start_workspace(folder)
    if state is None:
        run_apart(["-m", "flows.cli", "sample", "--customers", str(customers), "--workspace", str(folder)], {})
    else:
        for name in ("sample", "addresses"):
            shutil.copytree(state / name, folder / ".justenough" / name)
    (warehouse,) = (folder / ".justenough" / "sample").glob("*.duckdb")
    with duckdb.connect(str(warehouse)) as connection:
        fall_asleep(connection, active)
    run_apart(
        ["-m", "flows.cli", "plan", "--workspace", str(folder)], at(date.fromisoformat(warehouse.stem))
    )  # addresses
    shutil.rmtree(folder / ".justenough" / "plans")
    return folder, date.fromisoformat(warehouse.stem)


def let_tell(folder: Path, names: Collection[str]) -> None:
    """Write some segments of a workspace so that they tell when people come to be due."""
    for name in names:
        query, about = (folder / f"sql/segments/{name}.{kind}" for kind in ("sql", "yaml"))
        text = query.read_text("utf-8")
        for old, new in TELLING[name].items():
            assert old in text, f"{name}.sql has changed"
            text = text.replace(old, new)
        query.write_text(text, "utf-8")
        about.write_text(f"tells_when_due: true\n{about.read_text('utf-8')}", "utf-8")


def fall_asleep(connection: duckdb.DuckDBPyConnection, active: float) -> None:
    """Date back all that most customers have ever done."""
    connection.execute(
        "CREATE TABLE awake AS SELECT customer_id FROM customers "
        f"WHERE hash(customer_id, 'awake') % 10000 < {round(active * 10_000)}"
    )
    kinds = "SELECT table_name, column_name FROM duckdb_columns() WHERE data_type IN ('DATE', 'TIMESTAMP')"
    columns: dict[str, list[str]] = {}
    for table_name, column in connection.execute(kinds).fetchall():
        columns.setdefault(table_name, []).append(column)
    for table_name, dated in columns.items():
        has = {row[0] for row in connection.execute(f"DESCRIBE {table_name}").fetchall()}
        whose = "customer_id NOT IN (FROM awake)"
        if "customer_id" not in has:
            ways = [(owner, key) for owner, key in OWNERS.items() if key in has]
            if not ways:
                continue
            (owner, key), *_ = ways
            whose = f"{key} NOT IN (SELECT {key} FROM {owner} SEMI JOIN awake USING (customer_id))"
        set_back = ", ".join(f"{column} = {column} - INTERVAL {LONG_AGO} DAY" for column in dated)
        connection.execute(f"UPDATE {table_name} SET {set_back} WHERE {whose}")
    connection.execute("CHECKPOINT")


def overnight(connection: duckdb.DuckDBPyConnection, day: date) -> None:
    """What happens between the two days."""
    later = f"TIMESTAMP '{day}' + INTERVAL 1 DAY + INTERVAL 3 HOUR"
    connection.execute(
        f"INSERT INTO page_views SELECT * REPLACE (viewed_at + INTERVAL 1 DAY AS viewed_at, {later} AS loaded_at) "
        f"FROM page_views SEMI JOIN awake USING (customer_id) WHERE viewed_at >= DATE '{day}' - 2 AND viewed_at < DATE '{day}'"
    )
    connection.execute(
        f"UPDATE customers SET first_name = 'Nova', loaded_at = {later} "
        "WHERE customer_id IN (FROM awake) AND hash(customer_id) % 10 = 0"
    )
    connection.execute("DELETE FROM support_contacts WHERE customer_id IN (FROM awake) AND hash(customer_id) % 20 = 0")


def compared(base: Path, day: date, telling: Collection[str]) -> dict[str, Any]:
    """Both runs of the second day, where some segments tell; and where they are not the same."""
    folder = base.with_name("first")
    shutil.copytree(base, folder)
    let_tell(folder, telling)
    apart(folder, day, rolling=True)
    (warehouse,) = (folder / ".justenough" / "sample").glob("*.duckdb")
    with duckdb.connect(str(warehouse)) as connection:
        overnight(connection, day)
    shutil.rmtree(folder / "outbox")
    found: dict[str, Any] = {}
    for kind in ("full", "rolling"):
        place = base.with_name(kind) / folder.name
        shutil.copytree(folder, place)
        found[kind] = apart(place, day + timedelta(days=1), rolling=kind == "rolling")
        found[f"{kind} files"], found["targets"], wrong = written(place)
        found.setdefault("wrong", []).extend(wrong)
        shutil.rmtree(place)
    if found["full files"] != found["rolling files"]:
        found["wrong"].append("a rolling run and a full one have not written the same files")
    shutil.rmtree(folder)
    return found


def measured(folder: Path, *, rolling: bool) -> dict[str, Any]:
    """One run, in this process."""
    done = line.run(load_workspace(folder), line.Request(rolling=rolling))
    read = done.plan.order.rolling
    return {
        "cpu": cpu_seconds(),
        "candidates": sum(done.plan.candidates.values()),
        "people": done.plan.people_count,
        "read": read.model_dump() if read else None,
    }


def apart(folder: Path, day: date, *, rolling: bool) -> dict[str, Any]:
    """One run in a process of its own, at nine in the morning of a day."""
    began = time.perf_counter()
    printed = run_apart([__file__, "--one", str(folder), *(["--rolling"] if rolling else [])], at(day))
    return {"seconds": time.perf_counter() - began, **json.loads(printed)}


def run_apart(words: list[str], environment: dict[str, str]) -> str:
    known = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    known.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run([sys.executable, *words], env=known, check=True, stdout=subprocess.PIPE, text=True).stdout


def at(day: date) -> dict[str, str]:
    return {"JUSTENOUGH_NOW": f"{day}T09:00:00+00:00"}


def table(name: str, found: dict[str, Any]) -> str:
    """Both runs beside each other, what was delivered, and how much was read."""
    full, rolling = found["full"], found["rolling"]
    read = rolling["read"]
    lines = [f"{name:<40}{'seconds':>10}{'cpu':>10}{'of full':>10}{'cpu':>8}"]
    for kind, one in (("full", full), ("rolling", rolling)):
        shares = one["seconds"] / full["seconds"], one["cpu"] / full["cpu"]
        lines.append(f"{kind:<40}{one['seconds']:>10.2f}{one['cpu']:>10.2f}{shares[0]:>10.0%}{shares[1]:>8.0%}")
    lines.append(
        f"looked at {read['scope']:,} of {read['customers']:,} people in {', '.join(read['few']) or 'no segment'}"
    )
    lines.append(
        f"{rolling['candidates']:,} candidates, {rolling['people']:,} get something; files are the same, byte for byte"
    )
    return "\n".join([*lines, target_table(found["targets"])])


if __name__ == "__main__":
    sys.exit(main())
