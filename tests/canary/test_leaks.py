"""A person goes through plan, delivery, and all that can fail: they are found where CONTRACTS allows it, and only there."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.canary.failures import FAILURES
from tests.canary.scanner import Scanner
from tests.canary.spelling import ID, NAME, PERSON
from tests.canary.watching import Watched, watch
from tests.tiny import MORNING

ROOT = Path(__file__).parents[2]
SCANNER = Scanner()
ALLOWED = {
    place: re.compile(pattern)
    for place, pattern in {
        "plans": r"[^/]+/\.justenough/plans/.*",
        "addresses": r"[^/]+/\.justenough/addresses/.*",
        "membership": r"[^/]+/\.justenough/membership/.*",
        "inbox": r"[^/]+/\.justenough/inbox/.*",
        "pages": r"[^/]+/\.justenough/pages/.*",
        "batches": r"[^/]+/outbox/[^/]+/[^/]+/(?!manifest\.json).*",
        "the warehouse": r"[^/]+/warehouse\.duckdb",
        "what came from elsewhere": r"[^/]+/given/.*",
    }.items()
}
"""CONTRACTS, The state folder; the last two are not ours."""


@dataclass(frozen=True)
class Happened:
    """What a program did in a folder, what it said, and what was seen of it meanwhile."""

    folder: Path
    said: dict[str, bytes]
    seen: Watched

    @property
    def told(self) -> dict[str, dict]:
        return json.loads((self.folder / "workspaces/told.json").read_text("utf-8"))


def started(folder: Path, *command: str, **environment: str) -> subprocess.Popen[bytes]:
    """Python in a folder of its own, with a home and temporary files of its own, without any limit or mask of ours."""
    for name in ("here", "home", "temporary"):
        (folder / name).mkdir(exist_ok=True)
    own = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary"), "PYTHONPATH": str(ROOT)}
    with (folder / "stdout").open("ab") as stdout, (folder / "stderr").open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=folder / "here",
            env=os.environ | own | {"JUSTENOUGH_NOW": MORNING.isoformat()} | environment,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=_lax,  # noqa: PLW1509  (nothing here has threads that hold a lock)
            start_new_session=True,
        )


def _lax() -> None:
    os.umask(0o022)
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


@pytest.fixture(scope="module", params=["fast", pytest.param("slow", marks=pytest.mark.slow)])
def happened(request, tmp_path_factory) -> Happened:
    folder = tmp_path_factory.mktemp("canary")
    (folder / "workspaces").mkdir()
    with started(folder, "-m", "tests.canary.failures", str(folder / "workspaces"), request.param) as child:
        seen = watch(child, folder)
    said = {name: (folder / name).read_bytes() for name in ("stdout", "stderr")}
    assert child.returncode == 0, said["stderr"].decode()
    return Happened(folder, said, seen)


def places_of(found: dict[str, set[str]]) -> dict[str, dict[str, set[str]]]:
    """Place -> file -> what is in it; what is nowhere allowed has no place, and so has a name that tells."""
    sorted_out: dict[str, dict[str, set[str]]] = {}
    for name, hits in found.items():
        in_names = {hit for hit in hits if hit.endswith("in its name")}
        place = next((place for place, pattern in ALLOWED.items() if pattern.fullmatch(name.partition("/")[2])), "")
        for where, which in ((place, hits - in_names), ("", in_names)):
            if which:
                sorted_out.setdefault(where, {})[name] = which
    return sorted_out


def test_everything_failed_that_was_to_fail(happened):
    expected = {name: list(FAILURES[name].codes) for name in happened.told if name in FAILURES}
    assert {name: told["codes"] for name, told in happened.told.items()} == {"a first day": [0], **expected}
    assert len(expected) > 9


def test_identities_are_where_contracts_allows_them_and_nowhere_else(happened):
    (happened.folder / "workspaces/told.json").rename(happened.folder / "told.json")
    found = places_of(SCANNER.found(happened.folder / "workspaces"))
    (happened.folder / "told.json").rename(happened.folder / "workspaces/told.json")
    assert found.pop("", {}) == {}
    assert set(found) >= set(ALLOWED) - {"what came from elsewhere"}  # what is looked for would be found, in each place
    whose = {hit.partition(":")[0] for files in found.values() for hits in files.values() for hit in hits}
    assert whose == set(PERSON)
    told = {hit.partition(":")[0] for hits in found["pages"].values() for hit in hits}
    assert told == {"name"}  # what messages say of a person, and nothing by which they could be found


def test_nothing_that_is_said_holds_identities_but_what_shows_a_person_on_purpose(happened):
    assert SCANNER.found(**happened.said) == {}
    assert happened.said["stderr"].count(b"hint: ") > 9
    shown = happened.told.get("nothing", {}).get("shown", "")
    assert not shown or (ID in shown and NAME in shown)


def test_no_temporary_file_nor_one_in_the_home_or_the_folder_it_was_called_from_holds_identities(happened):
    assert SCANNER.found(*(happened.folder / name for name in ("here", "home", "temporary"))) == {}
    assert list((happened.folder / "here").iterdir()) == []  # no dump either


def test_no_command_line_nor_environment_tells_of_anybody(happened):
    assert SCANNER.found(processes=b"\n".join(happened.seen.lines)) == {}
    assert any(b"serving.py" in line for line in happened.seen.lines)  # children have been seen


def test_neither_the_program_nor_what_it_starts_may_leave_a_dump(happened):
    """A limit of one byte: for a program that collects dumps by a pipe none would not do."""
    [(_, own)] = [(line, limits) for line, limits in happened.seen.limits.items() if b"tests.canary.failures" in line]
    assert own[-1] == "1"
    assert {limits[-1] for limits in happened.seen.limits.values()} == {"1"}


def test_nobody_else_may_read_a_file_even_while_it_is_being_written(happened):
    assert happened.seen.lax == set()


def test_a_workspace_that_only_one_may_read_is_found_lax_where_one_file_is(tmp_path):
    (tmp_path / ".justenough").mkdir(mode=0o700)
    (tmp_path / ".justenough/a.duckdb.wal").touch()
    (tmp_path / ".justenough/a.duckdb.wal").chmod(0o644)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        seen = watch(child, tmp_path, lambda seen: bool(seen.lax))
        child.communicate(b"\n")
    assert seen.lax == {("a.duckdb.wal", "0o644")}
