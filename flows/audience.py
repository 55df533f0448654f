"""sql/audiences/<name>.yaml -> Audience: people whom ad campaigns that run anyway leave out, and what that tells a platform.

The query beside it yields who they are; to hand them over is a purpose like a help's, but nothing is said to anybody.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import polars as pl

from flows.documents import Document, Text, read_document
from flows.errors import CatalogueError, StatementError, nearest

if TYPE_CHECKING:
    from pathlib import Path

CHANNEL: Final = "ads"
HELD_OUT: Final = "held_out"
"""The one that needs no query: who is held out of all products."""
_EXCLUDE: Final = "exclude:"


class Audience(Document):
    """sql/audiences/<name>.yaml: what it is good for that campaigns leave these people out, and what they have in common.

    Attributes:
        name: that of its file.
        why: what it is good for to leave them out.
        because: the dimensions by which the query chooses them: the platform can tell them, so three at most.
        comes_and_goes: that it names far fewer people than before, or nobody, is no sign of a broken query.
    """

    name: str
    why: Text
    because: list[str]
    comes_and_goes: bool = False

    @property
    def key(self) -> str:
        """What stands in the place of a product's name, which has no colon."""
        return key_of(self.name)

    @property
    def topic(self) -> str:
        """It is about no topic: whoever is handed over has agreed to ads as a whole."""
        return "*"

    @property
    def message_type(self) -> str:
        """What bars marketing bars it."""
        return "marketing"

    @property
    def has_query(self) -> bool:
        """Whether sql/audiences/<name>.sql says who they are; else a draw does."""
        return self.name != HELD_OUT


def key_of(name: str) -> str:
    """The key of an audience."""
    return _EXCLUDE + name


def name_of(key: str) -> str:
    """The name of the audience of a key."""
    return key.removeprefix(_EXCLUDE)


def is_excluding() -> pl.Expr:
    """Whether a row is of an audience that campaigns leave out, by its `product`."""
    return pl.col("product").str.starts_with(_EXCLUDE)


def read_audiences(sql: Path, *, held_out: bool) -> dict[str, Audience]:
    """The audiences of a workspace by their keys.

    Args:
        sql: its folder.
        held_out: whether those who are held out are one of them.

    Raises:
        StatementError: a name is none, or is taken; or half of an audience is missing.
        CatalogueError: a .yaml is not as it should be.
    """
    names = sorted({file.stem for suffix in ("sql", "yaml") for file in sql.glob(f"audiences/*.{suffix}")})
    found = [_read(sql, name) for name in names]
    if held_out:
        found.append(Audience(name=HELD_OUT, why="Their actions are compared with those of others.", because=[]))
    return {audience.key: audience for audience in found}


def _read(sql: Path, name: str) -> Audience:
    place = f"sql/audiences/{name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name == HELD_OUT:
        hint = "use lower-case letters, digits and _" if name != HELD_OUT else "the setting `exclude_held_out` makes it"
        raise StatementError(f"{place}.sql", "this is no name for an audience", hint)
    if not (sql / "audiences" / f"{name}.sql").exists():
        others = [file.stem for file in sql.glob("audiences/*.sql")]
        hint = nearest(name, others) if others else "write the query"
        raise StatementError(f"{place}.sql", "this file is missing, and its .yaml is there", hint)
    file = f"{place}.yaml"
    return read_document(sql / "audiences" / f"{name}.yaml", Audience, CatalogueError, name=file, given={"name": name})
