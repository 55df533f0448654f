"""Files of e-mails as their platforms read them: golden batches of dirty people, limits crossed, and rules of one platform."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import duckdb
import polars as pl
import pytest

from flows.channels import mailchimp, target
from flows.channels.sendgrid import MOST_BYTES, MOST_RECIPIENTS
from flows.errors import TemplateError
from flows.links import OF_RECIPIENTS
from tests.channels import readers
from tests.channels.dirty import NAMES, batch, lines, people
from tests.channels.judges import JUDGES, column, faults
from tests.channels.readers import table

pytestmark = pytest.mark.oracle

CSV = ["braze", "brevo", "customerio", "ghost", "klaviyo", "listmonk", "mailchimp", "mautic", "sfmc"]


def contents(folder) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.glob("recipients*"))]


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    return {name: batch(name, tmp_path_factory.mktemp(name)) for name in JUDGES}


@pytest.mark.parametrize("to", sorted(JUDGES))
def test_a_batch_of_dirty_people_has_no_fault_for_its_own_platform(to, batches):
    assert [fault for content in contents(batches[to]) for fault in faults(to, content)] == []
    manifest = json.loads((batches[to] / "manifest.json").read_bytes())
    assert manifest["rows"] == len(NAMES) >= 12


@pytest.mark.parametrize("to", sorted(JUDGES))
def test_a_file_for_one_platform_is_refused_by_another(to, batches):
    file = contents(batches[to])[0]
    takes_it = {to, "klaviyo"} if to == "mailchimp" else {to}  # Klaviyo knows an "Email Address", too
    assert [name for name in JUDGES if faults(name, file)] == sorted(set(JUDGES) - takes_it)


@pytest.mark.parametrize("to", CSV)
def test_three_readers_find_the_same_texts(to, batches):
    separator = target(to).csv.separator
    for file in sorted(batches[to].glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as text:
            header, *rows = csv.reader(text, delimiter=separator, strict=True)
        by_polars = pl.read_csv(file, infer_schema=False, separator=separator)
        query = "FROM read_csv(?, all_varchar = true, header = true, delim = ?, quote = '\"', escape = '\"')"
        by_duckdb = duckdb.execute(query, [str(file), separator])
        names = [about[0] for about in by_duckdb.description]
        assert header == by_polars.columns == names
        assert [[cell or "" for cell in row] for row in by_polars.rows()] == rows
        assert [[cell or "" for cell in row] for row in by_duckdb.fetchall()] == rows


# Limits.


@pytest.mark.parametrize("to", ["braze", "klaviyo", "sfmc", "ghost", "mailchimp"])
def test_one_row_more_than_a_file_takes_is_in_a_second_part(to, tmp_path):
    form = replace(target(to), most_rows=len(NAMES) - 1)
    files = sorted(file.name for file in batch(form, tmp_path).glob("recipients*"))
    assert files == ["recipients-0001.csv", "recipients-0002.csv"]
    assert len(table(tmp_path / "batch")) == len(NAMES)


@pytest.mark.parametrize("to", ["braze", "brevo", "customerio", "klaviyo"])
def test_a_file_stays_within_the_bytes_that_its_platform_takes(to, tmp_path):
    (whole,) = contents(batch(to, tmp_path / "whole"))
    form = replace(target(to), most_bytes=len(whole) - 1)
    parts = contents(batch(form, tmp_path / "cut"))
    assert len(parts) == 2
    assert all(len(part) < len(whole) for part in parts)
    assert {"braze": 500_000_000, "brevo": 8_000_000, "customerio": 100_000_000, "klaviyo": 50_000_000}[to] == target(
        to
    ).most_bytes


def many(count: int, **columns: str) -> pl.DataFrame:
    """Deliveries of creative k1 to so many people."""
    number = pl.int_range(count)
    base = pl.concat([people(target("sendgrid")).filter(pl.col("creative_id") == "k1").head(1)] * count)
    return base.with_columns(
        customer_id=pl.format("c{}", number),
        message_id=pl.format("m{}", number),
        address=pl.format("a{}@example.com", number),
        **{name: pl.lit(value) for name, value in columns.items()},
    )


def test_a_request_of_sendgrid_has_a_thousand_recipients_at_most(tmp_path):
    requests = lines(batch("sendgrid", tmp_path, many(MOST_RECIPIENTS + 1)))
    assert [len(request["personalizations"]) for request in requests] == [1_000, 1]
    assert len({person["to"][0]["email"] for request in requests for person in request["personalizations"]}) == 1_001


# Rules of one platform.


def test_a_request_of_sendgrid_has_an_address_once_however_it_is_written(tmp_path):
    twice = many(4).with_columns(
        address=pl.Series(["a@example.com", "b@example.com", "A@example.com", "a@example.com"])
    )
    requests = lines(batch("sendgrid", tmp_path, twice))
    sent = [[person["custom_args"]["message_id"] for person in request["personalizations"]] for request in requests]
    assert sent == [["m0", "m1"], ["m2"], ["m3"]]


def test_marketing_by_sendgrid_can_be_left_with_one_click_and_service_has_no_such_header(tmp_path):
    requests = lines(batch("sendgrid", tmp_path))
    headers = {
        request["subject"][:3]: [person.get("headers") for person in request["personalizations"]]
        for request in requests
    }
    assert set(headers) == {"For", "Grü"}
    assert all(set(some) == {"List-Unsubscribe", "List-Unsubscribe-Post"} for some in headers["For"])
    assert headers["For"][0]["List-Unsubscribe"] == "<https://x.example.com/leave/0>"
    assert headers["For"][0]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["Grü"] == [None] * len(headers["Grü"])
    assert all(request["tracking_settings"] == {"subscription_tracking": {"enable": False}} for request in requests)


@pytest.mark.parametrize(
    ("to", "length", "said"),
    [
        ("braze", 255, "braze takes 254"),
        ("mailchimp", 128, "mailchimp takes 255"),
        ("sfmc", 4_001, "sfmc takes 4000"),
        ("sendgrid", MOST_BYTES, "sendgrid takes 10000"),
    ],
)
def test_a_value_that_a_platform_would_cut_or_refuse_stops_the_batch(to, length, said, tmp_path):
    batch(to, tmp_path / "short", many(2, s2="u" * 254))
    with pytest.raises(TemplateError) as caught:
        batch(to, tmp_path / "long", many(2, s2="ü" * length))
    assert said in caught.value.what
    assert "ü" not in str(caught.value)


@pytest.mark.parametrize("to", ["braze", "customerio", "klaviyo"])
def test_a_value_is_a_text_for_whoever_guesses_types_and_replaces_the_one_of_yesterday(to, tmp_path):
    values = ["", "0130", "true", "2026-11-22", "1e5", "~", "Ann"]
    rows = many(len(values)).with_columns(s1=pl.Series(values))
    (file,) = contents(batch(to, tmp_path, rows))
    assert column(file, "s1") == ["~", "~0130", "~true", "~2026-11-22", "~1e5", "~~", "~Ann"]
    assert set(column(file, "creative")) == {"c-k1"}


@pytest.mark.parametrize(("to", "name"), [("mailchimp", "S1"), ("mautic", "s1")])
def test_a_blank_replaces_the_value_of_yesterday_though_nothing_is_seen_of_it(to, name, tmp_path):
    values = ["", "0", "Ann", "*|S2|*", "{contactfield=s2}", "{ a: b }"]
    rows = many(len(values)).with_columns(s1=pl.Series(values))
    (file,) = contents(batch(to, tmp_path, rows))
    shown = column(file, name)
    assert [value.replace("\u2060", "") for value in shown] == values
    assert "" not in shown
    assert ("0" in shown, "{contactfield=s2}" in shown) == ((to == "mailchimp",) * 2)
    assert ("*|S2|*" in shown, "Ann" in shown, "{ a: b }" in shown) == (to == "mautic", True, True)


def test_each_link_is_printed_by_mailchimp_under_a_tag_of_ten_letters(tmp_path):
    folder = batch(
        "mailchimp", tmp_path, many(2, preferences_url="https://x.example.com/choose"), link="preferences_url"
    )
    (file,) = contents(folder)
    assert column(file, "CHOOSE_URL") == ["https://x.example.com/choose"] * 2
    assert "*|CHOOSE_URL|*" in readers.creatives(folder)["k1"]["text"]
    assert set(mailchimp._TAGS) == set(OF_RECIPIENTS)
    assert {len(tag) <= 10 for tag in mailchimp._TAGS.values()} == {True}


def test_mautic_gets_a_thousand_rows_at_a_time_and_its_own_form_of_times(tmp_path):
    files = sorted(batch("mautic", tmp_path, many(1_001)).glob("recipients*"))
    assert [file.name for file in files] == ["recipients-0001.csv", "recipients-0002.csv"]
    assert [len(column(file.read_bytes(), "email")) for file in files] == [1_000, 1]
    assert column(files[1].read_bytes(), "valid_until") == ["2026-11-23 12:00:00"]


def test_a_column_of_another_creative_stays_blank(tmp_path):
    rows = table(batch("braze", tmp_path))
    assert {row["s1"] for row in rows if row["creative"] == "c-k2"} == {""}


@pytest.mark.parametrize("to", ["braze", "brevo", "customerio", "klaviyo", "listmonk", "mautic", "sendgrid", "sfmc"])
def test_each_link_of_a_recipient_that_a_creative_prints_is_in_the_file(to, tmp_path):
    folder = batch(to, tmp_path, many(2, preferences_url="https://x.example.com/choose"), link="preferences_url")
    (file,) = contents(folder)
    assert file.count(b"https://x.example.com/choose") == 2
    assert b"preferences_url" in file.lower()


@pytest.mark.parametrize("to", ["braze", "klaviyo", "sfmc", "ghost", "listmonk", "mailchimp", "mautic"])
def test_who_gets_two_messages_is_in_two_files(to, tmp_path):
    twice = many(3).with_columns(address=pl.Series(["a@example.com", "A@example.com", "b@example.com"]))
    files = sorted(batch(to, tmp_path, twice).glob("recipients*"))
    stem = "recipients-k1" if to == "listmonk" else "recipients"
    assert [file.name for file in files] == [f"{stem}-0001.csv", f"{stem}-round-2-0001.csv"]
    name = {"klaviyo": "Email", "mailchimp": "Email Address", "sfmc": "EmailAddress"}.get(to, "email")
    assert [column(file.read_bytes(), name) for file in files] == [
        ["a@example.com", "b@example.com"],
        ["A@example.com"],
    ]


def test_each_creative_of_listmonk_has_a_file_for_its_list_with_its_own_slots(tmp_path):
    folder = batch("listmonk", tmp_path)
    first, other = sorted(folder.glob("recipients*"))
    assert (first.name, other.name) == ("recipients-k1-0001.csv", "recipients-k2-0001.csv")
    attributes = [json.loads(text) for text in column(first.read_bytes(), "attributes")]
    slots = {"s1", "s1_html", "s2", "unsubscribe_url"}
    assert all(set(own) == {"message_id", "creative_id", "valid_until", *slots} for own in attributes)
    assert all(isinstance(value, str) for own in attributes for value in own.values())
    for text in column(other.read_bytes(), "attributes"):
        assert set(json.loads(text)) == {"message_id", "creative_id", "valid_until"}


def test_who_is_told_the_same_by_ghost_has_the_same_label_and_nobody_else(tmp_path):
    rows = many(4).with_columns(
        s1=pl.Series(["Ann", "Ann", "Bob", "Ann"]),
        unsubscribe_url=pl.format("https://x.example.com/{}", pl.int_range(4)),
    )
    folder = batch("ghost", tmp_path, rows)
    labels = [row["labels"] for row in table(folder)]
    assert (labels[0] == labels[1] == labels[3], labels[0] == labels[2]) == (True, False)
    wordings = lines(folder, "wordings")
    assert [wording["label"] for wording in wordings] == sorted(set(labels))
    assert all('href="%%{unsubscribe_url}%%"' in wording["html"] for wording in wordings)
    assert all("x.example.com/0" not in wording["html"] for wording in wordings)


def test_a_whole_mail_carries_its_claim_and_stands_in_a_file_of_its_own(tmp_path):
    folder = batch("eml", tmp_path)
    files = sorted(folder.glob("*.eml"))
    wanted = people(target("eml")).sort("customer_id")["message_id"].to_list()
    assert [file.name for file in files] == [f"recipients-{number:04}.eml" for number in range(1, len(NAMES) + 1)]
    for file, message in zip(files, wanted, strict=True):
        assert f"\r\nMessage-ID: <{message}@mail.nordtal.example.com>\r\n" in file.read_bytes().decode("ascii")
