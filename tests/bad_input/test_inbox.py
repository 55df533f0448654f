"""Notices in the inbox that cannot be read, and odd ones that can.

Somebody may have said stop in a file that nobody can read, so nothing leaves until it is mended. The numbers are those of
`catalogue.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.errors import DataError
from tests.bad_input.refusing import refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tiny import Tiny

GOOD = b'{"address": "gus@x.example.com", "state": "complained"}\n'


def bad(number: int, name: str, content: bytes) -> object:
    """A line that is no notice, behind one that is."""
    return pytest.param(content, marks=pytest.mark.bad_input(number), id=f"{number}-{name}")


LINES = [
    bad(68, "latin_1", b'{"customer_id": "c\xe9"}\n'),
    bad(68, "utf_16", '{"customer_id": "c01"}\n'.encode("utf-16")),
    bad(69, "nul", b'{"customer_id": "c01\x00"}\n'),
    bad(71, "cut", b'{"customer_id": "c0'),
    bad(73, "key_too_many", b'{"customer_id": "c01", "stat": "no"}\n'),
    bad(74, "semicolons", b"customer_id;state\nc01;no\n"),
    bad(84, "no_zone", b'{"customer_id": "c01", "happened_at": "2026-11-01T00:00:00"}\n'),
    bad(92, "nan", b'{"customer_id": NaN}\n'),
    bad(94, "number", b'{"customer_id": 98765432109876543210}\n'),
    bad(95, "nested", b'{"customer_id": ' + b"[" * 100_000 + b"\n"),
    bad(96, "half_a_character", b'{"customer_id": "\\ud800"}\n'),
]


def put(tiny: Tiny, content: bytes) -> Path:
    file = tiny.state / "inbox" / "opt-outs" / "x.ndjson"
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_bytes(content)
    return file


@pytest.mark.bad_input(86)
@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_notice_is_named_and_nothing_leaves(tiny, line):
    file = put(tiny, GOOD + line)
    error = refused(tiny, DataError)
    assert error.where == "inbox/opt-outs/x.ndjson:2"
    assert error.what.startswith("this is no notice: ")
    assert error.hint == "mend the line, or move the file away: what it says would be lost otherwise"
    assert (error.exit_code, file.read_bytes()) == (1, GOOD + line)


@pytest.mark.bad_input(70, 79, 84, 85, 86, 91, 97)
def test_what_is_odd_and_can_be_read_holds_at_once_and_costs_nobody_else(tiny):
    """Line ends of two kinds, and none at the end; a separator in a text; strangers; a no that lies ahead; a complaint."""
    lines = (
        '{"customer_id": "c01", "source": "a\u2028b"}\r\n'
        '{"customer_id": "nobody"}\n'
        '{"address": "nobody@z.example.com"}\n'
        f'{{"message_id": "{"f" * 64}"}}\n\n'
        '{"customer_id": "c03", "happened_at": "2999-11-01T00:00:00Z"}\n'
        '{"address": "TIE@x.example.com", "channel": "email", "state": "complained"}\n'
        '{"customer_id": "c06"}'
    )
    file = put(tiny, lines.encode())
    tiny.run()
    for batch in tiny.batches():  # without a channel of its own the help of c04 and c05 does not go along on the web
        assert {row["customer_id"] for row in batch.rows} == {"c02", "c07", "c08", "c13"}
    assert sorted(batch.target for batch in tiny.batches()) == ["email_file", "web_profiles"]
    assert not file.exists()
    assert tiny.history("SELECT count(*) FROM consent_event") == [(7,)]
