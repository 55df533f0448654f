"""The tutorial's files copied over a draft, and what `check` says of them while they are not there, or wrong."""

from __future__ import annotations

import csv
import json
import re
import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest

from flows import cli
from tests.documentation.pages import blocks
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "how-to" / "your-own-warehouse.md").read_text("utf-8")
WAREHOUSE, AFTER = "roastery.sql", "after.sql"
FILES = {block.file: block.text for block in blocks(TUTORIAL) if block.file and block.file != AFTER}
MESSAGES = re.findall(r"^\w+Error .+\n(?:  .+\n)+", PAGE, re.MULTILINE)
NOW = "2026-12-01T09:00:00Z"
SQL = "sql/segments/first_help.sql"

# What a newcomer may do wrong: file, what stands there, what is written instead. Each is a message of the page.
MISTAKES = [
    (SQL, "FROM orders o", "FROM order o"),
    ("sql/dimensions.yaml", "  beans: ", "  beens: {personal: false}\n  beans: "),
    (SQL, "o.ordered_at, o.ordered_at", "max(o.ordered_at) AS ordered_at, o.ordered_at"),
    ("sql/customers.sql", "    'roastery' as brand,\n", ""),
    ("sql/consent.sql", "    happened_at\n", "    happened_at::VARCHAR AS happened_at\n"),
    (SQL, ", o.ordered_at AS last_order_as_of", ""),
    ("templates/first_help/email.j2", "{{ beans }}", "{{ bean }}"),
]


@pytest.fixture(scope="module")
def drafted(tmp_path_factory) -> Path:
    """A folder with the tutorial's DuckDB file, and `roastery/` as `justenough init` drafts it."""
    folder = tmp_path_factory.mktemp("newcomer")
    with duckdb.connect(str(folder / "roastery.duckdb")) as connection:
        connection.execute(FILES[WAREHOUSE])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert "justenough init roastery --database roastery.duckdb\n" in TUTORIAL
        assert cli.main(["init", "roastery", "--database", "roastery.duckdb"]) == 0
    return folder


@pytest.fixture
def copied(drafted, tmp_path, monkeypatch) -> Path:
    """The same, with every file of the tutorial copied over the drafts, and the folder in which commands are called."""
    workspace = shutil.copytree(drafted, tmp_path / "copied") / "roastery"
    for name, text in FILES.items():
        if name != WAREHOUSE:
            assert (workspace / name).is_file(), f"init drafts no {name}"
            (workspace / name).write_text(text, "utf-8")
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("JUSTENOUGH_NOW", NOW)
    return workspace


@pytest.mark.slow
def test_the_files_of_the_tutorial_deliver_to_whom_it_says(copied, capsys):
    commands = ("check", "preview first_help", "run --dry-run", "run", "explain p3")
    assert [cli.main(command.split()) for command in commands] == [0, 0, 0, 0, 0]
    printed = capsys.readouterr().out
    assert "Subject: How fine to grind your ‹House espresso›" in printed
    assert "NO_CONSENT" in printed.rpartition("p3 in plan")[2]
    (batch,) = (copied / "outbox" / "email_file").iterdir()
    found = read(batch)
    assert len(found) == 2_170
    assert {address: said for address, said in found.items() if not address.startswith("p")} == {
        "ann@example.com": ("How fine to grind your Ethiopia filter", "Hello Ann,"),
        "ben@example.com": ("How fine to grind your House espresso", "Hello,"),
    }


def test_a_draft_rehearses_as_it_is_and_is_whole_after_the_files_of_the_tutorial(
    drafted, tmp_path, capsys, monkeypatch
):
    workspace = shutil.copytree(drafted, tmp_path / "answering") / "roastery"
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("JUSTENOUGH_NOW", NOW)
    assert [cli.main([command]) for command in ("check", "run")] == [0, 0]
    assert "NO_CONSENT" in capsys.readouterr().out
    (batch,) = (workspace / "outbox-rehearsal" / "email_file").glob("2*")
    assert set(read(batch)) == {"you@example.com"}
    found = []
    for name, text in FILES.items():
        if name != WAREHOUSE:
            (workspace / name).write_text(text, "utf-8")
            found.append((name, cli.main(["check"])))
            told = capsys.readouterr().err.partition("\n")[0]
    assert dict(found)["pyproject.toml"] == dict(found)["sql/segments/first_help.yaml"] == 0, told


@pytest.mark.parametrize(("file", "right", "wrong"), MISTAKES)
def test_what_check_says_of_a_mistake_stands_on_the_page(copied, capsys, file, right, wrong):
    path = copied / file
    text = path.read_text("utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), "utf-8")
    assert cli.main(["check"]) == 1
    assert capsys.readouterr().err.replace(f"{ROOT}/docs", "docs") in MESSAGES


def test_every_message_of_the_page_has_its_mistake():
    assert len(MESSAGES) == PAGE.count("\n  hint: ") == len(MISTAKES)


def read(batch: Path) -> dict[str, tuple[str, str]]:
    """Address -> subject and salutation, as a tool that loads the batch puts them together."""
    lines = (batch / "creatives.ndjson").read_text("utf-8").splitlines()
    creatives = {creative["creative_id"]: creative for creative in map(json.loads, lines)}
    found = {}
    with (batch / "recipients-0001.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            creative = creatives[row["creative_id"]]
            subject, text = (
                re.sub(r"\{{3}(s\d+)\}{3}", lambda slot, row=row: row[slot[1]], creative["parts"][part])
                for part in ("subject", "text")
            )
            found[row["email"]] = subject, next(line for line in text.splitlines() if line.startswith("Hello"))
    return found
