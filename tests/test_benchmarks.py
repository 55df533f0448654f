"""The benchmarks run, say what they should, and refuse to print a time where what was written is not what it should be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import polars as pl
import pytest

from benchmarks.against import too_few
from benchmarks.cluster import Run, beyond, table, wrong
from benchmarks.figures import read
from benchmarks.outputs import Outputs, differences, unbalanced
from benchmarks.rendering import ENGINES
from benchmarks.rendering import differences as different
from flows.stages import ORDER
from tests.house.tree import ROOT, Module

SIZES = ("200", "300")
BENCHMARKS = ROOT / "benchmarks"
ALONE = ("floor", "straightforward", "straightforward_files")


@pytest.mark.slow
def test_the_line_is_measured_stage_by_stage_at_every_size():
    command = [sys.executable, str(ROOT / "benchmarks" / "line.py"), "--customers", *SIZES]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head, _, *lines = printed.partition("\n(20")[0].splitlines()
    assert [word for word in head.split() if word.isdigit()] == list(SIZES)
    measured = [(row[:24].strip(), row[24:].split()) for row in lines]
    assert [name for name, _ in measured] == [
        "reading from DuckDB",
        "addresses",
        *(stage for stage in ORDER if stage != "next_best"),
        "ledger and publishing",
        "receipts",
        "the rest",
        "the whole run",
        "(floor)",
        "(building the sample)",
        "(guard)",
        "(protocol)",
        "(receipts)",
        "(rows published)",
    ]
    *steps, whole = [[float(number) for number in numbers] for _, numbers in measured[:-6]]
    for size in range(len(SIZES)):
        seconds, cpu, _, peak = zip(*(row[4 * size : 4 * size + 4] for row in steps), strict=True)
        assert all(megabytes > 20 for megabytes in peak)  # each has run
        assert max(peak) == whole[4 * size + 3]
        assert abs(sum(seconds) - whole[4 * size]) < 0.1
        assert abs(sum(cpu) - whole[4 * size + 1]) < 0.1
    assert all(int(rows) > 0 for rows in measured[-1][1])
    shares = [[float(share.rstrip("%")) for share in numbers] for _, numbers in measured[-4:-1]]
    assert all(0 < share < 60 for row in shares for share in row)
    assert all(sum(row) < 100 for row in zip(*shares, strict=True))


@pytest.mark.slow
def test_commands_take_a_few_times_what_importing_the_libraries_does():
    """Of CPU, which holds on a busy machine, too; help is waited for less long than Polars alone."""
    command = [sys.executable, str(ROOT / "benchmarks" / "starting.py"), "--times", "2", "--customers", "2000"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = {row[:16].strip(): row[16:].split() for row in printed.splitlines()[2:]}
    assert list(rows) == ["", "the libraries", "--help", "check", "run"]
    assert [float(rows[name][-1]) < most for name, most in (("--help", 0.8), ("check", 6), ("run", 30))] == [True] * 3


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_engine_is_measured_on_the_same_messages(tmp_path):
    """How many times Jinja2's ours are is told by an idle machine; that they are many is seen on any."""
    figures = tmp_path / "figures.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "rendering.py"), "--rows", "20000", "--times", "1"]
    words = ["--megabytes", "5", "--figures", str(figures)]
    printed = subprocess.run([*command, *words], capture_output=True, text=True, check=True).stdout
    table = {
        row[:26].strip(): row[26:].split() for row in printed[printed.index("messages a CPU second") :].splitlines()
    }
    assert list(table)[1:-3] == list(ENGINES)
    assert [int(count.replace(",", "")) > 90 for count in table["(messages compared)"]] == [True] * 3
    found = read(figures)
    assert found.benchmark == ("rendering.py", *command[2:], "--megabytes", "5")
    assert found.figures["short text: creatives and slots / Jinja2, sandboxed"].value > 5


@pytest.mark.slow
def test_engines_in_javascript_are_left_out_with_a_word_where_there_is_no_node(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "rendering.py"), "--rows", "2000", "--times", "1"]
    nothing = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run([*command, "--megabytes", "2"], capture_output=True, text=True, check=True, env=nothing)
    assert "not measured, for want of Node with npm: handlebars, liquidjs" in done.stdout
    named = {row[:26].strip() for row in done.stdout.splitlines()}
    assert named.issuperset(set(ENGINES) - {"handlebars", "liquidjs"})
    assert named.isdisjoint({"handlebars", "liquidjs"})


@pytest.mark.slow
def test_prices_are_held_against_the_optimum_and_can_be_recorded(tmp_path):
    figures = tmp_path / "figures.json"
    words = ["--customers", "20000", "--exact", "500", "--figures", str(figures)]
    command = [sys.executable, str(ROOT / "benchmarks" / "prices.py"), *words]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.count("greedy, the best first: 0.9") == 2
    found = read(figures).figures
    assert [found[f"500, scores {kind}: prices / optimum"].value > 0.999 for kind in ("apart", "alike")] == [True] * 2
    assert {name for name in found if name.startswith("20,000")} == {
        f"20,000, scores {kind}: prices / sorting" for kind in ("apart", "alike")
    }


def test_a_message_that_is_not_the_same_is_told_before_any_time():
    digests = {
        "Jinja2, sandboxed": ["a", "b", "c"],
        "liquidjs": ["a", "b", "c"],
        "handlebars": ["a", "x", "y"],
        "ours": ["a"],
    }
    assert different("newsletter", digests) == [
        "newsletter: 2 of 3 messages of handlebars are not Jinja2's, first [1]",
        "newsletter: 0 of 3 messages of ours are not Jinja2's, first []",
    ]


@pytest.mark.slow
def test_claims_cost_no_more_for_a_long_history_than_its_end_does():
    """Two million claims of a thousand days, sixty thousand of them in the last thirty; CPU of the same machine, so a ratio."""
    command = [sys.executable, str(ROOT / "benchmarks" / "claims.py"), "--claims", "2000000", "--messages", "50000"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "5,000 repeated" in printed
    assert float(printed.splitlines()[-1].split()[1]) < 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_rolling_run_is_measured_against_a_full_one_that_writes_the_same():
    """Of 5,000 customers the start of the program is most of the time: what is saved shows at a million."""
    command = [sys.executable, str(ROOT / "benchmarks" / "rolling.py"), "--customers", "5000", "--active", "0.05"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    looked = [line.split() for line in printed.splitlines() if line.startswith("looked at")]
    assert [line[6:] for line in looked] == [["in", "delivered_recently,", "running_low"]] * 2
    assert all(0 < int(line[2].replace(",", "")) < 1_000 for line in looked)
    assert printed.count("files are the same, byte for byte") == 2


@pytest.mark.slow
def test_a_killed_batch_is_undone_in_less_time_than_people_wait():
    """Some 0.1 s for a hundred thousand messages on a busy machine; ten are allowed for ten times as many."""
    command = [sys.executable, str(ROOT / "benchmarks" / "recovery.py"), "--messages", "100000"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert float(printed.split()[-2]) < 10


@pytest.mark.slow
def test_policies_are_measured_only_where_they_gain_half_of_what_could_be():
    command = [sys.executable, str(ROOT / "benchmarks" / "evaluating.py"), "--units", "300000"]
    printed = subprocess.run(
        [*command, "--contexts", "6", "--arms", "4"], capture_output=True, text=True, check=True
    ).stdout
    assert "proposed: 1 dimension" in printed
    assert "choices among 4 helps: gains 0.01" in printed
    assert len(re.findall(r"^\d+\.\d s; peak memory", printed, re.MULTILINE)) == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_line_writes_what_the_straightforward_script_writes_and_all_its_counts_agree(tmp_path):
    done = _against("--customers", "5000", "--times", "1", "--figures", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    floor, script = _digests(BENCHMARKS)
    assert read(tmp_path / "figures.json").frozen == {"floor": floor, "script": script}
    assert read(tmp_path / "figures.json").figures.keys() == {"line / floor", "script / line"}
    words = [line.split() for line in done.stdout.splitlines() if line]
    seconds = {row[0]: float(row[1]) for row in words if row[0] in {"floor", "line", "script"}}
    assert seconds.keys() == {"floor", "line", "script"}
    assert min(seconds.values()) > 0
    targets = {
        row[0]: [int(number.replace(",", "")) for number in row[1:]]
        for row in words
        if "_" in row[0] or row[0] == "ses"
    }
    assert targets.keys() == {"google_customer_match", "ses", "sms_file"}
    for target, (rows, people, keys, claims, receipts) in targets.items():
        assert rows == keys == receipts >= people > 100
        assert claims == (0 if target == "google_customer_match" else rows)  # what holds is not claimed
    assert done.stdout.splitlines()[-1].startswith(
        "digests: floor {}, script {}, workspace ".format(*_digests(BENCHMARKS))
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_number_of_customers_is_measured_with_its_floor_and_what_it_holds_and_writes(tmp_path):
    figures = tmp_path / "figures.json"
    command = [sys.executable, str(BENCHMARKS / "scaling.py"), "--customers", "2000", "4000", "--figures", str(figures)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    few, many = ([float(cell.replace(",", "")) for cell in row.split()] for row in printed[2:4])
    assert (few[0], many[0]) == (2_000, 4_000)
    assert 1.5 < many[1] / few[1] < 2.5  # rows of the warehouse
    assert all(150 < row[7] < 2_000 for row in (few, many))  # megabytes: Polars alone takes a hundred
    assert many[9] >= few[9] > 0  # the plan's bytes
    assert [line.endswith("people in all") for line in printed].count(True) == 2
    assert "settings: the sample's, every guard on" in "\n".join(printed)
    floor, _ = _digests(BENCHMARKS)
    assert printed[-1] == f"digests: floor {floor}"
    assert read(figures).frozen == {"floor": floor}
    assert read(figures).figures.keys() == {
        f"{size}: {what}" for size in ("2,000", "4,000") for what in ("run / floor", "peak MB")
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_time_is_printed_where_the_script_decides_otherwise(tmp_path):
    script = _copied(tmp_path) / "straightforward.py"
    script.write_text(script.read_text("utf-8").replace(">= holdout", ">= 0"), "utf-8")
    done = _against("--customers", "2000", "--times", "1", "--scripts", str(script.parent))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "ses, care_guide: " in done.stderr
    assert "deliveries are the script's alone" in done.stderr
    assert "deliveries are the line's alone" not in done.stderr


def test_what_one_side_alone_has_written_or_told_is_a_difference():
    ours = _outputs({"ses": Counter(a=1, b=2)}, [("m1", "care", "ses"), ("m2", "care", "ses")])
    assert differences(ours, ours) == []
    theirs = _outputs(
        {"ses": Counter(a=1, b=1), "sms_file": Counter(c=1)}, [("m1", "care", "ses"), ("m3", "low", "sms_file")]
    )
    assert differences(ours, theirs) == [
        "ses: 1 of 3 of the line's are not the script's, and 0 of 2 the other way round",
        "sms_file: 0 of 0 of the line's are not the script's, and 1 of 1 the other way round",
        "ses, care: 1 deliveries are the line's alone",
        "sms_file, low: 1 deliveries are the script's alone",
    ]


def test_a_line_whose_counts_differ_does_not_balance():
    told = [("m1", "care", "ses"), ("m2", "care", "ses")]
    assert unbalanced(_outputs({}, told, {"ses": {"manifest": 2, "claims": 2, "receipts": 2}})) == []
    assert unbalanced(_outputs({}, told, {"ses": {"manifest": 2, "claims": 1, "receipts": 2}})) == [
        "ses does not balance: manifest 2, claims 1, receipts 2"
    ]
    assert unbalanced(_outputs({}, told[:1], {"ses": {"manifest": 2, "claims": 2, "receipts": 2}})) == [
        "ses: 1 planned messages have a receipt, of 2 receipts"
    ]


def test_of_a_million_customers_three_in_ten_have_to_be_delivered_to():
    few = _outputs({}, [("m1", "care", "ses"), ("m2", "care", "ses")])
    assert too_few(few, 999_999) == []
    assert too_few(few, 1_000_000) == ["2 people are delivered to, and 300,000 have to be"]


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("floor.py", [True, False]),
        ("straightforward.py", [False, True]),
        ("straightforward_files.py", [False, True]),
        ("frozen/candidates.sql", [False, True]),
        ("frozen/segments/running_low.sql", [True, True]),
    ],
)
def test_a_changed_floor_or_script_has_another_digest(file, changes, tmp_path):
    copy = _copied(tmp_path)
    before = _digests(copy)
    with (copy / file).open("a", encoding="utf-8") as changed:
        changed.write("\n")
    after = _digests(copy)
    assert [one != other for one, other in zip(before, after, strict=True)] == changes


@pytest.mark.slow
def test_assess_is_measured_against_a_plan_for_the_same_people(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "assessing.py"), "--customers", "300"]
    command += ["--figures", str(tmp_path / "figures.json")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    customers, *numbers = printed.splitlines()[1].split()
    assert (customers, len(numbers)) == ("300", 6)
    assert all(0 < float(number) < 60 for number in numbers)
    found = read(tmp_path / "figures.json").figures
    assert found.keys() == {"300: assess / plan", "300: assess / plan, of the CPU"}


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.timeout(1800)
def test_a_cluster_is_measured_against_threads_with_a_worker_killed():
    command = [sys.executable, str(BENCHMARKS / "cluster.py"), "--customers", "2000", "--parts", "4"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "every file of the workers is that of the threads, byte for byte" in printed
    rows = {line[:24].strip(): line[24:].split(maxsplit=5) for line in printed.splitlines()}
    assert rows["threads"][5] == rows["dask"][5] == "-"
    assert rows["dask, a worker killed"][5].startswith("plan ")
    assert all(float(rows[name][3]) < 300 for name in ("dask", "dask, a worker killed"))


def test_workers_that_write_other_bytes_are_not_measured():
    threads, dask = _run("threads"), _run("dask", digests={"ses/1/recipients-0001.csv": "ab", "ses/1/more.csv": "ef"})
    assert wrong([threads, threads], 400) == []
    assert wrong([threads, dask], 400) == [
        f"dask: ses/1/{name} is not what the threads have written" for name in ("more.csv", "recipients-0001.csv")
    ]


def test_a_killed_worker_whose_part_nobody_did_again_is_not_measured():
    once, again = _part("plan", 3, "here-1", 2.0), _part("plan", 3, "here-1", 2.0, attempts=2)
    complaint = "dask: part 3 lost its worker, and nobody was seen to do it again"
    assert wrong([_run("threads"), _run("dask", parts=[once], killed=3)], 400) == [complaint]
    assert wrong([_run("threads"), _run("dask", parts=[again], killed=3)], 400) == []


def test_a_cluster_is_held_to_what_is_promised_of_a_million_customers():
    alone = [_part("plan", part, "here-1", 2.0) for part in range(2)]
    shared = [_part("plan", 0, "here-1", 5.0), _part("plan", 1, "here-2", 4.5), _part("plan", 2, "here-3", 0.5)]
    good = _run("dask", parts=shared, grown=299.0, passed=9.9)
    bad = _run("dask", parts=alone, grown=300.0, passed=10.0)
    assert beyond([_run("threads"), bad], 999_999) == []
    assert beyond([_run("threads"), good], 1_000_000) == []
    assert beyond([_run("threads"), bad], 1_000_000) == [
        "dask: 0% of the part-seconds lie in two worker processes",
        "dask: the process of the flow has grown by 300 MB",
        "dask: 10.0 MB have passed the scheduler",
    ]
    assert table([good]).splitlines()[1:] == [
        "dask                         30.0     10.0      95%       299       9.90  -",
        "  dask, here-1: 5.0 s of parts",
        "  dask, here-2: 4.5 s of parts",
        "  dask, here-3: 0.5 s of parts",
    ]


@pytest.mark.parametrize("name", ALONE)
def test_floor_and_script_import_nothing_of_the_program(name):
    imported = {each.partition(".")[0] for each in Module(BENCHMARKS / f"{name}.py", name).imports}
    assert imported.isdisjoint({"flows", "benchmarks", "tests"})


def _against(*words):
    command = [sys.executable, str(BENCHMARKS / "against.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _copied(folder):
    """A copy of the scripts and of what they run."""
    return shutil.copytree(BENCHMARKS, folder / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))


def _digests(folder):
    """What floor and script in a folder say of themselves."""
    told = "import floor, straightforward; print(floor.digest(), straightforward.digest())"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


def _run(name, *, parts=(), grown=0.0, passed=0.0, killed=None, digests=None):
    told = {"seconds": 30.0, "grown_mb": grown}
    written = digests or {"ses/1/recipients-0001.csv": "cd"}
    return Run(name, told, list(parts), passed, killed, _outputs({}, []), written)


def _part(step, part, worker, seconds, attempts=1):
    return {"step": step, "part": part, "worker": worker, "seconds": seconds, "attempts": attempts}


def _outputs(contents, told, counts=None):
    rows = [(message_id, f"C{message_id}", "nordtal", product, target) for message_id, product, target in told]
    deliveries = pl.DataFrame(rows, ["message_id", "customer_id", "brand", "product", "target"], orient="row")
    return Outputs(contents, deliveries, counts or {})


@pytest.mark.slow
def test_a_long_history_is_read_out_as_it_was_made():
    command = [sys.executable, str(BENCHMARKS / "readouts.py"), "--deliveries", "160000"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head, row = printed.splitlines()
    assert head.split() == ["decisions", "outcomes", "ledger", "MB", "seconds", "peak", "MB"]
    assert row.split()[:2] == ["160,000", "80,000"]
