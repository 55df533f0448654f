"""Files that somebody else wrote, and what is wrong with them: here those that tell of single messages.

The numbers are those of `catalogue.py`.
"""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from flows import line
from flows.errors import DataError, SourceError, StateError
from flows.incoming import MOST_COLUMNS, MOST_LINE_BYTES, Shape, read_incoming, read_with
from flows.line.acknowledging import FILE, Acknowledged
from flows.line.listing import LIST
from tests.tiny import MORNING, clock, make

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
TOO_FEW = "this one because it has 2 fields, and the header 3"
HEADER = "message_id,state,reason\n"
GOOD = f"{HEADER}{A},sent,\n{B},failed,mailbox full\n"


def read(tmp_path, content, shape=FILE):
    file = tmp_path / "told.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_incoming(file, shape)


def packed() -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("told.csv", GOOD)
    return into.getvalue()


def bad(number: int, name: str, content: str | bytes, line: int, what: str) -> object:
    return pytest.param(content, line, what, marks=pytest.mark.bad_input(number), id=f"{number}-{name}")


REFUSED = [
    bad(63, "header_only", HEADER, 1, "there is no row in this file"),
    bad(64, "no_header", f"{A},sent,\n{B},failed,\n", 1, "the header has no column message_id"),
    bad(66, "doubled", f"message_id,state,state\n{A},sent,failed\n", 1, "the header names a column twice"),
    bad(66, "doubled_stranger", f"message_id,x,x\n{A},1,2\n", 1, "the header names a column twice"),
    bad(65, "spelling", f"message_id,State\n{A},sent\n", 1, "the header has 'state' in another spelling"),
    bad(68, "latin_1", f"{GOOD}{C},failed,voll für immer\n".encode("latin-1"), 4, "this is not UTF-8"),
    bad(68, "utf_16", GOOD.encode("utf-16"), 1, "this is not UTF-8"),
    bad(68, "utf_16_unmarked", GOOD.encode("utf-16-le"), 1, "the header has no column message_id"),
    bad(70, "cr", GOOD.replace("\n", "\r"), 1, "its lines end as old Macs ended them"),
    bad(71, "cut_row", f"{GOOD}{C}", 4, "this file is cut short"),
    bad(71, "cut_state", f"message_id,state\n{A},sent\n{B},fai", 3, "this file is cut short"),
    bad(71, "cut_id", f"{A}\n{B}\n{C[:30]}", 3, "this file is cut short"),
    bad(72, "open_quote", f'{GOOD}{C},failed,"full\n{A},sent,\n', 5, "this is not CSV: unexpected end of data"),
    bad(74, "semicolons", GOOD.replace(",", ";"), 1, "its columns are parted by ';'"),
    bad(74, "tabs", GOOD.replace(",", "\t"), 1, "its columns are parted by '\\t'"),
    bad(75, "long_field", f"{GOOD}{C},failed,{'x' * 200_000}\n", 4, "this is not CSV: field larger than field limit (131072)"),
    bad(76, "long_line", f"{GOOD}{C},failed,{'x' * 60_000_000}\n", 4, f"this line has more than {MOST_LINE_BYTES:,} bytes"),
    bad(87, "columns", ",".join(f"c{n}" for n in range(20_000)), 1, f"this file has 20,000 columns, and {MOST_COLUMNS} are read"),
    bad(92, "nan", f'{{"message_id": "{A}", "state": NaN}}\n', 1, "there is NaN in it, which is not JSON"),
    bad(93, "doubled_key", f'{{"message_id": "{A}", "state": "sent", "state": "failed"}}\n', 1, "a key stands twice"),
    bad(95, "nested", f'{{"message_id": {"[" * 100_000}\n', 1, "this is nested too deeply"),
    bad(97, "cut_object", f'{{"message_id": "{A}"}}\n{{"message_id": "{B}', 2, "this is no JSON object, or cut short"),
    bad(73, "many_bad", f"{HEADER}{A},sent\n{B},sent,,\n{C},sent,\n", 2, f"2 of 3 rows cannot be read; {TOO_FEW}"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "line", "what"), REFUSED)
def test_a_file_of_which_it_is_not_clear_that_it_is_whole_is_refused_with_its_line(tmp_path, content, line, what):
    refusal = read(tmp_path, content).refusal
    assert isinstance(refusal, DataError)
    assert (refusal.where, refusal.what, refusal.exit_code) == (f"told.csv:{line}", what, 1)
    assert refusal.hint
    assert not [text for text in (A, B, C, "mailbox", "voll") if text in str(refusal)]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param(b"", "this file is empty", marks=pytest.mark.bad_input(62)),
        pytest.param(b" \n\n", "this file is empty", marks=pytest.mark.bad_input(62)),
        pytest.param(gzip.compress(b"0" * 10**7), "this file is packed (gzip)", marks=pytest.mark.bad_input(77)),
        pytest.param(packed(), "this file is packed (zip)", marks=pytest.mark.bad_input(77)),
        pytest.param(b"PAR1" + b"\0" * 99, "this file is packed (Parquet)", marks=pytest.mark.bad_input(77)),
    ],
)
def test_what_is_no_text_is_not_looked_into(tmp_path, content, what):
    with pytest.raises(SourceError) as refused:
        read(tmp_path, content)
    assert (refused.value.where, refused.value.what) == ("told.csv", what)


@pytest.mark.bad_input(90)
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "device", "nothing"])
def test_only_a_plain_file_is_opened(tmp_path, kind):
    (tmp_path / "elsewhere").write_text(GOOD)
    place = tmp_path / "told.csv"
    made = {
        "link": lambda: place.symlink_to(tmp_path / "elsewhere"),
        "pipe": lambda: os.mkfifo(place),
        "folder": place.mkdir,
        "device": lambda: None,
        "nothing": lambda: None,
    }
    made[kind]()
    with pytest.raises(SourceError) as refused:
        read_incoming(tmp_path / "/dev/null" if kind == "device" else place, FILE)
    said = {
        "link": "this file cannot be read (it is a link)",
        "nothing": "this file cannot be read (No such file or directory)",
    }
    assert refused.value.what == said.get(kind, "this is not a plain file")


@pytest.mark.bad_input(76)
def test_a_file_of_more_than_a_hundred_megabytes_is_not_read(tmp_path):
    with (tmp_path / "told.csv").open("wb") as file:
        file.truncate(200 * 2**20)
    with pytest.raises(SourceError) as refused:
        read_incoming(tmp_path / "told.csv", FILE)
    assert refused.value.what == "this file has 200 MB, and 128 are read"


READ = [
    pytest.param(GOOD, {}, marks=pytest.mark.bad_input(65), id="as_it_should_be"),
    pytest.param(
        f"reason,other,state,message_id\n,x,sent,{A}\nmailbox full,,failed,{B}\n",
        {},
        marks=pytest.mark.bad_input(65, 73),
        id="another_order_and_a_column_of_theirs",
    ),
    pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), {}, marks=pytest.mark.bad_input(67), id="byte_order_mark"),
    pytest.param(GOOD.replace("\n", "\r\n"), {}, marks=pytest.mark.bad_input(70), id="line_ends_of_windows"),
    pytest.param(GOOD.removesuffix("\n"), {}, marks=pytest.mark.bad_input(97), id="whole_without_its_last_end"),
    pytest.param(f"{GOOD}\n\n", {}, marks=pytest.mark.bad_input(108), id="blank_lines"),
    pytest.param(f"{GOOD}{C},failed,a\0b\n", {"bad": 1}, marks=pytest.mark.bad_input(69), id="nul"),
    pytest.param(f"{GOOD}{C},sent\n", {"bad": 1}, marks=pytest.mark.bad_input(73), id="a_field_too_few"),
    pytest.param(f"{GOOD}0012,sent,\n", {"bad": 1}, marks=pytest.mark.bad_input(78), id="no_id_of_ours"),
    pytest.param(f"{GOOD}{C},opened,\n", {"bad": 1}, id="no_state_of_ours"),
    pytest.param(
        f'{{"message_id": "{A}", "state": "sent"}}\n\n{{"state": "failed", "reason": "mailbox full", "message_id": "{B}"}}',
        {},
        marks=pytest.mark.bad_input(97),
        id="json",
    ),
    pytest.param(
        f'{{"message_id": "{A}", "state": "sent"}}\n{{"state": "failed", "reason": "mailbox full", "message_id": "{B}"}}\n'
        f'{{"message_id": "{C}", "state": "failed", "reason": "\\ud800"}}\n',
        {"bad": 1},
        marks=pytest.mark.bad_input(96),
        id="json_half_a_character",
    ),
]


@pytest.mark.parametrize(("content", "also"), READ)
def test_what_can_be_read_is_read_by_its_names(tmp_path, content, also):
    found = read(tmp_path, content)
    assert found.refusal is None
    assert found.rows == {"message_id": [A, B], "state": ["sent", "failed"], "reason": [None, "mailbox full"]}
    assert found.bad == also.get("bad", 0)


@pytest.mark.bad_input(78, 88, 91, 94)
def test_texts_stay_what_they_are(tmp_path):
    shape = Shape(columns={"id": ("id",), "said": ("said",)}, required=("id",), hint="")
    written = 'id,said\n0012,"=cmd|\' /C calc\'!A0"\n1E5,a\u2028b\n98765432109876543210,"a\nb"\n'
    rows = {"id": ["0012", "1E5", "98765432109876543210"], "said": ["=cmd|' /C calc'!A0", "a\u2028b", "a\nb"]}
    assert read(tmp_path, written, shape).rows == rows
    lines = '{"id": "0012"}\n{"id": 1E5, "said": "a\u2028b"}\n{"id": 98765432109876543210}\n'
    assert read(tmp_path, lines, shape).rows == {"id": rows["id"], "said": [None, "a\u2028b", None]}


@pytest.mark.bad_input(69, 73)
def test_of_a_list_of_people_who_said_stop_no_row_may_be_lost(tmp_path):
    for content in ("email,why\na@x.example.com,bounce\nb@x.example.com\n", "a@x.example.com\nb\0@x.example.com\n"):
        assert read(tmp_path, content, LIST).refusal.what.startswith("1 of 2 rows cannot be read")
    gaps = read(tmp_path, "Email,Phone\na@x.example.com,\n,+4915112345606\n", LIST)
    assert (gaps.refusal, gaps.rows) == (None, {"address": ["a@x.example.com", None]})


def surroundings(content: bytes, _: str) -> dict[str, object]:
    """What a child has that reads a file, and whether it can write into the one that this names."""
    opened = []
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one by which they are listed
            opened.append(file.readlink().name)
    try:
        Path(content.decode()).write_text("said")
    except OSError:
        return {"environment": dict(os.environ), "opened": opened, "wrote": False}
    return {"wrote": True}


@pytest.mark.bad_input(90)
def test_the_child_has_no_environment_and_no_open_file_of_ours_and_writes_none(tmp_path, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_SECRET", "said")
    (tmp_path / "told.csv").write_text(str(tmp_path / "written"))
    with (tmp_path / "ledger.duckdb").open("w"):
        found = read_with(tmp_path / "told.csv", surroundings)
    assert (found["environment"], found["wrote"]) == ({}, False)
    assert "ledger.duckdb" not in found["opened"]
    assert os.environ["JUSTENOUGH_SECRET"] == "said"


@pytest.fixture(scope="module")
def _delivered(tmp_path_factory):
    tiny = make(tmp_path_factory.mktemp("told") / "tiny", brands=["north"])
    tiny.run()
    return tiny


class Platform:
    """The other end: it tells of the mails of the first day."""

    def __init__(self, tiny):
        self.tiny, self.numbers = tiny, count()
        batches = {batch.target: batch for batch in tiny.batches()}
        self.batch = batches["email_file"].manifest["batch_id"]
        self.ids = {row["customer_id"]: row["message_id"] for row in batches["email_file"].rows}
        self.text = batches["sms_file"].rows[0]["message_id"]

    def tells(self, *rows, end="\n", told=None):
        file = self.tiny.folder / f"told-{next(self.numbers)}.csv"
        file.write_text("".join(f"{row}\n" for row in ("message_id,state,reason", *rows)).removesuffix("\n") + end)
        with clock(MORNING):
            return line.acknowledge(self.tiny.load().settings, self.batch, told, file)

    def claims(self):
        found = self.tiny.history(f"SELECT message_id FROM claim WHERE batch_id = '{self.batch}'")
        return sorted(customer for customer, message in self.ids.items() if (message,) in found)


@pytest.fixture
def platform(_delivered, tmp_path):
    return Platform(_delivered.copy(tmp_path / "tiny"))


@pytest.mark.bad_input(79, 80)
def test_strange_messages_are_counted_apart_and_cost_nobody_else_anything(platform):
    ids = platform.ids
    found = platform.tells(
        f"{ids['c01']},failed,full", f"{ids['c03']},sent,", f"{A},failed,", f"{platform.text},failed,", "x,failed,"
    )
    assert (found.released, found.unreadable, found.is_whole) == (1, 1, False)
    assert (found.messages.noted, found.messages.unknown, found.messages.elsewhere) == ({"failed": 1, "sent": 1}, 1, 1)
    assert platform.claims() == sorted(ids.keys() - {"c01"})
    assert platform.tiny.history("SELECT count(*) FROM claim WHERE channel = 'sms'") == [(1,)]
    assert platform.tiny.history("SELECT state FROM batch WHERE target = 'email_file'") == [("loaded",)]


@pytest.mark.bad_input(80)
def test_a_file_of_another_batch_changes_nothing(platform):
    before = platform.tiny.everything()
    with pytest.raises(StateError) as refused:
        platform.tells(f"{platform.text},failed,")
    assert refused.value.what == "1 of 1 messages are not in this batch"
    assert platform.tiny.everything() == before


@pytest.mark.bad_input(81, 82)
def test_the_same_file_twice_changes_nothing(platform):
    ids = platform.ids
    rows = (f"{ids['c01']},failed,complaint", f"{ids['c03']},sent,", f"{ids['c03']},sent,")
    first = platform.tells(*rows)
    before = platform.tiny.everything()
    again = platform.tells(*rows)
    assert platform.tiny.everything() == before
    assert (first.released, first.stopped, first.messages.known) == (1, 1, 0)
    assert (again.released, again.stopped, again.messages.known, again.messages.noted) == (0, 0, 2, {})


@pytest.mark.bad_input(83)
@pytest.mark.parametrize("way", ["in_turn", "backwards", "at_once"])
def test_what_failed_stays_failed_in_whatever_order_it_is_told(platform, way):
    states = [f"{platform.ids['c01']},{state}," for state in ("loaded", "sent", "failed")]
    if way == "at_once":
        platform.tells(*states[::-1])
    else:
        for row in states if way == "in_turn" else states[::-1]:
            platform.tells(row)
    assert platform.claims() == sorted(platform.ids.keys() - {"c01"})
    assert platform.tiny.history("SELECT state, released_count FROM batch WHERE target = 'email_file'") == [
        ("loaded", 1)
    ]


@pytest.mark.bad_input(86)
@pytest.mark.parametrize(
    ("reason", "state"), [("complaint", "complained"), ("hard_bounce", "bounced"), ("unsubscribed", "no")]
)
def test_who_says_stop_is_heard_at_once_even_in_a_file_that_is_refused(platform, reason, state):
    ids = platform.ids
    with pytest.raises(DataError) as refused:
        platform.tells(f"{ids['c01']},failed,{reason}", f"{ids['c03']},failed,", f"{ids['c13']},fai", end="")
    assert refused.value.what == "this file is cut short"
    tiny = platform.tiny
    assert platform.claims() == sorted(ids)  # nothing else of it took effect
    assert tiny.history("SELECT message_id, state FROM consent_event") == [(ids["c01"], state)]
    with clock(MORNING):
        line.acknowledge(tiny.load().settings, platform.batch, "failed")
        line.deliver_again(tiny.load(), platform.batch)
    again = [batch for batch in tiny.batches() if batch.target == "email_file"][1]
    assert {row["customer_id"] for row in again.rows} == ids.keys() - {"c01"}


@pytest.mark.bad_input(86)
def test_who_says_stop_is_heard_in_a_row_that_cannot_be_read(platform):
    ids = platform.ids
    with pytest.raises(DataError) as refused:
        platform.tells(
            f"{ids['c01']},complained,Complaint", f"{ids['c03']},failed,complaint,by mail", f"{ids['c13']},sent,"
        )
    assert refused.value.what == "2 of 3 rows cannot be read; this one because its state is none"
    stopped = platform.tiny.history("SELECT message_id, state FROM consent_event ORDER BY event_id")
    assert sorted(stopped) == sorted((ids[customer], "complained") for customer in ("c01", "c03"))


def test_a_batch_of_which_a_message_was_sent_does_not_lapse_nor_fail_for_it(platform):
    platform.tells(f"{platform.ids['c01']},sent,")
    with clock(MORNING):
        found = line.acknowledge(platform.tiny.load().settings, platform.batch, "failed")
    assert found == Acknowledged(platform.batch, "failed", 6)
    assert platform.claims() == ["c01"]
