"""What a person accepts is done by as little as it takes, tried before, noted, and whole after a kill."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from flows.cli import main
from flows.errors import JustEnoughError, ProductError, TemplateError, UsageError
from flows.learning.keeping import look_and_keep
from flows.ledger.proposals import PROPOSED, READOUT, keep, move
from flows.ledger.store import open_ledger
from flows.line.accepting import accept
from flows.settings import load_settings
from tests.learning.histories import LONG_AFTER, at, chances, decided, fill, outcomes, shop
from tests.tiny import clock

ROOT = Path(__file__).parents[2]
TEST = """
# tried since May
test:
  holdout: 20%   # for the board
  variants:
    guide: 50%   # the long one
    list: 50%
  levels: {0: 50%, 2: 50%}
"""
CHANGES = "# What has changed\n\nNewest first.\n\n- 2026-05-01: `care` is here.\n"
SUCCESS = {"helped": "no_question", "business": "ordered_again", "within": "P14D"}
WINNER = ("scale", "variant list", [["test.variants.guide", None], ["test.variants.list", "100%"]])
HOLDOUT = ("scale", "holdout", [["test.holdout", None]])
STOP = ("stop", "product", [["status", "paused"]])
LESS = ("use_less_data", "level 0", [["test.levels", None], ["level", 0]])
ABOUT = {
    "variant list": {"success": SUCCESS, "test.variants": {"guide": 0.5, "list": 0.5}},
    "level 0": {
        "success": SUCCESS,
        "test.levels": {"0": 0.5, "2": 0.5},
        "level": None,
        "dimensions": ["last_order", "name"],
    },
    "holdout": {"success": SUCCESS, "test.holdout": 0.2},
    "product": {"success": SUCCESS, "status": "live"},
    "variants": {"success": SUCCESS},
}


def made(folder: Path):
    tiny = shop(folder, TEST)
    words = (tiny.folder / "templates/care/web.j2").read_text("utf-8")
    (tiny.folder / "templates/care/web.guide.j2").write_text(words.replace("Looking after", "All about"), "utf-8")
    (tiny.folder / "CHANGELOG.md").write_text(CHANGES, "utf-8")
    return tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return made(tmp_path_factory.mktemp("accepting") / "workspace")


@pytest.fixture
def tiny(base, tmp_path):
    return base.copy(tmp_path / "tiny")


def propose(
    tiny, kind="scale", what="holdout", edits=(("test.holdout", None),), *, proposal_id="a1b2c3d4", **about
) -> None:
    told = [{"place": place.split("."), "value": value} for place, value in edits]
    row = (proposal_id, "care", None, kind, what, f"Do it: {what}.", 12, "[]", json.dumps(told))
    proposed = pl.DataFrame([(*row, json.dumps({**ABOUT[what], **about}))], PROPOSED, orient="row")
    with at(), open_ledger(load_settings(tiny.folder)) as ledger:
        keep(ledger, pl.DataFrame(schema=READOUT), proposed)


def accepted(tiny, proposal_id="a1b2c3d4"):
    with at(LONG_AFTER + timedelta(days=1)):
        return accept(load_settings(tiny.folder), proposal_id)


def files(tiny) -> dict[str, bytes]:
    found = [tiny.folder / "CHANGELOG.md", *(tiny.folder / "templates").rglob("*.*")]
    seen = (file for file in sorted(found) if file.is_file() and not file.name.startswith("."))
    return {str(file.relative_to(tiny.folder)): file.read_bytes() for file in seen}


def states(tiny) -> list[tuple]:
    return tiny.history("SELECT proposal_id, state FROM proposal ORDER BY made_at, proposal_id")


@pytest.mark.parametrize(
    ("proposal", "old", "new", "removed"),
    [
        pytest.param(HOLDOUT, "  holdout: 20%   # for the board\n", "", (), marks=pytest.mark.slow),
        pytest.param(STOP, "status: live\n", "status: paused\n", (), marks=pytest.mark.slow),
        pytest.param(LESS, "  levels: {0: 50%, 2: 50%}\n", "level: 0\n", (), marks=pytest.mark.slow),
        (
            WINNER,
            "    guide: 50%   # the long one\n    list: 50%\n",
            "    list: 100%\n",
            ("templates/care/web.guide.j2",),
        ),
    ],
)
def test_it_changes_its_own_lines_alone_and_says_so_in_the_changelog(tiny, proposal, old, new, removed):
    propose(tiny, *proposal)
    before = files(tiny)
    done = accepted(tiny)
    yaml = "templates/care/product.yaml"
    line = f"- 2026-11-23, `care`: Do it: {proposal[1]}. (proposal a1b2c3d4)\n"
    expected = {name: content for name, content in before.items() if name not in removed}
    expected[yaml] = before[yaml].replace(old.encode(), new.encode())
    expected["CHANGELOG.md"] = before["CHANGELOG.md"].replace(b"- 2026-05", line.encode() + b"- 2026-05")
    assert files(tiny) == expected
    assert expected[yaml] != before[yaml]
    assert (done.written, done.removed) == ((yaml, "CHANGELOG.md"), removed)
    assert {name: (done.kept / name).read_bytes() for name in (*done.written, *removed)} == {
        name: before[name] for name in (*done.written, *removed)
    }
    tiny.load()
    assert states(tiny) == [("a1b2c3d4", "accepted")]


@pytest.mark.slow
def test_a_workspace_without_a_changelog_gets_one_and_files_stay_as_readable_as_they_were(tiny):
    (tiny.folder / "CHANGELOG.md").unlink()
    (tiny.folder / "templates/care/product.yaml").chmod(0o640)
    propose(tiny)
    accepted(tiny)
    text = (tiny.folder / "CHANGELOG.md").read_text("utf-8")
    assert text == "# Changelog\n\n- 2026-11-23, `care`: Do it: holdout. (proposal a1b2c3d4)\n"
    assert stat.S_IMODE((tiny.folder / "templates/care/product.yaml").stat().st_mode) == 0o640


@pytest.mark.slow
def test_two_proposals_of_one_product_are_accepted_one_after_the_other(tiny):
    propose(tiny, *WINNER)
    with open_ledger(load_settings(tiny.folder)) as ledger, ledger.transaction():
        ledger.execute("UPDATE proposal SET product = 'care'")
    propose(tiny, *LESS, proposal_id="bbbb")
    accepted(tiny)
    accepted(tiny, "bbbb")
    care = tiny.load().products["care"]
    assert (care.test.variants, care.test.levels, care.level) == ({"list": 1.0}, {}, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("proposal", "old", "new", "where"),
    [
        (WINNER, "guide: 50%   # the long one\n    list: 50%", "guide: 40%\n    list: 60%", "`test.variants`"),
        (WINNER, "helped: no_question", "helped: helpful", "`success`"),
        (LESS, "dimensions: [last_order, name]", "dimensions: [name, last_order]", "`dimensions`"),
        (LESS, "segment: owners", "segment: owners\nlevel: 2", "`level`"),
        (STOP, "status: live", "status: retired", "`status`"),
        (HOLDOUT, "holdout: 20%", "holdout: 30%", "`test.holdout`"),
    ],
)
def test_what_is_about_something_else_by_now_is_refused_and_withdrawn(tiny, proposal, old, new, where):
    propose(tiny, *proposal)
    tiny.edit("templates/care/product.yaml", old, new)
    before = files(tiny)
    with pytest.raises(UsageError, match=f"{where} has changed since"):
        accepted(tiny)
    assert files(tiny) == before
    assert states(tiny) == [("a1b2c3d4", "withdrawn")]


@pytest.mark.slow
def test_what_else_has_changed_since_bars_nothing(tiny):
    propose(tiny)
    tiny.edit("templates/care/product.yaml", "owner: crm@example.com", "owner: boss@example.com")
    assert accepted(tiny).written != ()


@pytest.mark.slow
def test_nothing_is_written_where_the_workspace_would_not_be_sound(tiny):
    (tiny.folder / "templates/care/web.j2").unlink()
    (tiny.folder / "templates/care/web.list.j2").unlink()
    propose(tiny, *WINNER)
    before = files(tiny)
    with pytest.raises(TemplateError):
        accepted(tiny)
    assert files(tiny) == before
    assert states(tiny) == [("a1b2c3d4", "open")]


@pytest.mark.slow
def test_nor_where_product_yaml_cannot_be_changed_by_so_little_or_the_changelog_is_no_text(tiny):
    propose(tiny, *LESS)
    (tiny.folder / "CHANGELOG.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ProductError, match="no text"):
        accepted(tiny)
    (tiny.folder / "CHANGELOG.md").unlink()
    with (tiny.folder / "templates/care/product.yaml").open("a") as file:
        file.write("...\n")
    before = files(tiny) if (tiny.folder / "CHANGELOG.md").exists() else None
    with pytest.raises(ProductError, match=r"test.levels, level cannot be changed by itself"):
        accepted(tiny)
    assert before is None
    assert states(tiny) == [("a1b2c3d4", "open")]


def test_what_goes_on_changes_nothing_and_stays_open(tiny, capsys, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", LONG_AFTER.isoformat())
    propose(tiny, "keep_testing", "variants", ())
    before = files(tiny)
    assert main(["accept", "a1b2c3d4", "--workspace", str(tiny.folder)]) == 0
    assert capsys.readouterr().out == "There is nothing to change for that: Do it: variants.\n"
    assert (files(tiny), states(tiny)) == (before, [("a1b2c3d4", "open")])


@pytest.mark.slow
def test_an_unknown_proposal_and_one_that_has_ended_are_answered_with_the_next_step(tiny):
    with pytest.raises(UsageError) as unknown:
        accepted(tiny, "nothing")
    assert (unknown.value.what, unknown.value.hint) == (
        "there is no proposal 'nothing'",
        "see what a look now proposes: justenough readout --keep",
    )
    propose(tiny)
    accepted(tiny)
    with pytest.raises(UsageError, match="proposal 'a1b2c3d4' was accepted on 2026-11-23"):
        accepted(tiny)
    assert (tiny.folder / "CHANGELOG.md").read_text("utf-8").count("a1b2c3d4") == 1


def test_the_commands_list_and_accept_in_words_and_in_json(tiny, capsys, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", LONG_AFTER.isoformat())
    monkeypatch.setenv("COLUMNS", "200")
    at_home = ["--workspace", str(tiny.folder)]
    assert main(["proposals", *at_home]) == 0
    assert capsys.readouterr().out.startswith("Nothing is proposed.")
    propose(tiny)
    assert main(["proposals", *at_home]) == 0
    first, says, _ = capsys.readouterr().out.splitlines()
    assert first == "a1b2c3d4  care: scale (holdout), since 2026-11-22"
    assert says.strip() == "Do it: holdout. It would speak to 12 people more in thirty days."
    assert main(["proposals", *at_home, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["id"], told["reach_change"], told["made_at"]) == ("a1b2c3d4", 12, str(LONG_AFTER))
    assert main(["accept", "a1b2c3d4", *at_home, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["written"] == ["templates/care/product.yaml", "CHANGELOG.md"]
    assert main(["accept", "a1b2c3d4", *at_home]) == 2


@pytest.mark.slow
def test_from_what_people_did_to_the_words_that_all_get(tmp_path):
    """The list helps, and the second dimension buys nothing: two proposals, which a person accepts in one sitting."""
    tiny = made(tmp_path / "tiny")
    decisions = pl.concat([decided(8_000, day, first=100_000 + 8_000 * day) for day in range(20)])
    drawn = (pl.int_range(pl.len()) % 2 * 2).cast(pl.Int8)
    treated = pl.col("reason").is_null()
    decisions = decisions.with_columns(
        drawn_level=pl.when(treated).then(drawn),
        propensity=pl.when(treated).then(pl.col("propensity") / 2).otherwise("propensity"),
    )
    asked = chances(decisions, {"held out": 0.6, "guide": 0.55, "list": 0.5}, "question", seed=1)
    ordered = chances(decisions, {"held out": 0.4, "guide": 0.4, "list": 0.4}, "ordered", seed=2)
    fill(tiny, decision=decisions, outcome=[outcomes(asked), outcomes(ordered, 79)])
    with at():
        found = look_and_keep(tiny.load()).products[0]
    proposed = {(each.kind, each.what): each.id for each in found.proposals}
    assert proposed.keys() == {("scale", "variant list"), ("use_less_data", "level 0")}
    for proposal_id in proposed.values():
        accepted(tiny, proposal_id)
    care = tiny.load().products["care"]
    assert (care.test.variants, care.test.levels, care.level, care.test.holdout) == ({"list": 1.0}, {}, 0, 0.2)
    with at(LONG_AFTER + timedelta(days=2)):
        assert look_and_keep(tiny.load()).products[0].proposals == ()
    assert {state for _, state in states(tiny)} == {"accepted"}


KILLED = """
import os, pathlib, sys
from flows.line import accepting
from flows.settings import load_settings
workspace, left = pathlib.Path(sys.argv[1]), int(sys.argv[2])

def counting(function):
    def before(first, *given, **named):
        global left
        is_of_state = isinstance(first, pathlib.Path) and (workspace not in first.parents or ".justenough" in first.parts)
        left -= not is_of_state or function.__name__ == "rename"
        if left == 0:
            os._exit(9)
        return function(first, *given, **named)
    return before

for name in ("replace", "unlink", "rename"):
    setattr(pathlib.Path, name, counting(getattr(pathlib.Path, name)))
accepting.move = counting(accepting.move)
accepting.accept(load_settings(workspace), "a1b2c3d4")
"""


@pytest.mark.crash
@pytest.mark.slow
def test_killed_anywhere_the_next_call_finishes(tiny, tmp_path):
    propose(tiny, *WINNER)
    whole = tiny.copy(tmp_path / "whole")
    accepted(whole)
    expected, before = files(whole), files(tiny)
    environment = {
        **os.environ,
        "JUSTENOUGH_NOW": (LONG_AFTER + timedelta(days=1)).isoformat(),
        "PYTHONPATH": str(ROOT),
    }
    seen, kills = set(), 0
    while True:
        copy = tiny.copy(tmp_path / f"killed-{kills}")
        command = [sys.executable, "-c", KILLED, str(copy.folder), str(kills + 1)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == 9, done.stderr
        kills += 1  # before: the archive, accepting, product.yaml, CHANGELOG.md, the words that go, accepted
        yaml = files(copy)["templates/care/product.yaml"]
        assert yaml in (before["templates/care/product.yaml"], expected["templates/care/product.yaml"])
        seen.add((states(copy)[0][1], files(copy) == before, files(copy) == expected))
        accepted(copy)
        assert files(copy) == expected
        assert states(copy) == [("a1b2c3d4", "accepted")]
    assert seen >= {
        ("open", True, False),
        ("accepting", True, False),
        ("accepting", False, False),
        ("accepting", False, True),
    }


@pytest.mark.slow
def test_one_that_was_begun_and_is_about_something_else_by_now_is_withdrawn(tiny):
    propose(tiny, *WINNER)
    with open_ledger(load_settings(tiny.folder)) as ledger:
        move(ledger, "a1b2c3d4", "accepting", of=("open",))
    tiny.edit("templates/care/product.yaml", "helped: no_question", "helped: helpful")
    with pytest.raises(JustEnoughError), clock(LONG_AFTER):
        accept(load_settings(tiny.folder), "a1b2c3d4")
    assert states(tiny) == [("a1b2c3d4", "withdrawn")]
