"""How a flow ends that has taken in files: as failed where somebody has to look at one; all the rest is taken in all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.errors import DataError

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from flows.line.reports import Refused

    _Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


def fail_where_refused(refused: Sequence[Refused], bad: int, inbox: str, mend: str, log: _Log) -> None:
    """Tell of each file that is refused, and fail by the first; or by how many rows cannot be right.

    Args:
        refused: files of which nothing is taken in.
        bad: rows of the others that cannot be right.
        inbox: where the files wait, below the state folder.
        mend: what a person can do about such rows.
        log: of the flow.

    Raises:
        DataError: somebody has to look at a file.
    """
    for each in refused:
        log.error("%s: %s", each.where, each.what)
    if refused:
        raise DataError(refused[0].where, refused[0].what, refused[0].hint)
    if bad:
        raise DataError(inbox, f"{bad:,} rows of files cannot be right", mend)
