"""The ways to a person, and the registry of targets: one file each in this folder, found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from flows.errors import SettingError, nearest
from flows.words import Part

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl


@dataclass(frozen=True)
class Channel:
    """A way to a person.

    Attributes:
        name: email, sms, push, web or ads.
        address: the column of the customers' frame that holds its addresses.
        parts: the parts of the words it carries.
        may_be_blank: the parts without which a message is whole.
        longest: part -> the characters that platforms take of it, or show.
        layout: the file in templates/_shared/ that wraps the words in the brand's identity, with a block for each part of
            more than one line; None where the words stand for themselves.
        crowd: how many people have to be shown the same facts, names aside, unless a setting says otherwise; 0: any number.
        needs_yes: whether even a service message needs a yes, because somebody else learns who it is about.
        sends: whether something is sent by it, which people may get too much of; else something holds there.
    """

    name: str
    address: str
    parts: tuple[Part, ...]
    may_be_blank: tuple[str, ...] = ()
    longest: Mapping[str, int] = field(default_factory=dict)
    layout: str | None = None
    crowd: int = 0
    needs_yes: bool = False
    sends: bool = True

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
            longest={"headline": 30, "description": 90},  # Source: Google's responsive search ads
            crowd=100,  # Source: the minimum of Google's and Meta's lists
            needs_yes=True,
            sends=False,
        ),
    )
}


Creatives = Mapping[str, Mapping[str, Any]]
"""What `stages.message` made of the words, by `creative_id`."""

# What a layout may print beside the words: values of the recipient that say nothing about the person.
RESERVED_SLOTS = ("unsubscribe_url",)


@dataclass(frozen=True)
class Target:
    """A platform's format for one channel.

    Attributes:
        name: of the target, and of its folder in the outbox.
        channel: which way it is.
        kind: message (something is sent, and claimed once) or state (something holds, and is reconciled).
        file_format: csv, ndjson or parquet.
        most_rows: the platform's cap on rows per file.
        merges: whether the platform fills the slots itself; if not, whole bodies are filled in by column.
        rows: from worded deliveries to one row for each, with `message_id`.
        order: the columns by which the rows are sorted before they are cut into files.
        requests: from the rows of one file, and the creatives by id, to the lines that are written instead, where the
            platform takes requests; as NDJSON.
        identity: for state targets: the columns of `rows` that name downstream what is there, and what to take away.
        audience: for state targets that are audiences: the column of `rows` that names the one that a row belongs to.
    """

    name: str
    channel: str
    kind: Literal["message", "state"]
    file_format: Literal["csv", "ndjson", "parquet"]
    most_rows: int
    merges: bool
    rows: Callable[[pl.DataFrame], pl.DataFrame]
    order: tuple[str, ...] = ("customer_id", "message_id")
    requests: Callable[[pl.DataFrame, Creatives], pl.DataFrame] | None = None
    identity: tuple[str, ...] = ()
    audience: str | None = None


@cache
def targets() -> Mapping[str, Target]:
    """Every target of this folder by name: each file that defines `TARGET`."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {module.TARGET.name: module.TARGET for module in modules}


def target(name: str, where: object = "targets") -> Target:
    """The target of that name.

    Raises:
        SettingError: there is none.
    """
    if name not in targets():
        raise SettingError(where, f"there is no target '{name}'", nearest(name, targets()))
    return targets()[name]
