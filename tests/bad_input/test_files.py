"""Templates, products and settings that are wrong; folders that cannot be used; a ledger that is damaged; a full disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pytest

from flows.errors import (
    DimensionLimitError,
    OutboxError,
    ProductError,
    SettingError,
    StateError,
    TemplateError,
    UnknownFieldError,
    UsageError,
)
from flows.ledger.store import SCHEMA_VERSION
from tests.bad_input.refusing import refused, remembered
from tests.tiny import MORNING, clock, day, make

ROOT = Path(__file__).parents[2]
CARE = "templates/care/product.yaml"


@pytest.mark.parametrize(
    ("name", "old", "new", "kind", "where", "what", "hint"),
    [
        (
            "templates/care/email.j2",
            "{{ first_name }}",
            "{{ frist_name }}",
            UnknownFieldError,
            "templates/care/email.j2:3",
            None,
            "did you mean 'first_name'?",
        ),
        ("templates/care/email.j2", "{% endblock %}", "", TemplateError, "templates/care/email.j2:4", None, None),
        (
            CARE,
            "once_every:",
            "once_evry:",
            ProductError,
            f"{CARE}:15",
            "'once_evry' is not a key here",
            "did you mean 'once_every'?",
        ),
        (CARE, "owner: crm@example.com\n", "", ProductError, f"{CARE}:2", "'owner' is missing", "add it"),
        (CARE, "status: live", "status: alive", ProductError, f"{CARE}:7", None, None),
        (
            CARE,
            "topic: care\n",
            "topic: care\ntopic: all\n",
            ProductError,
            f"{CARE}:11",
            "the key 'topic' stands twice",
            "keep one of them",
        ),
        (
            CARE,
            "brands: [north]",
            "brands: [nort]",
            ProductError,
            f"{CARE}:11",
            "'nort' is no brand of this workspace",
            "did you mean 'north'?",
        ),
        (
            CARE,
            "dimensions: [last_order, name]",
            "dimensions: [last_order]",
            DimensionLimitError,
            "templates/care/email.j2:3",
            None,
            None,
        ),
        (
            "pyproject.toml",
            'email = "email_file"',
            'email = "emial_file"',
            SettingError,
            "pyproject.toml: tool.justenough.targets.north.email",
            "there is no target 'emial_file'",
            "did you mean 'email_file'?",
        ),
        (
            "pyproject.toml",
            "global_holdout = 0",
            "global_holdut = 0",
            SettingError,
            "pyproject.toml: tool.justenough",
            "'global_holdut' is not a key here",
            "did you mean 'global_holdout'?",
        ),
        ("pyproject.toml", "[tool.justenough]", "[tool.justenough", SettingError, "pyproject.toml", None, None),
    ],
)
def test_a_file_of_the_workspace_that_is_wrong(tiny, name, old, new, kind, where, what, hint):
    tiny.edit(name, old, new)
    error = refused(tiny, kind)
    assert error.where == where
    assert what is None or error.what == what
    assert hint is None or error.hint == hint


def test_a_product_that_is_not_there(tiny):
    error = refused(tiny, UsageError, products=("cares",))
    assert (error.where, error.what, error.hint) == ("--product", "'cares' is no live product", "did you mean 'care'?")


def test_a_target_that_is_not_there(tiny):
    error = refused(tiny, UsageError, targets=("web_profile",))
    assert (error.where, error.hint) == ("--target", "did you mean 'web_profiles'?")


def test_a_key_file_that_others_may_read(tiny):
    (tiny.state / "key").chmod(0o640)
    error = refused(tiny, SettingError)
    assert (error.what, error.hint) == ("others may read the key file", "run: chmod 600 key")


def test_a_key_file_that_is_none(tiny):
    (tiny.state / "key").write_text("not a key\n")
    assert refused(tiny, SettingError).what == "this is not a key file"


def test_a_key_file_is_made_on_the_first_run_for_its_owner_only(tiny):
    (tiny.state / "key").unlink()
    tiny.plan()
    assert oct((tiny.state / "key").stat().st_mode & 0o777) == "0o600"


def test_an_outbox_that_is_a_file(tiny):
    tiny.outbox.write_text("in the way")
    error = refused(tiny, OutboxError)
    assert error.where == str(tiny.outbox)
    assert error.what == "this is not a folder that can be written to"


def test_an_outbox_below_a_file(tiny):
    (tiny.folder / "file").write_text("in the way")
    tiny.set(outbox="file/outbox")
    assert refused(tiny, OutboxError).what == "this folder cannot be made (Not a directory)"


@pytest.mark.slow
def test_a_target_folder_that_is_a_file(tiny):
    """Found only when the first batch is revealed: it is made again when the way is free."""
    tiny.outbox.mkdir(mode=0o700)
    (tiny.outbox / "email_file").write_text("in the way")
    with clock(MORNING), pytest.raises(OutboxError) as caught:
        tiny.run()
    assert caught.value.where.endswith("outbox/email_file")
    (tiny.outbox / "email_file").unlink()
    outcome = tiny.run()
    assert [recovered.state for recovered in outcome.recovered] == ["aborted"]
    assert [p.rows for p in outcome.resumed[0].published] == [7, 1, 10]
    assert sum(len(batch.rows) for batch in tiny.batches()) == 18


@pytest.mark.bad_input(104)
@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="a second file system is needed")
def test_an_outbox_on_another_file_system(tiny):
    other = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        assert other.stat().st_dev != tiny.folder.stat().st_dev
        tiny.set(outbox=str(other / "outbox"))
        error = refused(tiny, OutboxError)
        assert error.what == "outbox and state folder are on different file systems"
        assert list((other / "outbox").iterdir()) == []
    finally:
        shutil.rmtree(other)


@pytest.mark.slow
def test_something_of_the_batchs_name_in_the_outbox(tiny):
    """As after a ledger was restored from an old backup: nothing is replaced, and nothing of it is sent again by itself."""
    taken = tiny.outbox / "email_file" / "2026-11-22-1"
    taken.mkdir(parents=True, mode=0o700)
    with clock(MORNING), pytest.raises(OutboxError) as caught:
        tiny.run()
    assert caught.value.what == "something of this name is in the outbox already"
    assert list(taken.iterdir()) == []
    assert tiny.history("SELECT state, count(*) FROM batch GROUP BY state") == [("hold", 1)]
    taken.rmdir()
    assert tiny.run().resumed[0].held == ("email_file-2026-11-22-1",)


def test_a_ledger_that_is_no_database(tiny):
    tiny.run()
    (tiny.state / "ledger.duckdb").write_text("scrap" * 5000)
    with pytest.raises(StateError) as caught:
        tiny.run()
    assert caught.value.where.endswith("ledger.duckdb")
    assert "backup" in caught.value.hint


@pytest.mark.bad_input(71)
def test_a_ledger_that_is_cut_short(tiny):
    tiny.run()
    seen = tiny.batches()
    ledger = tiny.state / "ledger.duckdb"
    ledger.write_bytes(ledger.read_bytes()[: ledger.stat().st_size // 2])
    with pytest.raises(StateError) as caught:
        tiny.run()
    assert "backup" in caught.value.hint
    assert tiny.batches() == seen


def test_a_ledger_of_a_newer_program(tiny):
    tiny.plan()
    with duckdb.connect(str(tiny.state / "ledger.duckdb")) as connection:
        connection.execute(f"INSERT INTO schema_version VALUES ({SCHEMA_VERSION + 1}, '2026-11-22')")
    error = refused(tiny, StateError)
    assert error.what == f"this ledger has version {SCHEMA_VERSION + 1}; this program knows {SCHEMA_VERSION}"


@pytest.mark.slow
def test_a_membership_that_is_gone(tiny):
    tiny.run()
    shutil.rmtree(tiny.state / "membership")
    seen = tiny.batches()
    with pytest.raises(StateError) as caught:
        tiny.run()
    assert caught.value.what == "the membership of this batch is missing from the state folder"
    assert tiny.batches() == seen


FULL = """
import pathlib, resource, signal, sys
from flows import line
from flows.errors import JustEnoughError
from flows.line.request import Request
from flows.workspace import load_workspace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
workspace = load_workspace(pathlib.Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    line.run(workspace, Request())
except JustEnoughError as error:
    print(type(error).__name__, '|', error.what)
"""


@pytest.mark.bad_input(98)
@pytest.mark.parametrize("size", [0, 12_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_disk_that_is_full(tiny, size):
    """Files cannot grow past a size: writing the first one that is larger fails as on a full disk."""
    assert "cannot be written" in on_a_full_disk(tiny, size, MORNING)
    assert tiny.batches() == []
    # With space again, everything leaves, once.
    tiny.run()
    assert sum(len(batch.rows) for batch in tiny.batches()) == 18


@pytest.mark.bad_input(98)
@pytest.mark.slow
@pytest.mark.parametrize("size", [500, 8_000, 15_000])
def test_a_disk_that_is_full_on_a_later_day(tiny, size):
    """A plan that cannot be kept; with more space a ledger that cannot commit."""
    tiny.run()
    assert "cannot be written" in on_a_full_disk(tiny, size, day(30))
    assert sum(len(batch.rows) for batch in tiny.batches() if batch.target != "web_profiles") >= 8
    tiny.run(at=day(30))
    again = [row["message_id"] for b in tiny.batches() if b.manifest["kind"] == "message" for row in b.rows]
    assert (len(again), len(set(again))) == (16, 16)
    assert tiny.history("SELECT count(*) FROM claim") == [(16,)]


def on_a_full_disk(tiny, size, at):
    """What a run says whose files cannot grow past a size."""
    environment = os.environ | {"JUSTENOUGH_NOW": at.isoformat(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", FULL, str(tiny.folder), str(size)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("OutboxError | "), done.stdout
    return done.stdout


@pytest.mark.bad_input(98)
@pytest.mark.slow
def test_a_disk_that_fills_up_while_a_batch_is_staged(tmp_path):
    """The claims are released, and the kept plan is delivered when there is space."""
    tiny = make(tmp_path / "tiny", brands=["north"])
    plan = tiny.plan()
    code = FULL.replace("line.run(workspace, Request())", f"line.deliver(workspace, {plan.order.run_id!r}, None)").replace(
        "resource.setrlimit", "import flows.stages.delivery as delivery\nkept = delivery.create_file\n"
        "def full(path, content):\n"
        "    if path.name == 'manifest.json':\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "    kept(path, content)\n"
        "delivery.create_file = full\n0 and resource.setrlimit",
    )  # fmt: skip
    environment = os.environ | {"JUSTENOUGH_NOW": MORNING.isoformat(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny.folder), "0"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("OutboxError | "), done.stderr
    assert tiny.batches() == []
    outcome = tiny.run()
    assert [recovered.state for recovered in outcome.recovered] == ["aborted"]
    assert [p.rows for p in outcome.resumed[0].published] == [7, 1, 10]
    assert "claim" in remembered(tiny)
