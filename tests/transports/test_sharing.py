"""Parts that travel by a store in S3, from who has begun a run to machines that see nothing of it, and back."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from flows import line
from flows.errors import PlanError, SettingError, SourceError, TransportError
from flows.line import sharing
from flows.line.request import Request
from flows.pauses import pause
from flows.plan import plan_folder
from flows.settings import load_settings
from flows.transports import open_store
from tests.line.test_apart import content
from tests.tiny import MORNING, clock, make
from tests.transports.shops import environment

pytestmark = pytest.mark.slow

PARTS = 3


@pytest.fixture
def tiny(tmp_path, s3_end):
    """A shop whose parts travel by a bucket of its own."""
    shop = make(tmp_path / "tiny", brands=["north"])
    settings = s3_end.settings()
    written = ", ".join(f'{name} = "{value}"' for name, value in settings.items())
    file = shop.folder / "pyproject.toml"
    head = "[tool.justenough]\n"
    file.write_text(file.read_text().replace(head, f'{head}runner = "dask"\nstore = {{{written}}}\n'))
    return shop


@contextmanager
def away(tiny, tmp_path):
    """Another machine: it has the words, the SQL, the warehouse and the key, and sees nothing else of the shop's."""
    settings = load_settings(tiny.folder)
    here = {"STATE": tmp_path / "elsewhere", "LEDGER": tmp_path / "none.duckdb", "KEY_FILE": settings.key_file}
    with environment(**{f"JUSTENOUGH_{name}": str(path) for name, path in here.items()}):
        yield tmp_path / "elsewhere"


def made(tiny, tmp_path, run_id, step, parts):
    """What parts come to that are worked on away, and taken at home."""
    found = []
    for part in parts:
        with away(tiny, tmp_path):
            found.append(line.work_on(step, tiny.folder, run_id, part, f"{step}-{part:04}-there"))
        line.take(load_settings(tiny.folder), run_id, f"{step}-{part:04}-there")
    return found


def planned(tiny, tmp_path, between=lambda: None):
    """A plan whose parts have all travelled."""
    workspace = tiny.load()
    settings = workspace.settings
    with line.travelling(settings):
        run_id = line.begin(workspace, Request(parts=PARTS)).run_id
        line.share_begun(settings, run_id)
        counts = made(tiny, tmp_path, run_id, "plan", range(PARTS))
        between()
        parts = line.meet(workspace, run_id, counts)
        line.share_met(settings, run_id, parts)
        made(tiny, tmp_path, run_id, "word", parts)
        assert line.left_apart(settings, run_id) == []
        return line.complete(workspace, run_id)


@pytest.fixture
def begun(tiny):
    """A run that has begun, and that others may work on."""
    with clock(MORNING):
        workspace = tiny.load()
        run_id = line.begin(workspace, Request(parts=PARTS)).run_id
        line.share_begun(workspace.settings, run_id)
        yield workspace.settings, run_id


def test_parts_that_have_travelled_are_those_that_are_made_at_home(tiny, tmp_path, s3_end):
    with clock(MORNING):
        plan = planned(tiny, tmp_path)
        tiny.edit("pyproject.toml", 'runner = "dask"', 'runner = "threads"')
        alone = line.plan(tiny.load(), Request(parts=PARTS))
    assert content(plan) == content(alone)
    assert (plan.people, plan.counts, plan.crowds) == (alone.people, alone.counts, alone.crowds)
    assert not (tmp_path / "none.duckdb").exists()
    assert s3_end.names() == []


def test_what_is_paused_at_home_is_paused_away(tiny, tmp_path):
    with clock(MORNING):
        pause(load_settings(tiny.folder), "care", "look at it", MORNING)
        assert planned(tiny, tmp_path).candidates.keys() == line.plan(tiny.load(), Request()).candidates.keys()


def test_half_of_a_part_is_nowhere_and_is_seen_to_have_been_begun(tiny, tmp_path, begun, monkeypatch):
    settings, run_id = begun
    with away(tiny, tmp_path), monkeypatch.context() as killed:

        def die(*_):
            raise KeyboardInterrupt

        killed.setitem(sharing._STEPS, "plan", die)
        with pytest.raises(KeyboardInterrupt):
            line.work_on("plan", tiny.folder, run_id, 1, "plan-0001-lost")
    assert line.left_apart(settings, run_id) == ["plan-0001-lost"]
    with pytest.raises(TransportError, match="NoSuchKey"):
        line.take(settings, run_id, "plan-0001-lost")
    made(tiny, tmp_path, run_id, "plan", [1])
    assert sorted(path.name for path in (plan_folder(settings, run_id) / "decisions").iterdir()) == ["0001.parquet"]
    assert line.left_apart(settings, run_id) == ["plan-0001-lost"]


def test_what_somebody_without_the_key_has_put_there_is_refused(tiny, tmp_path, begun):
    settings, run_id = begun
    with away(tiny, tmp_path):
        line.work_on("plan", tiny.folder, run_id, 0, "plan-0000-there")
    name = sharing._name(settings, run_id, "plan-0000-there")
    forged, original = tmp_path / "forged", tmp_path / "original"
    with open_store(settings.store) as store:
        seal = store.get(name, original)
        forged.write_bytes(original.read_bytes() + b"\0" * 512)
        store.put(name, forged, seal)
    with pytest.raises(PlanError, match="is not what somebody with the workspace's key has put there"):
        line.take(settings, run_id, "plan-0000-there")
    with open_store(settings.store) as store:
        store.put(sharing._name(settings, run_id, "plan-0001-there"), original, seal)  # the part of another
    with pytest.raises(PlanError, match="is not what somebody"):
        line.take(settings, run_id, "plan-0001-there")
    assert not (plan_folder(settings, run_id) / "decisions").exists()


def test_a_machine_whose_warehouse_is_another_one_does_not_work(tiny, tmp_path, begun):
    _, run_id = begun
    tiny.warehouse("UPDATE needs SET interest = 0")
    with away(tiny, tmp_path), pytest.raises(SourceError, match="not a copy of the one that the run has begun with"):
        line.work_on("plan", tiny.folder, run_id, 0, "plan-0000-there")


def test_copies_are_private_and_go_with_the_run_or_with_the_next_one(tiny, tmp_path, begun, s3_end):
    settings, run_id = begun
    with away(tiny, tmp_path) as elsewhere:
        line.work_on("plan", tiny.folder, run_id, 0, "plan-0000-there")
        old = elsewhere / "away" / "20260101-000000-abcdef"
        old.mkdir()
        line.work_on("plan", tiny.folder, run_id, 1, "plan-0001-there")
        assert {path.stat().st_mode & 0o077 for path in elsewhere.rglob("*")} == {0}
        assert not old.exists()
        assert not list(elsewhere.rglob("apart/*/*"))
        assert not list(elsewhere.rglob("*.tar"))
        line.leave(tiny.folder)
        assert not [path for path in elsewhere.rglob("*") if path.is_file()]
    assert len(s3_end.names()) == 5  # of a run that was killed: what it began with, two parts, and that they were begun
    with line.travelling(settings):
        assert s3_end.names() == []
        line.share_begun(settings, run_id)
        assert len(s3_end.names()) == 1
    assert s3_end.names() == []


def test_threads_need_no_store(tiny, monkeypatch):
    tiny.edit("pyproject.toml", 'runner = "dask"', 'runner = "threads"')
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with clock(MORNING):
        workspace = tiny.load()
        with line.travelling(workspace.settings):
            run_id = line.begin(workspace, Request()).run_id
            line.share_begun(workspace.settings, run_id)
            assert line.left_apart(workspace.settings, run_id) == []
            assert line.plan_part(workspace, run_id, 0, "plan-0000-here")["people"] > 10
            line.take(workspace.settings, run_id, "plan-0000-here")


def test_a_place_that_is_not_in_s3_is_refused(tiny, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_STORE", "sftp://me@there/in")
    with pytest.raises(SettingError, match="parts travel by S3 alone"):
        load_settings(tiny.folder)
