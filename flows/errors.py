"""What can go wrong, one class per kind of remedy, under one base.

An error's text is two lines: `<where>: <what, with the value>` and `hint: <the next step>`. It never holds a customer's data.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class JustEnoughError(Exception):
    """The base of all errors that a user can do something about.

    Attributes:
        where: the place: a file (with its line where known), a setting, a folder.
        what: what is wrong there, with the value.
        hint: the next step.
        exit_code: what the command line answers (see `EXIT` in `flows/cli.py`).
        page: the place in docs/ that says more about errors of the class.
    """

    exit_code = 1
    page = "README.md"

    def __init__(self, where: object, what: str, hint: str) -> None:
        self.where, self.what, self.hint = str(where), what, hint
        super().__init__(f"{where}: {what}\nhint: {hint}")

    def __reduce__(self) -> tuple[type[JustEnoughError], tuple[str, str, str]]:
        return type(self), (self.where, self.what, self.hint)


class SettingError(JustEnoughError):
    """Change a setting: `[tool.justenough]` in pyproject.toml, or its environment variable."""

    exit_code = 2
    page = "reference/settings.md"


class UsageError(JustEnoughError):
    """Call the command differently."""

    exit_code = 2
    page = "reference/commands.md"


class ProductError(JustEnoughError):
    """Mend a product.yaml."""

    page = "how-to/write-a-product.md"


class CatalogueError(JustEnoughError):
    """Mend sql/dimensions.yaml or a segment's .yaml."""

    page = "how-to/write-a-product.md#what-can-be-known-of-people"


class TemplateError(JustEnoughError):
    """Mend a template."""

    page = "how-to/write-a-product.md#the-words"


class UnknownFieldError(TemplateError):
    """A template names a field that its segment does not have."""


class DimensionLimitError(JustEnoughError):
    """Take a dimension out: a product or a message uses more than three."""

    page = "explanation/why-three.md#what-counts-as-one"


class CreepError(JustEnoughError):
    """Take a fact or words out: a message scores above the workspace's `creep_ceiling`."""

    page = "how-to/check.md#the-creep-score"


class StatementError(JustEnoughError):
    """Mend a file in sql/: it is not the kind of statement that may run, or DuckDB refuses it."""

    page = "how-to/your-own-warehouse.md#what-the-sql-yields"


class DataError(JustEnoughError):
    """Mend the data, or the query that reads it: a missing column, a wrong type, a null or doubled key."""

    page = "how-to/your-own-warehouse.md#what-the-sql-yields"


class SourceError(JustEnoughError):
    """Look at the source: it is missing, unreadable, empty, or has fallen further than is plausible."""

    page = "how-to/your-own-warehouse.md#when-a-source-is-broken"


class LockedError(JustEnoughError):
    """Try again later: another run, or another program, holds the lock."""

    exit_code = 75
    page = "reference/settings.md#lock_wait_seconds"


class OutboxError(JustEnoughError):
    """Make the outbox or the state folder writable, on one file system."""

    page = "reference/settings.md#outbox"


class TransportError(JustEnoughError):
    """Look at the other end, or at the way to it: it does not answer, or refuses. Nothing was revealed there."""

    page = "how-to/carry.md#what-becomes-of-a-batch"


class DoubtError(JustEnoughError):
    """Look at the other end: it did not say whether it has taken a file."""

    page = "how-to/call-back.md#on-hold"


class PlanError(JustEnoughError):
    """Make a new plan: this one has expired, was changed, or is not what was approved."""

    page = "how-to/look-before-you-send.md#a-plan-and-its-delivery"


class WaitingError(PlanError):
    """Have a person let it go on: nothing of a plan may leave as long as that is not done. The plan is kept."""

    exit_code = 3
    page = "how-to/approval.md"


class StoppedError(WaitingError):
    """Look at what was stopped, and why; then end the stop: `justenough go`."""

    page = "how-to/call-back.md#stopping"


class BalanceError(JustEnoughError):
    """Our fault: the rows of a run do not add up. Nothing further is published."""

    exit_code = 70
    page = "explanation/how-it-decides.md#rows-that-add-up"


class GuardError(JustEnoughError):
    """Our fault: more of a person would have reached the words than the guard lets through. Nothing is published."""

    exit_code = 70
    page = "explanation/why-three.md#how-a-fourth-fact-is-kept-out"


class LinkError(JustEnoughError):
    """Change nothing: a link was cut short or changed on its way, or is not of this brand."""

    page = "how-to/recipients-links.md"


class StateError(JustEnoughError):
    """The state folder or the ledger is damaged, or newer than this program."""

    page = "how-to/forget-and-keep.md#after-a-restore"


def nearest(name: str, known: Iterable[str]) -> str:
    """Words for an unknown name: `did you mean 'first_name'?`, or the list of what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known here: {', '.join(known)}" if known else "nothing is known here yet: write it first, or take it out"
