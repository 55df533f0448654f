import csv
import hashlib
import io
import json
import os
import resource
import stat
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet
import pytest
from polars.testing import assert_frame_equal

from flows.channels import Csv, Target
from flows.channels.email_file import TARGET as EMAIL_FILE
from flows.errors import BalanceError, OutboxError
from flows.ledger.claims import Batch
from flows.stages.delivery import Payload, header, leave_out, shaped, write_batch
from flows.words import GENERIC, MergeLanguage
from tests.stages.making import MOMENT, settings

NASTY = [
    "plain",
    'say "hi"',
    "a,b",
    "two\nlines",
    "carriage\r\nreturn",
    "00123",
    "+4915112345678",
    "=SUM(A1)",
    " spaces ",
    "Zoë 👩‍👩‍👧",
    "{{{s1}}}",
    "1e5",
    "null",
    "\\N",
    "\ttab",
    "'",
]
ROWS = pl.DataFrame({"customer_id": [f"c{n:02}" for n in range(len(NASTY))], "text": NASTY})


def to(file_format: str = "csv", most_rows: int = 10**6, *, merges: bool = True, channel: str = "web") -> Target:
    return Target(
        "t", channel, "message", file_format, most_rows, rows=lambda frame: frame, merge=GENERIC if merges else None
    )


def write(folder: Path, *payloads: Payload, target: Target | None = None, creatives=(), head=None) -> dict:
    """A batch's manifest, once it is written."""
    by_id = {creative["creative_id"]: creative for creative in creatives}
    rows = write_batch(folder, payloads, by_id, target or to(), head or {})
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["rows"] == rows
    return manifest


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# Files.


@pytest.mark.oracle
def test_a_csv_file_read_by_pythons_own_reader_as_text_is_the_frame(tmp_path):
    write(tmp_path / "b", Payload("recipients", "append", ROWS))
    assert read_csv(tmp_path / "b/recipients-0001.csv") == ROWS.to_dicts()


def test_nothing_is_an_empty_cell(tmp_path):
    rows = pl.DataFrame({"customer_id": ["c1", "c2"], "text": [None, "x"], "more": ["", None]})
    write(tmp_path / "b", Payload("recipients", "append", rows))
    assert (tmp_path / "b/recipients-0001.csv").read_text("utf-8").startswith("customer_id,text,more\nc1,")
    assert [list(row.values()) for row in read_csv(tmp_path / "b/recipients-0001.csv")] == [
        ["c1", "", ""],
        ["c2", "x", ""],
    ]


@pytest.mark.oracle
def test_a_file_of_json_lines_is_the_frame(tmp_path):
    rows = ROWS.with_columns(payload=pl.struct(headline="text", url=pl.lit(None, pl.String)))
    write(tmp_path / "b", Payload("additions", "append", rows), target=to("ndjson"))
    text = (tmp_path / "b/additions-0001.ndjson").read_text("utf-8")
    assert [json.loads(line) for line in text.split("\n") if line] == rows.to_dicts()


@pytest.mark.parametrize(("most", "sizes"), [(16, [16]), (15, [15, 1]), (8, [8, 8]), (5, [5, 5, 5, 1]), (1, [1] * 16)])
def test_rows_are_split_by_the_platforms_cap_into_numbered_parts(tmp_path, most, sizes):
    manifest = write(tmp_path / "b", Payload("recipients", "append", ROWS), target=to(most_rows=most))
    names = [f"recipients-{number:04}.csv" for number in range(1, len(sizes) + 1)]
    assert [(entry["name"], entry["rows"]) for entry in manifest["files"]] == list(zip(names, sizes, strict=True))
    assert [row for name in names for row in read_csv(tmp_path / "b" / name)] == ROWS.to_dicts()


def test_files_are_on_the_disk_before_the_manifest_says_so(tmp_path, monkeypatch):
    synced, sync = [], os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    frame = pl.DataFrame({"customer_id": ["c1", "c2", "c3"]})
    creatives = [{"creative_id": "k1", "parts": {}}]
    write(tmp_path / "b", Payload("recipients", "append", frame), target=to(most_rows=2), creatives=creatives)
    before = synced[: synced.index("manifest.json")]
    assert sorted(before[-3:]) == ["creatives.ndjson", "recipients-0001.csv", "recipients-0002.csv"]
    assert synced[len(before) + 1 :] == ["b", tmp_path.name]


def test_the_manifest_says_what_is_on_disk(tmp_path):
    creatives = [{"creative_id": "b", "parts": {"x": "ü"}}, {"creative_id": "a", "parts": {"x": "y"}}]
    payloads = [Payload("removals", "remove", ROWS[:3]), Payload("additions", "append", ROWS)]
    manifest = write(tmp_path / "b", *payloads, target=to(most_rows=10), creatives=creatives)
    modes = [(entry["name"], entry["mode"], entry["rows"], entry["columns"]) for entry in manifest["files"]]
    assert modes == [
        ("removals-0001.csv", "remove", 3, ["customer_id", "text"]),
        ("additions-0001.csv", "append", 10, ["customer_id", "text"]),
        ("additions-0002.csv", "append", 6, ["customer_id", "text"]),
        ("creatives.ndjson", "replace", 2, ["creative_id", "parts"]),
    ]
    for entry in manifest["files"]:
        content = (tmp_path / "b" / entry["name"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"manifest.json", *(name for name, *_ in modes)}
    assert manifest["rows"] == 19
    assert manifest["schema_version"] == 1


def test_a_parquet_file_read_by_pyarrow_is_the_frame_and_the_same_bytes_however_it_was_made(tmp_path):
    pieces = pl.concat([ROWS[:5], ROWS[5:]], rechunk=False)
    for name, rows in (("one", ROWS), ("two", pieces)):
        write(tmp_path / name, Payload("additions", "append", rows), target=to("parquet"))
    one, two = (tmp_path / name / "additions-0001.parquet" for name in ("one", "two"))
    assert pyarrow.parquet.read_table(one).to_pylist() == ROWS.to_dicts()
    assert one.read_bytes() == two.read_bytes()


def test_requests_stand_in_place_of_rows_and_the_rows_are_what_is_counted(tmp_path):
    def by_text(rows, creatives):
        return (
            rows.group_by("text", maintain_order=True).agg("customer_id").with_columns(of=pl.lit(creatives["k"]["x"]))
        )

    rows = pl.DataFrame({"customer_id": ["c1", "c2", "c3"], "text": ["a", "b", "a"]})
    asked = replace(to("ndjson"), lines=by_text, holds_words=True)
    creatives = [{"creative_id": "k", "x": "y"}]
    manifest = write(tmp_path / "b", Payload("recipients", "append", rows), target=asked, creatives=creatives)
    assert [(entry["name"], entry["rows"], entry["columns"]) for entry in manifest["files"]] == [
        ("recipients-0001.ndjson", 3, ["text", "customer_id", "of"])
    ]
    lines = (tmp_path / "b/recipients-0001.ndjson").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"text": "a", "customer_id": ["c1", "c3"], "of": "y"},
        {"text": "b", "customer_id": ["c2"], "of": "y"},
    ]


def test_creatives_are_one_a_line_in_the_order_of_their_names(tmp_path):
    creatives = [
        {"creative_id": "b", "text": "two\nlines ü", "parts": {}},
        {"creative_id": "a", "text": "x", "parts": {"headline": "{{{s1}}}"}},
    ]
    write(tmp_path / "b", Payload("recipients", "append", ROWS), creatives=creatives)
    lines = (tmp_path / "b/creatives.ndjson").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [creatives[1], creatives[0]]


def test_creatives_are_in_the_language_of_the_platform_that_fills_their_slots(tmp_path):
    language = MergeLanguage(
        lambda slot: f"[{slot.name}]", lambda text, after, before: text.upper() + after * "<" + before * ">"
    )
    creatives = [{"creative_id": "a", "parts": {"headline": "for {{{s1}}}{{{s2}}}, {{{lbrace}}}", "body": "all"}}]
    write(
        tmp_path / "b", Payload("recipients", "append", ROWS), creatives=creatives, target=replace(to(), merge=language)
    )
    assert json.loads((tmp_path / "b/creatives.ndjson").read_text("utf-8")) == {
        "creative_id": "a",
        "parts": {"headline": "FOR >[s1][s2], {<", "body": "ALL"},
    }


AUDIENCES = pl.DataFrame(
    {"message_id": list("abcdef"), "audience": ["x", "y", "x", "x", "y", "x"], "email": list("123456")}
)


def per_audience(**given) -> Target:
    rows = {"lines": lambda rows, _: rows.select("email"), "audience": "audience", "file_per": "audience"}
    return replace(to(most_rows=3), merge=None, **{**rows, **given})


def test_a_platform_that_loads_one_audience_at_a_time_has_files_of_each_named_by_it(tmp_path):
    manifest = write(tmp_path / "b", Payload("additions", "append", AUDIENCES), target=per_audience())
    assert [(entry["name"], entry["audience"], entry["rows"], entry["columns"]) for entry in manifest["files"]] == [
        ("additions-x-0001.csv", "x", 3, ["email"]),
        ("additions-x-0002.csv", "x", 1, ["email"]),
        ("additions-y-0001.csv", "y", 2, ["email"]),
    ]
    assert (tmp_path / "b/additions-x-0001.csv").read_text() == "email\n1\n3\n4\n"
    files = [Payload("additions", "append", AUDIENCES)]
    assert leave_out(tmp_path / "b", pl.Series(["b", "e", "d"]), files, {}, per_audience(), {}) == 3
    left = sorted(path.name for path in (tmp_path / "b").glob("*.csv"))
    assert left == ["additions-x-0001.csv", "additions-x-0002.csv"]
    assert (tmp_path / "b/additions-x-0001.csv").read_text() == "email\n1\n3\n"


def test_files_of_messages_that_are_loaded_apart_say_of_what_they_are_and_are_no_audience(tmp_path):
    rounds = AUDIENCES.rename({"audience": "round"}).with_columns(pl.col("round").replace({"x": None, "y": "round-2"}))
    target = per_audience(audience=None, file_per="round", most_rows=10)
    manifest = write(tmp_path / "b", Payload("recipients", "append", rounds), target=target)
    told = [(entry["name"], entry.get("per"), "audience" in entry) for entry in manifest["files"]]
    assert told == [("recipients-0001.csv", None, False), ("recipients-round-2-0001.csv", "round-2", False)]


def test_what_is_said_of_audiences_stands_beside_them_and_is_no_row(tmp_path):
    def beside(rows, _):
        return {"audiences.ndjson": rows.select("audience").unique(maintain_order=True)}

    target = per_audience(beside=beside)
    payloads = [
        Payload("removals", "remove", AUDIENCES.select("audience", "email")),
        Payload("additions", "append", AUDIENCES),
    ]
    manifest = write(tmp_path / "b", *payloads, target=target)
    assert manifest["rows"] == 12
    assert (tmp_path / "b/audiences.ndjson").read_text() == '{"audience": "x"}\n{"audience": "y"}\n'
    assert leave_out(tmp_path / "b", pl.Series(["a"]), payloads, {}, target, {}) == 11


@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
@pytest.mark.parametrize("most_bytes", [100, 150, 300, 10_000])
def test_a_file_is_never_larger_than_the_platform_takes(tmp_path, file_format, most_bytes):
    rows = pl.DataFrame({"id": [f"c{n}" for n in range(40)], "text": ['"' * (n % 9) + "ü,\n" for n in range(40)]})
    target = replace(to(file_format, most_rows=30), most_bytes=most_bytes, csv=Csv(preamble="# a line of theirs\n"))
    manifest = write(tmp_path / "b", Payload("recipients", "append", rows), target=target)
    files = [entry for entry in manifest["files"] if entry["name"].startswith("recipients")]
    assert all(entry["bytes"] <= most_bytes for entry in files)
    assert sum(entry["rows"] for entry in files) == 40
    assert max(entry["rows"] for entry in files) <= 30
    assert len(files) >= sum(entry["bytes"] for entry in files) / most_bytes
    if file_format == "csv":
        texts = [(tmp_path / "b" / entry["name"]).read_bytes().decode() for entry in files]
        assert [
            row for text in texts for row in csv.DictReader(io.StringIO(text.partition("\n")[2]))
        ] == rows.to_dicts()


def test_a_csv_file_is_written_as_its_platform_wants_it(tmp_path):
    csv = Csv(separator=";", has_bom=True, preamble="Version;6\r\n", quotes="always", line_end="\r\n")
    rows = pl.DataFrame({"id": ["1", "2"], "text": ["a;b", None]})
    write(tmp_path / "b", Payload("recipients", "append", rows), target=replace(to(), csv=csv))
    content = (tmp_path / "b/recipients-0001.csv").read_bytes()
    assert content == b'\xef\xbb\xbfVersion;6\r\n"id";"text"\r\n"1";"a;b"\r\n"2";""\r\n'


def test_whole_mails_are_a_file_each(tmp_path):
    rows = pl.DataFrame({"message_id": ["a", "b"], "message": ["From: a\r\n\r\nü", "From: b\r\n\r\n"]})
    manifest = write(tmp_path / "b", Payload("recipients", "append", rows), target=to("eml", most_rows=1))
    assert [(entry["name"], entry["rows"]) for entry in manifest["files"]] == [
        ("recipients-0001.eml", 1),
        ("recipients-0002.eml", 1),
    ]
    assert (tmp_path / "b/recipients-0001.eml").read_bytes() == "From: a\r\n\r\nü".encode()


def test_a_payload_without_rows_is_no_file(tmp_path):
    manifest = write(tmp_path / "b", Payload("removals", "remove", ROWS.clear()), Payload("additions", "append", ROWS))
    assert [entry["name"] for entry in manifest["files"]] == ["additions-0001.csv"]


def test_the_folder_and_its_files_are_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        write(
            tmp_path / "staging" / "b",
            Payload("recipients", "append", ROWS),
            creatives=[{"creative_id": "a", "parts": {}}],
        )
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "staging").rglob("*")}
    assert modes == {"b": 0o700, "recipients-0001.csv": 0o600, "creatives.ndjson": 0o600, "manifest.json": 0o600}
    assert stat.S_IMODE((tmp_path / "staging").stat().st_mode) == 0o700


def test_the_same_rows_are_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, Payload("recipients", "append", ROWS))
    one, two = ((tmp_path / name / "recipients-0001.csv").read_bytes() for name in ("one", "two"))
    assert one == two


def test_no_personal_data_is_in_the_manifest_nor_in_a_files_name(tmp_path):
    secrets = ["anna@example.com", "c-4711", "+4915112345678", "Anna"]
    rows = pl.DataFrame({"customer_id": secrets[1:2], "email": secrets[:1], "to": secrets[2:3], "s1": secrets[3:]})
    write(tmp_path / "b", Payload("recipients", "append", rows), head=head())
    text = (tmp_path / "b/manifest.json").read_text("utf-8") + " ".join(
        path.name for path in (tmp_path / "b").iterdir()
    )
    assert [secret for secret in secrets if secret in text] == []


def test_a_batch_is_not_written_over_another(tmp_path):
    write(tmp_path / "b", Payload("recipients", "append", ROWS))
    with pytest.raises(OutboxError) as caught:
        write(tmp_path / "b", Payload("recipients", "append", ROWS))
    assert "a file cannot be written" in caught.value.what


def test_a_file_that_cannot_grow_is_an_error_that_says_so(tmp_path):
    noise = [hashlib.sha512(f"{n}".encode()).hexdigest() for n in range(2000)]  # which no format makes small
    many = pl.DataFrame({"customer_id": [f"cccc{text}" for text in noise]})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        for file_format in ("csv", "ndjson", "parquet"):
            with pytest.raises(OutboxError) as caught:
                write(tmp_path / file_format, Payload("recipients", "append", many), target=to(file_format))
            assert "cccc" not in str(caught.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# The head of a manifest.


def head() -> dict:
    batch = Batch(
        batch_id="20261122-b1",
        run_id="20261122-r1",
        target="email_file",
        brand="nordtal",
        channel="email",
        kind="message",
        as_of=date(2026, 11, 22),
        number=1,
        row_count=3,
        valid_until=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    )
    checked = datetime(2026, 11, 22, 9, 1, tzinfo=UTC)
    return header(batch, settings(name="shop"), "digest", checked, [{"name": "care", "rows": 3}])


def test_the_head_says_what_the_batch_is(monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", "2026-11-22T10:00:00+01:00")
    assert head() == {
        "batch_id": "20261122-b1",
        "run_id": "20261122-r1",
        "workspace": "shop",
        "environment": "production",
        "brand": "nordtal",
        "target": "email_file",
        "channel": "email",
        "kind": "message",
        "as_of": "2026-11-22",
        "created_at": "2026-11-22T09:00:00Z",
        "valid_until": "2026-11-24T09:30:00Z",
        "consent_checked_at": "2026-11-22T09:01:00Z",
        "plan_digest": "digest",
        "products": [{"name": "care", "rows": 3}],
        "seed_rows": 0,
        "seeds": [],
        "replaces": None,
        "recalls": None,
        "corrects": None,
    }


def test_the_keys_of_a_manifest_are_those_of_the_design(tmp_path):
    names = (
        "schema_version batch_id run_id workspace brand target channel kind as_of created_at valid_until "
        "consent_checked_at rows files products environment plan_digest seed_rows seeds replaces recalls corrects"
    )
    assert set(write(tmp_path / "b", Payload("recipients", "append", ROWS), head=head())) == set(names.split())


# Shapes.

SENDER = {
    name: f"{name} of it"
    for name in ["sender_name", "sender_email", "reply_to", "sms_sender", "action_label", "action_url"]
}
CREATIVES = {
    "k1": {
        "creative_id": "k1",
        **SENDER,
        "slots": ["s1", "s2"],
        "parts": {"headline": "Your {{{s1}}}", "body": "{{{lbrace}}}{{{s2}}}{{{rbrace}}}"},
    },
    "k2": {
        "creative_id": "k2",
        **SENDER,
        "sender_name": "other",
        "slots": [],
        "parts": {"headline": "New", "body": "For all"},
    },
}
WORDED = pl.DataFrame(
    {
        "customer_id": ["c3", "c1", "c2", "c1"],
        "message_id": ["m3", "m2", "m4", "m1"],
        "creative_id": ["k1", "k2", "k1", "k1"],
        "s1": ["tent", None, "rope", "a&b"],
        "s2": ["{x}", None, "y", "z"],
    }
).with_columns(valid_until=pl.lit(MOMENT.now), not_before=pl.lit(MOMENT.starts_at), not_after=pl.lit(MOMENT.now))


def test_rows_are_sorted_by_customer_and_then_by_message():
    found = shaped(WORDED, CREATIVES, to(), MOMENT.starts_at)
    assert found.select("customer_id", "message_id").rows() == [("c1", "m1"), ("c1", "m2"), ("c2", "m4"), ("c3", "m3")]
    assert found["valid_from"].unique().to_list() == [MOMENT.starts_at]


def test_rows_get_the_sender_of_their_creative():
    found = shaped(WORDED, CREATIVES, to(), MOMENT.starts_at)
    assert found["sender_name"].to_list() == ["sender_name of it", "other", "sender_name of it", "sender_name of it"]
    assert set(SENDER) <= set(found.columns)


def test_a_target_that_merges_gets_slots_and_one_that_does_not_gets_whole_texts():
    assert not {"headline", "body"} & set(shaped(WORDED, CREATIVES, to(), MOMENT.starts_at).columns)
    found = shaped(WORDED, CREATIVES, to(merges=False), MOMENT.starts_at)
    assert found["headline"].to_list() == ["Your a&b", "New", "Your rope", "Your tent"]
    assert found["body"].to_list() == ["{z}", "For all", "{y}", "{{x}}"]


def test_a_creative_whose_slot_has_no_column_is_refused():
    forgetful = Target("t", "web", "message", "csv", 10, rows=lambda frame: frame.drop("s2"), merge=GENERIC)
    with pytest.raises(BalanceError, match="the slot 's2' of a creative has no column"):
        shaped(WORDED, CREATIVES, forgetful, MOMENT.starts_at)


def test_only_the_slots_of_the_creatives_in_hand_have_columns_in_an_order_of_their_own():
    rows = WORDED.select("s2", pl.lit("x").alias("s7"), pl.exclude("s2"))
    found = shaped(rows, CREATIVES, to(), MOMENT.starts_at)
    assert [name for name in found.columns if name in {"s1", "s2", "s7"}] == ["s1", "s2"]


def test_the_order_of_the_deliveries_does_not_matter():
    one, other = (shaped(rows, CREATIVES, to(merges=False), MOMENT.starts_at) for rows in (WORDED, WORDED.reverse()))
    assert_frame_equal(one, other)


def test_creatives_that_nobody_here_gets_are_no_matter():
    more = {**CREATIVES, "k9": {**CREATIVES["k1"], "creative_id": "k9"}}
    one, other = (shaped(WORDED, made, to(merges=False), MOMENT.starts_at) for made in (CREATIVES, more))
    assert_frame_equal(one, other)


def test_nobody_has_no_rows():
    found = shaped(WORDED.clear(), {}, to(merges=False), MOMENT.starts_at)
    assert (found.height, {"headline", "body"} <= set(found.columns)) == (0, True)


def test_the_targets_own_columns_are_what_is_written():
    rows = WORDED.with_columns(address=pl.lit("a@example.com"), unsubscribe_url=pl.lit("u"))
    columns = ["message_id", "customer_id", "email", "creative_id", "valid_until", "not_before", "not_after"]
    assert shaped(rows, CREATIVES, EMAIL_FILE, MOMENT.starts_at).columns == [*columns, "unsubscribe_url", "s1", "s2"]


def silent(file_format: str = "csv", **given) -> Target:
    """A target whose rows do not say when they may be sent."""
    rows = {"rows": lambda frame: frame.select("message_id", "creative_id", "s1", "s2"), "merge": GENERIC}
    return Target("t", "sms", "message", file_format, 10, **(rows | given))


def test_rows_that_do_not_say_when_they_may_be_sent_stand_in_a_file_for_each_opening_that_does(tmp_path):
    soon, late = (MOMENT.starts_at.replace(hour=hour) for hour in (8, 22))
    rows = WORDED.with_columns(
        valid_until=pl.lit(late),
        not_before=pl.Series([soon, MOMENT.starts_at, MOMENT.starts_at, soon]),
        not_after=pl.Series([late, late, MOMENT.now, late]),
    )
    found = shaped(rows, CREATIVES, silent(), MOMENT.starts_at)
    always, morning, night = (
        None,
        "2026-11-22T00:00:00Z/2026-11-22T09:00:00Z",
        "2026-11-22T08:00:00Z/2026-11-22T22:00:00Z",
    )
    assert found.select("message_id", "hours").rows() == [("m1", night), ("m2", always), ("m4", morning), ("m3", night)]
    files = [Payload("recipients", "append", found)]
    manifest = write(tmp_path / "b", *files, target=silent())
    told = [(entry["name"], entry.get("hours"), entry["rows"], entry["columns"]) for entry in manifest["files"]]
    columns = ["message_id", "creative_id", "s1", "s2"]
    names = ["-20261122T080000Z-20261122T220000Z", "", "-20261122T000000Z-20261122T090000Z"]
    assert told == [
        (f"recipients{name}-0001.csv", hours, count, columns)
        for name, hours, count in zip(names, (night, always, morning), (2, 1, 1), strict=True)
    ]
    assert leave_out(tmp_path / "b", pl.Series(["m1"]), files, {}, silent(), {}) == 3
    left = json.loads((tmp_path / "b/manifest.json").read_bytes())["files"]
    assert [(entry["name"], entry.get("hours")) for entry in left] == [row[:2] for row in told]
    assert read_csv(tmp_path / "b" / told[0][0]) == [
        {"message_id": "m3", "creative_id": "k1", "s1": "tent", "s2": "{x}"}
    ]


# Written again without some.


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_only_the_files_that_hold_somebody_who_is_left_out_are_written_again(tmp_path):
    people = pl.DataFrame({"message_id": [f"m{n}" for n in range(7)], "text": list("abcdefg")})
    gone = pl.DataFrame({"identity": ["x", "y"]})
    files = [Payload("removals", "remove", gone), Payload("recipients", "append", people)]
    batch, target = tmp_path / "b", to(most_rows=3)
    write(batch, *files, target=target, creatives=[{"creative_id": "k", "parts": {}}])
    before = contents(batch)
    for name in before:
        os.utime(batch / name, (1, 1))
    left = leave_out(
        batch, pl.Series(["m1", "m6"]), files, {"k": {"creative_id": "k", "parts": {}}}, target, {"products": 1}
    )
    after = contents(batch)
    manifest = json.loads(after["manifest.json"])
    assert left == manifest["rows"] == 7
    assert manifest["products"] == 1
    assert after["recipients-0001.csv"] == b"message_id,text\nm0,a\nm2,c\n"
    assert "recipients-0003.csv" not in after
    same = {"removals-0001.csv", "recipients-0002.csv", "creatives.ndjson"}
    assert {name for name in after if (batch / name).stat().st_mtime == 1} == same
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    listed = {entry["name"]: entry for entry in manifest["files"]}
    assert listed.keys() == {"removals-0001.csv", "recipients-0001.csv", "recipients-0002.csv", "creatives.ndjson"}
    for name, entry in listed.items():
        assert entry["sha256"] == hashlib.sha256(after[name]).hexdigest()
        assert entry["bytes"] == len(after[name])
    assert [listed[name]["rows"] for name in ("removals-0001.csv", "recipients-0001.csv", "recipients-0002.csv")] == [
        2,
        2,
        3,
    ]
    assert all(stat.S_IMODE((batch / name).stat().st_mode) == 0o600 for name in after)


def test_a_batch_of_which_everybody_is_left_out_has_no_rows(tmp_path):
    files = [Payload("recipients", "append", pl.DataFrame({"message_id": ["m1"], "text": ["a"]}))]
    write(tmp_path / "b", *files)
    assert leave_out(tmp_path / "b", pl.Series(["m1"]), files, {}, to(), {}) == 0
