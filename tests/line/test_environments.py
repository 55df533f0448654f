"""Whatever is delivered outside production goes to seeds, out of folders of its own, and says so."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from flows import cli, line
from flows.addresses import RULES, email_digest, normalised_customers
from flows.channels import CHANNELS, targets
from flows.errors import JustEnoughError, PlanError
from flows.keys import load_key
from flows.seeds import to_seeds
from tests.channels.test_targets import content, worded
from tests.stages.making import settings
from tests.tiny import MORNING, PEOPLE, Tiny, clock, make, read_batch

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = {"email": ["qa@seeds.example.com", "crm@seeds.example.com"], "sms": ["+4915112399901"]}
MAIL = "email_file-2026-11-22-1"
NEXT = MORNING + timedelta(hours=1)


@pytest.fixture
def in_staging(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on everything is done in staging."""
    monkeypatch.setenv("JUSTENOUGH_ENVIRONMENT", "staging")


def seeded(tiny: Tiny, more: str = "") -> Tiny:
    lines = "".join(f"{channel} = {json.dumps(given)}\n" for channel, given in SEEDS.items())
    file = tiny.folder / "pyproject.toml"
    file.write_text(f"{file.read_text('utf-8')}\n[tool.justenough.seeds]\n{lines}{more}", "utf-8")
    return tiny


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A day in staging, and nothing in production yet."""
    tiny = seeded(make(tmp_path_factory.mktemp("environments") / "tiny", brands=["north"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUSTENOUGH_ENVIRONMENT", "staging")
        tiny.run()
    return tiny


@pytest.fixture
def tiny(first_day: Tiny, tmp_path: Path) -> Tiny:
    """The same in a copy of one's own."""
    return first_day.copy(tmp_path / "copy")


def batches(tiny: Tiny) -> list[Any]:
    folders = (path for path in (tiny.folder / "outbox-staging").glob("*/*") if path.is_dir())
    return [read_batch(path) for path in sorted(folders)]


def below(*folders: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def spellings(rows: list[tuple[str | None, str | None]]) -> set[str]:
    """E-mail addresses and numbers as they were typed and as they are read, and their digests, in small letters."""
    customers = pl.DataFrame(rows, schema={"email": pl.String, "phone": pl.String}, orient="row")
    read = normalised_customers(customers.with_columns(country=pl.lit("DE")), None)
    said = {*customers["email"], *customers["phone"], *read["email"], *read["email_match"], *read["phone"]} - {None}
    said |= {digits for text in said if text.startswith("+") for digits in (text[1:], f"0{text[3:]}")}
    mails = pl.DataFrame({"address": sorted(text for text in said if "@" in text)})
    for rules in RULES.values():
        said |= set(mails.select(email_digest(rules, pl.col("address"))).to_series().drop_nulls())
    return {text.lower() for text in said} | {
        hashlib.new(kind, text.encode()).hexdigest() for text in said for kind in ("sha256", "md5", "sha1")
    }


def seen_in(text: str) -> list[str]:
    """What of anybody can be found in a text."""
    text = text.lower()
    ids = [row[0] for row in PEOPLE if re.search(rf"(?<![0-9a-z]){row[0]}(?![0-9a-z])", text)]
    return sorted(name for name in spellings([(row[2], row[3]) for row in PEOPLE]) if name in text) + ids


def test_what_staging_delivers_goes_to_seeds_alone_and_says_so(first_day):
    found = batches(first_day)
    assert [(batch.target, batch.manifest["rows"]) for batch in found] == [("email_file", 11), ("sms_file", 2)]
    for batch in found:
        column, channel = {"email_file": ("email", "email"), "sms_file": ("to", "sms")}[batch.target]
        assert {row[column] for row in batch.rows} == set(SEEDS[channel])
        assert (batch.manifest["environment"], batch.manifest["workspace"]) == ("staging", "tiny [staging]")
        assert {re.sub(r"[0-9a-f]{12}$", "", row["customer_id"]) for row in batch.rows} == {"staging-", "seed"}
    subjects = [json.loads(line)["parts"]["subject"] for line in found[0].payload["creatives.ndjson"].splitlines()]
    assert subjects
    assert all(subject.startswith("[staging] ") for subject in subjects)
    assert all(row["body"].startswith("[staging] North: Dry your ") for row in found[1].rows)
    everything = below(first_day.folder / "outbox-staging")
    assert seen_in("\n".join([*everything, *(content.decode() for content in everything.values())])) == []


def test_staging_has_folders_and_a_key_of_its_own_and_claims_nothing_in_production(first_day):
    assert not first_day.outbox.exists()
    assert {path.name for path in first_day.state.iterdir()} == {"key"}
    assert {path.name for path in first_day.folder.glob("*staging*")} == {".justenough-staging", "outbox-staging"}
    assert (first_day.folder / ".justenough-staging/ledger.duckdb").is_file()
    assert (first_day.folder / ".justenough-staging/key").read_text() != (first_day.state / "key").read_text()


@pytest.mark.parametrize("name", sorted(name for name, to in targets().items() if to.kind == "message"))
def test_no_target_writes_to_anybody_but_seeds(name):
    to = targets()[name]
    rows = worded(to)
    seeds = pl.DataFrame({"address": ["qa-seed"], "address_match": ["qa-match"]})
    staging = settings(environment="staging")
    made = content(to, to_seeds(rows, seeds, staging))
    said = json.dumps(made.to_dicts(), default=str)
    for gone in (*rows["address"], *rows["address_match"], *(f'"{name}"' for name in rows["customer_id"])):
        assert gone not in said
    assert said.count("qa-seed") >= rows.height
    assert content(to, to_seeds(to_seeds(rows, seeds, staging), seeds, staging)).equals(made)
    nowhere = to_seeds(rows, seeds.clear(), staging)
    assert nowhere["address"].null_count() == rows.height


def test_which_seed_a_row_goes_to_hangs_on_its_message_alone_and_copies_stay_as_they_are():
    seeds = pl.DataFrame({"address": ["a", "b", "c"], "address_match": ["am", "bm", "cm"]})
    rows = pl.DataFrame({"message_id": [f"{n:064x}" for n in range(300)], "lane": ["first"] * 299 + ["seed"]})
    rows = rows.with_columns(
        customer_id=pl.lit("c1"), address=pl.lit("x"), address_match=pl.lit("xm"), phone=pl.lit("+49")
    )
    staging = settings(environment="staging")
    found = to_seeds(rows, seeds, staging)
    assert to_seeds(rows.reverse(), seeds, staging).reverse().equals(found)
    assert found.row(299, named=True) == rows.row(299, named=True)
    others = found.head(299)
    assert others["address"].value_counts()["count"].min() > 70
    assert others.select(pl.col("address") + "m").to_series().equals(others["address_match"].alias("address"))
    assert others["customer_id"].str.starts_with("staging-").all()
    assert others["phone"].null_count() == 299
    assert to_seeds(rows, seeds, settings()) is rows


def test_nothing_that_platforms_hold_has_a_target_outside_production(first_day, in_staging):
    loaded = first_day.load()
    assert loaded.settings.targets == {"north": {"email": "email_file", "sms": "sms_file"}}
    assert not {name for name, way in CHANNELS.items() if not way.sends} & loaded.settings.seeds.keys()


@pytest.mark.slow
def test_every_command_says_where_it_is(first_day, in_staging, capsys):
    with clock(NEXT):
        assert cli.main(["check", "--json", "--workspace", str(first_day.folder)]) == 0
    out, said = capsys.readouterr()
    assert said == (
        "[staging] Everything goes to seed addresses, 2 by email, 1 by sms; by no other channel does anything leave.\n"
    )
    assert "brand 'north' has in staging no target with seeds for web; nobody is reached there" in out


@pytest.mark.slow
def test_what_is_called_back_or_corrected_or_delivered_again_goes_where_it_went(tiny, in_staging, tmp_path):
    at = ["--workspace", str(tiny.folder)]
    with clock(NEXT):
        assert cli.main(["recall", "--product", "late", *at]) == 0
    with clock(NEXT):
        assert cli.main(["acknowledge", "sms_file-2026-11-22-1", "failed", *at]) == 0
        assert cli.main(["deliver", "--failed", "sms_file-2026-11-22-1", *at]) == 0
        assert cli.main(["acknowledge", MAIL, "sent", *at]) == 0
        planned, done = line.correct(tiny.load(), MAIL, None)
        assert done is None
        line.correct(tiny.load(), MAIL, planned.people_count)
    found = batches(tiny)
    kinds = [(batch.manifest["kind"], bool(batch.manifest["corrects"])) for batch in found]
    assert ("recall", False) in kinds
    assert ("message", True) in kinds
    recalled = next(batch for batch in found if batch.manifest["kind"] == "recall")
    assert {row["address"] for row in recalled.rows} <= set(SEEDS["email"])
    assert recalled.manifest["environment"] == "staging"
    everything = below(tiny.folder / "outbox-staging")
    assert seen_in("\n".join([*everything, *(content.decode() for content in everything.values())])) == []


@pytest.mark.slow
def test_production_goes_on_untouched_beside_staging_and_names_its_people(tiny, monkeypatch):
    tiny.run()
    real = [row["email"] for batch in tiny.batches() if batch.target == "email_file" for row in batch.rows]
    assert "ann@x.example.com" in real
    messages = {row["message_id"] for batch in tiny.batches() for row in batch.rows}
    assert not messages & {row["message_id"] for batch in batches(tiny) for row in batch.rows}
    assert not any(b"[staging]" in content for content in below(tiny.outbox).values())
    before = below(tiny.outbox, tiny.state)
    plan = next(path.name for path in (tiny.state / "plans").iterdir())
    monkeypatch.setenv("JUSTENOUGH_ENVIRONMENT", "staging")
    at = ["--workspace", str(tiny.folder)]
    with clock(MORNING + timedelta(days=1)):
        for command in (["run"], ["recover"], ["recall"], ["retain"], ["learn"], ["explain", "c01"]):
            assert cli.main([*command, *at]) in {0, 3}, command
    with pytest.raises(PlanError, match="no plan"):
        tiny.deliver(plan, at=NEXT)
    # Even where somebody has copied it, its words and settings are of production.
    shutil.copytree(tiny.state / "plans" / plan, tiny.folder / ".justenough-staging/plans" / plan)
    with pytest.raises(PlanError, match="there is a new key since this plan was made"):
        tiny.deliver(plan, at=NEXT)
    shutil.copy(tiny.state / "key", tiny.folder / ".justenough-staging/key")
    with pytest.raises(PlanError, match="have changed since this plan was made"):
        tiny.deliver(plan, at=NEXT)
    assert below(tiny.outbox, tiny.state) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["OUTBOX", "STATE", "LEDGER", "KEY_FILE"])
def test_a_folder_of_one_environment_is_refused_in_the_other(tiny, monkeypatch, name):
    tiny.run()
    before = below(tiny.folder)
    places = {"OUTBOX": "outbox", "STATE": "", "LEDGER": "/ledger.duckdb", "KEY_FILE": "/key"}
    mine, theirs = (
        f"{tiny.folder}/{stem if name == 'OUTBOX' else state + places[name]}"
        for stem, state in (("outbox", ".justenough"), ("outbox-staging", ".justenough-staging"))
    )
    monkeypatch.setenv(f"JUSTENOUGH_{name}", theirs)
    with pytest.raises(JustEnoughError, match="is of staging, and this is production"):
        tiny.run(at=NEXT)
    monkeypatch.setenv("JUSTENOUGH_ENVIRONMENT", "staging")
    monkeypatch.setenv(f"JUSTENOUGH_{name}", mine)
    with pytest.raises(JustEnoughError, match="production's, and this is staging"):
        tiny.run(at=NEXT)
    # The workspace does not say that production is there: a variable did.
    moved = f"{tiny.folder}/elsewhere"
    shutil.copytree(tiny.state if name != "OUTBOX" else tiny.outbox, moved)
    monkeypatch.setenv(f"JUSTENOUGH_{name}", moved + (places[name] if name != "OUTBOX" else ""))
    with pytest.raises(JustEnoughError, match="is of production, and this is staging"):
        tiny.run(at=NEXT)
    shutil.rmtree(moved)
    assert below(tiny.folder) == before


@pytest.mark.slow
def test_a_seed_that_said_stop_gets_nothing_and_without_another_nothing_is_claimed(tiny, in_staging):
    for address in SEEDS["email"]:
        tiny.warehouse(f"INSERT INTO suppressed VALUES ('email', '{address}', 'north', 'bounced', '{MORNING:%F %T}')")
    shutil.rmtree(tiny.folder / ".justenough-staging")
    shutil.rmtree(tiny.folder / "outbox-staging")
    done = {found.target: found for found in tiny.run().delivered.published}
    assert (done["email_file"].folder, done["email_file"].dropped) == (None, {"SUPPRESSED": 7})
    assert done["sms_file"].rows == 1
    assert [batch.target for batch in batches(tiny)] == ["sms_file"]


@pytest.mark.slow
def test_a_channel_without_seeds_delivers_nothing(tiny, in_staging):
    tiny.edit("pyproject.toml", 'email = ["qa@seeds.example.com", "crm@seeds.example.com"]\n', "")
    shutil.rmtree(tiny.folder / ".justenough-staging")
    shutil.rmtree(tiny.folder / "outbox-staging")
    tiny.run()
    assert {batch.target for batch in batches(tiny)} == {"sms_file"}


def test_links_of_staging_are_signed_by_another_key(first_day, in_staging):
    staging = first_day.load().settings
    assert load_key(staging.key_file).key_id != load_key(first_day.state / "key").key_id
