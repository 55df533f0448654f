"""Files that tell of outcomes, and what is wrong with them. The numbers are those of `catalogue.py`."""

from __future__ import annotations

import gzip
import io
import os
from contextlib import suppress

import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.adapters import FILE, adapters, shape_of
from flows.errors import DataError, SourceError
from flows.incoming import MOST_COLUMNS, MOST_LINE_BYTES, read_incoming

HEADER = "event_id,happened_at,outcome,customer_id,message_id,value,channel\n"
AT = "2026-11-22T10:00:00Z"
ANN = "Ann-Kanarie"
GOOD = f"{HEADER}e1,{AT},visited,{ANN},,,web\ne2,{AT},ordered,{ANN},,12.5,\n"
ROWS = {
    "event_id": ["e1", "e2"],
    "happened_at": [AT, AT],
    "outcome": ["visited", "ordered"],
    "customer_id": [ANN, ANN],
    "message_id": [None, None],
    "value": [None, "12.5"],
    "channel": ["web", None],
}


NAIVE = pl.col("happened_at").str.to_datetime(time_zone="UTC").dt.replace_time_zone(None)
NO_INSTANT = "this one because its happened_at is none"
WIDE = {f"c{n}": [1] for n in range(600)}
OTHER_KINDS = (pl.col("customer_id", "outcome").cast(pl.Categorical), pl.col("value").cast(pl.Float64))


def read(tmp_path, content, name="told.csv", shape=FILE):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_incoming(file, shape)


def parquet(frame):
    into = io.BytesIO()
    (pl.DataFrame(frame) if isinstance(frame, dict) else frame).write_parquet(into)
    return into.getvalue()


def bad(number, name, content, line, what):
    return pytest.param(content, line, what, marks=pytest.mark.bad_input(number), id=f"{number}-{name}")


def cells(**other):
    """A row of CSV with other values."""
    found = {
        "event_id": "e9",
        "happened_at": AT,
        "outcome": "visited",
        "customer_id": ANN,
        "message_id": "",
        "value": "",
        "channel": "",
    }
    return ",".join({**found, **other}.values()) + "\n"


REFUSED = [
    bad(63, "header_only", HEADER, 1, "there is no row in this file"),
    bad(64, "no_header", f"e1,{AT},visited,{ANN},{'a' * 64},1,web\n", 1, "the header has no column event_id"),
    bad(65, "spelling", GOOD.replace("outcome", "Outcome"), 1, "the header has 'outcome' in another spelling"),
    bad(65, "blank_beside", GOOD.replace("event_id,", "event_id ,"), 1, "the header has 'event_id' in another spelling"),
    bad(66, "doubled", GOOD.replace("channel", "value"), 1, "the header names a column twice"),
    bad(68, "latin_1", f"{GOOD}é".encode("latin-1"), 4, "this is not UTF-8"),
    bad(70, "cr", GOOD.replace("\n", "\r"), 1, "its lines end as old Macs ended them"),
    bad(71, "cut", f"{GOOD}e3,{AT},vis", 4, "this file is cut short"),
    bad(71, "parquet", parquet(ROWS)[:-9], 0, "this is not Parquet, or cut short"),
    bad(72, "quote", f'{GOOD}e3,"{AT}\n', 4, "this is not CSV: unexpected end of data"),
    bad(73, "missing", "event_id,outcome\ne1,visited\n", 1, "the header has no column happened_at"),
    bad(74, "semicolons", GOOD.replace(",", ";"), 1, "its columns are parted by ';'"),
    bad(76, "long_line", f"{GOOD}{'x' * 2_000_000}\n", 4, f"this line has more than {MOST_LINE_BYTES:,} bytes"),
    bad(87, "columns", ",".join(f"c{n}" for n in range(20_000)), 1, f"this file has 20,000 columns, and {MOST_COLUMNS} are read"),
    bad(87, "parquet_columns", parquet(WIDE), 1, f"this file has 600 columns, and {MOST_COLUMNS} are read"),
    bad(92, "nan", '{"event_id": "e1", "value": NaN}\n', 1, "there is NaN in it, which is not JSON"),
    bad(93, "doubled_key", '{"event_id": "e1", "event_id": "e2"}\n', 1, "a key stands twice"),
    bad(95, "nested", f'{{"event_id": {"[" * 100_000}\n', 1, "this is nested too deeply"),
    bad(97, "cut_object", '{"event_id": "e1"', 1, "this is no JSON object, or cut short"),
    bad(84, "no_zone", GOOD.replace("Z", ""), 2, f"2 of 2 rows cannot be read; {NO_INSTANT}"),
    bad(84, "parquet_no_zone", parquet(pl.DataFrame(ROWS).with_columns(NAIVE)), 1, f"2 of 2 rows cannot be read; {NO_INSTANT}"),
    bad(73, "parquet_lists", parquet({**ROWS, "customer_id": [["a"], ["b"]]}), 0, "its column customer_id is no text"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "line", "what"), REFUSED)
def test_a_file_of_which_it_is_not_clear_that_it_is_whole_is_refused_and_nobody_named(tmp_path, content, line, what):
    refusal = read(tmp_path, content).refusal
    assert isinstance(refusal, DataError)
    assert (refusal.where, refusal.what, refusal.exit_code) == (f"told.csv:{line}", what, 1)
    assert refusal.hint
    assert ANN not in str(refusal)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param(b"", "this file is empty", marks=pytest.mark.bad_input(62)),
        pytest.param(b"\xef\xbb\xbf \r\n", "this file is empty", marks=pytest.mark.bad_input(62)),
        pytest.param(gzip.compress(b"0" * 10**6), "this file is packed (gzip)", marks=pytest.mark.bad_input(77)),
    ],
)
def test_what_is_no_file_of_outcomes_is_not_looked_into(tmp_path, content, what):
    with pytest.raises(SourceError) as refused:
        read(tmp_path, content)
    assert refused.value.what == what


@pytest.mark.bad_input(77)
def test_parquet_is_packed_where_only_text_is_asked_for(tmp_path):
    with pytest.raises(SourceError, match="this file is packed"):
        read(tmp_path, parquet(ROWS), shape=adapters()["ses"].shape)


WRONG = [
    ("its event_id is none", {"event_id": "x" * 3000}),
    ("it has no event_id", {"event_id": ""}),
    ("its happened_at is none", {"happened_at": "22.11.2026"}),
    ("its outcome is none", {"outcome": "C0000018"}),
    ("its outcome is none", {"outcome": "Ann@example.com"}),
    ("its message_id is none", {"message_id": "0012"}),
    ("its value is none", {"value": "=1+1"}),
    ("its value is none", {"value": "inf"}),
    ("its channel is none", {"channel": "e-mail"}),
    ("its customer_id has a NUL or half a character in it", {"customer_id": "a\0b"}),
]


@pytest.mark.bad_input(69, 73, 78, 88)
@pytest.mark.parametrize(("why", "other"), WRONG)
def test_a_row_that_cannot_be_right_is_left_out_and_told_by_its_line(tmp_path, why, other):
    found = read(tmp_path, GOOD + cells(**other))
    assert (found.refusal, found.count, found.bad, found.places) == (None, 2, 1, [(4, why)])


@pytest.mark.bad_input(65, 67, 78, 94, 97)
@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n"),
        GOOD.removesuffix("\n"),
        parquet(ROWS),
        parquet(pl.DataFrame(ROWS).select(*reversed(ROWS), other=1)),
        parquet(pl.DataFrame(ROWS).with_columns(*OTHER_KINDS)),
    ],
    ids=["as_it_should_be", "mark", "windows", "no_last_end", "parquet", "another_order", "other_kinds"],
)  # fmt: skip
def test_what_can_be_read_is_read_by_its_names(tmp_path, content):
    found = read(tmp_path, content)
    assert (found.refusal, found.bad, found.rows) == (None, 0, ROWS)
    assert found.lines == ([1, 2] if content[:4] == b"PAR1" else [2, 3])


@pytest.mark.bad_input(78, 94)
def test_numbers_of_parquet_and_json_stay_the_text_that_they_are(tmp_path):
    ids = [98765432109876543, 12]
    found = read(tmp_path, parquet(pl.DataFrame(ROWS).with_columns(customer_id=pl.Series(ids))))
    assert found.rows["customer_id"] == ["98765432109876543", "12"]
    more = f'"happened_at": "{AT}", "outcome": "visited"'
    lines = f'{{"event_id": 98765432109876543210, {more}, "customer_id": 12, "value": 1E5}}\n'
    found = read(tmp_path, lines)
    assert (found.rows["event_id"], found.rows["customer_id"], found.rows["value"]) == (
        ["98765432109876543210"],
        ["12"],
        ["1E5"],
    )


@pytest.mark.bad_input(77)
@pytest.mark.slow
def test_parquet_that_unpacks_without_end_is_refused_and_eats_alone(tmp_path):
    many = pa.table({"event_id": pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_000, pa.int8()), ["e" * 900])})
    for name in ("happened_at", "outcome", "customer_id"):
        many = many.append_column(name, many["event_id"])
    pa.parquet.write_table(many, tmp_path / "bomb", compression="zstd")
    assert (tmp_path / "bomb").stat().st_size < 2 * 10**6  # seven gigabytes
    with pytest.raises(DataError, match="this file takes"):
        read_incoming(tmp_path / "bomb", FILE)


@pytest.mark.bad_input(90)
def test_a_manifest_that_is_no_plain_file_refuses_its_file(tmp_path):
    os.mkfifo(tmp_path / "told.csv.manifest.json")
    assert read(tmp_path, GOOD).refusal.what == "this is not a plain file"


HOSTILE = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=60).map(lambda junk: GOOD.encode() + junk),
    st.binary(max_size=60).map(lambda junk: parquet(ROWS)[:300] + junk + parquet(ROWS)[300:]),
    st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)).map(
        lambda at: parquet(ROWS)[: at[0]] + at[1] + parquet(ROWS)[at[0] + len(at[1]) :]
    ),
)


@pytest.mark.property
@pytest.mark.bad_input(90)
@given(HOSTILE, st.sampled_from([None, *adapters()]))
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_bytes_end_the_program_that_reads_them(tmp_path, content, adapter):
    with suppress(SourceError, DataError):
        found = read(tmp_path, content, shape=shape_of(adapter))
        assert found.count == len(found.lines)
