"""Rendering against Jinja2, minijinja, liquidjs and handlebars, on a short text, a newsletter of 15 KB, and 100 KB with branches.

    .venv/bin/python benchmarks/rendering.py [--rows 200000] [--times 3] [--figures FILE]

Needs the extra `bench`; and Node with npm for the two in JavaScript, which come at exact versions into a temporary folder: where
it is missing this is said, and the others are measured. The same template is written for each in its language, compiled once, and
rendered for as many people as make 100 MB; handlebars is given a helper for `==`. Ours are creatives and slots, which is what
leaves for platforms that merge, for `--rows` people; and whole bodies by column, for as many as the others. Beside them Polars
puts together constant strings of the same lengths.

Seconds are of CPU, of all threads, and the least of some times counts: so the ratios hold on a busy machine, too. Whole bodies
and constant strings take turns, each after what the last one made is let go, and more often than the others: a hundred
megabytes of new pages cost several times what it takes to write them, and pages that are at hand nothing, for whoever is given
them. Before a time is printed every message of every engine is compared, character for character, with Jinja2's, and a creative
with its slots filled in as well. Values hold an `&` but no quotes: engines write those in HTML in ways of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from jinja2.sandbox import SandboxedEnvironment

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure, add_option, told_machine, write  # noqa: E402
from benchmarks.rendered import TEMPLATES, people  # noqa: E402
from flows.words import Composed, Part, Slot, compose, fill, generic, read_words, restore  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.rendered import Template
    from flows.words import Words

BYTES = 100_000_000
"""Of messages: what each engine that writes them whole is given to do at once, and holds in memory."""
TURNS = 5
"""So many turns for each time of the others are taken by what is over in a moment and waits for memory."""
PACKAGES = {"handlebars": "4.7.10", "liquidjs": "10.30.1"}
QUIET = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")
JINJA, CONSTANT = "Jinja2, sandboxed", "Polars, constant strings"
SLOTS, BODIES = "creatives and slots", "whole bodies by column"
ENGINES = (JINJA, "minijinja", *PACKAGES, CONSTANT, BODIES, SLOTS)


@dataclass
class Measured:
    """One template: messages a CPU second of each engine, digests of their messages, and how long a message is."""

    rates: dict[str, float] = field(default_factory=dict)
    digests: dict[str, list[str]] = field(default_factory=dict)
    length: float = 0.0
    keys: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=BYTES // 1_000_000, help="of messages that are written whole")
    add_option(parser)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="justenough-rendering-") as folder:
        bench = Bench(Path(folder), asked.rows, asked.times, asked.megabytes * 1_000_000)
        seen = {template.name: bench.measured(template) for template in TEMPLATES}
    wrong = [line for name, one in seen.items() for line in differences(name, one.digests)]
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    print(f"{told_machine()}; {', '.join(f'{name} {number}' for name, number in PACKAGES.items())}\n\n{table(seen)}")
    write(asked.figures, figures(seen))
    return 0


class Bench:
    """A folder with templates, and what is measured."""

    def __init__(self, folder: Path, rows: int, times: int, most_bytes: int) -> None:
        self.folder, self.rows, self.times, self.most_bytes = folder, rows, times, most_bytes
        wanted = [f"{name}@{number}" for name, number in PACKAGES.items()]
        self.has_node = shutil.which("npm") is not None and shutil.which("node") is not None
        if not self.has_node:
            print(f"not measured, for want of Node with npm: {', '.join(PACKAGES)}")
            return
        npm = ["npm", "install", "--prefix", str(folder), *QUIET, *wanted]
        subprocess.run(npm, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    def measured(self, template: Template) -> Measured:
        """All engines on one template."""
        found = Measured()
        words, everybody = self._words(template), people(self.rows)
        found.rates[SLOTS], composed = self._rate(lambda: slots_of(words, everybody), self.rows)
        found.keys = len(composed.creatives)
        found.length = fill(compose(words, everybody.head(200)), "text").str.len_chars().mean()  # type: ignore[assignment]
        some = everybody.head(max(100, int(self.most_bytes / found.length)))
        rows = some.to_dicts()
        for name, render in ((JINJA, jinja(template, rows)), ("minijinja", minijinja(template, rows))):
            found.rates[name], messages = self._rate(render, len(rows))
            found.digests[name] = digests(messages)
        by_column = {BODIES: lambda: fill(compose(words, some), "text"), CONSTANT: constant(compose(words, some))}
        found.rates |= self._rates_in_turns(by_column, len(rows))
        found.digests[BODIES] = digests(fill(compose(words, some), "text").to_list())
        found.digests[SLOTS] = digests(restored(compose(words, some)))
        if self.has_node:
            self._in_javascript(template, rows, found)
        return found

    def _words(self, template: Template) -> Words:
        shared = self.folder / "_shared"
        shared.mkdir(exist_ok=True)
        file = self.folder / f"{template.name}.j2"
        file.write_text(f"{{% block text %}}{template.jinja}{{% endblock %}}", "utf-8")
        return read_words(file, [Part("text", is_html=template.is_html)], shared, name=file.name)

    def _rate(self, work: Callable[[], Any], messages: int) -> tuple[float, Any]:
        """Messages a CPU second at the best of some times, and what came of it."""
        best, made = float("inf"), None
        for _ in range(self.times):
            began = time.process_time()
            made = work()
            best = min(best, time.process_time() - began)
        return messages / best, made

    def _rates_in_turns(self, works: Mapping[str, Callable[[], Any]], messages: int) -> dict[str, float]:
        """Messages a CPU second of works that are held against each other, each at its best."""
        found = dict.fromkeys(works, float("inf"))
        for _ in range(self.times * TURNS):
            for name, work in works.items():
                began = time.process_time()
                made = work()
                found[name] = min(found[name], time.process_time() - began)
                del made
        return {name: messages / seconds for name, seconds in found.items()}

    def _in_javascript(self, template: Template, rows: Sequence[Mapping[str, Any]], found: Measured) -> None:
        asked = {"liquid": template.liquid, "handlebars": template.handlebars, "is_html": template.is_html}
        file = self.folder / "asked.json"
        file.write_text(json.dumps({**asked, "rows": list(rows), "times": self.times}), "utf-8")
        script = ROOT / "benchmarks" / "rendering.cjs"
        command = ["node", str(script), str(file), str(self.folder / "node_modules")]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        for name, one in told.items():
            found.rates[name], found.digests[name] = len(rows) / one["seconds"], one["digests"]


def jinja(template: Template, rows: Sequence[Mapping[str, Any]]) -> Callable[[], list[str]]:
    """What one would write: the sandbox, a compiled template, a loop."""
    compiled = SandboxedEnvironment(autoescape=template.is_html).from_string(template.jinja)
    return lambda: [compiled.render(row) for row in rows]


def minijinja(template: Template, rows: Sequence[Mapping[str, Any]]) -> Callable[[], list[str]]:
    """The same with minijinja, which escapes by the template's name."""
    from minijinja import Environment

    name = f"words.{'html' if template.is_html else 'txt'}"
    engine = Environment(templates={name: template.jinja})
    return lambda: [engine.render_template(name, **row) for row in rows]


def slots_of(words: Words, frame: pl.DataFrame) -> Composed:
    """What leaves for a platform that merges: the rows with their slots, and the creatives written out."""
    composed = compose(words, frame)
    for creative in composed.creatives.values():
        generic(creative, "text")
    return composed


def restored(composed: Composed) -> list[str]:
    """Each message as the reader of a generic creative makes it of its slots."""
    texts = {key: generic(creative, "text") for key, creative in composed.creatives.items()}
    return [restore(texts[row.pop("key")], row) for row in composed.rows.to_dicts()]


def constant(composed: Composed) -> Callable[[], pl.Series]:
    """Polars putting together strings as long as those of the key that most people have, and the same for all."""
    key = composed.rows["key"].mode()[0]
    row = composed.rows.filter(key=key).row(0, named=True)
    pieces = composed.creatives[key].parts["text"]
    lengths = [len(row[piece.name] if isinstance(piece, Slot) else piece) for piece in pieces]
    strings = [pl.lit("x" * length) for length in lengths]
    return lambda: composed.rows.select(text=pl.concat_str([pl.col("key").str.slice(0, 0), *strings]))["text"]


def digests(messages: Sequence[str]) -> list[str]:
    """One of each message, so that a hundred megabytes need not be kept of each engine."""
    return [hashlib.sha256(message.encode()).hexdigest() for message in messages]


def differences(name: str, found: Mapping[str, Sequence[str]]) -> list[str]:
    """A line for each engine whose messages are not Jinja2's."""
    lines = []
    for engine, own in found.items():
        unlike = [number for number, pair in enumerate(zip(found[JINJA], own, strict=False)) if pair[0] != pair[1]]
        if unlike or len(own) != len(found[JINJA]):
            lines.append(
                f"{name}: {len(unlike):,} of {len(found[JINJA]):,} messages of {engine} are not Jinja2's, first {unlike[:1]}"
            )
    return lines


def table(seen: Mapping[str, Measured]) -> str:
    """Messages a CPU second of each engine on each template, and as multiples of sandboxed Jinja2's."""
    heads = [f"{name}, {one.length / 1000:.1f} KB" for name, one in seen.items()]
    lines = [f"{'messages a CPU second':<26}" + "".join(f"{head:>26}" for head in heads)]
    for engine in [name for name in ENGINES if all(name in one.rates for one in seen.values())]:
        cells = [(one.rates[engine], one.rates[engine] / one.rates[JINJA]) for one in seen.values()]
        lines.append(f"{engine:<26}" + "".join(f"{rate:>17,.0f}{f'{ratio:.1f} x':>9}" for rate, ratio in cells))
    shares = [one.rates[BODIES] / one.rates[CONSTANT] for one in seen.values()]
    lines.append(f"{'bodies / constant':<26}" + "".join(f"{share:>26.2f}" for share in shares))
    lines.append(f"{'(keys)':<26}" + "".join(f"{one.keys:>26,}" for one in seen.values()))
    compared = [len(one.digests[JINJA]) for one in seen.values()]
    lines.append(f"{'(messages compared)':<26}" + "".join(f"{count:>26,}" for count in compared))
    return "\n".join(lines)


def figures(seen: Mapping[str, Measured]) -> list[Figure]:
    """What is recorded: only ratios."""
    found = []
    for name, one in seen.items():
        found.append(Figure(f"{name}: {SLOTS} / {JINJA}", one.rates[SLOTS] / one.rates[JINJA], "higher"))
        found.append(Figure(f"{name}: {BODIES} / {JINJA}", one.rates[BODIES] / one.rates[JINJA], "higher"))
        found.append(Figure(f"{name}: {BODIES} / {CONSTANT}", one.rates[BODIES] / one.rates[CONSTANT], "higher"))
    return found


if __name__ == "__main__":
    sys.exit(main())
