"""The command line: what it says, in which form, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from flows import cli
from flows.answering import server_away
from flows.ledger.lock import run_lock
from flows.pages.artifacts import plan_page
from flows.settings import load_settings
from tests.bad_input.refusing import with_page
from tests.tiny import MORNING, day, make

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
    return make(tmp_path / "workspace", brands=["north"])


@pytest.fixture
def je(tiny, capsys):
    """Run one command on the tiny workspace: its exit code, what it printed, what it complained."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main([*arguments, "--workspace", str(tiny.folder)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_run_says_where_everybody_went_and_where_the_files_are(je, tiny):
    code, out, err = je("run")
    assert code == 0
    for said in (
        "NO_CONSENT",
        "UNREACHABLE",
        "EXCLUDED",
        "DUPLICATE_ADDRESS",
        "get something",
        "outbox/email_file/2026-11-22-1",
    ):
        assert said in out.replace("\n", "")
    assert "publishing 3/3" in err  # progress, where it is no terminal, goes line by line beside the answer
    assert {batch.name for batch in tiny.batches()} == {"2026-11-22-1"}


@pytest.mark.slow
@pytest.mark.bad_input(118)
def test_while_the_server_of_prefect_is_away_commands_go_on_and_say_so(je, tiny, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as here:
        place = f"127.0.0.1:{here.getsockname()[1]}"
        monkeypatch.setenv("PREFECT_API_URL", f"http://{place}/api")
        assert "is away" not in je("plan")[2]
    code, out, err = je("run", "--json")
    assert code == 0
    assert err.startswith(
        f"the Prefect server at {place} (PREFECT_API_URL) is away: this goes on without it, and its pages"
    )
    assert json.loads(out)["delivered"]["published"]
    file = tiny.folder / "events.csv"
    file.write_text("event_id,happened_at,event,customer_id\ne1,2026-11-22T08:00:00Z,basket_left,c05\n", "utf-8")
    code, out, err = je("respond", str(file))
    assert (code, "is away" in err) == (0, True)


@pytest.mark.parametrize("url", ["", "nonsense", "http://:port/api", "http://127.0.0.1:99999/api", "/api"])
def test_where_no_server_is_named_none_is_missed(url):
    assert server_away(url) is None


@pytest.mark.slow
def test_a_second_run_says_that_there_is_nothing_more_to_deliver(je):
    assert je("run")[0] == 0
    code, out, _ = je("run")
    assert (code, "Nothing to deliver" in out) == (0, True)


def test_json_is_all_there_is_on_standard_output_and_its_numbers_are_those_of_the_batches(je, tiny):
    code, out, _ = je("run", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["plan"]["people_count"] == sum(fall["passed"] for fall in found["plan"]["people"].values())
    rows = {(batch["target"], batch["brand"]): batch["rows"] for batch in found["delivered"]["published"]}
    assert rows == {(seen.target, seen.manifest["brand"]): seen.manifest["rows"] for seen in tiny.batches()}


@pytest.mark.slow
def test_a_plan_tells_how_to_deliver_it_and_that_command_does(je, tiny):
    code, out, _ = je("plan")
    assert (code, tiny.batches()) == (0, [])
    step = out.replace("\n", " ").split("to do so: justenough ")[1].split()[:4]  # where its page is comes after
    assert step[0::2][:2] == ["deliver", "--expect"]
    assert je(*step)[0] == 0
    assert tiny.batches()


def test_a_dry_run_delivers_nothing(je, tiny):
    code, out, _ = je("run", "--dry-run")
    assert (code, "nothing is delivered yet" in out, tiny.batches()) == (0, True, [])


def test_another_number_of_people_than_approved_is_a_no(je, tiny):
    run_id = json.loads(je("plan", "--json")[1])["order"]["run_id"]
    code, _, err = je("deliver", run_id, "--expect", "1")
    assert (code, tiny.batches()) == (1, [])
    assert err.startswith(f"PlanError {run_id}: 1 were approved, and the plan has ")
    assert "  hint: look at it again, then: justenough deliver" in err


def test_narrowing_takes_an_option_more_than_once(je, tiny):
    assert je("run", "--target", "email_file", "--target", "sms_file", "--product", "late")[0] == 0
    assert {batch.target for batch in tiny.batches()} == {"email_file"}
    assert {entry["product"] for batch in tiny.batches() for entry in batch.manifest["products"]} == {"late"}


def test_check_lists_what_each_message_uses(je):
    code, out, _ = je("check")
    assert code == 0
    assert "care live · detail levels 1 last_order, 2 name\n  because last_order · scored last_order\n" in out
    assert "14 18 24" in out
    assert "The SQL fits the warehouse: sql/customers.sql, sql/consent.sql, sql/suppressions.sql, sql/exclus" in out
    found = json.loads(je("check", "--json")[1])
    email = next(row for row in found["messages"] if (row["product"], row["channel"]) == ("care", "email"))
    assert (email["shown"], email["because"], email["wordings"]) == (["last_order", "name"], ["last_order"], 4)
    assert email["levels"] == [[], ["last_order"], ["last_order", "name"]]
    assert [rating["score"] for rating in email["creep"]] == [14, 18, 24]
    assert email["creep"][0]["lines"] == [
        {"about": "last_order", "points": 8, "why": "my last order is observed"},
        {"about": "last_order", "points": 6, "why": "it may be of any age"},
    ]


def test_check_says_no_to_a_fourth_dimension_with_file_and_line(je, tiny):
    tiny.edit(
        "sql/dimensions.yaml",
        "  name:       {my",
        "  age: {my: my age, columns: [people.country], known: declared}\n  name:       {my",
    )
    tiny.edit("sql/segments/owners.sql", "p.first_name", "p.first_name, length(p.country) AS age")
    tiny.edit("sql/segments/owners.yaml", "fields:\n", "fields:\n  age: {dimension: age, examples: [40]}\n")
    tiny.edit(
        "templates/care/email.j2", "Three minutes now.", "Three minutes now{% if age %}, at {{ age }}{% endif %}."
    )
    code, _, err = je("check")
    assert code == 1
    assert err.startswith("DimensionLimitError templates/care/email.j2:2: ")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("<p>Hello{% if first_name %}", "<p>Hello None{% if first_name %}", "prints 'None'"),
        ("Three minutes now.", "Three minutes\nnow.", "goes over more than one line"),
    ],
)
def test_check_says_no_to_words_that_come_out_broken(je, tiny, old, new, complaint):
    tiny.edit("templates/care/email.j2", old, new)
    code, _, err = je("check")
    assert (code, complaint in err) == (1, True)


def test_a_ceiling_of_creep_is_refused_by_check_and_by_run_before_anything_leaves(je, tiny):
    tiny.set(creep_ceiling=29)
    told = (
        "CreepError templates/care/web.j2:2: the creep score is 30, and `creep_ceiling` is 29\n"
        "  hint: take name out of these words, and it is 21\n"
        "  see: docs/how-to/check.md#the-creep-score\n"
    )
    assert je("check") == (1, "", told)
    assert je("run") == (1, "", told)
    assert tiny.batches() == []
    tiny.edit("pyproject.toml", "creep_ceiling = 29", "creep_ceiling = 30")
    assert je("check")[0] == 0


REVIEW = with_page(
    "ProductError templates/care/product.yaml:8: the review date 2026-11-21 has passed, so this product says nothing any more\n"
    "  hint: look at what it says and what it changes, then set a new date\n"
)


@pytest.mark.slow
def test_a_product_past_its_review_date_is_told_and_costs_nobody_else_their_message(je, tiny):
    tiny.edit("templates/care/product.yaml", "2027-06-30", "2026-11-21")
    assert je("check") == (1, "", REVIEW)
    assert je("run", "--product", "care") == (1, "", REVIEW)
    assert tiny.batches() == []
    code, out, _ = je("run")
    assert code == 3
    assert "care is left out, since its review date has passed" in out
    assert {entry["product"] for batch in tiny.batches() for entry in batch.manifest["products"]} == {"late"}
    assert {row["customer_id"] for batch in tiny.batches() for row in batch.rows} == {"c07", "c08"}


@pytest.mark.slow
def test_a_run_says_two_weeks_ahead_that_a_product_has_to_be_looked_at(je, tiny):
    """The run is as good as any."""
    tiny.edit("templates/care/product.yaml", "2027-06-30", "2026-12-06")
    code, out, _ = je("run", "--dry-run")
    assert code == 0
    said = "care speaks until 2026-12-06 and no longer, unless somebody looks at it and sets a new review date"
    assert said in out
    assert "late speaks until" not in out
    settled = tiny.plan()
    assert settled.order.reviews == {"care": date(2026, 12, 6)}
    assert said in plan_page(settled, workspace="tiny")


@pytest.mark.parametrize(
    ("last", "is_due"), [("2026-11-21", False), ("2026-11-22", True), ("2026-12-06", True), ("2026-12-07", False)]
)
def test_a_review_is_due_soon_from_two_weeks_ahead_until_it_is_overdue(tiny, last, is_due):
    tiny.edit("templates/care/product.yaml", "2027-06-30", last)
    workspace = tiny.load()
    due = [product.name for product in workspace.due_soon(date(2026, 11, 22))]
    assert due == ["care"] * is_due


def test_on_its_review_date_a_product_still_speaks_and_a_draft_has_time(je, tiny):
    tiny.edit("templates/care/product.yaml", "2027-06-30", "2026-11-22")
    assert je("check")[0] == 0
    tiny.edit("templates/care/product.yaml", "2026-11-22", "2026-11-21")
    tiny.edit("templates/care/product.yaml", "status: live", "status: draft")
    assert je("check")[0] == 0


def test_preview_needs_no_run_and_narrows_to_what_is_asked_for(je):
    code, out, _ = je("preview", "care", "--channel", "web", "--channel", "sms")
    assert code == 0
    assert re.findall(r"^\w+ →", out, re.MULTILINE) == ["web →"] * 4 + ["sms →"] * 2
    assert "  Headline: Looking after your ‹tent›\n  Body: ‹Ann›, dry it first.\n" in out


def test_preview_in_json_has_every_part_and_says_where_customer_data_stands(je):
    found = json.loads(je("preview", "care", "--channel", "email", "--json")[1])
    last = found["messages"][-1]
    assert (last["facts"], list(last["parts"])) == ([["last_order", "name"]], ["subject", "preheader", "html", "text"])
    subject = last["parts"]["subject"]
    assert [subject["text"][start:end] for start, end in subject["values"]] == ["tent"]
    assert found["explanation"] is None


def test_preview_shows_a_customer_their_messages_or_why_there_are_none(je):
    assert je("preview", "care", "--customer", "c01")[0] == 1  # there is no plan yet
    je("plan")
    code, out, _ = je("preview", "care", "--customer", "c01")
    assert (code, "  Subject: Looking after your ‹" in out) == (0, True)
    code, out, _ = je("preview", "care", "--customer", "c09")
    assert (code, "c09 does not get care of north: there is no consent" in out) == (0, True)
    found = json.loads(je("preview", "care", "--customer", "c09", "--json")[1])
    assert (found["messages"], [row["reason"] for row in found["explanation"]["candidates"]]) == ([], ["NO_CONSENT"])
    code, _, err = je("preview", "care", "--customer", "nobody")
    assert (code, err.startswith("UsageError CUSTOMER: neither plan")) == (2, True)


def test_explain_tells_what_one_customer_gets_and_why_not_the_rest(je):
    je("run")
    _, out, _ = je("explain", "c07")
    assert "c07 gets late of north about o71: by email (email_file) using last_order and name and by web" in out
    assert "c07 does not get care of north: late about o71 goes to them today, and service comes first" in out
    assert "2026-11-22: email with late of north version 1, using last_order and name (published)" in out


def test_explain_says_of_each_channel_why_it_is_closed(je):
    je("plan")
    _, out, _ = je("explain", "c11")
    assert "  Not by email: the address is on a suppression list (SUPPRESSED)." in out
    assert "  Not by sms: there is no address for it (UNREACHABLE)." in out


@pytest.mark.slow
def test_explain_says_what_came_before_also_when_the_last_plan_has_nothing(je, tiny, monkeypatch):
    je("run")
    tiny.warehouse("DELETE FROM needs WHERE customer_id = 'c01'")
    monkeypatch.setenv("JUSTENOUGH_NOW", day(1).isoformat())
    je("plan")
    _, out, _ = je("explain", "c01")
    assert "No live product's segment has this customer." in out
    assert "2026-11-22: email with care of north version 1" in out


@pytest.mark.slow
def test_explain_in_json_keeps_decisions_deliveries_and_the_past_apart(je):
    je("run")
    found = json.loads(je("explain", "c07", "--json")[1])
    assert [(row["product"], row["reason"]) for row in found["candidates"]] == [
        ("care", "SILENCED_BY_SERVICE"),
        ("late", None),
    ]
    assert [(way["channel"], way["facts"]) for way in found["deliveries"] if way["product"] == "late"] == [
        ("email", ["last_order", "name"]),
        ("web", ["last_order"]),
    ]
    sent = [(row["product"], row["channel"], row["facts"], row["state"]) for row in found["messages"]]
    assert sent == [
        ("late", "email", ["last_order", "name"], "published"),
        ("late", "web", ["last_order"], "published"),
    ]
    sources = {source["dimension"]: source["columns"] for source in found["messages"][0]["sources"]}
    assert sources == {"last_order": ["late_orders.item"], "name": ["people.first_name"]}
    assert found["messages"][0]["agreed"] is None


def test_a_stranger_is_not_explained(je):
    je("plan")
    code, _, err = je("explain", "nobody")
    assert (code, err.startswith("UsageError CUSTOMER: neither plan")) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--prodct", "care"),
        ("deliver",),
        ("fly",),
        ("run", "--as-of", "tomorrow"),
        ("run", "--product", "car"),
        ("run", "--as-of", "2027-01-01"),
        ("preview",),
        ("preview", "car"),
        ("preview", "care", "--channel", "emial"),
        ("preview", "care", "--customer", "c01", "--locale", "de"),
    ],
)
def test_bad_usage_is_two_and_says_what_is_known(je, arguments):
    code, out, err = je(*arguments)
    assert (code, out) == (2, "")
    assert "hint: " in err


def test_a_workspace_that_is_none_is_bad_usage(tmp_path, capsys):
    assert cli.main(["run", "--workspace", str(tmp_path)]) == 2
    assert "this is not a workspace" in capsys.readouterr().err


@pytest.mark.bad_input(99)
def test_while_another_run_holds_the_lock_the_answer_is_75_and_who_holds_it(je, tiny):
    with run_lock(tiny.load().settings, "the nightly run"):
        code, _, err = je("run")
    assert code == 75
    assert f"the nightly run, process {os.getpid()} holds the lock" in err


def test_an_error_in_json_is_json_with_its_exit_code(je):
    code, out, err = je("deliver", "nothing", "--json")
    assert (code, err) == (1, "")
    error = json.loads(out)["error"]
    assert (error["kind"], error["where"], error["exit"]) == ("PlanError", "nothing", 1)
    assert error["see"] == "docs/how-to/look-before-you-send.md#a-plan-and-its-delivery"


def test_our_own_fault_is_70_and_names_the_place_but_quotes_nothing(je, monkeypatch):
    def broken(_folder: Path) -> None:
        raise KeyError("secret@example.com")

    monkeypatch.setattr("flows.workspace.load_workspace", broken)
    code, out, err = je("run")
    assert (code, "test_cli.py:" in err, "KeyError" in err) == (70, True, True)
    assert "secret" not in out + err


def test_a_batch_on_hold_waits_for_a_person(je, tiny, monkeypatch):
    from flows.line import delivering

    monkeypatch.setattr(delivering, "batches_of", _with_a_held_batch(delivering.batches_of))
    assert je("run")[0] == 3


def _with_a_held_batch(batches_of):
    import polars as pl

    def held(ledger, run_id):
        return batches_of(ledger, run_id).with_columns(state=pl.lit("hold"))

    return held


def test_the_program_runs_by_itself_and_its_help_teaches(tiny):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    call = [sys.executable, "-m", "flows.cli"]
    told = subprocess.run([*call, "--help"], env=environment, capture_output=True, text=True, check=True).stdout
    for command in ("run", "plan", "deliver", "check", "preview", "explain"):
        assert f"│ {command} " in told
    done = subprocess.run(
        [*call, "plan", "--json"], cwd=tiny.folder, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["people_count"] > 0
    assert "nanobind" not in done.stderr  # DuckDB's own complaints about the end of the process


def test_an_answer_that_cannot_be_written_is_no_success():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "flows.cli", "--version"]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (70, False)


@pytest.mark.parametrize("parts", ["0", "-3", "5000"])
def test_a_number_of_parts_that_cannot_be_is_bad_usage(je, parts):
    code, _, err = je("run", "--parts", parts)
    assert (code, err.startswith(f"UsageError --parts: {parts} parts cannot be made")) == (2, True)


def test_check_warns_of_what_is_missing_to_bar_people(je, tiny):
    (tiny.folder / "sql/suppressions.sql").unlink()
    (tiny.folder / "sql/consent.sql").unlink()
    (tiny.folder / "sql/exclusions/barred.sql").rename(tiny.folder / "sql/exclusions/barred.sq")
    _, out, _ = je("check")
    assert "warning: sql/suppressions.sql is missing: no address is suppressed" in out
    assert "warning: sql/consent.sql is missing" in out
    assert "warning: sql/exclusions/barred.sq is not read" in out


def test_a_missing_layout_is_seen_by_check(je, tiny):
    (tiny.folder / "templates/_shared/email_layout.j2").unlink()
    code, _, err = je("check")
    assert (code, err.startswith("TemplateError templates/_shared/email_layout.j2: ")) == (1, True)


@pytest.mark.parametrize(
    ("file", "old", "new", "where"),
    [
        ("templates/care/product.yaml", "url: /care", "url: care", "ProductError templates/care/product.yaml:5"),
        (
            "templates/care/product.yaml",
            "url: /care",
            "url: http://x.example.net/y",
            "ProductError templates/care/product.yaml:5",
        ),
        ("pyproject.toml", "unsubscribe/{message_id}", "unsubscribe", "SettingError pyproject.toml"),
        ("pyproject.toml", 'site_url = "https://', 'site_url = "', "SettingError pyproject.toml"),
    ],
)
def test_links_that_lead_nowhere_are_refused(je, tiny, file, old, new, where):
    tiny.edit(file, old, new)
    code, _, err = je("check")
    assert code in {1, 2}
    assert err.startswith(where)


def test_a_new_workspace_says_what_comes_next_and_that_is_right(tmp_path, capsys):
    folder = tmp_path / "trial"
    assert cli.main(["init", str(folder)]) == 0
    steps = "".join(capsys.readouterr().out.split("Next: ")[1].split("\n")).split(" && ")
    assert steps == [f"justenough {command} --workspace {folder}" for command in ("check", "run")]
    assert cli.main(steps[0].split()[1:]) == 0


@pytest.mark.slow
def test_a_sample_of_any_size_and_seed_is_what_the_next_run_uses(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
    folder = tmp_path / "trial"
    cli.main(["init", str(folder)])
    capsys.readouterr()
    built = {}
    for seed in ("7", "8"):
        code = cli.main(["sample", "--workspace", str(folder), "--customers", "300", "--seed", seed, "--json"])
        printed = capsys.readouterr()
        built[seed] = json.loads(printed.out)["rows"]
        assert (code, built[seed]["customers"]) == (0, 300)
        assert re.search(r"making the sample (\d+)/\1$", printed.err, re.MULTILINE)
    assert built["7"] != built["8"]
    assert cli.main(["plan", "--workspace", str(folder), "--json"]) == 0
    order = json.loads(capsys.readouterr().out)["order"]
    assert {name: count for name, count in built["8"].items() if name in order["source_rows"]} == order["source_rows"]


def test_a_workspace_with_a_warehouse_of_its_own_gets_no_sample(je, tiny):
    before = (tiny.folder / "warehouse.duckdb").read_bytes()
    told = (
        "UsageError justenough sample: this workspace has a warehouse of its own\n"
        "  hint: take out `database` first\n"
        "  see: docs/reference/commands.md\n"
    )
    assert je("sample") == (2, "", told)
    assert (tiny.folder / "warehouse.duckdb").read_bytes() == before


def test_no_sample_is_built_under_a_run(tmp_path, capsys):
    folder = tmp_path / "trial"
    cli.main(["init", str(folder)])
    with run_lock(load_settings(folder), "justenough run"):
        assert cli.main(["sample", "--workspace", str(folder), "--customers", "10"]) == 75
    assert not (folder / ".justenough" / "sample").exists()


def test_check_warns_where_no_product_is_live(je, tiny):
    warning = (
        "warning: templates/: no product is live on 2026-11-22, so nobody gets anything; drafts wait for status: live"
    )
    assert warning not in je("check")[1]
    for product in ("care", "late"):
        tiny.edit(f"templates/{product}/product.yaml", "status: live", "status: draft")
    assert warning in je("check")[1]


def test_check_compares_with_another_version_of_the_workspace(je, tiny, tmp_path):
    other = tiny.copy(tmp_path / "other")
    tiny.edit("templates/care/sms.j2", "Dry your", "Air your")
    code, out, _ = je("check", "--diff", str(other.folder))
    assert code == 0
    assert "care/sms: words sms.j2\n" in out
    assert "nobody would get another help" in out
    found = json.loads(je("check", "--diff", str(other.folder), "--json")[1])
    assert [(one["product"], one["channel"], one["words"]) for one in found["messages"]] == [
        ("care", "sms", {"templates/care/sms.j2": "changed"})
    ]
    assert found["customers"]["flips"] == []
    code, _, err = je("check", "--diff", "no-such-version")
    assert (code, err.splitlines()[0]) == (
        2,
        "UsageError --diff: 'no-such-version' is neither a folder with a workspace nor a commit that git knows here",
    )


def test_schema_prints_one_or_all_and_writes_what_editors_read(je, tiny):
    assert json.loads(je("schema", "segment")[1])["properties"]["fields"]["type"] == "object"
    assert set(json.loads(je("schema")[1])) == {"product", "dimensions", "segment", "audience"}
    assert not (tiny.folder / ".vscode").exists()
    code, out, _ = je("schema", "--write")
    assert (code, ".vscode/schemas/product.json" in out) == (0, True)
    assert json.loads(je("schema", "--write", "--json")[1])["files"][-1] == ".vscode/settings.json"
    assert (tiny.folder / ".vscode/settings.json").exists()
    assert je("schema", "nonsense")[0] == 2
