"""The child of `probing`: looks at one statement after the other. It is run as a file, by itself."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import date, datetime

import duckdb


def main() -> None:
    """Say the name of each statement before it is looked at, and an empty line in the end; others keep the time."""
    work = json.loads(sys.stdin.readline())
    given = {"as_of": date.fromisoformat(work["given"]["as_of"]), "now": datetime.fromisoformat(work["given"]["now"])}
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET enable_external_access = false; SET memory_limit = '200MB'")
    for statement in [made for _, made in work["tables"]] + work["macros"]:
        with suppress(duckdb.Error):
            connection.execute(statement)
    for name, (text, table) in work["statements"]:
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        parameters = {key: value for key, value in given.items() if f"${key}" in text}
        making = f'CREATE TABLE "{table}" AS SELECT * FROM ({text}\n) LIMIT 0' if table else f"EXPLAIN {text}"
        with suppress(duckdb.Error):  # it is told when it is bound
            connection.execute(making, parameters)
    sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
