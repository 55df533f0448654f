"""Seed addresses get a copy of each kind of message, and nothing counts them."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
import pytest

from flows import cli, line
from flows.errors import SettingError
from flows.ledger import inbox
from flows.ledger.inbox import Notice
from flows.line.seeding import addresses, seeded
from flows.pages.artifacts import plan_page
from flows.stages.message import worded
from tests.stages.making import KEY
from tests.stages.test_message import routed
from tests.tiny import MORNING, Tiny, clock, make

MAILS = ("QA@x.example.com", "crm@x.example.com")
SEEDS = f'seeds = {{email = {json.dumps(MAILS)}, sms = ["0151 12345699"]}}'


def with_seeds(tiny: Tiny, seeds: str = SEEDS) -> Tiny:
    tiny.edit("pyproject.toml", "[tool.justenough]\n", f"[tool.justenough]\n{seeds}\n")
    return tiny


@pytest.fixture(scope="module")
def first_day(tmp_path_factory) -> tuple[Tiny, object]:
    tiny = with_seeds(make(tmp_path_factory.mktemp("seeds") / "tiny", brands=["north"]))
    return tiny, tiny.run()


@pytest.fixture
def sent(first_day, tmp_path) -> Tiny:
    """A first day with seeds, in a copy of one's own."""
    return first_day[0].copy(tmp_path / "seeded")


@pytest.fixture
def fresh(tmp_path) -> Tiny:
    return with_seeds(make(tmp_path / "tiny", brands=["north"]))


def copies(batch) -> list[dict]:
    return [row for row in batch.rows if row["message_id"] in batch.manifest["seeds"]]


def test_each_batch_has_a_copy_of_each_kind_for_each_address_in_the_words_of_the_examples(first_day):
    found: dict[tuple[str, str], list[tuple]] = {}
    for batch in first_day[0].batches():
        for row in copies(batch):
            address = row.get("email") or row["to"]
            found.setdefault((batch.target, address), []).append((row.get("s1"), row.get("s2"), row.get("body")))
    by_mail = [("tent", "Ann", None)] * 2  # of the care guide, and of the news of a late order
    text = "North: Dry your tent first: https://north.example.com/care Reply STOP to end"
    assert found == {
        ("email_file", "QA@x.example.com"): by_mail,
        ("email_file", "crm@x.example.com"): by_mail,
        ("sms_file", "+4915112345699"): [(None, None, text)],
    }


def test_the_manifest_says_which_rows_are_copies_and_everything_else_counts_without_them(first_day):
    tiny, outcome = first_day
    for batch in tiny.batches():
        about, name = batch.manifest, batch.manifest["batch_id"]
        assert len(batch.rows) == about["rows"]
        assert len(copies(batch)) == about["seed_rows"] == len(set(about["seeds"]))
        assert about["seed_rows"] == {"email_file": 4, "sms_file": 1, "web_profiles": 0}[batch.target]
        real = about["rows"] - about["seed_rows"]
        assert sum(product["rows"] for product in about["products"]) == real
        assert tiny.history(f"SELECT row_count FROM batch WHERE batch_id = '{name}'") == [(real,)]
        claims = tiny.history(f"SELECT count(*) FROM claim WHERE batch_id = '{name}'")
        assert claims == [(real if about["kind"] == "message" else 0,)]
        assert all(row["customer_id"].startswith("seed") for row in copies(batch))
    assert [found.rows for found in outcome.delivered.published] == [7, 1, 10]
    assert tiny.history("SELECT count(*) FROM seed") == [(5,)]


def test_nothing_but_the_copies_differs_from_a_day_without_seeds(sent, tiny):
    """`tiny` had the same day without them; plans, and when they were made, differ in any case."""
    apart = {"run", "seed", "schema_version", "batch"}
    with_them, without = sent.everything(), tiny.everything()
    assert with_them.keys() == without.keys()
    for table in with_them.keys() - apart:
        assert len(with_them[table]) == len(without[table]), table
    known = [{row["message_id"]: row for row in batch.rows if row not in copies(batch)} for batch in sent.batches()]
    assert known == [{row["message_id"]: row for row in batch.rows} for batch in tiny.batches()]
    assert without["seed"] == []


@pytest.mark.slow
def test_the_same_day_in_another_place_has_the_same_bytes(fresh, sent):
    with clock(MORNING):
        plan = fresh.plan()
        fresh.deliver(plan.order.run_id, plan.people_count)
    assert [batch.payload for batch in fresh.batches()] == [batch.payload for batch in sent.batches()]
    assert [batch.manifest["seeds"] for batch in fresh.batches()] == [
        batch.manifest["seeds"] for batch in sent.batches()
    ]


@pytest.mark.slow
def test_what_failed_comes_again_with_the_same_copies_of_its_kinds_alone(sent, tmp_path):
    first = sent.batches()[0]
    care = [row["message_id"] for row in first.rows if row["customer_id"] in {"c01", "c03"}]
    file = tmp_path / "failed.txt"
    file.write_text("\n".join(care))
    at = ["--workspace", str(sent.folder)]
    with clock(MORNING):
        assert cli.main(["acknowledge", first.manifest["batch_id"], "failed", "--file", str(file), *at]) == 0
        assert cli.main(["deliver", "--failed", first.manifest["batch_id"], *at]) == 0
    again = next(batch for batch in sent.batches() if batch.manifest["batch_id"] == "email_file-2026-11-22-2")
    assert (again.manifest["rows"], again.manifest["seed_rows"]) == (4, 2)
    before = {row["message_id"]: row for row in first.rows}
    assert all(before[row["message_id"]] == row for row in again.rows)


def test_what_a_platform_tells_of_copies_changes_nothing(sent, tmp_path):
    batch = sent.batches()[0]
    file = tmp_path / "told.csv"
    real = [row["message_id"] for row in batch.rows if row not in copies(batch)]
    told = [f"{name},sent" for name in real] + [f"{name},failed" for name in batch.manifest["seeds"]]
    at = ["--workspace", str(sent.folder)]
    for lines in (told, told[len(real) :]):
        file.write_text("\n".join(["message_id,state", *lines]))
        with clock(MORNING):
            assert cli.main(["acknowledge", batch.manifest["batch_id"], "--file", str(file), *at]) == 0
    assert sent.history("SELECT count(*), any_value(state) FROM acknowledgement") == [(len(real), "sent")]
    assert sent.history("SELECT count(*) FROM claim WHERE channel = 'email'") == [(len(real),)]


@pytest.mark.slow
def test_a_seed_that_is_suppressed_or_says_stop_gets_no_copy_and_is_not_counted_as_left_out(fresh, while_staged):
    fresh.warehouse(
        f"INSERT INTO suppressed VALUES ('email', 'qa@x.example.com', 'north', 'bounced', '{MORNING:%F %T}')"
    )

    def stop() -> None:
        with clock(MORNING):
            inbox.write(fresh.load().settings, [Notice(address=MAILS[1], channel="email")])

    while_staged("email_file", stop)
    mail = fresh.run().delivered.published[0]
    assert (mail.target, mail.rows, mail.dropped) == ("email_file", 7, {})
    batch = fresh.batches()[0]
    assert (batch.manifest["seed_rows"], batch.manifest["seeds"], batch.manifest["rows"]) == (0, [], 7)
    assert len(batch.rows) == 7
    assert fresh.history("SELECT count(*) FROM seed SEMI JOIN batch USING (batch_id) WHERE batch_id LIKE 'email%'") == [
        (0,)
    ]


def test_copies_do_not_leave_alone(fresh, while_staged):
    def stop() -> None:
        with clock(MORNING):
            inbox.write(fresh.load().settings, [Notice(customer_id=name) for name in ("c06", "c07", "c08")])

    while_staged("sms_file", stop)
    while_staged("email_file", stop)
    mail, text, *_ = fresh.run().delivered.published
    assert (mail.rows, mail.dropped) == (4, {"NO_CONSENT": 3})
    assert (text.folder, text.rows, text.dropped) == (None, 0, {"NO_CONSENT": 1})
    [batch] = [batch for batch in fresh.batches() if batch.manifest["kind"] == "message"]
    assert (batch.manifest["rows"], batch.manifest["seed_rows"]) == (6, 2)  # none of the late orders any more
    assert fresh.history("SELECT count(*) FROM seed") == [(2,)]


def test_there_is_a_copy_per_variant_language_and_level(fresh):
    fresh.speak("de")
    fresh.edit("templates/care/product.yaml", "because:", "test: {variants: {long: 50%, short: 50%}}\nbecause:")
    web = fresh.folder / "templates/care/web.j2"
    for name in ("web.short.j2", "web.short.de.j2"):
        web.with_name(name).write_text(web.read_text("utf-8"), "utf-8")
    workspace, fields = fresh.load(), {"item": "rope", "first_name": "Bob"}
    kinds = [(v, lo, le) for v in ("long", "short") for lo in ("de-AT", "de-DE", "fr") for le in (0, 1, 2)]
    facts = [[], ["last_order"], ["last_order", "name"]]
    known = [{}, {"item": "rope"}, fields]
    rows = [
        {"product": "care", "message_type": "marketing", "variant": v, "locale": lo, "level": le, "facts": facts[le]}
        | dict.fromkeys(fields)
        | known[le]
        for v, lo, le in kinds
    ]
    product = workspace.products["care"]
    words = worded(routed(*rows, fields=fields), product, workspace, KEY)
    seeds = addresses(workspace, "north", "email").head(1)
    made = seeded(workspace, date(2026, 11, 22), [words.rows], words.creatives, seeds)
    found = made.rows.with_columns(
        language=pl.col("creative_id").replace_strict({name: c["locale"] for name, c in made.creatives.items()})
    )
    assert sorted(found.select("variant", "language", "level").iter_rows()) == sorted(
        (v, language, le) for v in ("long", "short") for language in ("de", "en") for le in (0, 1, 2)
    )
    assert found.filter(pl.col("level") == 2)["s1"].unique().to_list() == ["tent"]
    assert not {"rope", "Bob"} & {value for row in made.rows.iter_rows() for value in row if isinstance(value, str)}
    assert made.rows["message_id"].n_unique() == 12
    none = seeded(workspace, date(2026, 11, 22), [words.rows], words.creatives, seeds.clear())
    assert (none.rows.height, none.creatives) == (0, {})


def test_a_plan_says_where_copies_go(first_day, fresh, capsys):
    said = "Seed addresses get a copy of each product, variant, language and level, uncounted: 2 by email, 1 by sms."
    assert said in plan_page(first_day[1].plan, workspace="tiny")
    with clock(MORNING):
        assert cli.main(["plan", "--target", "email_file", "--workspace", str(fresh.folder)]) == 0
    assert f"{said.partition('2 by')[0]}2 by email." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("seeds", "what"),
    [
        ('{email = ["qa"]}', "an address of it cannot be sent to, or stands twice"),
        ('{email = ["qa@x.example.com", "QA@x.example.com"]}', "an address of it cannot be sent to, or stands twice"),
        ('{sms = ["12"]}', "an address of it cannot be sent to, or stands twice"),
        ('{push = [""]}', "an address of it cannot be sent to, or stands twice"),
        ('{web = ["c01"]}', "nothing is sent by 'web'"),
        ('{mail = ["qa@x.example.com"]}', "nothing is sent by 'mail'"),
    ],
)
def test_seeds_that_cannot_be_are_refused_without_being_shown(tmp_path, seeds, what):
    tiny = with_seeds(make(tmp_path / "tiny"), f"seeds = {seeds}")
    with pytest.raises(SettingError, match=what) as refused:
        tiny.load()
    assert "x.example.com" not in str(refused.value)


@pytest.mark.slow
def test_copies_of_a_correction_are_messages_of_their_own_on_the_same_day_too(sent):
    workspace, mail = sent.load(), "email_file-2026-11-22-1"
    with clock(MORNING):
        line.acknowledge(workspace.settings, mail, "loaded")
        people = line.correct(workspace, mail, None)[0].people_count
        line.correct(workspace, mail, people)
    wrong, right = [batch for batch in sent.batches() if batch.target == "email_file"]
    assert right.manifest["corrects"] == mail
    seen = [{row["message_id"] for row in copies(batch)} for batch in (wrong, right)]
    assert len(seen[0]) == len(seen[1]) == 4
    assert not seen[0] & seen[1]


def test_a_copy_may_be_sent_when_the_messages_of_its_kind_may(first_day):
    tiny, _ = first_day
    times = {
        (row["not_before"], row["not_after"])
        for batch in tiny.batches()
        if batch.target in {"email_file", "sms_file"}
        for row in copies(batch)
    }
    assert all(before and after for before, after in times)
