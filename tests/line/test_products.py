"""Products as things that are owned: how they stand, and going back to an earlier version of one."""

from __future__ import annotations

import json
import re
from datetime import date

import polars as pl
import pytest

from flows import cli, line
from flows.errors import JustEnoughError, UsageError
from flows.ledger.store import open_ledger
from flows.settings import load_settings
from tests.tiny import MORNING, clock, day, make

NEXT = day(1)


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory):
    """After two days, between which the words of `care` changed, and its threshold, and a macro's file came."""
    tiny = make(tmp_path_factory.mktemp("products") / "tiny", brands=["north"])
    tiny.run()
    tiny.edit("templates/care/email.j2", "dry it first", "never dry it")
    tiny.edit("templates/care/product.yaml", "relevance: {interest: {weight: 1}}", "relevance: {interest: {weight: 2}}")
    (tiny.folder / "templates/care/email.de.j2").write_text(
        (tiny.folder / "templates/care/email.j2").read_text("utf-8"), "utf-8"
    )
    for name in ("sms", "web"):
        file = tiny.folder / f"templates/care/{name}.j2"
        file.with_name(f"{name}.de.j2").write_text(file.read_text("utf-8"), "utf-8")
    for name in ("email", "sms"):
        file = tiny.folder / f"templates/_shared/{name}_layout.j2"
        file.with_name(f"{name}_layout.de.j2").write_text(file.read_text("utf-8"), "utf-8")
    tiny.edit("templates/care/product.yaml", "label: Read the guide", "label: {default: Read the guide, de: Lesen}")
    tiny.warehouse("UPDATE needs SET interest = 4 WHERE customer_id = 'c14'")
    tiny.run(at=day(1))
    return tiny


@pytest.fixture
def tiny(two_versions, tmp_path):
    return two_versions.copy(tmp_path / "tiny")


def standings(tiny, at=NEXT):
    with clock(at):
        return {each.product: each for each in line.standings(tiny.load())}


def revert(tiny, product="care", to=1):
    with clock(NEXT):
        return line.revert(load_settings(tiny.folder), product, to)


def files(tiny) -> dict[str, bytes]:
    folder = tiny.folder / "templates"
    return {
        str(file.relative_to(tiny.folder)): file.read_bytes() for file in sorted(folder.rglob("*.*")) if file.is_file()
    }


def test_a_product_stands_with_its_version_reach_and_data(tiny):
    care, late = standings(tiny).values()
    assert (care.product, care.version, care.versions, care.since, care.changed_on) == (
        "care",
        2,
        2,
        date(2026, 11, 22),
        date(2026, 11, 23),
    )
    assert (late.product, late.version, late.versions) == (
        "late",
        None,
        1,
    )  # what it shares has changed, and was not sent yet
    assert (care.dimensions, care.because) == (("last_order", "name"), ("last_order",))
    assert care.messages == tiny.history("SELECT count(*) FROM claim WHERE product = 'care'")[0][0] > 0
    told = "SELECT count(DISTINCT person_key) FROM decision WHERE product = 'care' AND reason IS NULL"
    assert care.people == tiny.history(told)[0][0] > 0
    assert care.held_out == 0
    assert care.named == tiny.history("SELECT max(row_count) FROM segment_count WHERE product = 'care'")[0][0]
    assert care.creep > 0
    assert care.floor == 0.001


@pytest.mark.slow
def test_what_was_a_month_ago_is_not_lately(tiny):
    second = tiny.history("SELECT count(*) FROM claim WHERE product = 'care' AND as_of = '2026-11-23'")[0][0]
    assert standings(tiny, at=day(31))["care"].messages == second > 0
    assert standings(tiny, at=day(32))["care"].messages == 0


def test_words_that_nobody_was_sent_are_no_version_yet(tiny):
    tiny.edit("templates/care/email.j2", "never dry it", "fold it")
    care = standings(tiny)["care"]
    assert (care.version, care.versions, care.changed_on, care.since) == (None, 2, None, date(2026, 11, 22))


def test_a_product_whose_review_is_overdue_says_so(tiny, capsys):
    with clock(day(300)):
        assert cli.main(["products", "--workspace", str(tiny.folder)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "care says nothing, since its review date has passed: crm@example.com should look at it" in said


def test_it_stands_with_what_the_last_kept_look_found_in_eighty_columns(tiny, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert (standings(tiny)["care"].verdict, standings(tiny)["care"].read_on) == (None, None)
    found = {"product": "care", "verdict": "HELPS_AND_SELLS_LESS", "metric": "no_question", "found": "{}", "alarms": []}
    looks = [
        {**found, "as_of": date(2026, 11, 21), "verdict": "HARMS", "lift": -0.5, "lift_low": -0.6, "lift_high": -0.4},
        {**found, "as_of": date(2026, 11, 22), "lift": 0.0423, "lift_low": 0.012, "lift_high": None},
    ]
    with open_ledger(load_settings(tiny.folder)) as ledger, ledger.transaction():
        ledger.append("readout", pl.DataFrame(looks, infer_schema_length=None).with_columns(read_at=pl.lit(MORNING)))
    care = standings(tiny)["care"]
    assert (care.verdict, care.lift, care.lift_low, care.lift_high) == ("HELPS_AND_SELLS_LESS", 0.0423, 0.012, None)
    assert care.read_on == date(2026, 11, 22)
    with clock(NEXT):
        assert cli.main(["products", "--workspace", str(tiny.folder)]) == 0
    table = capsys.readouterr().out.split("People since")[0].splitlines()
    assert max(map(len, table)) <= 80
    rows = {line.split()[0]: line for line in table if line.split()[0] in ("care", "late")}
    assert "+4.2% helps," in rows["care"]
    assert re.search(r"–\s+–\s+last_order", rows["late"])
    assert sum("≥ 0.1%" in line for line in table) == 2  # the floor, beneath how many it reached


def test_going_back_puts_words_and_settings_back_and_keeps_what_was_there(tiny):
    before, care = files(tiny), tiny.load().product_digest(tiny.load().products["care"])
    done = revert(tiny)
    assert done.written == ("templates/care/email.j2", "templates/care/product.yaml")
    assert done.removed == tuple(f"templates/care/{name}.de.j2" for name in ("email", "sms", "web"))
    now = files(tiny)
    assert b"dry it first" in now["templates/care/email.j2"]
    assert b"weight: 1" in now["templates/care/product.yaml"]
    assert not [name for name in now if name.startswith("templates/care/") and ".de." in name]
    kept = {str(file.relative_to(done.kept)): file.read_bytes() for file in done.kept.rglob("*.*")}
    assert {name: kept[name] for name in kept if name in before} == {
        name: before[name] for name in before if name in kept
    }
    assert set(kept) >= {*done.written, *done.removed}
    assert tiny.load().product_digest(tiny.load().products["care"]) != care
    assert revert(tiny).written == ()  # harmless when repeated


def test_what_other_products_use_is_left_alone_and_named(tiny):
    tiny.edit("templates/_shared/sms_layout.j2", "to end", "to stop")
    done = revert(tiny)
    assert done.differs == ("templates/_shared/sms_layout.j2",)
    assert b"to stop" in files(tiny)["templates/_shared/sms_layout.j2"]


def test_a_segment_goes_back_with_its_only_product(tiny):
    was = (tiny.folder / "sql/segments/owners.sql").read_text("utf-8")
    (tiny.folder / "sql/segments/owners.sql").write_text(f"{was}\n-- and more", "utf-8")
    assert "sql/segments/owners.sql" in revert(tiny).written
    assert (tiny.folder / "sql/segments/owners.sql").read_text("utf-8") == was


def test_what_is_on_its_way_of_other_versions_is_called_back(tiny):
    on_its_way = tiny.history(
        "SELECT count(*) FROM claim JOIN receipt USING (message_id) WHERE claim.product = 'care' AND product_version = 2"
    )[0][0]
    done = revert(tiny)
    assert sum(done.recalled.batches.values()) == on_its_way > 0
    again = tiny.history("SELECT DISTINCT product_version FROM recall JOIN receipt USING (message_id)")
    assert again == [(2,)]
    assert revert(tiny).recalled.batches == {}


@pytest.mark.slow
def test_the_next_run_says_what_that_version_said(tiny):
    revert(tiny)
    tiny.warehouse("UPDATE needs SET interest = 4 WHERE customer_id = 'c02'")
    tiny.run(at=day(40))
    assert standings(tiny, at=day(40))["care"].status == "live"
    (last,) = [b for b in tiny.batches() if b.target == "email_file" and b.manifest["as_of"] == "2027-01-01"]
    assert b"dry it first" in last.payload["creatives.ndjson"]


def test_a_broken_product_goes_back(tiny):
    (tiny.folder / "templates/care/product.yaml").write_text("nonsense", "utf-8")
    with pytest.raises(JustEnoughError):
        tiny.load()
    revert(tiny)
    tiny.load()


def test_nothing_is_written_where_the_workspace_would_not_be_sound(tiny):
    tiny.edit("sql/dimensions.yaml", "name:       {my", "called:     {my")
    before = files(tiny)
    with pytest.raises(JustEnoughError):
        revert(tiny)
    assert files(tiny) == before
    assert tiny.history("SELECT count(*) FROM recall") == [(0,)]


@pytest.mark.parametrize(
    ("product", "to", "what"),
    [("car", 1, "nothing was delivered of 'car'"), ("care", 7, "there is no version 7 of 'care'")],
)
def test_an_unknown_product_or_version_is_answered_with_the_next_step(tiny, product, to, what):
    with pytest.raises(UsageError) as caught:
        revert(tiny, product, to)
    assert caught.value.what == what
    assert caught.value.hint in ("did you mean 'care'?", "its versions are 1, 2")


@pytest.mark.slow
def test_both_commands_answer_in_json(tiny, capsys):
    with clock(day(1)):
        assert cli.main(["products", "--json", "--workspace", str(tiny.folder)]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert [each["product"] for each in listed] == ["care", "late"]
        assert cli.main(["rollback", "care", "--to", "1", "--json", "--workspace", str(tiny.folder)]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["product"], done["version"]) == ("care", 1)
