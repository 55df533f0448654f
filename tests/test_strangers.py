"""`justenough init` over databases that it has never seen: check passes, a run delivers to seeds, and what is unclear is said."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows import cli
from flows.catalogue import read_catalogue
from flows.errors import SettingError
from flows.settings import load_settings
from tests.complete_journey import outbox
from tests.complete_journey.build import people
from tests.conftest import DATA
from tests.house.tree import ROOT
from tests.strangers import GERMAN, SHOP, TELEPHONE, Unseen, unseen

pytestmark = pytest.mark.slow


class Stranger:
    """A database of somebody, and what `init`, `check` and `run` have made of it."""

    def __init__(self, folder: Path, database: Path, capsys: pytest.CaptureFixture[str], *options: str) -> None:
        self.workspace = folder / "theirs"
        self.capsys = capsys
        self.told = self.call("init", str(self.workspace), "--database", str(database), *options, "--json")
        self.checked = self.call("check", "--workspace", str(self.workspace), "--json")
        self.ran = self.call("run", "--workspace", str(self.workspace), "--json")

    def call(self, *words: str) -> dict[str, Any]:
        assert cli.main(list(words)) == 0, self.capsys.readouterr().err
        printed = self.capsys.readouterr()
        self.said = printed.out + printed.err
        return json.loads(printed.out)

    @property
    def batch(self) -> Path:
        (folder,) = (self.workspace / "outbox-rehearsal" / "email_file").glob("2*")
        return folder

    def letters(self) -> list[dict[str, str]]:
        """Each message whole, as its reader gets it."""
        creatives = {creative["creative_id"]: creative for creative in outbox.ndjson(self.batch, "creatives")}
        rows = outbox.csv(self.batch).filter(~pl.col("customer_id").str.starts_with("seed")).to_dicts()
        return [outbox.parts(row, creatives[row["creative_id"]]) for row in rows]

    def tables(self) -> dict[str, object]:
        """Table -> whose its rows are, as the catalogue has it."""
        catalogue = read_catalogue(self.workspace / "sql").tables
        return {
            name: "personal: false" if not table.personal else table.address or table.person
            for name, table in catalogue.items()
        }

    def texts(self) -> str:
        """All that was drafted."""
        drafted = [self.workspace / name for name in self.told["files"] if not name.startswith(".vscode/")]
        return "".join(file.read_text("utf-8") for file in drafted)


def database(folder: Path, statements: list[str]) -> Path:
    path = folder / "theirs.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def has_nobody(stranger: Stranger) -> bool:
    """Whether no value of anybody stands in what was drafted, or told."""
    return "canary" not in (stranger.texts() + json.dumps(stranger.told)).lower()


def test_a_shop_with_keys_of_other_names_gets_its_first_delivery(tmp_path, capsys):
    found = Stranger(tmp_path, database(tmp_path, SHOP), capsys, "--brand", "The Tent")
    ways = found.tables()
    assert (ways["customers"], ways["orders"], ways["products"]) == ("id", "customer_id", "personal: false")
    assert ways["line_items"].model_dump() == {"via": "order_id", "to": "orders", "key": "id"}
    letters = found.letters()
    agreed, held_out = 200 - 67, 0.05
    assert agreed * (1 - 4 * held_out) < len(letters) <= agreed
    assert {letter["subject"] for letter in letters} <= {
        f"[rehearsal] Any question about tent of kind {chr(65 + n)}?" for n in range(17)
    }
    assert all(", from your last order. Whatever you may want" in letter["text"] for letter in letters)
    assert set(outbox.csv(found.batch)["email"]) == {"you@example.com"}
    assert has_nobody(found)


def test_a_list_of_customers_in_german_is_understood(tmp_path, capsys):
    found = Stranger(tmp_path, database(tmp_path, GERMAN), capsys)
    catalogue = read_catalogue(found.workspace / "sql")
    closed = {name: entry.columns for name, entry in catalogue.dimensions.items() if entry.sensitive}
    assert closed == {"age": ["kunden.geburtsdatum"], "belief": ["kunden.konfession"]}
    assert not [name for name in closed if catalogue.dimensions[name].lawful_basis]
    assert catalogue.free_text == ["bestellungen.notiz"]
    assert catalogue.dimensions["name"].columns == ["kunden.vorname"]
    assert found.tables()["sperrliste"] == "email"
    assert "messwerte" not in catalogue.tables
    assert [line.partition(":")[0] for line in found.told["unclear"]] == ["messwerte"]
    marketing = found.ran["plan"]["people"]["marketing"]
    assert (marketing["base"], marketing["reasons"]["SUPPRESSED"], marketing["reasons"]["NO_CONSENT"]) == (150, 3, 38)
    assert has_nobody(found)


def test_a_telephone_company_without_any_address_rehearses(tmp_path, capsys):
    found = Stranger(tmp_path, database(tmp_path, TELEPHONE), capsys)
    assert found.told["guessed"][0].startswith("the people's key is subscribers.msisdn: ")
    assert [line.partition(":")[0] for line in found.told["missing"]] == ["who speaks", "e-mail addresses", "consent"]
    assert load_settings(found.workspace).rehearse
    assert len(found.letters()) > 250
    assert {letter["subject"] for letter in found.letters()} <= {
        f"[rehearsal] Any question about country group {chr(65 + n)}?" for n in range(6)
    }


@pytest.mark.parametrize(("seed", "whole_numbers"), [(4104, True), (77, False)])
def test_names_that_mean_nothing_are_no_hindrance(tmp_path, capsys, seed, whole_numbers):
    made: Unseen = unseen(seed, whole_numbers=whole_numbers)
    found, n = Stranger(tmp_path, database(tmp_path, made.statements), capsys), made.names
    ways = found.tables()
    assert ways[n["people"]] == n["person"]
    assert ways[n["deeds"]] == n["doer"]
    assert ways[n["said"]] == n["sayer"]
    assert ways[n["lines"]].model_dump() == {"via": n["line_deed"], "to": n["deeds"], "key": n["deed"]}
    assert ways[n["things"]] == "personal: false"
    assert n["other"] not in ways
    closed = {
        tuple(entry.columns): entry.lawful_basis
        for entry in read_catalogue(found.workspace / "sql").dimensions.values()
        if entry.sensitive
    }
    assert closed == {(f"{n['people']}.{n['born']}",): None, (f"{n['people']}.{n['sex']}",): None}
    unclear = [line.partition(":")[0] for line in found.told["unclear"]]
    assert unclear == [n["other"], f"{n['people']}.{n['given']}"]
    agreed = 96  # by e-mail, and said yes
    letters = found.letters()
    assert 0.8 * agreed < len(letters) <= agreed
    assert all("lamp, which is what you had from us last." in letter["text"] for letter in letters)
    assert has_nobody(found)


@pytest.fixture(scope="module")
def journey() -> Path:
    """The Complete Journey: seven files of Parquet, without a name or an address."""
    folder = Path(os.environ.get(DATA, "/nowhere")) / "complete_journey"
    if not folder.is_dir():
        pytest.fail(f"the folder complete_journey is missing; name the one that it is in by {DATA}")
    return folder


def test_the_complete_journey_as_it_is_rehearses_within_two_minutes(tmp_path, capsys, journey):
    began = time.perf_counter()
    found = Stranger(tmp_path, journey, capsys)
    assert time.perf_counter() - began < 120
    assert {name: way for name, way in found.tables().items() if way == "household_id"}.keys() == {
        *("campaigns", "coupon_redemptions", "demographics", "transactions")
    }
    catalogue = read_catalogue(found.workspace / "sql")
    closed = {column for entry in catalogue.dimensions.values() if entry.sensitive for column in entry.columns}
    told = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")
    assert closed == {f"demographics.{name}" for name in told}
    letters = found.letters()
    assert len(letters) > 1_500
    assert {letter["subject"] for letter in letters} > {
        "[rehearsal] Any question about beef?",
        "[rehearsal] Any question about your last purchase?",
    }
    assert not [letter for letter in letters if "cigar" in letter["text"].lower()]
    assert any(line.startswith("e-mail addresses: ") for line in found.told["missing"])


def test_the_complete_journey_with_addresses_speaks_to_those_who_agreed(tmp_path, capsys, journey):
    folder = tmp_path / "parquet"
    folder.mkdir()
    for file in journey.glob("*.parquet"):
        shutil.copyfile(file, folder / file.name)
    households = (
        pl.read_parquet(folder / "transactions.parquet", columns=["household_id"]).unique().sort("household_id")
    )
    contacts = people(households["household_id"].cast(pl.Int64)).with_columns(
        email_opt_in=pl.col("household_id") % 2 == 0
    )
    contacts.write_parquet(folder / "contacts.parquet")
    found = Stranger(tmp_path, folder, capsys)
    assert not load_settings(found.workspace).rehearse
    assert [line.partition(":")[0] for line in found.told["missing"]] == ["who speaks"]
    marketing = found.ran["plan"]["people"]["marketing"]
    assert 900 < marketing["reasons"]["NO_CONSENT"] < 1_100 < marketing["base"] - 900
    assert len(found.letters()) == marketing["passed"] > 800
    names = set(contacts["surname"]) - {"Best", "Long", "Ball", "Price", "Little", "Short", "Day", "Cook", "Berry"}
    assert not [name for name in names if f" {name} " in found.texts()]


def test_a_draft_cannot_speak_to_anybody_real(tmp_path, capsys, monkeypatch):
    found = Stranger(tmp_path, database(tmp_path, SHOP), capsys)
    monkeypatch.setenv("JUSTENOUGH_ENVIRONMENT", "production")
    assert load_settings(found.workspace).targets == {}
    assert cli.main(["run", "--workspace", str(found.workspace)]) != 0
    assert not (found.workspace / "outbox").exists()
    monkeypatch.setenv("JUSTENOUGH_REHEARSE", "true")
    with pytest.raises(SettingError, match="it takes people for agreed who have said nothing, and this is production"):
        load_settings(found.workspace)


def test_on_a_terminal_three_questions_are_asked_and_none_that_an_option_has_answered(tmp_path):
    tables = [
        f"CREATE TABLE {name} AS SELECT n AS id, n || '@example.com' AS email FROM range(9) t (n)"
        for name in ("members", "users")
    ]
    own = database(tmp_path, tables)
    printed = on_a_terminal(tmp_path, ["init", "asked"], [str(own), "The Shop", "2"])
    assert printed.count("?") == 2
    assert printed.count("(Enter: ") == 3
    assert "the people's key is users.id: as it was named" in printed
    assert 'name = "The Shop"' in (tmp_path / "asked" / "pyproject.toml").read_text("utf-8")
    told = ["init", "told", "--database", str(own), "--brand", "B", "--person", "users.id"]
    assert "(Enter: " not in on_a_terminal(tmp_path, told, [])
    assert "(Enter: " not in on_a_terminal(tmp_path, ["init", "json", "--json"], [])


def on_a_terminal(folder: Path, words: list[str], answers: list[str]) -> str:
    """What the command prints on a terminal on which somebody answers."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "flows.cli", *words]
    with subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as process:
        os.close(theirs)
        late = threading.Timer(30, process.kill)  # it waits for an answer that nobody gives
        late.start()
        printed, waiting = "", list(answers)
        while True:
            try:
                printed += os.read(ours, 65_536).decode("utf-8", "replace")
            except OSError:  # the other end is closed: it has ended
                break
            if waiting and printed.count("): ") > len(answers) - len(waiting):
                os.write(ours, f"{waiting.pop(0)}\n".encode())
        late.cancel()
    os.close(ours)
    assert process.returncode == 0, printed
    return printed
