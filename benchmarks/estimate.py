"""What many customers would take on many machines, and cost, from two runs of a cluster that were measured.

    .venv/bin/python benchmarks/cluster.py --customers 500000 --parts 4 --measured small.json
    .venv/bin/python benchmarks/cluster.py --customers 1000000 --parts 8 --measured large.json
    .venv/bin/python benchmarks/estimate.py small.json large.json [--customers 100000000] [--workers 32] [--price 1.00]

The runs are of different customers in different numbers of parts, by workers of one core each, on a machine that does nothing
else. What a customer takes grows with the parts by reading past the customers of others (`b`); the rest of it is its own (`a`).
What is left of a whole run, once the parts are shared out, is what starts it, and what one worker does alone for each customer
(`c`): totals, claims, seals. Without files it takes those of benchmarks/measured/, and what it prints then stands in
docs/how-to/many-machines.md.
No core beyond one is counted for a worker, and no machine is quicker than the measured one.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

MEASURED = Path(__file__).resolve().parent / "measured"
"""The two runs that the documentation's estimate is made of."""
EVENTS_EACH = 20
"""Of the sample, a customer."""


@dataclass(frozen=True)
class Measured:
    """One run of the flow on workers of one core each.

    Attributes:
        machine: where.
        customers: whom it was about.
        parts: into how many they were cut.
        workers: how many there were.
        seconds: of the whole run.
        part_seconds: of all parts together.
        megabytes: of the plan and the delivered files, if they were counted.
    """

    machine: str
    customers: int
    parts: int
    workers: int
    seconds: float
    part_seconds: float
    megabytes: float | None = None

    @property
    def each(self) -> float:
        """Seconds of parts for each customer."""
        return self.part_seconds / self.customers

    @property
    def rest(self) -> float:
        """Seconds of the whole run beside its parts, which the workers share."""
        return self.seconds - self.part_seconds / self.workers


@dataclass(frozen=True)
class Rates:
    """Seconds for each customer: in its own part, past which another part reads, and where one worker goes on; and of a start."""

    own: float
    past: float
    alone: float
    start: float


@dataclass(frozen=True)
class Asked:
    """How many customers, on what: workers of one part each, so many to a machine, whose hour has a price."""

    customers: int = 100_000_000
    parts: int = 64
    workers: int = 32
    per_machine: int = 4
    price: float = 1.0


def rates(small: Measured, large: Measured) -> Rates:
    """What two runs tell, of fewer customers in fewer parts and of more in more."""
    past = (large.each - small.each) / (large.parts - small.parts)
    alone = (large.rest - small.rest) / (large.customers - small.customers)
    return Rates(small.each - small.parts * past, past, alone, small.rest - small.customers * alone)


def told(small: Measured, large: Measured, asked: Asked) -> str:
    """The estimate, line by line."""
    found, machines = rates(small, large), -(-asked.workers // asked.per_machine)
    own, past = asked.customers * found.own, asked.parts * asked.customers * found.past
    parts_hours, alone_hours = (own + past) / asked.workers / 3600, (found.start + asked.customers * found.alone) / 3600
    kept = machines * parts_hours + alone_hours
    counted = [run.megabytes / run.customers for run in (small, large) if run.megabytes is not None]
    gigabytes = max(counted) * asked.customers / 1000
    events = f"{asked.customers * EVENTS_EACH / 1e9:.1f} billion events"
    own_us, past_us, alone_us = (rate * 1e6 for rate in (found.own, found.past, found.alone))
    each = f"a = {own_us:.1f} µs of its own part, b = {past_us:.2f} µs of each part, c = {alone_us:.1f} µs"
    spent = f"{(own + past) / 3600:.1f} worker-hours, {past / (own + past):.0%} of it reading past others"
    cost = f"{kept:.0f} machine-hours, at {asked.price:.2f} each {kept * asked.price:,.0f}"
    lines = [
        *(
            f"{run.customers:,} customers in {run.parts} parts, {run.workers} workers of one core each: "
            f"{run.seconds:.0f} s in all, {run.part_seconds:.0f} s of parts"
            for run in (small, large)
        ),
        f"a customer: {each} where one worker goes on; {found.start:.0f} s to start",
        f"{asked.customers:,} customers, {events}, {asked.parts} parts, {asked.workers} workers on {machines} machines:",
        f"  parts  {parts_hours:5.1f} hours ({spent})",
        f"  alone  {alone_hours:5.1f} hours of one worker, the other machines let go",
        f"  in all {parts_hours + alone_hours:5.1f} hours, {cost}; {gigabytes:,.0f} GB of plan and files",
    ]
    return "\n".join(lines)


def read(files: list[Path]) -> tuple[Measured, Measured]:
    """Two runs, that of fewer parts first. Raises SystemExit where they do not go together."""
    found = sorted((Measured(**json.loads(file.read_text("utf-8"))) for file in files), key=lambda run: run.parts)
    if len(found) != 2 or found[0].parts == found[1].parts or found[0].customers == found[1].customers:
        raise SystemExit("two runs are needed, of different customers in different numbers of parts")
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "files", nargs="*", type=Path, help="what benchmarks/cluster.py has measured; default: the documentation's"
    )
    for name, kind in (("customers", int), ("parts", int), ("workers", int), ("per_machine", int), ("price", float)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=getattr(Asked, name))
    asked = vars(parser.parse_args())
    files = asked.pop("files") or sorted(MEASURED.glob("*.json"))
    print(told(*read(files), Asked(**asked)))


if __name__ == "__main__":
    main()
