"""What people say between runs, put into the inbox: it holds for every batch that is sealed from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from flows.channels import CHANNELS
from flows.errors import UsageError, nearest
from flows.incoming import read_with
from flows.ledger.inbox import Notice, parse, spoken, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flows.settings import Settings


def tell(settings: Settings, said: Mapping[str, object]) -> int:
    """Put one notice into the inbox; it neither waits for a run nor disturbs one.

    Args:
        settings: of the workspace.
        said: the entries of `ledger.inbox.Notice` that are given.

    Raises:
        UsageError: this is no notice, or names a brand or channel that nobody knows.
        OutboxError: the inbox cannot be written to.
    """
    try:
        notice = Notice.model_validate(said)
    except ValidationError as problems:
        raise UsageError("justenough opt-out", spoken(problems), "see: justenough opt-out --help") from None
    for name, known in (("brand", settings.brands), ("channel", CHANNELS)):
        value = getattr(notice, name)
        if value not in known and value != "*":
            raise UsageError(f"--{name}", f"'{value}' is no {name} of this workspace", nearest(value, known))
    return write(settings, [notice])


def tell_all(settings: Settings, file: Path) -> int:
    """Put a file of notices, a JSON object a line, into the inbox; all or none. Returns how many.

    Raises:
        SourceError: the file cannot be read.
        DataError: a line is no notice.
        OutboxError: the inbox cannot be written to.
    """
    return write(settings, read_with(file, parse))
