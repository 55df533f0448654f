"""A new workspace: a copy of the sample, or a first draft over one's own database, by its names and its values in aggregate."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from flows import editors
from flows.clock import present
from flows.errors import OutboxError, SourceError, UsageError
from flows.settings import shipped
from flows.starting.drafting import Known, drafted
from flows.starting.knowing import dimensions, richest
from flows.starting.surveying import survey
from flows.starting.understanding import Understood, doubtful, refuse_shared_keys, understand
from flows.warehouse.scope import attached

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.starting.knowing import Record

_STARTER = Path(__file__).resolve().parent.parent / "starter"
_LAST = "pyproject.toml"
"""Is written after all others: a folder without it is no workspace, so that half of one is told as that."""
_PARTS = (_LAST, "sql/dimensions.yaml", "sql/customers.sql", "templates")
_REVIEW_AFTER = timedelta(days=182)


@dataclass(frozen=True)
class Started:
    """A new workspace.

    Attributes:
        folder: where it is.
        files: what was written there, relative to it.
        guessed: what was guessed, each with the ground.
        unclear: tables and columns that were not understood, each with what becomes of it.
        missing: what there has to be before anybody real can be spoken to.
    """

    folder: Path
    files: tuple[str, ...]
    guessed: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def start_workspace(
    folder: Path,
    database: Path | None = None,
    *,
    brand: str | None = None,
    person: str | None = None,
    choose: Callable[[Sequence[str]], str | None] | None = None,
) -> Started:
    """Write a new workspace into `folder`, which is missing, or empty but for what git keeps there.

    Args:
        folder: where; its name becomes the workspace's.
        database: one's own DuckDB file, or a folder of Parquet, to draft a workspace over it: it is counted through, and nobody's
            values are written anywhere. None copies the sample.
        brand: what the brand is called; None: as the folder is.
        person: the column with the people's ids, as `table.column`; None guesses.
        choose: asked where several columns are as likely to be that; None takes the first.

    Raises:
        UsageError: the folder is not empty, or `person` names no column.
        SourceError: the database is missing, is none, has nobody in it, or people who are told by two columns together.
        OutboxError: the folder cannot be written to.
    """
    refuse_in_use(folder)
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "workspace"
    if database is None:
        started, files = Started(folder, ()), _sample(name)
    else:
        started, files = _draft(folder, database, name, brand or name, person, choose)
    files[".gitignore"] = (_STARTER / "gitignore").read_text("utf-8")
    try:
        for file in sorted(files, key=lambda file: file == _LAST):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(files[file], "utf-8")
    except OSError as error:
        what = f"the workspace cannot be written here ({error.strerror})"
        hint = "give this user the right to write there, and room on the disk; then take away what is there, and call init again"
        raise OutboxError(folder, what, hint) from None
    wired = editors.write(folder)
    return Started(folder, tuple(sorted((*files, *wired))), started.guessed, started.unclear, started.missing)


def refuse_in_use(folder: Path) -> None:
    """Refuse a folder that holds something other than the files of git. Raises UsageError."""
    if not folder.exists() or (folder.is_dir() and {path.name for path in folder.iterdir()} <= {".git"}):
        return
    hint = "name a new one: justenough init DIR"
    if not folder.is_dir():
        raise UsageError(folder, "this is a file, and no folder", hint)
    lacking = [part for part in _PARTS if not (folder / part).exists()]
    settings = folder / _LAST
    is_ours = settings.is_file() and b"[tool.justenough" in settings.read_bytes()
    if is_ours and not lacking:
        raise UsageError(folder, "this is a workspace already", f"justenough check --workspace {folder}; or {hint}")
    if is_ours or (folder / "sql").exists() or (folder / "templates").exists():
        what = f"this is a workspace half filled in, without {', '.join(lacking or [_LAST])}"
        raise UsageError(folder, what, f"draft another one beside it, and take over what is missing; {hint}")
    raise UsageError(folder, "this folder is not empty", hint)


def _sample(name: str) -> dict[str, str]:
    """The files of the sample, under a name of its own. The ledger's SQL is the product's, not a workspace's."""
    settings = shipped("pyproject.toml").read_text("utf-8").partition("[tool.justenough]\n")
    named = re.sub(r'(?m)^name = ".*"$', f'name = "{name}"', settings[2], count=1)
    files = {"pyproject.toml": f"# A workspace: a copy of justenough's sample.\n{settings[1]}{named}"}
    for top in ("sql", "templates"):
        files |= {f"{top}/{file}": text for file, text in _texts(shipped(top)) if not file.startswith("ledger/")}
    return files


def _draft(
    folder: Path,
    database: Path,
    name: str,
    brand: str,
    person: str | None,
    choose: Callable[[Sequence[str]], str | None] | None,
) -> tuple[Started, dict[str, str]]:
    """The files of the smallest workspace over a database, and what was guessed."""
    if not database.exists():
        what, hint = (
            "there is no such file or folder",
            "name your DuckDB file, or your folder of Parquet, after --database",
        )
        raise SourceError(database, what, hint)
    with attached(database) as session:
        counted = survey(session, database)
        if not person:
            refuse_shared_keys(counted, database)
        several = [] if person else doubtful(counted)
        if several and choose:
            person = choose([str(column) for column in several])
        understood = understand(counted, database, person)
        record = richest(session, understood, present())
    known = Known(*dimensions(understood, record), record)
    missing = _missing(understood)
    shows = bool(record and record.title and record.at)
    about = f"Any question about {_lately(record)}?" if record else "Any question?"
    theirs = f"their last {record.noun}" if record and record.noun else "what they had last"
    of_record = _toml(record.dimension) if record else ""
    values = {
        "name": name,
        "brand": _toml(brand)[1:-1],
        "database": _toml(_way(folder, database))[1:-1],
        "rehearse": _rehearse(missing),
        "review_by": f"{present() + _REVIEW_AFTER:%Y-%m-%d}",
        "need": f"People have questions about {theirs}." if record else "People have questions.",
        "because": of_record,
        "shown": of_record if shows else "",
        "subject": f"{{% if item %}}Any question about {{{{ item }}}}?{{% else %}}{about}{{% endif %}}"
        if shows
        else about,
        "opening": _opening(record, shows=shows),
    }
    starter = {file: Template(text).safe_substitute(values) for file, text in _texts(_STARTER) if file != "gitignore"}
    layouts = {f"templates/_shared/{file}": text for file, text in _texts(shipped("templates", "_shared"))}
    files = {**starter, **layouts, **drafted(name, understood, known, present())}
    unclear = [f"{table}: {why}" for table, why in understood.unclear.items()]
    unclear += [f"{column}: no words can show it until it has a dimension" for column in known.unclear]
    return Started(folder, (), tuple(_guesses(understood, known)), tuple(unclear), missing), files


def _opening(record: Record | None, *, shows: bool) -> str:
    """How the words begin, after the salutation."""
    if record is None:
        return "is there anything that you would like to ask? Most of it"
    about, had = _lately(record), "from" if record.noun else "which is"
    shown = (
        f"{{% if item %}}this is about {{{{ item }}}}, {had} {about}.{{% else %}}this is about {about}.{{% endif %}}"
    )
    return f"{shown if shows else f'this is about {about}.'} Whatever you may want to know about it,"


def _lately(record: Record) -> str:
    return f"your last {record.noun}" if record.noun else "what you had from us last"


def _missing(understood: Understood) -> tuple[str, ...]:
    """What there has to be before anybody real can be spoken to."""
    found = ["who speaks: [tool.justenough.brands] of pyproject.toml has placeholders for the rehearsal alone"]
    if not understood.people.rows:
        found.append(f"people: {understood.people.name} has no row yet, and a run stops at a source that is empty")
    if "email" not in understood.addresses:
        found.append(
            "e-mail addresses: no table with a row for each person has any, so nobody can be reached; "
            "add them to sql/customers.sql"
        )
    if understood.consent is None or understood.consent.is_refusal:
        found.append(
            "consent: nothing looks like what people have agreed to, so nobody may be spoken to; write sql/consent.sql"
        )
    return tuple(found)


def _rehearse(missing: Sequence[str]) -> str:
    """What stands after the comment sign that the settings of a rehearsal begin with."""
    known = [each.partition(":")[0] for each in missing]
    unknown = " and ".join(each for each in known if each in ("e-mail addresses", "consent"))
    if not unknown:
        return "People's addresses, and what they have agreed to, are known: both count here as they do in production."
    return f"Nobody knows anything of {unknown} yet, so that it is taken for granted here:\nrehearse = true"


def _guesses(understood: Understood, known: Known) -> list[str]:
    """Each guess, with its ground."""
    found = [f"the people's key is {understood.person}: {understood.person_ground}"]
    found += [
        f"{table} is of people: {way.ground}"
        for table, way in understood.ways.items()
        if way.column != understood.person
    ]
    found += [f"{table} says nothing about people: {ground}" for table, ground in understood.impersonal.items()]
    found += [f"{table} is a list of addresses that get nothing" for table in understood.blocked]
    found += [f"{kind} is in {column}" for kind, column in understood.addresses.items()]
    if understood.consent:
        what = "says who wants nothing" if understood.consent.is_refusal else "is what people have agreed to"
        found.append(f"{understood.consent.state} {what}: {understood.consent.ground}")
    for name, dimension in known.dimensions.items():
        if dimension.is_sensitive:
            closed = f"is sensitive ({name}) {dimension.ground}, and closed until somebody names a lawful basis"
            found.append(f"{', '.join(dimension.columns)} {closed}")
    if known.record:
        found.append(
            f"the first help is about {known.record.table.name}{f', {known.record.window}' if known.record.window else ''}"
        )
    return found


def _toml(text: str) -> str:
    """A text as TOML and YAML have it; TOML knows no halves of a character, and nothing that cannot be seen."""
    return json.dumps("".join(letter for letter in text if letter != "\x7f"), ensure_ascii=False)


def _way(folder: Path, database: Path) -> str:
    """From a workspace to its database; links are followed first, because a workspace is looked for where it really is."""
    return os.path.relpath(database.resolve(), folder.resolve())


def _texts(folder: Path) -> list[tuple[str, str]]:
    """The files below a folder that are no hidden ones: name relative to it, text."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith(".")]
    return [(file.relative_to(folder).as_posix(), file.read_text("utf-8")) for file in files]
