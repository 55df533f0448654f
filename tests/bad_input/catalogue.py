"""The 118 bad inputs: what each is and what becomes of it. A test says which it proves by `@pytest.mark.bad_input(37)`.

python -m tests.bad_input.catalogue   prints each number with the tests that prove it, or what it waits for

Where a line speaks of files that somebody else writes (62 to 97), it is the rule for every file that is read today: what
people write, the warehouse, the inbox, the history, and what platforms tell of messages. The files of outcomes come later, and
have to keep the same rules.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HERE = Path(__file__).parents[1]

CATALOGUE: dict[int, str] = {
    # names, and other text that is printed
    1: "a tag in a name is escaped in HTML",
    2: "a line break in a name becomes a space, in headers too",
    3: "a character that turns the direction of what follows is dropped",
    4: "characters without width are dropped",
    5: "of a tower of accents three stay",
    6: "of a page in a name 80 characters as people count them stay",
    7: "an emoji of several people stays whole",
    8: "half a character stops the query that makes it: DuckDB holds none",
    9: "a NUL is dropped",
    10: "a name in several alphabets stays as it is",
    11: "NULL, None, nan and n/a are no names; Test is one",
    12: "a blank name is none",
    13: "a name in capitals stays so",
    14: "braces in a name are printed, and never looked into",
    15: "apostrophes, & and letters of other languages are right in HTML, text and JSON",
    16: "line and paragraph separators become spaces",
    17: "decomposed letters are composed",
    18: "whatever else stands in a name is a name",
    # e-mail addresses
    19: "an address without @ costs its row alone",
    20: "an address with two @ does",
    21: "capitals and blanks: the domain is lowered, what stands before the @ is kept",
    22: "letters beyond ASCII before the @ cost the row",
    23: "a domain with umlauts is written in ASCII",
    24: "two addresses in one cost the row",
    25: "a quoted address costs the row",
    26: "an address of 254 characters is one, of 255 none",
    27: "an address of a role gets nothing where the suppressions say so",
    28: "two customers of one address get one message",
    29: "an address that a spreadsheet would run costs the row",
    30: "a line break in an address costs the row",
    # telephone numbers
    31: "a number without a country is read as of the customer's country, or costs its text message",
    32: "blanks and dashes are taken out",
    33: "digits alone are a number whose plus was lost",
    34: "what a spreadsheet left of a number costs the message",
    35: "a number that is none costs the message",
    36: "landlines and premium numbers cost the message",
    37: "the plus of a number stays as it is in files for machines",
    38: "quiet hours follow the stricter of area code and profile",
    # segments and scores
    39: "a score that is NaN or infinite is no reason to speak",
    40: "rows that share a key stop the run, with their number",
    41: "a segment without rows makes no file, and is said",
    42: "a source, or whom a segment names, that rises or falls far beyond its usual size stops the run",
    43: "a column that is missing or of another kind stops the run before it claims",
    44: "a consent that nobody can read is a no",
    45: "a consent that lies ahead is none",
    46: "a source that is older than it may be stops the run",
    47: "several statements, COPY and functions that read files are refused",
    48: "a query without end is refused, or stopped at its time",
    # templates
    49: "an unknown field is refused with its line, and the nearest known one",
    50: "|safe and autoescape are refused",
    51: "loops in loops are refused",
    52: "a power without end is refused before it is computed",
    53: "a javascript: link is refused",
    54: "marketing without a way out or a postal address is refused",
    55: "what would print an object or nothing as a word is refused",
    56: "pictures within the message are refused, and an e-mail that mailboxes cut off",
    57: "a typographic apostrophe or an emoji makes three text messages of one: they are counted",
    58: "€, brackets and braces cost two units of a text message",
    59: "a plan of which the words have changed since is refused",
    60: "a line break in a subject is refused",
    61: "a template's name is one of a channel, never a path",
    # files that are read
    62: "an empty file is refused",
    63: "a table without rows stops the run, unless it may be empty; so does a file with a header alone",
    64: "a file without its header is refused",
    65: "columns are found by name, in any order",
    66: "a header that names a column twice is refused",
    67: "a byte order mark is read over",
    68: "other encodings than UTF-8 are refused",
    69: "a NUL in a file is refused, in an address it costs the row",
    70: "the line ends of today are read; those of old Macs are refused in files of others",
    71: "a file that is cut short is refused",
    72: "a quote that does not end is refused",
    73: "a column that is missing is refused, one too many is left alone; a row that is too short or too long is left out",
    74: "other delimiters than the comma are refused, and named",
    75: "a field of five megabytes is cut where it is printed, and refused in a file of others",
    76: "a line of sixty megabytes is refused before it is read",
    77: "what is packed is refused, and never unpacked",
    78: "an id stays the text that it is: 0012, 1E5",
    79: "an unknown message is counted, and costs nobody else anything",
    80: "a message of another batch costs its row, and is told; a file of another batch is refused",
    81: "a file that was read already changes nothing",
    82: "an event that is told twice counts once",
    83: "a later event never takes back a graver one",
    84: "a yes of the year 2999 is none, a no is one from now; an instant without its zone is refused",
    85: "an opt-out of an unknown address is kept all the same",
    86: "a complaint suppresses at once, even in a file that is refused; one in the inbox that cannot be read stops everything",
    87: "twenty thousand columns are refused",
    88: "a formula is text in files for machines",
    89: "a file that is still being written is waited for, or tried again later",
    90: "pipes, devices and links are not read; what others wrote is read in a child without ledger, key and environment",
    # JSON
    91: "a line separator within a value does not end its record",
    92: "NaN stands in no file",
    93: "a key that stands twice is refused",
    94: "ids of twenty digits and more stay whole",
    95: "what is nested without end is refused, soon",
    96: "half a character is refused with its line",
    97: "a last line without its end is read if it is whole, and refused if not",
    # the machine
    98: "a full disk loses nothing, in whichever folder, and doubles nothing later",
    99: "while another run holds the lock the answer is 75",
    100: "a clock that is set back loosens nothing",
    101: "days on which the clocks change have their own length, and instants are kept in UTC",
    102: "a kill at any instant is finished or undone",
    103: "of two schedulers one runs",
    104: "two file systems are refused before anything is claimed",
    105: "a folder that only may be read stops the run before it claims",
    106: "a history from an old backup sends nothing",
    107: "spilled data is removed, and there are no core dumps",
    108: "no row of a table is a blank line",
    # what people approve, and what customers do
    109: "an approval that comes late, once the plan has expired or was delivered, is refused, and is none of the next plan",
    110: "an approval that is given twice by the same counts once, and two names under one account are pointed out, or one",
    111: "an approval by somebody who may not is refused",
    112: "an approval of what has drifted, in words, settings, people or their number, is refused; so is the delivery",
    113: "a plan, or a history, that is edited on disk proves nothing: by command, by Prefect, and for whoever goes by it",
    114: "an event of a customer whom nobody knows is counted, and kept nowhere",
    115: "an event that cannot be read costs its row alone, a file of such its file alone, and each is told of once",
    116: "a flood of events is a few runs, and nobody gets anything twice",
    117: "an event from the future is told of, and answers nobody",
    118: "a server that is away holds up no command, and is told of",
}

WAITS: dict[int, str] = {}
"""What nothing can prove yet, and why."""


def numbered(cases: Iterable[str], numbers: Mapping[str, int]) -> list[Any]:
    """Cases for parametrize, marked with their number in the catalogue where they have one; each of `numbers` has to be there."""
    cases = list(cases)
    assert numbers.keys() <= set(cases)
    return [
        pytest.param(case, marks=pytest.mark.bad_input(numbers[case])) if case in numbers else case for case in cases
    ]


class _Collector:
    """A plugin of pytest that notes which tests prove which number."""

    def __init__(self) -> None:
        self.proven: dict[int, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("bad_input"):
                for number in mark.args:
                    self.proven.setdefault(number, []).append(item.nodeid)


def proven() -> dict[int, list[str]]:
    """Number -> the tests that are marked with it, by pytest's own collection."""
    is_marked = re.compile(r"bad_input\(|numbered\(").search
    files = sorted(str(file) for file in HERE.rglob("test_*.py") if is_marked(file.read_text("utf-8")))
    collector = _Collector()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *files], plugins=[collector])
    assert code == pytest.ExitCode.OK, said.getvalue()[-2000:]
    return collector.proven


def main() -> None:
    found = proven()
    for number, line in CATALOGUE.items():
        tests = [f"waits: {WAITS[number]}"] if number in WAITS else found.get(number, ["NOTHING"])
        sys.stdout.write(f"{number:3} {line}\n" + "".join(f"      {test}\n" for test in dict.fromkeys(tests)))


if __name__ == "__main__":
    main()
