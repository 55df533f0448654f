"""What can be wrong with any file that people write, whatever it says: each kind of file refuses it, and says where.

The numbers are those of `catalogue.py`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from flows.errors import CatalogueError, OutboxError, ProductError, SettingError, StatementError, TemplateError
from tests.bad_input.refusing import refused
from tests.tiny import Tiny, make

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.errors import JustEnoughError

SETTINGS, CATALOGUE, CUSTOMERS, OWNERS = (
    "pyproject.toml",
    "sql/dimensions.yaml",
    "sql/customers.sql",
    "sql/segments/owners.sql",
)
SEGMENT, PRODUCT, WORDS, LAYOUT = (
    "sql/segments/owners.yaml",
    "templates/care/product.yaml",
    "templates/care/email.j2",
    "templates/_shared/sms_layout.j2",
)
KINDS: dict[str, type[JustEnoughError]] = {
    SETTINGS: SettingError,
    CATALOGUE: CatalogueError,
    CUSTOMERS: StatementError,
    OWNERS: StatementError,
    SEGMENT: CatalogueError,
    PRODUCT: ProductError,
    WORDS: TemplateError,
    LAYOUT: TemplateError,
}
REMARKS = {"toml": "\n# {}\n", "yaml": "\n# {}\n", "sql": "\n-- {}\n", "j2": "{{# {} #}}"}
OPEN_QUOTES = {"toml": '\nx = "y', "yaml": '\nx: "y', "sql": " -- \n|| 'y", "j2": "{{ 'y }}"}
DEEP = {"toml": "\nx = " + "[" * 9_000, "yaml": "\nx: " + "[" * 9_000, "sql": "(" * 9_000, "j2": "{{ " + "(" * 9_000}


@dataclass(frozen=True)
class Damage:
    """What is done to a file's bytes, given its suffix; to which kinds of file; and what is said of it."""

    number: int
    done: Callable[[bytes, str], bytes]
    said: str = ""
    suffixes: tuple[str, ...] = ("toml", "yaml", "sql", "j2")


DAMAGES = {
    "empty": Damage(62, lambda _, suffix: b""),
    "latin_1": Damage(
        68, lambda content, suffix: content + REMARKS[suffix].format("é").encode("latin-1"), "UTF-8|utf-8"
    ),
    "utf_16": Damage(68, lambda content, _: content.decode().encode("utf-16"), "UTF-8|utf-8"),
    "nul": Damage(69, lambda content, _: content + b"\0", "NUL|U+0000|character|TOML"),
    "open_quote": Damage(72, lambda content, suffix: content + OPEN_QUOTES[suffix].encode()),
    "doubled_key": Damage(93, lambda content, _: content + b"\na: 1\na: 2\n", "stands twice", ("yaml",)),
    "doubled_setting": Damage(93, lambda content, _: content + b"\na = 1\na = 2\n", "overwrite", ("toml",)),
    "nested": Damage(95, lambda content, suffix: content + DEEP[suffix].encode(), "nested|TOML"),
    "half_a_character": Damage(96, lambda content, _: content + b'\nx: "\\ud800"\n', "half a character", ("yaml",)),
    "half_a_letter": Damage(96, lambda content, _: content + b'\nx = "\\ud800"\n', "TOML", ("toml",)),
}
CASES = [
    pytest.param(damage, file, marks=pytest.mark.bad_input(damage.number), id=f"{damage.number}-{name}-{file}")
    for name, damage in DAMAGES.items()
    for file in KINDS
    if file.rpartition(".")[2] in damage.suffixes
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("damage", "file"), CASES)
def test_it_is_refused_with_its_place_and_nothing_leaves(tiny, damage, file):
    path = tiny.folder / file
    path.write_bytes(damage.done(path.read_bytes(), file.rpartition(".")[2]))
    error = refused(tiny, KINDS[file])
    assert error.where.partition(":")[0] == file
    assert any(word in error.what for word in damage.said.split("|")), error.what
    assert error.exit_code == (2 if file == SETTINGS else 1)


@pytest.mark.bad_input(76)
@pytest.mark.parametrize("file", [file for file in KINDS if file != SETTINGS])
def test_a_line_of_sixty_megabytes_is_not_read(tiny, file):
    os.truncate(tiny.folder / file, 60_000_000)
    error = refused(tiny, KINDS[file])
    assert error.where == file
    assert "bytes" in error.what or "larger than 128 kB" in error.what


@pytest.mark.bad_input(90)
@pytest.mark.timeout(20)
@pytest.mark.parametrize("file", KINDS)
@pytest.mark.parametrize("is_pipe", [True, False], ids=["pipe", "device"])
def test_what_is_no_plain_file_is_not_waited_for(tiny, file, is_pipe):
    """A pipe would be waited for, and a device read, for ever, and the lock be held all the time."""
    path = tiny.folder / file
    path.unlink()
    if is_pipe:
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    error = refused(tiny, KINDS[file])
    assert file in error.where or file == SETTINGS
    assert "missing" in error.what or "has no pyproject.toml" in error.what


@pytest.mark.bad_input(90)
@pytest.mark.timeout(20)
def test_a_key_file_that_is_a_pipe_is_not_waited_for(tiny):
    (tiny.state / "key").unlink()
    os.mkfifo(tiny.state / "key", 0o600)
    assert refused(tiny, SettingError).what == "this is not a key file"


@pytest.mark.bad_input(90)
@pytest.mark.timeout(20)
@pytest.mark.parametrize("file", ["ledger.duckdb", "lock"])
def test_what_stands_in_the_place_of_a_file_of_ours_is_not_waited_for(tiny, file):
    (tiny.state / file).unlink(missing_ok=True)
    os.mkfifo(tiny.state / file, 0o600)
    with pytest.raises(OutboxError) as caught:
        tiny.run()
    assert (caught.value.where, caught.value.what) == (str(tiny.state / file), "this is no file")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Tiny:
    tiny = make(tmp_path_factory.mktemp("plain") / "w", brands=["north"])
    tiny.run()
    return tiny


@pytest.mark.bad_input(65, 67, 70)
def test_byte_order_marks_line_ends_and_the_order_of_columns_do_not_matter(plain, tiny):
    tiny.edit(
        CUSTOMERS,
        "customer_id, brand, country, locale, email, phone",
        "phone, email, locale, country, brand, customer_id",
    )
    tiny.edit(
        OWNERS,
        "n.customer_id, n.brand, n.item, p.first_name, n.interest",
        "n.interest, p.first_name, n.item, n.brand, n.customer_id",
    )
    for file in KINDS:
        path = tiny.folder / file
        end = b"\r" if file in {SEGMENT, CUSTOMERS} else b"\r\n"
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", end))
    tiny.run()
    assert [batch.payload for batch in tiny.batches()] == [batch.payload for batch in plain.batches()]
