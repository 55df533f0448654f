"""Writes docs/reference/ from the code: what an entry says stands where the thing itself is defined.

    python -m tests.documentation.reference

Each page is a list of entries; each entry has an explanation and an example of its own (`test_reference.py` holds that).
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import polars as pl
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from flows import cli
from flows.approval import Approval
from flows.catalogue import Catalogue, Segment
from flows.channels import CHANNELS, Target, targets
from flows.destinations import Destination
from flows.documents import described, told_of
from flows.experiment import Guardrails
from flows.next_best import NextBest
from flows.product import Product, Term
from flows.reasons import REASONS
from flows.schemas import COLUMNS, spoken
from flows.senders import Brand
from flows.setting_tables import Exposure, Retention
from flows.settings import Settings, shipped, variables
from flows.stages.delivery import Payload, shaped, write_batch
from tests.channels.test_targets import worded
from tests.house.tree import ROOT
from tests.stages.making import MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cyclopts import App

FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Made from the code by `make docs`: what is wrong here is mended there. -->"
FIRST = ("run", "plan", "preview", "deliver", "check", "explain")
TABLES: dict[str, type[BaseModel]] = {
    "next_best": NextBest, "exposure": Exposure, "retention": Retention, "approval": Approval, "guardrails": Guardrails,
    "brands": Brand, "store": Destination, "transports": Destination,
}  # fmt: skip
"""Setting -> what its table, or each of its tables, holds."""
NAMES = ("Ann", "Ben", "Cid", "Dee", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Lea", "Max", "Ned", "Ole", "Pia", "Quin",
         "Rosa", "Sam", "Tom", "Una", "Val", "Wim", "Xan", "Yves", "Zoe", "Abe", "Bea", "Cal", "Dot", "Eli", "Flo", "Gil", "Hope",
         "Ira", "Joy", "Ken", "Liv", "Moe", "Nia")  # fmt: skip
MOST_CHARACTERS = 900
"""Of a file that is shown."""


@dataclass(frozen=True)
class Entry:
    """A thing that can be looked up.

    Attributes:
        name: as it is written.
        explanation: what it is, as Markdown.
        example: of its own.
        language: of the example; nothing where it is a sentence.
        facts: beside that: `what: …`, each a line of a list.
        told: keys of it, with what they mean.
        group: the heading that it stands under.
    """

    name: str
    explanation: str
    example: str
    language: str = ""
    facts: tuple[str, ...] = ()
    told: tuple[tuple[str, str], ...] = ()
    group: str = ""


def commands() -> Iterator[Entry]:
    """The commands, the six first ones before all others."""
    found = dict(_commands(cli.app, "justenough"))
    first = [f"justenough {name}" for name in FIRST]
    for typed in [*first, *sorted(found.keys() - set(first))]:
        about, _, rest = (inspect.getdoc(found[typed].default_command) or "").partition("Examples:\n")
        example, _, arguments = rest.partition("\n\n")
        told = dict(_entries_of(arguments.partition("Args:\n")[2], 4))
        options = tuple((_option(each), told[each.field_info.name]) for each in _arguments(found[typed]))
        yield Entry(
            typed.removeprefix("justenough "), _paragraphs(about), inspect.cleandoc(f"\n{example}"), "sh", told=options,
            group="Start here" if typed in first else "More",
        )  # fmt: skip


def _commands(app: App, before: str) -> Iterator[tuple[str, App]]:
    for name in app:
        if not name.startswith("-") and app[name].show:
            below = list(_commands(app[name], f"{before} {name}"))
            yield from below or [(f"{before} {name}", app[name])]


def _arguments(app: App) -> Iterator[Any]:
    """What a command takes, but for what all take."""
    for argument in app.assemble_argument_collection():
        if argument.show and argument.names and argument.names[0] not in {"--workspace", "--json"}:
            yield argument


def _option(argument: Any) -> str:
    """How it is typed: `CUSTOMER`, `--as NAME`."""
    kind = argument.field_info.kind
    if kind is not inspect.Parameter.KEYWORD_ONLY:
        name = argument.field_info.name.upper()
        several = kind is inspect.Parameter.VAR_POSITIONAL
        return f"{name}…" if several else name if argument.required else f"[{name}]"
    return str(next(each for each in argument.names if each.startswith("--")))


def settings() -> Iterator[Entry]:
    """The settings, in the order in which they are defined."""
    overridden = variables()
    for name, text in _entries_of((inspect.getdoc(Settings) or "").partition("Attributes:\n")[2], 4):
        if name == "workspace":
            continue
        explanation, example = _with_example(text)
        facts = [f"By itself: {_default(Settings.model_fields[name].default)}"]
        facts += [f"Overridden by: `{overridden[name]}`"] if name in overridden else []
        yield Entry(name, explanation, example, "toml", tuple(facts), tuple(_keys(TABLES.get(name))))


def _keys(model: type[BaseModel] | None) -> Iterator[tuple[str, str]]:
    """The keys of a table, with what they mean, and what holds without them."""
    if model is None:
        return
    schema = model.model_json_schema()
    described(schema, model)
    for name, field in model.model_fields.items():
        meaning = schema["properties"][name]["description"]
        default = "" if field.is_required() else f" By itself: {_default(field.default)}."
        yield name, _linked(f"{meaning}{default}")


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "it has to be set"
    if isinstance(value, BaseModel):
        return "as its keys say"
    if value in (None, "", (), {}):
        return "nothing"
    if isinstance(value, tuple):
        return f"`{json.dumps([str(each) for each in value])}`"
    if hasattr(value, "human_readable"):
        return f"`{value.human_readable(separator=' ')}`"
    return f"`{json.dumps(value if isinstance(value, str | bool | int | float | dict) else str(value))}`"


def product_keys() -> Iterator[Entry]:
    """The keys of product.yaml, the deeper ones after the one that they stand under."""
    yield from _keys_of(Product, {"relevance": Term})


def catalogue_keys() -> Iterator[Entry]:
    """The keys of sql/dimensions.yaml, and of a segment's .yaml."""
    yield from _keys_of(Catalogue, {}, "sql/dimensions.yaml")
    yield from _keys_of(Segment, {}, "sql/segments/<name>.yaml")


NAMED = {"tables": "<table>", "dimensions": "<dimension>", "fields": "<column>", "relevance": "<signal>"}
"""Key -> what the names are that people choose under it."""


def _keys_of(
    model: type[BaseModel], free: dict[str, type[BaseModel]], group: str = "", before: str = ""
) -> Iterator[Entry]:
    schema = model.model_json_schema()
    described(schema, model)
    for name, field in model.model_fields.items():
        if name not in schema["properties"] or (not before and name == "name"):  # that of its folder, or of its file
            continue
        meaning, example = told_of(model)[name]
        needed = "It has to be there" if field.is_required() else f"By itself: {_default(field.default)}"
        values = schema["properties"][name].get("enum", ())
        facts = [f"One of: {', '.join(f'`{value}`' for value in values)}"] if values else []
        yield Entry(f"{before}{name}", _sentence(meaning), example, "yaml", (*facts, needed), group=group)
        below, is_named = _below(field.annotation)
        for inner in below:
            place = f"{before}{name}.{NAMED[name]}." if is_named else f"{before}{name}."
            yield from _keys_of(inner, {}, group, place)
        if name in free:
            yield from _keys_of(free[name], {}, group, f"{before}{name}.{NAMED[name]}.")


def _below(annotation: Any) -> tuple[list[type[BaseModel]], bool]:
    """The models that a key holds, and whether under names that people choose."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation], False
    is_named = get_origin(annotation) is dict
    found = [model for inner in get_args(annotation) for model in _below(inner)[0]]
    return found, is_named


def reasons() -> Iterator[Entry]:
    """The reasons, in their precedence."""
    for reason in REASONS:
        said = {"candidate": "a help that somebody could have had", "delivery": "a delivery of what was decided"}
        facts = (f"Said of: {', and '.join(said[each] for each in reason.of)}", f"What to do: {reason.remedy}")
        yield Entry(reason.code, f"{_sentence(reason.meaning)}", reason.example, facts=facts)


def columns() -> Iterator[Entry]:
    """The columns of the line's frames."""
    for name, column in COLUMNS.items():
        yield Entry(name, _sentence(column.meaning), column.example, "text", (f"Holds: {spoken(column.type)}",))


def history() -> Iterator[Entry]:
    """The tables of the ledger, with their columns."""
    text = shipped("sql", "ledger", "tables.sql").read_text("utf-8")
    pattern = r"((?:^-- [^\n]*\n)+)^CREATE TABLE IF NOT EXISTS (\w+) \((.*?)\n?\);$"
    for said, name, body in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        about, _, query = said.partition("-- As in: ")
        explanation = " ".join(line.removeprefix("-- ") for line in about.splitlines())
        yield Entry(name, explanation, query.strip(), "sql", told=tuple(_columns_of(body)))


def _columns_of(body: str) -> Iterator[tuple[str, str]]:
    lines = body.split("\n") if "\n" in body else re.split(r", (?=\w+ [A-Z])", body)
    for line in filter(str.strip, lines):
        declared, _, comment = line.partition("-- ")
        name, _, kind = declared.strip().rstrip(",").replace(" USING COMPRESSION uncompressed", "").partition(" ")
        kind = re.sub(r" (NOT NULL|DEFAULT .*)$", "", kind)
        yield name, f"{kind}. {_sentence(comment)}" if comment else kind


def formats() -> Iterator[Entry]:
    """The targets, by channel and name, each with what one delivery comes to."""
    for place, (name, to) in enumerate(sorted(targets().items())):
        about = inspect.getdoc(importlib.import_module(f"flows.channels.{name}")) or ""
        explanation = _paragraphs("\n".join(line for line in about.split("\n") if not line.startswith("Unverified: ")))
        yield Entry(
            name,
            explanation,
            _shown(to, NAMES[place]),
            "text",
            tuple(_limits(to)),
            tuple(_options(to)),
            group=to.channel,
        )


def _limits(to: Target) -> Iterator[str]:
    yield (
        "Kind: a message, which is claimed once" if to.kind == "message" else "Kind: a state, which each run reconciles"
    )
    yield f"File: {to.file_format}, at most {to.most_rows:,} rows" + (
        f" and {to.most_bytes:,} bytes" if to.most_bytes else ""
    )
    if to.limit is not None:
        yield f"A message: at most {to.limit.most:,} {to.limit.unit}"
    if to.smallest:
        yield f"An audience: at least {to.smallest:,} people"
    given = to.given({}, "")
    if given.longest:
        yield "Words: " + ", ".join(f"a {part} of at most {most} characters" for part, most in given.longest.items())
    if to.unverified:
        yield "Unverified: no judge but our own reading of its documentation has seen such a file; `unverified` has to name it"


def _options(to: Target) -> Iterator[tuple[str, str]]:
    told: dict[str, str] = {}
    for model in reversed(to.options.__mro__):
        attributes = (inspect.getdoc(model) or "").partition("Attributes:\n")[2]
        told |= {name: text for names, text in _entries_of(attributes, 4) for name in names.split(", ")}
    for name, field in to.options.model_fields.items():
        yield f"platforms.{to.name}.{name}", _sentence(f"{told[name]} By itself: {_default(field.default)}")


def _shown(to: Target, name: str) -> str:
    """The beginning of a file with one delivery, as the line writes it."""
    address = {
        "email": f"{name.lower()}@example.com",
        "push_token": f"token-of-{name.lower()}",
        "phone": "+4915112345699",
    }
    rows = (
        worded(to)
        .head(1)
        .with_columns(
            customer_id=pl.lit("C0000018"),
            address=pl.lit(address.get(CHANNELS[to.channel].address, "C0000018")),
            message_id=pl.lit("9c96adb8a8860e98"),
            unsubscribe_url=pl.lit("https://www.example.com/u/unJatu"),
            s1=pl.lit(name),
        )
    )
    who = {
        "sender_name": "Nordtal",
        "sender_email": "hello@example.com",
        "reply_to": "help@example.com",
        "sms_sender": "70700",
    }
    link = {"action_label": "Read on", "action_url": "https://www.example.com/care"}
    parts = {
        part.name: "<p>Hello {{{s1}}}</p>" if part.is_html else "Hello {{{s1}}}" for part in CHANNELS[to.channel].parts
    }
    creative = {"creative_id": "k1", "slots": ["s1"], **who, **link, "parts": parts}
    words, kind = {"k1": creative}, "recipients" if to.kind == "message" else "additions"
    with tempfile.TemporaryDirectory() as folder:
        batch = Path(folder) / "batch"
        write_batch(batch, [Payload(kind, "append", shaped(rows, words, to, MOMENT.starts_at))], words, to, {})
        file = sorted(batch.glob(f"{kind}-*"))[0]
        if to.file_format == "parquet":
            text = "\n".join(f"{column}: {value}" for column, value in pl.read_parquet(file).row(0, named=True).items())
        else:
            text = file.read_bytes().decode().lstrip("\ufeff").replace("\r\n", "\n").rstrip("\n")
    shown = text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…"
    return f"{file.name}\n\n{shown}"


@dataclass(frozen=True)
class Page:
    """A page of the reference: its title, what it says first, and its entries."""

    title: str
    first: str
    entries: Callable[[], Iterator[Entry]]


PAGES: dict[str, Page] = {
    "product": Page(
        "product.yaml, key by key",
        """
        `templates/<product>/product.yaml`; `help.need` is the key `need` under `help`. What is not listed here is refused,
        with its line. [Write a product](../how-to/write-a-product.md) has a whole one.
        """,
        product_keys,
    ),
    "catalogue": Page(
        "The catalogue and segments, key by key",
        """
        `sql/dimensions.yaml` says whose the rows of each table are, and what is known about people;
        `sql/segments/<name>.yaml` what each column shows that the query beside it yields. You choose
        what stands between `<` and `>`.
        """,
        catalogue_keys,
    ),
    "commands": Page(
        "Commands",
        """
        All take `--workspace DIR`, the folder with pyproject.toml, sql/ and templates/ (default: here), and `--json`, for
        programs. They end with 0 where all is well; 1, the answer is no; 2, bad usage; 3, partly done or waiting for a person;
        70, our fault; 75, another run holds the lock, try again.
        """,
        commands,
    ),
    "settings": Page(
        "Settings",
        """
        `[tool.justenough]` in the workspace's `pyproject.toml`. Relative paths start at the workspace. `JUSTENOUGH_NOW` (an ISO
        8601 instant) fixes the clock, for rehearsals.
        """,
        settings,
    ),
    "reasons": Page(
        "Reasons",
        """
        Why somebody gets nothing, or a delivery does not leave: a closed list, in its order. Whom several keep out is told the
        first; a person for whom nothing was decided has the reason of the help that got furthest down this list.
        """,
        reasons,
    ),
    "columns": Page(
        "Columns",
        """
        What the frames of a run hold, and what queries in `sql/` yield under these names; a plan's parquet files have them, too.
        [The history](history.md) has tables of its own.
        """,
        columns,
    ),
    "targets": Page(
        "Targets",
        """
        What a batch holds depends on its target; `targets` in the [settings](settings.md#targets) gives each brand one per
        channel. [Load a batch](../how-to/load-a-batch.md) says what to do with it. Each example is the beginning of a file with
        one delivery.
        """,
        formats,
    ),
    "history": Page(
        "The history, table by table",
        """
        What `.justenough/ledger.duckdb` holds: keyed HMACs, never an identity. [Query the history](../how-to/history.md) begins
        with three questions.
        """,
        history,
    ),
}
"""Each by the name of its file."""


def pages() -> dict[str, str]:
    """File of docs/reference/ -> its text."""
    return {f"{name}.md": _page(page, entries_of(name)) for name, page in PAGES.items()}


@cache
def entries_of(name: str) -> list[Entry]:
    """The entries of a page."""
    return list(PAGES[name].entries())


def _page(page: Page, entries: list[Entry]) -> str:
    groups = list(dict.fromkeys(entry.group for entry in entries))
    parts = [f"# {page.title}", MADE, _paragraphs(page.first)]
    for group in groups:
        within = [entry for entry in entries if entry.group == group]
        parts += [f"## {group}"] if group else []
        parts.append(" · ".join(f"[`{entry.name}`](#{_anchor(entry.name)})" for entry in within))
        parts += [_written(entry, "###" if group else "##") for entry in within]
    return "\n\n".join(parts) + "\n"


def _written(entry: Entry, mark: str) -> str:
    parts = [f"{mark} `{entry.name}`", entry.explanation]
    lines = [f"- {fact}" for fact in entry.facts] + [f"- `{name}`: {text}" for name, text in entry.told]
    parts += ["\n".join(lines)] if lines else []
    shown = f"```{entry.language}\n{entry.example}\n```" if entry.language else f"For example: {entry.example}"
    return "\n\n".join([*parts, shown])


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _entries_of(text: str, indent: int) -> Iterator[tuple[str, str]]:
    """The entries of a docstring's section: `name: text` over as many lines as it takes."""
    pattern = rf"^ {{{indent}}}([\w, ]+): (.*(?:\n {{{indent + 1},}}.*)*)"
    for names, said in re.findall(pattern, text, re.MULTILINE):
        yield names, " ".join(said.split())


def _with_example(text: str) -> tuple[str, str]:
    """What a setting's entry says, and the example that it ends with."""
    if not text.endswith("`"):
        return text, ""
    explanation, _, example = text.removesuffix("`").rpartition(" `")
    return _linked(_sentence(explanation)), example


def _paragraphs(text: str) -> str:
    """A docstring as Markdown: its line breaks go, its paragraphs stay."""
    return "\n\n".join(" ".join(each.split()) for each in text.strip().split("\n\n"))


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    begun = text[:1].upper() + text[1:]
    return begun if begun.endswith((".", ")", "`")) else f"{begun}."


def _linked(text: str) -> str:
    """With `how-to/page.md#place` as a link to it, called by the page's title or the place's heading."""
    return re.sub(
        r"\b((?:how-to|reference|explanation)/[\w-]+\.md)(#[\w-]+)?", lambda at: _link(at[1], at[2] or ""), text
    )


def _link(page: str, place: str) -> str:
    text = (ROOT / "docs" / page).read_text("utf-8") if (ROOT / "docs" / page).exists() else ""
    headings: Iterable[str] = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    called = next((each for each in headings if not place or _anchor(each) == place[1:]), page)
    way = page.removeprefix("reference/") if page.startswith("reference/") else f"../{page}"
    return f"[{called}]({way}{place})"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
