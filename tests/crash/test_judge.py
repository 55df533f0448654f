"""The judge sees what is wrong in an outbox, and nothing where all is well."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from tests.crash.judge import Stop, Watch, judge, lates, look, read_log

FAULTS = ("double", "lost", "torn", "late")


def write(outbox, number, customers, *, as_of="2026-11-22", kind="message", brand="north", mode="append"):
    """A batch of one file, as a run would reveal it."""
    target = {"message": "sms_file", "state": "web_profiles"}[kind]
    folder = outbox / target / f"{as_of}-{number}"
    folder.mkdir(parents=True)
    rows = [{"message_id": f"{as_of}/{customer}", "customer_id": customer} for customer in customers]
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    (folder / "rows.ndjson").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    entry = {"name": "rows.ndjson", "mode": mode, "rows": len(rows), "bytes": len(content), "sha256": digest}
    manifest = {
        "batch_id": f"{target}-{as_of}-{number}",
        "target": target,
        "brand": brand,
        "as_of": as_of,
        "kind": kind,
        "products": [{"product": "care"}],
        "rows": len(rows),
        "files": [entry],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def places(tmp_path):
    """An outbox with two customers, the reference with the same, and who watches."""
    outbox, reference = tmp_path / "outbox", tmp_path / "reference"
    for place in (outbox, reference):
        write(place, 1, ["ann", "bea"])
    (tmp_path / "taken").mkdir()
    return outbox, reference, Watch(outbox, tmp_path / "taken")


def faults(watch, reference, stops=None):
    watch.poll()
    watch.look_again()
    found = judge(watch, stops or {}, reference)
    return {fault: found[fault] for fault in FAULTS if found[fault]}


@pytest.mark.parametrize("is_greedy", [False, True])
def test_where_all_is_well_there_is_no_fault(places, is_greedy):
    outbox, reference, watch = places
    watch.is_greedy = is_greedy
    assert faults(watch, reference) == {}
    assert len(list(outbox.glob("*/*"))) == (0 if is_greedy else 1)


@pytest.mark.parametrize(
    ("as_of", "fault"), [("2026-11-22", True), ("2026-11-23", True), ("2026-12-21", True), ("2026-12-22", False)]
)
def test_the_same_help_within_once_every_is_double(places, as_of, fault):
    outbox, reference, watch = places
    write(outbox, 2, ["bea"], as_of=as_of)
    assert ("double" in faults(watch, reference)) is fault


def test_a_batch_that_was_taken_and_comes_again_is_double(places):
    outbox, reference, watch = places
    watch.is_greedy = True
    watch.poll()
    write(outbox, 1, ["ann", "bea"])
    assert len(faults(watch, reference)["double"]) == 2


@pytest.mark.parametrize(("removed", "fault"), [([], True), (["ann"], False)])
def test_what_holds_is_double_when_it_is_added_again_unless_it_was_removed(places, removed, fault):
    outbox, reference, watch = places
    write(outbox, 1, ["ann"], kind="state")
    if removed:
        write(outbox, 2, removed, kind="state", mode="remove")
    write(outbox, 3, ["ann"], kind="state")
    assert ("double" in faults(watch, reference)) is fault


@pytest.mark.parametrize(("stopped", "fault"), [([], ["cid of sms_file/north/2026-11-22"]), (["cid"], [])])
def test_who_got_nothing_and_has_not_said_stop_is_lost(places, stopped, fault):
    _, reference, watch = places
    write(reference, 2, ["cid"])
    found = faults(watch, reference, {customer: Stop("person", 0.0, 1.0) for customer in stopped})
    assert found.get("lost", []) == fault


@pytest.mark.parametrize("damage", ["no manifest", "cut", "another file", "changed later", "replaced later"])
def test_a_batch_that_is_not_whole_or_changes_is_torn(places, damage):
    outbox, reference, watch = places
    folder = outbox / "sms_file/2026-11-22-1"
    if damage == "no manifest":
        (folder / "manifest.json").unlink()
    elif damage == "cut":
        (folder / "rows.ndjson").write_bytes((folder / "rows.ndjson").read_bytes()[:-1])
    elif damage == "another file":
        (folder / "more.ndjson").write_bytes(b"")
    elif damage == "changed later":
        watch.poll()
        (folder / "rows.ndjson").write_bytes(b"")
    else:
        watch.poll()
        folder.rename(outbox / "away")
        write(outbox, 1, ["ann", "bea"])
    assert len(faults(watch, reference)["torn"]) >= 1


@pytest.fixture
def batch(places):
    """It was made at 100, its manifest written at 110, and it was renamed at 130; Ann and Bea are in it."""
    outbox, _, _ = places
    found = look(outbox / "sms_file/2026-11-22-1")
    found.made, found.written, found.renamed = 100.0, 110.0, 130.0
    return found


@pytest.mark.parametrize(
    ("stops", "late"),
    [
        ({"ann": (98, 99)}, True),  # before the folder was made
        ({"ann": (104, 105)}, True),  # before the manifest was written, and nobody is missing
        ({"ann": (114, 115)}, False),  # perhaps after the seal
        ({"ann": (104, 105), "cid": (90, 91)}, False),  # somebody is missing: the manifest may have been written again
        ({"ann": (114, 115), "cid": (116, 117)}, True),  # Cid's stop came in time, and began after Ann's had returned
        ({"ann": (114, 118), "cid": (116, 117)}, False),  # Ann's had not returned by then
        ({"ann": (104, float("inf"))}, False),  # nobody was told that it was in
    ],
)
def test_somebody_is_late_where_no_moment_of_the_seal_explains_the_batch(batch, stops, late):
    said = {customer: Stop("person", float(began), float(returned)) for customer, (began, returned) in stops.items()}
    expected = {batch.way: {"ann", "bea", "cid"} if "cid" in stops else {"ann", "bea"}}
    found, _ = lates([batch], expected, {batch.way: {"ann", "bea"}}, said)
    assert found == (["ann in sms_file-2026-11-22-1"] if late else [])


def test_a_stop_that_never_came_back_is_in_the_log_all_the_same(tmp_path):
    log = tmp_path / "stops.ndjson"
    events = [("ann", "began", 1.0), ("ann", "returned", 2.0), ("bea", "began", 3.0)]
    lines = [{"customer_id": who, "about": "person", "what": what, "at": at} for who, what, at in events]
    log.write_text("".join(f"{json.dumps(line)}{os.linesep}" for line in lines))
    assert read_log(log) == {"ann": Stop("person", 1.0, 2.0), "bea": Stop("person", 3.0)}
