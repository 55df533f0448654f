"""What a benchmark has measured, as figures in a file: with its machine, so that another run can be held against it.

A figure is a ratio where it can be: seconds are of one machine on one day.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

RECORDED = Path(__file__).resolve().parent / "recorded"
"""A file for each benchmark that has been recorded, by its name."""
_LIBRARIES = ("duckdb", "jinja2", "polars")
_OPTION = "--figures"


@dataclass(frozen=True)
class Figure:
    """One number of a benchmark.

    Attributes:
        name: what it says, `check / libraries`.
        value: the number.
        better: which numbers would be better ones.
    """

    name: str
    value: float
    better: Literal["lower", "higher"] = "lower"


@dataclass(frozen=True)
class Found:
    """What one run of a benchmark has found.

    Attributes:
        benchmark: its file in benchmarks/, and how it was called.
        machine: where: day, cores, memory, versions.
        figures: by their names.
        frozen: what it was measured against -> a digest of that.
    """

    benchmark: tuple[str, ...]
    machine: dict[str, str]
    figures: dict[str, Figure]
    frozen: dict[str, str]


def add_option(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark be asked for a file of its figures."""
    parser.add_argument(
        _OPTION, type=Path, help="also write the figures into this file, as benchmarks/recorded/ has them"
    )


def write(file: Path | None, figures: Sequence[Figure], frozen: Mapping[str, str] | None = None) -> None:
    """Write what the benchmark that runs has found, and against what that was measured, if it was asked for it."""
    if file is None:
        return
    words = sys.argv[1:]
    if _OPTION in words:
        at = words.index(_OPTION)
        words = words[:at] + words[at + 2 :]
    found: dict[str, Any] = {"benchmark": [Path(sys.argv[0]).name, *words], "machine": machine()}
    found["figures"] = [asdict(figure) for figure in figures]
    found["frozen"] = dict(frozen or {})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def read(file: Path) -> Found:
    """What was written."""
    told = json.loads(file.read_text("utf-8"))
    figures = [Figure(**figure) for figure in told["figures"]]
    named = {figure.name: figure for figure in figures}
    return Found(tuple(told["benchmark"]), told["machine"], named, told.get("frozen", {}))


def machine() -> dict[str, str]:
    """Of what a reader has to know before comparing."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "day": f"{datetime.now(tz=UTC):%Y-%m-%d}",
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


def told_machine() -> str:
    """The machine on a line, to stand above a table."""
    found = machine()
    libraries = ", ".join(f"{name} {found[name]}" for name in ("python", *_LIBRARIES))
    return f"{found['day']}, {found['cores']} cores, {found['memory']}, {libraries}"
