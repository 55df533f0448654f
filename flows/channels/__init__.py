"""The ways to a person, and the registry of targets: one file each in this folder, found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from flows.documents import explained
from flows.errors import SettingError, nearest
from flows.links import OF_RECIPIENTS
from flows.words import Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

    from flows.words import MergeLanguage


@dataclass(frozen=True)
class Channel:
    """A way to a person.

    Attributes:
        name: email, sms, push, web, ads or call.
        address: the column of the customers' frame that holds its addresses.
        parts: the parts of the words it carries.
        may_be_blank: the parts without which a message is whole.
        longest: part -> the characters that platforms take of it, or show, unless a target knows better.
        counts_wide_twice: whether a letter of the width of two, as in Chinese, counts as two of them.
        layout: the file in templates/_shared/ that wraps the words in the brand's identity, with a block for each part of
            more than one line; None where the words stand for themselves.
        crowd: how many people have to be shown the same facts, names aside, unless a setting says otherwise; 0: any number.
        needs_yes: whether even a service message needs a yes, because somebody else learns who it is about.
        sends: whether something is sent by it, which people may get too much of; else something holds there.
        also_by_phone: whether its platforms know people by a telephone number, too, where one is there that nothing suppresses.
    """

    name: str
    address: str
    parts: tuple[Part, ...]
    may_be_blank: tuple[str, ...] = ()
    longest: Mapping[str, int] = field(default_factory=dict)
    counts_wide_twice: bool = False
    layout: str | None = None
    crowd: int = 0
    needs_yes: bool = False
    sends: bool = True
    also_by_phone: bool = False

    @property
    def one_line(self) -> tuple[str, ...]:
        """The parts that must not break their line: headers, titles."""
        return tuple(part.name for part in self.parts if part.is_one_line)


# Source: CONTRACTS, Channels.
CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for channel in (
        Channel(
            "email",
            "email",
            (
                Part("subject", is_html=False, is_one_line=True),
                Part("preheader", is_html=False, is_one_line=True),
                Part("html", is_html=True),
                Part("text", is_html=False),
            ),
            may_be_blank=("preheader",),
            layout="email_layout.j2",
        ),
        Channel("sms", "phone", (Part("body", is_html=False),), layout="sms_layout.j2"),
        Channel(
            "push",
            "push_token",
            (Part("title", is_html=False, is_one_line=True), Part("body", is_html=False)),
            longest={"body": 1000},  # Source: Firebase's console
        ),
        Channel(
            "web",
            "customer_id",
            (Part("headline", is_html=False, is_one_line=True), Part("body", is_html=False)),
            crowd=20,
            sends=False,
        ),
        Channel(
            "ads",
            "email",
            (Part("headline", is_html=False, is_one_line=True), Part("description", is_html=False, is_one_line=True)),
            # Source: Google's responsive search ads, the shortest of those that we know.
            longest={"headline": 30, "description": 90},
            counts_wide_twice=True,  # Source: Google Ads and TikTok, on the lengths of their texts
            crowd=100,  # Source: the minimum of Google's and Meta's lists
            needs_yes=True,
            sends=False,
            also_by_phone=True,
        ),
        Channel(
            "call",
            "phone",
            (Part("headline", is_html=False, is_one_line=True), Part("body", is_html=False)),
        ),
    )
}

BY_PHONE = tuple(channel.name for channel in CHANNELS.values() if channel.address == "phone")
"""The channels that reach people by their telephone number."""

Creatives = Mapping[str, Mapping[str, Any]]
"""What `stages.message` made of the words, by `creative_id`."""

# What a layout may print beside the words: values of the recipient that say nothing about the person.
RESERVED_SLOTS = tuple(OF_RECIPIENTS)


@dataclass(frozen=True)
class Csv:
    """How a platform wants its CSV.

    Attributes:
        separator: between two values.
        has_bom: whether the file begins with a byte order mark.
        preamble: whole lines before the header.
        has_header: whether the columns' names stand above them.
        quotes: only where a value needs them, or around each.
        line_end: of every line, the last one, too.
    """

    separator: str = ","
    has_bom: bool = False
    preamble: str = ""
    has_header: bool = True
    quotes: Literal["necessary", "always"] = "necessary"
    line_end: Literal["\n", "\r\n"] = "\n"


class Options(BaseModel):
    """What a workspace may set of a target, in [tool.justenough.platforms.<target>]; most targets have none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def longest(self) -> Mapping[str, int]:
        """As `Target.longest`, where it may be set."""
        return {}


@dataclass(frozen=True)
class Limit:
    """How long a message may be for a platform, which would refuse or cut a longer one.

    Attributes:
        most: so many.
        unit: of what, for people.
        sizes: from rows of the target, and their creatives, to how many each has.
    """

    most: int
    unit: str
    sizes: Callable[[pl.DataFrame, Creatives], pl.Series]


@dataclass(frozen=True)
class Target:
    """A platform's format for one channel.

    Attributes:
        name: of the target, and of its folder in the outbox.
        channel: which way it is.
        kind: message (something is sent, and claimed once) or state (something holds, and is reconciled).
        file_format: of its files; `eml` has one file for each message.
        most_rows: the platform's cap on rows per file.
        rows: from worded deliveries to one row for each, with `message_id`.
        merge: how a platform that fills the slots by itself wants its creatives; None: whole bodies are filled in by column.
        prepare: from a creative to one whose slots are filled instead, where they are filled by column.
        holds_words: whether the lines of a platform that merges hold the words, too; else creatives go beside them in a file.
        order: the columns by which the rows are sorted before they are cut into files.
        lines: from rows, and the creatives by id, to what is written instead: requests, or the platform's own columns alone.
            What a state target takes away comes with the columns of `identity` only. For `eml`, the column `message` with
            the whole of it.
        lines_per_file: whether `lines` is given the rows of one file at a time, because its lines do not stand for one row
            each, or all of them at once would be too much to hold.
        beside: from the rows of a batch, and their creatives, to further files by their names, as NDJSON: what is said of an
            audience. The first column names a line; where rows come in several pieces, each name is kept once.
        identity: for state targets: the columns of `rows` that name downstream what is there, and what to take away.
        audience: for state targets that are audiences: the column of `rows` that names the one that a row belongs to.
        file_per: a column of `rows`, and of `identity`, each value of which has files of its own, named by it.
        has_rounds: whether a file has room for one message to an address only: see `recipients.in_rounds`.
        smallest: the least number of people in an audience that the platform takes.
        most_bytes: the platform's cap on the size of a file whose lines stand for one row each.
        limit: how long a message may be.
        longest: part of the words -> the characters that the platform takes of it, or shows; `check` tells of longer ones.
        csv: how its CSV is written.
        unverified: whether no judge but our own reading of its documentation has seen its files.
        certificate: the file with the public key to which its files are encrypted; None leaves them plain.
        options: what a workspace may set of it.
        made: the target with these options.
    """

    name: str
    channel: str
    kind: Literal["message", "state"]
    file_format: Literal["csv", "ndjson", "parquet", "eml"]
    most_rows: int
    rows: Callable[[pl.DataFrame], pl.DataFrame]
    merge: MergeLanguage | None = None
    prepare: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    holds_words: bool = False
    order: tuple[str, ...] = ("customer_id", "message_id")
    lines: Callable[[pl.DataFrame, Creatives], pl.DataFrame] | None = None
    lines_per_file: bool = False
    beside: Callable[[pl.DataFrame, Creatives], Mapping[str, pl.DataFrame]] | None = None
    identity: tuple[str, ...] = ()
    audience: str | None = None
    file_per: str | None = None
    has_rounds: bool = False
    smallest: int = 0
    most_bytes: int | None = None
    limit: Limit | None = None
    longest: Mapping[str, int] = field(default_factory=dict)
    csv: Csv = Csv()
    unverified: bool = False
    certificate: Path | None = None
    options: type[Options] = Options
    made: Callable[[Any], Target] | None = None

    def given(self, table: Mapping[str, Any], where: str) -> Target:
        """The target as a workspace sets it up. Raises SettingError, naming `where`."""
        try:
            options = self.options.model_validate(table)
        except ValidationError as problems:
            raise explained(problems, self.options, {}, where, SettingError) from None
        made = self.made(options) if self.made is not None else self
        return replace(made, longest=options.longest or made.longest or CHANNELS[made.channel].longest)


@cache
def targets() -> Mapping[str, Target]:
    """Every target of this folder by name, with the options that hold unless a workspace sets them: each file with a `TARGET`."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {module.TARGET.name: module.TARGET for module in modules if hasattr(module, "TARGET")}


def target(name: str, where: object = "targets") -> Target:
    """The target of that name.

    Raises:
        SettingError: there is none.
    """
    if name not in targets():
        raise SettingError(where, f"there is no target '{name}'", nearest(name, targets()))
    return targets()[name]
