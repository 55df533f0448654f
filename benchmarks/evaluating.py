"""What it takes to learn and to value policies, and choices among helps: seconds and memory, where the truth is known.

    .venv/bin/python benchmarks/evaluating.py [--units 1000000] [--contexts 10] [--arms 8] [--figures FILE]

Half of the contexts are numbers, the others have six values; five arms help some more than others. Before a time is printed
the policy that is proposed has to gain half of what the best arm for each would. Then as many choices among helps, of which
each is open to six in ten, half of them by lot: the same holds, against the rules.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from flows.learning.policies.evaluation import evaluate  # noqa: E402
from flows.learning.policies.helps import Made, learn  # noqa: E402
from flows.learning.policies.randomised import Asked, in_cells, read_randomised  # noqa: E402
from flows.ledger.choices import PARTS  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--contexts", type=int, default=10)
    parser.add_argument("--arms", type=int, default=8)
    add_option(parser)
    asked = parser.parse_args()
    drawn = np.random.default_rng(1)
    contexts = {
        f"x{n}": drawn.normal(size=asked.units) if n % 2 else drawn.integers(0, 6, asked.units)
        for n in range(asked.contexts)
    }
    arm = drawn.integers(0, asked.arms, asked.units)
    means = np.stack([_mean(contexts, code, asked.arms) for code in range(asked.arms)], axis=1)
    happened = drawn.random(asked.units) < means[np.arange(asked.units), arm]
    could_gain = means.max(1).mean() - means.mean(0).max()
    with tempfile.TemporaryDirectory(prefix="justenough-evaluating-") as folder:
        file = Path(folder) / "drawn.parquet"
        pl.DataFrame({**contexts, "arm": np.char.add("a", arm.astype(str)), "happened": happened}).write_parquet(file)
        before, begun = _peak_bytes(), time.perf_counter()
        data = read_randomised(file, Asked("arm", ("happened",), tuple(contexts)))
        found = evaluate(data)
        seconds = time.perf_counter() - begun
    choice = next(each for each in found.choices if each.name == found.proposed)
    gained = choice.differences["happened"].value
    print(told_machine())
    print(f"{asked.units:,} units, {asked.contexts} contexts, {asked.arms} arms; proposed: {found.proposed}")
    print(f"gains {gained:.4f} of {could_gain:.4f} that could be gained")
    if gained < could_gain / 2:
        print("the policy gains less than half of what could be", file=sys.stderr)
        return 1
    print(f"{seconds:.1f} s; peak memory {_peak_bytes() / 1e9:.2f} GB ({before / 1e9:.2f} GB before)")
    chosen = _choices(asked.units, contexts, asked.arms)
    write(asked.figures, [Figure("policy: gained / could be gained", gained / could_gain, "higher"), chosen])
    return 0


def _choices(units: int, known: dict[str, np.ndarray], count: int) -> Figure:
    """The same of choices among helps."""
    drawn, rows = np.random.default_rng(2), np.arange(units)
    contexts = {name: in_cells(pl.Series(name, values)) for name, values in known.items()}
    is_open = drawn.random((units, count)) < 0.6
    is_open[rows, drawn.integers(count, size=units)] = True
    rules = (drawn.random((units, count)) * is_open).argmax(1)
    odds = is_open * (0.5 / is_open.sum(1))[:, None]
    odds[rows, rules] += 0.5
    chosen, is_given = (odds.cumsum(1) > drawn.random(units)[:, None]).argmax(1), drawn.random(units) < 0.9
    more = np.stack([_mean(known, code, count) - 0.09 for code in range(count)], axis=1)
    happened = drawn.random(units) < 0.1 + np.where(is_given, more[rows, chosen], 0)
    given, chance = np.where(is_given, chosen + 1, 0), np.where(is_given, 0.9 * odds[rows, chosen], 0.1)
    names, part = tuple(f"h{code}" for code in range(count)), drawn.integers(PARTS, size=units)
    data = Made(names, given, chance, np.ones(units), is_open, rules + 1, happened.astype(float), contexts, part)
    could_gain = float(np.where(is_open, more, -1).max(1).mean() - more[rows, rules].mean())
    begun = time.perf_counter()
    found = learn(data, {name: (name,) for name in contexts}, 0.0, 3)
    seconds = time.perf_counter() - begun
    gained = max((way.more.value for way in found.ways if way.name == found.proposed), default=0.0)
    print(f"choices among {count} helps: gains {gained:.4f} of {could_gain:.4f}, by {found.proposed} for each")
    if gained < could_gain / 2:
        raise SystemExit("it gains less than half of what could be")
    print(f"{seconds:.1f} s; peak memory {_peak_bytes() / 1e9:.2f} GB")
    return Figure("helps: gained / could be gained", gained / could_gain, "higher")


def _mean(contexts: dict[str, np.ndarray], code: int, arms: int) -> np.ndarray:
    """What an arm comes to for each unit: some more where one context says so."""
    name = f"x{code % len(contexts)}"
    level = 0.1 + 0.02 * code / arms
    return level + 0.04 * (contexts[name] > 1) * (code < 5)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
