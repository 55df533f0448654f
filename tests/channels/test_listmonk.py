"""listmonk, by the calls of Go's standard library that it makes: files imported, campaigns filled, and what it would drop."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.channels import readers
from tests.channels.dirty import batch, meant
from tests.channels.test_email_vendors import changed

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(900)]  # Go's library is compiled first


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return tmp_path_factory.mktemp("go")


def test_what_go_makes_of_a_campaign_is_what_was_meant(built, tmp_path):
    wanted = {message: {part: parts[part] for part in readers.PARTS} for message, parts in meant("listmonk").items()}
    assert readers.listmonk(batch("listmonk", tmp_path), built) == wanted


LISTMONK: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("attributes that are no JSON", lambda file: changed(file, attributes="{'s1': 1}")),
    ("no address", lambda file: changed(file, email="Ann <ann@example.com>")),
    ("a header of another case", lambda file: changed(file, header="Email")),
    ("a bare quote", lambda file: file.replace(b"@example.com,", b'@exa"mple.com,', 1)),
    ("a slot that is not there", lambda file: file.replace(b'""s1"":', b'""s9"":', 1)),
    ("a short row", lambda file: file + b"x@example.com\n"),
]


def test_go_sees_what_listmonk_would_refuse_or_drop(built, tmp_path):
    folder = batch("listmonk", tmp_path)
    (good,) = folder.glob("recipients-k1-*")
    parts = json.dumps(readers.creatives(folder)["k1"])
    program = readers.listmonk_program(str(built))

    def run(content: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "file.csv").write_bytes(content)
        command = [program, tmp_path / "file.csv"]
        return subprocess.run(command, input=parts, capture_output=True, text=True, check=False)

    assert run(good.read_bytes()).returncode == 0
    passed = [what for what, change in LISTMONK if run(change(good.read_bytes())).returncode == 0]
    assert passed == []
