"""What can go wrong about one person, each in a workspace of its own; run as a program it does all of it, in one process.

    python -m tests.canary.failures FOLDER fast|slow

makes FOLDER/<failure>/, goes through its commands, and writes FOLDER/told.json: failure -> exit codes, and what was shown by
the commands that are there to show a person.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from flows.cli import main
from tests.canary.spelling import ID, MAIL, NAME, ORDER, PHONE
from tests.tiny import LATE, MORNING, PEOPLE, Tiny, day, make

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = (ID, "north", MAIL, PHONE, NAME, "tent", 4.0)
TO_SHOW = {"explain", "preview"}
BATCH = "email_file-2026-11-22-1"
"""Of the first day."""


@dataclass(frozen=True)
class Failure:
    """One way to fail.

    Attributes:
        codes: the exit code of each command.
        commands: as they are typed, without the workspace; `RUN` is the latest plan, `GIVEN` a folder of files from elsewhere.
        prepare: what is done to the workspace before.
        is_fresh: whether it is the first day; else it is the second, and the first has been delivered.
        is_slow: whether it is left to `make test-all`.
    """

    codes: tuple[int, ...]
    commands: tuple[str, ...]
    prepare: Callable[[Tiny], None] = lambda tiny: None
    is_fresh: bool = False
    is_slow: bool = False


def made(folder: Path) -> Tiny:
    """A workspace of one brand with the canary among others; c14 and the canary wait for an order, too."""
    late = (*LATE, ("c14", "north", "o99", "rope", 3), ("c13", "north", ORDER, "tent", 4))
    return make(folder, people=(*PEOPLE, CANARY), late=late, brands=["north"])


def selected(column: str) -> Callable[[Tiny], None]:
    """The segment with one more column."""
    return edited("sql/segments/owners.sql", "n.interest\n", f"n.interest, {column} AS more\n")


def edited(file: str, old: str, new: str) -> Callable[[Tiny], None]:
    """A file of the workspace with other text."""
    return lambda tiny: tiny.edit(file, old, new)


def changed(statement: str) -> Callable[[Tiny], None]:
    """The warehouse with other rows; `$mail` and `$name` are the canary's."""
    values = {"$mail": MAIL, "$name": NAME}
    for name, value in values.items():
        statement = statement.replace(name, "'{}'".format(value.replace("'", "''")))
    return lambda tiny: tiny.warehouse(statement)


def inbox(kind: str, content: str | bytes) -> Callable[[Tiny], None]:
    """A file that somebody has put into the inbox."""
    return lambda tiny: put(tiny.state / "inbox" / kind / "monday.ndjson", content)


def put(file: Path, content: str | bytes) -> None:
    """Write a file into a folder that may be missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def _broken_notices(tiny: Tiny) -> None:
    """One in each line of the canary's, each broken in another way."""
    whole = {"customer_id": ID, "state": "no"}
    broken = [{**whole, "state": NAME}, {**whole, MAIL: PHONE}, {**whole, "happened_at": MAIL}]
    lines = [json.dumps(notice) for notice in broken]
    lines += [f'{{"customer_id": "{ID}", "customer_id": "{MAIL}"}}', f'{{"customer_id": "{ID}"']
    for number, line in enumerate(lines):
        put(tiny.folder / "given" / f"{number}.ndjson", f"{json.dumps(whole)}\n{line}\n")


def _broken_answers(tiny: Tiny) -> None:
    put(tiny.folder / "given/messages.txt", f"{MAIL}\n{ID}\n")
    put(tiny.folder / "given/bytes.txt", MAIL.encode() + b"\xff\n")
    put(tiny.folder / "given/table.csv", f"who,{NAME}\n{ID},{MAIL}\n")


def _outcomes_of_the_canary(tiny: Tiny) -> None:
    """Told rightly, and wrongly in every way that could quote them."""
    head, at = "event_id,happened_at,outcome,customer_id,message_id\n", "2026-11-22T12:00:00Z"
    messages = {row["customer_id"]: row["message_id"] for batch in tiny.batches() for row in batch.rows}
    anothers = f"{MAIL},{at},visited,{ID},{messages['c01']}\n"
    files = {
        "whole.csv": f"{head}{MAIL},{at},visited,{ID},\n{PHONE},{at},clicked,,{messages[ID]}\n",
        "anothers.csv": f"{head}{anothers}{NAME},{at},visited,{ID},\n{ID},2999{at[4:]},visited,{ID},\n",
        "mixed_up.csv": f"{head}e1,{at},{ID},{MAIL},\ne2,{at},{NAME},{ID},{ID}\n",
        "headless.csv": f"{MAIL},{at},visited,{ID},\n",
        "doubled.ndjson": f'{{"event_id": "{ID}", "{NAME}": 1, "{NAME}": 2}}\n',
        "damaged.parquet": f"PAR1{MAIL}{ID}PAR1",
        "event.json": f'{{"eventType": "{ID}", "mail": "{MAIL}"}}\n',
        "promised.csv": f"{head}{MAIL},{at},visited,{ID},\n",
        "promised.csv.manifest.json": f'{{"rows": "{NAME}", "sha256": "{MAIL}"}}',
    }
    for name, content in files.items():
        put(tiny.folder / "given" / name, content)
    put(tiny.state / "inbox/outcomes/monday.csv", f"{head}{MAIL},{at},unsubscribed,{ID},\n{PHONE},{at[:9]}")


def _addresses_for_brands(tiny: Tiny) -> None:
    edited("sql/segments/owners.sql", "USING (customer_id, brand)", "USING (customer_id)")(tiny)
    changed("DELETE FROM people WHERE brand <> 'north'; DELETE FROM needs WHERE brand <> 'north'")(tiny)
    changed("UPDATE needs SET brand = $mail")(tiny)


def _failing_words(tiny: Tiny) -> None:
    """Nobody else has an x in their name: nine times tenfold it is too long."""
    grow = "{% set x = x|replace('x', 'xxxxxxxxxx') %}" * 9
    words = f"{{% if first_name %}}{{% set x = first_name %}}{grow}{{{{ x }}}}{{% else %}}Dry it.{{% endif %}}"
    blocks = f"{{% block headline %}}Care{{% endblock %}}\n{{% block body %}}{words}{{% endblock %}}"
    put(tiny.folder / "templates/care/web.j2", blocks)


def _planned_in_other_words(tiny: Tiny) -> None:
    tiny.plan(at=day(1))
    tiny.edit("templates/care/web.j2", "Looking after", "About")


def _damaged_plan(tiny: Tiny) -> None:
    """So that reading it fails in a way that nobody has thought of, and that quotes the customer."""
    [file] = tiny.state.glob("plans/*/decisions/*.parquet")
    rows = pl.read_parquet(file)
    rows.with_columns(reason=pl.col("customer_id")).write_parquet(file)


def _plan_beyond_all_days(tiny: Tiny) -> None:
    """So that reading it ends in an exception that is none of Python's ordinary ones."""
    [file] = tiny.state.glob("plans/*/decisions/*.parquet")
    rows = pl.read_parquet(file)
    rows.with_columns(valid_until=pl.lit(2**62).cast(rows.schema["valid_until"])).write_parquet(file)


FAILURES = {
    "nothing": Failure(
        (0, 0, 0, 0), (f"explain {ID}", f"preview care --customer {ID}", f"opt-out {ID}", f"opt-out --address {MAIL}")
    ),
    "a value that is no number": Failure((1,), ("plan",), selected("p.first_name::INTEGER")),
    "a kind that Polars has not": Failure((1,), ("plan",), selected("union_value(a := p.first_name)")),
    "a customer twice": Failure((1,), ("plan",), changed(f"INSERT INTO people FROM people WHERE customer_id = '{ID}'")),
    "addresses where brands should be": Failure((1,), ("plan",), _addresses_for_brands),
    "words that fail on a name": Failure((1,), ("plan",), _failing_words, is_fresh=True),
    "notices that are none": Failure(
        (1,) * 5, tuple(f"opt-out --file GIVEN/{number}.ndjson" for number in range(5)), _broken_notices
    ),
    "acknowledgements of nobody": Failure(
        (1, 1, 1, 1),
        (
            f"acknowledge {BATCH} failed --file GIVEN/messages.txt",
            f"acknowledge {BATCH} failed --file GIVEN/bytes.txt",
            "reconcile email_file GIVEN/bytes.txt",
            "reconcile email_file GIVEN/table.csv",
        ),
        _broken_answers,
    ),
    "outcomes told rightly and wrongly": Failure(
        (0, 3, 1, 1, 1, 1, 1, 1, 3),
        (
            "learn GIVEN/whole.csv",
            "learn GIVEN/anothers.csv",
            "learn GIVEN/mixed_up.csv",
            "learn GIVEN/headless.csv",
            "learn GIVEN/doubled.ndjson",
            "learn GIVEN/damaged.parquet",
            "learn GIVEN/event.json --as ses",
            "learn GIVEN/promised.csv",
            "learn",
        ),
        _outcomes_of_the_canary,
    ),
    "a damaged plan": Failure((70,), (f"explain {ID}",), _damaged_plan),
    "a plan beyond all days": Failure((70,), (f"explain {ID}",), _plan_beyond_all_days),
    "a customer who is not known": Failure((2,), (f"explain {ID[:-1]}4",)),
    "a value that is no date": Failure((1,), ("plan",), selected("p.first_name::DATE"), is_slow=True),
    "a format of a value": Failure((1,), ("plan",), selected("printf('%d', p.first_name)"), is_slow=True),
    "a pattern of a value": Failure(
        (1,), ("plan",), selected("string_split_regex('a', '[' || p.first_name)"), is_slow=True
    ),
    "a unit of a value": Failure((1,), ("plan",), selected("date_part(p.first_name, n.since_at)"), is_slow=True),
    "a key of a value twice": Failure(
        (1,), ("plan",), selected("MAP([p.first_name, p.first_name], [1, 2])"), is_slow=True
    ),
    "hex of a value": Failure((1,), ("plan",), selected("unhex(p.first_name)"), is_slow=True),
    "an address that is no number": Failure(
        (1,), ("plan",), edited("sql/customers.sql", "email, phone", "email::BIGINT AS email, phone"), is_slow=True
    ),
    "a list that is no date": Failure(
        (1,), ("plan",), edited("sql/consent.sql", "event_id,", "customer_id::DATE::VARCHAR AS event_id,"), is_slow=True
    ),
    "a signal of text": Failure(
        (1,), ("plan",), edited("sql/segments/owners.sql", "n.interest", "p.first_name AS interest"), is_slow=True
    ),
    "addresses that are none": Failure(
        (0,),
        ("run",),
        changed(f"UPDATE people SET email = $name, phone = $mail WHERE customer_id = '{ID}'"),
        is_slow=True,
    ),
    "a notice in the inbox that is none": Failure(
        (1, 1), ("run", "run"), inbox("opt-outs", json.dumps({"customer_id": ID, "state": NAME}) + "\n"), is_slow=True
    ),
    "words that are changed before the seal": Failure(
        (1,), ("deliver RUN",), _planned_in_other_words, is_fresh=True, is_slow=True
    ),
    "a broken file of whom to forget": Failure(
        (3,), ("forget",), inbox("forget", ID.encode() + b"\xff\n"), is_slow=True
    ),
    "somebody forgotten": Failure((0, 0), (f"forget {ID}", "run"), is_slow=True),
}


def gone_through(tiny: Tiny, failure: Failure) -> tuple[list[int], str]:
    """The exit codes of a failure's commands, and what was shown of a person on purpose."""
    codes, shown = [], io.StringIO()
    failure.prepare(tiny)
    latest = max((path.name for path in tiny.state.glob("plans/*")), default="")
    for command in failure.commands:
        typed = command.replace("RUN", latest).replace("GIVEN", str(tiny.folder / "given")).split()
        with contextlib.redirect_stdout(shown) if typed[0] in TO_SHOW else contextlib.nullcontext():
            codes.append(main([*typed, "--workspace", str(tiny.folder)]))
    return codes, shown.getvalue()


def _copied(tiny: Tiny, to: Path) -> Tiny:
    """What is copied here is not what the program writes, and readable by one alone all the while."""
    before = os.umask(0o077)
    try:
        return tiny.copy(to)
    finally:
        os.umask(before)


def go_through(folder: Path, *, slow: bool) -> None:
    """Every failure after the other."""
    fresh = made(folder / "fresh")
    first = _copied(fresh, folder / "first")
    os.environ["JUSTENOUGH_NOW"] = MORNING.isoformat()
    told = {"a first day": {"codes": [main(["run", "--workspace", str(first.folder)])], "shown": ""}}
    os.environ["JUSTENOUGH_NOW"] = day(1).isoformat()
    for name, failure in FAILURES.items():
        if failure.is_slow == slow:
            sys.stderr.write(f"---- {name}\n")
            tiny = _copied(fresh if failure.is_fresh else first, folder / name.replace(" ", "_"))
            codes, shown = gone_through(tiny, failure)
            told[name] = {"codes": codes, "shown": shown}
    (folder / "told.json").write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":
    go_through(Path(sys.argv[1]), slow=sys.argv[2] == "slow")
