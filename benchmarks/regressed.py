"""Which figures have become worse by more than a fifth since they were recorded.

    .venv/bin/python benchmarks/regressed.py [starting.py rendering.py …] [--found FOLDER]

It runs each benchmark of benchmarks/recorded/ again, as it was called then, or reads what it found from a folder of such files.
Then it names each figure that has become worse by more than 20 %, and each floor or script that is another one than then, and
ends with 1 if there is one. To record anew: call the benchmark with `--figures benchmarks/recorded/<its name>.json`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import RECORDED, Figure, Found, read  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Collection

BEARABLE = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", help="only these; default: all that are recorded")
    parser.add_argument("--recorded", type=Path, default=RECORDED, help=argparse.SUPPRESS)
    parser.add_argument(
        "--found", type=Path, help="a folder with what they found, under the same names; they are not run"
    )
    asked = parser.parse_args()
    worse = 0
    for file in _files(asked.recorded, asked.benchmarks):
        was = read(file)
        now = read(asked.found / file.name) if asked.found else _measured(was)
        lines = compared(was, now)
        print("\n".join([_head(was, now), *lines]), flush=True)
        worse += len([line for line in lines if line.startswith(("WORSE", "OTHER"))])
    print(f"{worse} figures are worse by more than {BEARABLE:.0%}, or cannot be compared")
    return 1 if worse else 0


def compared(was: Found, now: Found) -> list[str]:
    """A line for each figure: how it was, how it is, and whether that is worse than is borne. One that is gone is worse."""
    lines = [
        f"OTHER   {name}: {now.frozen.get(name)}, and {digest} then: record anew"
        for name, digest in was.frozen.items()
        if now.frozen.get(name) != digest
    ]
    for name, before in was.figures.items():
        after = now.figures.get(name)
        if after is None:
            lines.append(f"WORSE   {name}: was {before.value:.4g}, and is measured no more")
            continue
        change = worsening(before, after)
        word = "WORSE  " if change > BEARABLE else "as well"
        told = f"{abs(change):.0%} {'worse' if change > 0 else 'better'}"
        lines.append(f"{word} {name}: was {before.value:.4g}, is {after.value:.4g} ({told})")
    return lines


def worsening(before: Figure, after: Figure) -> float:
    """By what share it is worse: 0.25 is a quarter more of what should be less, or what was 1.25 of what is. Negative: better."""
    ratio = after.value / before.value if before.better == "lower" else before.value / after.value
    return ratio - 1


def _files(recorded: Path, names: Collection[str]) -> list[Path]:
    files = sorted(recorded.glob("*.json"))
    unknown = set(names) - {f"{file.stem}.py" for file in files}
    if unknown:
        raise SystemExit(f"not recorded: {', '.join(sorted(unknown))}")
    return [file for file in files if not names or f"{file.stem}.py" in names]


def _measured(was: Found) -> Found:
    """The benchmark once more, called as it was then."""
    name, *words = was.benchmark
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        command = [sys.executable, str(ROOT / "benchmarks" / name), *words, "--figures", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return read(file)


def _head(was: Found, now: Found) -> str:
    """The benchmark, and what is not as it was about the machine."""
    other = [
        f"{key} {was.machine.get(key)} then" for key, value in now.machine.items() if was.machine.get(key) != value
    ]
    return " ".join(was.benchmark) + (f"  ({', '.join(other)})" if other else "")


if __name__ == "__main__":
    sys.exit(main())
