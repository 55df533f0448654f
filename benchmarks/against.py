"""The line against the floor and against the straightforward script: same data, same run, outputs compared.

    .venv/bin/python benchmarks/against.py [--customers 1000000] [--times 3] [--figures FILE]

It builds a sample warehouse, and a workspace whose SQL are the frozen queries and whose targets are ses, sms_file and
google_customer_match; reads the addresses once (a plan does, and nothing of it stays but what was read); then runs in turn, each
in a process of its own: DuckDB alone with the frozen queries (`floor.py`), the whole of `justenough run`, and what a good
engineer would write (`straightforward.py`). Seconds are of whole processes, with their start; the least of several counts. The
clock stands still, so that all decide at the same instant.

Before a time is printed the line has to balance (rows in the files = manifest = ledger = claims = receipts), and its outputs are
held against the script's: who is told what by which target; every e-mail, word for word, with sender, address and headers; every
row of text messages; every member of every audience with its words. Not compared are the order of rows, how they are cut into
files and calls, and the names of audiences, which are digests of different things. A difference fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from benchmarks.outputs import differences, line_outputs, script_outputs, unbalanced  # noqa: E402
from benchmarks.processes import Peak  # noqa: E402
from flows.addresses import normalise, suppression_keys  # noqa: E402
from flows.addresses.places import number_zones  # noqa: E402
from flows.starting import start_workspace  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.outputs import Outputs

NOW = "2026-11-22T09:00:00+00:00"
WAYS = 'email = "ses"\nsms = "sms_file"\nads = "google_customer_match"\n'
LINKS = (
    '[tool.justenough.links]\nsms = {}\ndefault = {utm_source = "{brand}", utm_medium = "{channel}", '
    'utm_campaign = "{campaign}"}\n'
)
WIDENED = {
    "templates/care_guide/product.yaml": ("relevance:\n", "relevance:\n  threshold: 0\n"),
    "sql/dimensions.yaml": ("fresh_for: 90 days", "fresh_for: 730 days"),
}
"""With segments/delivered_recently.sql, which looks back two years, what lets three people in ten be told something."""
SETTINGS = (
    "settings: the sample's, every guard on; targets ses, sms_file, google_customer_match for both brands; links without the\n"
    "  version of the words; no audience that campaigns leave out; care_guide from any score on, of orders of two years, which\n"
    "  stay fresh as long"
)
LEAST_SHARE = 0.3
"""Of a million customers and more, so many have to be delivered to."""
KEPT = ("sample", "addresses", "key")
"""Of the state folder, between two runs: the warehouse, the addresses that were read, and the key."""
KINDS = ("floor", "line", "script")


@dataclass(frozen=True)
class Measured:
    """A process that has ended.

    Attributes:
        seconds: of the clock, with its start.
        cpu: seconds of processors, its own and those of its children.
        peak_mb: the memory that it held at most, with its descendants.
        printed: on standard output.
    """

    seconds: float
    cpu: float
    peak_mb: float
    printed: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--scripts", type=Path, default=ROOT / "benchmarks", help="floor and script, if not those here")
    add_option(parser)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="justenough-against-") as folder:
        bench = Bench(Path(folder), asked.scripts)
        rows = bench.prepare(asked.customers)
        seen = [bench.measured() for _ in range(asked.times)]
        line, script, workspace = line_outputs(bench.workspace), script_outputs(bench.out), bench.digest()
    wrong = unbalanced(line) + differences(line, script) + too_few(line, asked.customers)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    print(f"{told_machine()}\n{asked.customers:,} customers, {rows:,} rows, the least of {asked.times}\n")
    print(f"{times(seen)}\n\n{delivered(line)}; every row is what the script wrote\n\n{SETTINGS}")
    digests = {kind: json.loads(seen[0][kind].printed)["digest"] for kind in ("floor", "script")}
    print(f"digests: floor {digests['floor']}, script {digests['script']}, workspace {workspace}")
    floor, line_took, script_took = (least(seen)[kind].seconds for kind in KINDS)
    ratios = [Figure("line / floor", line_took / floor), Figure("script / line", script_took / line_took, "higher")]
    write(asked.figures, ratios, digests)
    return 0


class Bench:
    """A workspace to measure in, and the scripts that are measured beside the line."""

    def __init__(self, folder: Path, scripts: Path) -> None:
        self.workspace, self.out, self.floor = folder / "sample", folder / "script", folder / "floor"
        self.addresses, self.scripts = folder / "addresses.parquet", scripts
        self.environment = os.environ | {"PYTHONPATH": str(ROOT), "JUSTENOUGH_NOW": NOW}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def prepare(self, customers: int) -> int:
        """Make the workspace, its warehouse and its addresses; returns the rows of the warehouse."""
        start_workspace(self.workspace)
        shutil.copytree(self.scripts / "frozen", self.workspace / "sql", dirs_exist_ok=True)
        for own in ("visible", "contacts", "candidates"):  # the script's, no queries of a workspace
            (self.workspace / "sql" / f"{own}.sql").unlink()
        shutil.rmtree(self.workspace / "sql" / "audiences")  # the script hands over nobody to be left out
        settings = self.workspace / "pyproject.toml"
        text = re.sub(
            r"(?m)^(\[tool\.justenough\.targets\.\w+\]\n)(?:.+\n)+", rf"\1{WAYS}", settings.read_text("utf-8")
        )
        settings.write_text(f"{text}\n{LINKS}", "utf-8")
        for name, (old, new) in WIDENED.items():
            file = self.workspace / name
            file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
        self._run(self._command("sample", "--customers", str(customers)))
        self._run(self._command("plan"))
        with duckdb.connect(self.database, read_only=True) as warehouse:
            self._save_addresses(warehouse)
            tables = warehouse.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
            return sum(warehouse.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for (name,) in tables)

    @property
    def database(self) -> Path:
        """The sample warehouse."""
        (found,) = (self.workspace / ".justenough" / "sample").glob("*.duckdb")
        return found

    def digest(self) -> str:
        """Of what the workspace says and asks: its settings, SQL and templates."""
        files = [self.workspace / "pyproject.toml"]
        files += [
            file for folder in ("sql", "templates") for file in (self.workspace / folder).rglob("*") if file.is_file()
        ]
        named = (f"{file.relative_to(self.workspace)}\0".encode() + file.read_bytes() for file in sorted(files))
        return hashlib.sha256(b"\0".join(named)).hexdigest()[:12]

    def measured(self, kinds: Sequence[str] = KINDS) -> dict[str, Measured]:
        """Each of some, or of all three, once, from a state in which nothing has been delivered."""
        state = self.workspace / ".justenough"
        for left in [entry for entry in state.iterdir() if entry.name not in KEPT]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        for folder in (self.workspace / "outbox", self.out, self.floor):
            shutil.rmtree(folder, ignore_errors=True)
        now = NOW.partition("+")[0]
        script = (self.workspace, self.database, self.addresses, self.out)
        commands: dict[str, Sequence[str | Path]] = {
            "floor": [self.scripts / "floor.py", self.database, self.floor, "--now", now],
            "line": self._command("run"),
            "script": [self.scripts / "straightforward.py", *script, "--now", now],
        }
        return {kind: self._run(commands[kind]) for kind in kinds}

    def _command(self, *words: str) -> list[str]:
        return ["-m", "flows.cli", *words, "--workspace", str(self.workspace)]

    def _run(self, words: Sequence[str | Path]) -> Measured:
        began = time.perf_counter()
        with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as told:
            command = [sys.executable, *map(str, words)]
            process = subprocess.Popen(command, env=self.environment, stdout=printed, stderr=told)
            with Peak(process.pid) as peak:
                _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.perf_counter() - began
            for stream in (printed, told):
                stream.seek(0)
            if process.returncode:
                raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{told.read()}")
            return Measured(seconds, used.ru_utime + used.ru_stime, peak.mb, printed.read())

    def _save_addresses(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        """What the line has read of addresses, for the script: `kind, raw, region, address, zones`.

        Of suppressions the region is the channel, and the address each form under which they bar.
        """
        cache = self.workspace / ".justenough" / "addresses"
        written = """
            SELECT DISTINCT 'email' AS kind, email AS raw, NULL::VARCHAR AS region FROM customers WHERE email IS NOT NULL
            UNION ALL SELECT DISTINCT 'phone', phone, country FROM customers WHERE phone IS NOT NULL
        """
        read = normalise(warehouse.sql(written).pl(), cache).with_columns(
            zones=pl.when(kind="phone").then(number_zones(pl.col("address")))
        )
        numbers = read.filter(kind="phone").select(phone_match="address").unique()
        listed = warehouse.sql("SELECT DISTINCT channel, address FROM suppressions WHERE address IS NOT NULL").pl()
        barred = suppression_keys(listed, numbers, cache).select(
            kind=pl.lit("suppressed"),
            raw="address",
            region="channel",
            address="address_match",
            zones=pl.lit(None, pl.String),
        )
        pl.concat([read.select(barred.columns), barred]).write_parquet(self.addresses)


def too_few(line: Outputs, customers: int) -> list[str]:
    """What is wrong where a million customers are asked for and few of them are told anything."""
    people, needed = line.deliveries["customer_id"].n_unique(), LEAST_SHARE * customers
    if customers < 1_000_000 or people >= needed:
        return []
    return [f"{people:,} people are delivered to, and {needed:,.0f} have to be"]


def least(seen: Sequence[dict[str, Measured]]) -> dict[str, Measured]:
    """Of each the time that took the least."""
    return {kind: min((one[kind] for one in seen), key=lambda one: one.seconds) for kind in KINDS}


def times(seen: Sequence[dict[str, Measured]]) -> str:
    """Seconds and CPU seconds of each, and their ratios."""
    best = least(seen)
    lines = [f"{'':<8}{'seconds':>10}{'cpu':>10}{'peak MB':>10}{'x floor':>10}{'script /':>10}"]
    for kind, one in best.items():
        ratios = one.seconds / best["floor"].seconds, best["script"].seconds / one.seconds
        seen_of = f"{kind:<8}{one.seconds:>10.2f}{one.cpu:>10.2f}{one.peak_mb:>10.0f}"
        lines.append(f"{seen_of}{ratios[0]:>10.2f}{ratios[1]:>10.2f}")
    return "\n".join(lines)


def delivered(line: Outputs) -> str:
    """What was delivered by each target, and what it was delivered with."""
    lines = [f"{'target':<24}{'rows':>10}{'people':>10}{'keys':>10}{'claims':>10}{'receipts':>10}"]
    for target, counts in line.counts.items():
        people = line.deliveries.filter(target=target)["customer_id"].n_unique()
        told = (counts["manifest"], people, counts["keys"], counts.get("claims", 0), counts["receipts"])
        lines.append(f"{target:<24}" + "".join(f"{count:>10,}" for count in told))
    everybody = line.deliveries["customer_id"].n_unique()
    return "\n".join([*lines, f"{everybody:,} people in all"])


if __name__ == "__main__":
    sys.exit(main())
