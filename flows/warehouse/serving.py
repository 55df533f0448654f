"""The child of `sessions`: one DuckDB after the other, asked by the parent through pipes. It is run as a file, by itself.

A question is a pickled tuple after its length; `open` asks for nothing but whether this process is there. An answer is any
number of parts, each one letter, its length and itself: `R` some rows as a stream of Arrow, `V` values as JSON, `K` which column
is of a kind that nobody here can read, `E` what DuckDB said of an error; and `.` at the end of each answer.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import struct
import sys
import threading
from typing import IO

import duckdb
import pyarrow as pa

BATCH_ROWS = 100_000


def main() -> None:
    """Answer until nobody asks any more."""
    os.umask(0o077)  # what does not fit into memory
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    threading.Thread(target=_leave_with_the_parent, args=(questions.fileno(),), daemon=True).start()
    connection = duckdb.connect()  # for the first who asks
    while question := questions.read(4):
        act, *given = pickle.loads(questions.read(*struct.unpack(">I", question)))  # noqa: S301  (our own parent's)
        try:
            if act == "close":
                connection.close()
            elif act == "load":
                _load(connection, *given)
            elif act == "execute":
                _send(answers, b"V", json.dumps(connection.execute(*given).fetchall(), default=str).encode())
            elif act == "query":
                _query(connection, answers, *given)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            _send(answers, b"E", str(error).encode())
        _send(answers, b".", b"")
        if act == "close":
            connection = duckdb.connect()  # for the next, while nobody waits: it takes 14 ms


def _load(connection: duckdb.DuckDBPyConnection, table: str, rows: bytes) -> None:
    connection.register("rows", pa.ipc.open_stream(rows).read_all())
    connection.execute(f"CREATE TABLE {table} AS FROM rows")
    connection.unregister("rows")


def _query(
    connection: duckdb.DuckDBPyConnection, answers: IO[bytes], statement: str, parameters: dict[str, object]
) -> None:
    """Send rows as they come, each part a stream of its own, so that an error can follow; at least the columns."""
    reader = connection.sql(statement, params=parameters or None).to_arrow_reader(BATCH_ROWS)
    for field in reader.schema:
        if pa.types.is_interval(field.type) or pa.types.is_union(field.type):  # Polars has no such kinds, and panics
            _send(answers, b"K", f"the column '{field.name}' is of a kind that cannot be read ({field.type})".encode())
            return
    is_first = True
    for batch in reader:
        _send(answers, b"R", _stream(_plain(batch)))
        is_first = False
    if is_first:
        empty = [pa.nulls(0, field.type) for field in reader.schema]  # `from_pylist` imports pandas, for 0.2 s
        _send(answers, b"R", _stream(_plain(pa.RecordBatch.from_arrays(empty, schema=reader.schema))))


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Texts instead of ENUMs: DuckDB leaves any number where one is null, at which Polars stumbles."""
    columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _stream(batch: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _send(answers: IO[bytes], kind: bytes, content: bytes | pa.Buffer) -> None:
    answers.write(kind + struct.pack(">Q", len(content)))
    answers.write(content)
    answers.flush()


def _leave_with_the_parent(questions: int) -> None:
    """A query that is under way ends, too, when the parent is gone."""
    watched = select.poll()
    watched.register(questions, 0)  # only that nobody holds the other end
    watched.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
