"""The files of ad platforms: whole batches to look at, the platforms' caps, and what only one of them wants."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from flows.addresses import RULES, email_digest
from flows.channels import target, targets
from flows.channels.microsoft_customer_list import Microsoft
from flows.channels.tiktok_audience import TikTok
from flows.channels.uid2 import MOST_ITEMS
from flows.errors import SettingError
from flows.schemas import INSTANT
from flows.stages.audience import told
from flows.stages.delivery import EXCLUDE, Payload, write_batch
from tests.channels.ads import ADS, DIRTY, batch, content, creative, golden, hexed, known, many, requests

GOLDEN = Path(__file__).parent / "golden"
NOTHING = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
)


def payloads(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "manifest.json"}


def table(path, encoding="utf-8"):
    """A CSV as its cells, none of them read as a number."""
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline="")))


def test_every_target_of_ads_is_tried_here():
    assert {name for name, to in targets().items() if to.channel == "ads"} == {*ADS, "ads_audiences"}
    assert len(DIRTY) >= 12


@pytest.mark.parametrize("name", ADS)
def test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte(name, tmp_path):
    found = payloads(golden(tmp_path, name))
    kept = GOLDEN / name
    if os.environ.get("WRITE_GOLDEN"):
        kept.mkdir(parents=True, exist_ok=True)
        for file, data in found.items():
            (kept / file).write_bytes(data)
    assert found == payloads(kept)
    assert not [digest for digest in NOTHING for data in found.values() if digest.encode() in data]


@pytest.mark.parametrize("name", ADS)
def test_each_file_is_of_one_audience_and_the_manifest_says_which_and_what_it_does(name, tmp_path):
    folder = golden(tmp_path, name)
    listed = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
    names = audiences_of(name)
    assert sorted((file["name"], file["mode"], file.get("audience")) for file in listed) == sorted(
        [
            *((f"removals-{audience}-0001.{target(name).file_format}", "remove", audience) for audience in names),
            *((f"additions-{audience}-0001.{target(name).file_format}", "append", audience) for audience in names),
            ("audiences.ndjson", "replace", None),
        ]
    )
    said = requests(folder / "audiences.ndjson")
    assert [(words["audience"], words["consent"]) for words in said] == [(name, "granted") for name in sorted(names)]
    assert {words["headline"][:9] for words in said} == {"For you: "}


@pytest.mark.parametrize("name", [*ADS, "ads_audiences"])
def test_whom_campaigns_leave_out_has_files_of_its_own_that_say_so_and_no_words(name, tmp_path):
    to = target(name)
    people = known().select(
        "customer_id", "address", "phone", message_id="customer_id", brand=pl.lit("b"), product=pl.lit("exclude:x")
    )
    rows = told(people.with_columns(valid_until=pl.lit(None, INSTANT)), to, "w")
    gone = rows.select(to.identity).head(2)
    files = [
        Payload("exclude-removals", "remove", gone, EXCLUDE),
        Payload("additions", "append", content(to)),
        Payload("exclude-additions", "append", rows, EXCLUDE),
    ]
    write_batch(tmp_path / "batch", files, {"k1": creative()}, to, {})
    listed = json.loads((tmp_path / "batch" / "manifest.json").read_text("utf-8"))["files"]
    audience = rows["audience"][0] if to.file_per else None
    told_apart = [(file["name"], file["mode"], file["rows"], file.get("audience")) for file in listed if "use" in file]
    assert {file["use"] for file in listed if "use" in file} == {"exclude"}
    stem = f"-{audience}" if audience else ""
    assert told_apart == [
        (f"exclude-removals{stem}-0001.{to.file_format}", "remove", 2, audience),
        (f"exclude-additions{stem}-0001.{to.file_format}", "append", people.height, audience),
    ]
    if to.beside:
        words = requests(tmp_path / "batch" / "audiences.ndjson")
        assert rows["audience"][0] not in {said["audience"] for said in words}
        assert len(words) == 2
    written = (tmp_path / "batch" / told_apart[1][0]).read_text("utf-8-sig")
    assert "For you" not in written
    if name == "microsoft_customer_list":
        texts = [(tmp_path / "batch" / file).read_text("utf-8-sig") for file, *_ in told_apart]
        assert [("Remove" in text, "Add" in text) for text in texts] == [(True, False), (False, True)]


@pytest.mark.parametrize("name", ADS)
def test_no_address_stands_in_a_file_in_clear(name, tmp_path):
    text = b"".join(payloads(golden(tmp_path, name)).values()).decode().lower()
    people = known()
    told = [*people["address"].str.to_lowercase(), *people["phone"].drop_nulls().str.strip_chars_start("+")]
    assert [value for value in told if value in text] == []


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if target(name).most_rows > 20_000 else []) for name in ADS],
)
def test_one_row_more_than_a_file_takes_goes_into_a_second_one(name, tmp_path):
    to = replace(target(name), most_bytes=None)
    folder = batch(tmp_path, to, added=content(to).clear(), removed=many(to, to.most_rows + 1))
    listed = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
    assert [(file["name"], file["rows"]) for file in listed] == [
        (f"removals-a-0123456789ab-0001.{to.file_format}", to.most_rows),
        (f"removals-a-0123456789ab-0002.{to.file_format}", 1),
    ]


# What only one of them wants.


def test_google_has_its_header_in_english_and_one_mailbox_at_gmail(tmp_path):
    rows = table(
        golden(tmp_path, "google_customer_match") / f"additions-{audiences_of('google_customer_match')[0]}-0001.csv"
    )
    assert rows[0] == ["Email", "Phone"]
    assert [hexed("annb@gmail.com"), hexed("+447911123456")] in rows


def test_meta_takes_numbers_without_their_plus_and_leaves_gmail_alone(tmp_path):
    rows = table(
        golden(tmp_path, "meta_custom_audience") / f"additions-{audiences_of('meta_custom_audience')[0]}-0001.csv"
    )
    assert rows[0] == ["email", "phone"]
    assert [hexed("ann.b+x@gmail.com"), hexed("447911123456")] in rows


def test_linkedin_gets_its_whole_template_with_only_the_first_column_filled(tmp_path):
    rows = table(golden(tmp_path, "linkedin_audience") / f"additions-{audiences_of('linkedin_audience')[0]}-0001.csv")
    assert rows[0] == ["email", "firstname", "lastname", "jobtitle", "employeecompany", "country", "googleaid"]
    assert {tuple(row[1:]) for row in rows[1:]} == {("",) * 6}
    assert all(row[0] for row in rows[1:])


@pytest.mark.slow
def test_linkedin_takes_20_million_bytes_which_are_fewer_people_than_its_300_000_rows(tmp_path):
    to = target("linkedin_audience")
    folder = batch(tmp_path, to, added=content(to).clear(), removed=many(to, 300_000))
    files = sorted(folder.glob("removals-*"))
    sizes = [file.stat().st_size for file in files]
    assert len(sizes) == 2
    assert 16_000_000 < sizes[0] <= 20_000_000  # cut by what each line could take at most
    assert sum(len(table(file)) - 1 for file in files) == 300_000


def test_tiktok_hashes_numbers_as_the_workspace_says(tmp_path):
    def hashed(**options):
        to = target("tiktok_audience").given(options, "here")
        return content(to).filter(message_id="m-c01").select("Email_SHA256", "Phone_SHA256").row(0)

    assert hashed() == (hexed("ann.b+x@gmail.com"), hexed("+447911123456"))
    assert hashed(phone_plus=False, email_tags=False) == (hexed("ann.b@gmail.com"), hexed("447911123456"))
    assert set(TikTok.model_fields) == {"phone_plus", "email_tags", "headline", "description"}


def test_microsoft_has_a_mark_its_format_and_the_list_that_the_items_belong_to(tmp_path):
    name = audiences_of("microsoft_customer_list")[0]
    to = target("microsoft_customer_list").given({"lists": {name: 4567}}, "here")
    rows = content(to)
    folder = batch(tmp_path, to, added=rows, removed=rows.head(2))
    assert (folder / f"additions-{name}-0001.csv").read_bytes().startswith(b"\xef\xbb\xbfType,")
    header, version, its_list, *items = table(folder / f"removals-{name}-0001.csv", "utf-8-sig")

    def told(row):
        return {key: value for key, value in zip(header, row, strict=True) if value}

    assert told(version) == {"Type": "Format Version", "Name": "6.0"}
    assert told(its_list) == {
        "Type": "Customer List",
        "Status": "Active",
        "Id": "4567",
        "Scope": "Customer",
        "Audience": name,
        "Action Type": "Remove",
    }
    assert [told(item) for item in items] == [
        {"Type": "Customer List Item", "Parent Id": "4567", "Sub Type": "Email", "Text": hexed("ann.b+x@gmail.com")}
    ]
    new = table(folder / f"additions-{audiences_of('microsoft_customer_list')[1]}-0001.csv", "utf-8-sig")
    assert (told(new[2])["Id"], told(new[2])["Action Type"], told(new[3])["Parent Id"]) == ("-1", "Add", "-1")
    assert set(Microsoft.model_fields) == {"lists", "headline", "description"}


def test_uid2_takes_5_000_digests_in_a_request_as_base64(tmp_path):
    to = target("uid2")
    folder = batch(tmp_path, to, added=content(to).clear(), removed=many(to, MOST_ITEMS // 2 + 1))
    bodies = requests(folder / "removals-a-0123456789ab-0001.ndjson")
    assert [{key: len(items) for key, items in body.items()} for body in bodies] == [
        {"email_hash": 2_500, "phone_hash": 2_500},
        {"email_hash": 1, "phone_hash": 1},
    ]
    assert max(len(json.dumps(body)) for body in bodies) < 1_000_000
    known_by = email_digest(RULES["uid2"], pl.lit("ann.b+x@gmail.com"))
    first = requests(golden(tmp_path / "golden", "uid2") / f"additions-{audiences_of('uid2')[0]}-0001.ndjson")
    assert pl.select(known_by).item() in first[0]["email_hash"]


@pytest.mark.parametrize("name", ["pinterest_audience", "snapchat_audience", "x_audience"])
def test_where_nobody_but_ourselves_has_judged_it_is_only_a_column_of_addresses(name, tmp_path):
    rows = table(golden(tmp_path, name) / f"additions-{audiences_of(name)[0]}-0001.csv")
    assert rows[: 0 if name == "x_audience" else 1] == ([] if name == "x_audience" else [["email"]])
    assert [hexed("ann.b+x@gmail.com")] in rows
    assert target(name).unverified


def test_the_least_size_is_each_platforms_own():
    assert {name: target(name).smallest for name in ADS} == {
        "google_customer_match": 100,
        "meta_custom_audience": 100,
        "linkedin_audience": 300,
        "tiktok_audience": 1_000,
        "microsoft_customer_list": 300,
        "uid2": 0,
        "pinterest_audience": 100,
        "snapchat_audience": 1_000,
        "x_audience": 100,
    }


def test_each_platform_has_the_lengths_of_its_own_ads_which_may_be_set_where_we_have_them_from_others():
    lengths = {name: tuple(target(name).given({}, "here").longest.values()) for name in (*ADS, "ads_audiences")}
    known = {"meta_custom_audience": (27, 125), "linkedin_audience": (70, 150), "tiktok_audience": (40, 100)}
    assert lengths == dict.fromkeys(lengths, (30, 90)) | known
    for name in lengths:
        if name == "google_customer_match":  # it refuses longer ones, and says so itself
            with pytest.raises(SettingError, match=r"here.*headline"):
                target(name).given({"headline": 40}, "here")
        else:
            set_up = target(name).given({"headline": 40}, "here")
            assert set_up.longest == {"headline": 40, "description": lengths[name][1]}


def audiences_of(name):
    """The audiences of the golden batch: first that of the first customer."""
    return content(target(name))["audience"].unique(maintain_order=True).to_list()
