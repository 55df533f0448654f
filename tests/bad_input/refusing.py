"""How a run is refused: an error of the named class, with its place, and nothing published or remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flows import errors
from tests.tiny import PEOPLE

if TYPE_CHECKING:
    from flows.errors import JustEnoughError
    from tests.tiny import Tiny


def refused(tiny: Tiny, kind: type[JustEnoughError], **run: Any) -> JustEnoughError:
    """The error of a run that publishes nothing; it names nobody and gives the next step."""
    before, seen = remembered(tiny), tiny.batches()
    with pytest.raises(kind) as caught:
        tiny.run(**run)
    error = caught.value
    assert type(error) is kind
    assert error.where
    assert error.hint
    assert str(error) == f"{error.where}: {error.what}\nhint: {error.hint}"
    values = [str(value) for row in PEOPLE for value in row[2:5] if value]
    assert not [value for value in values if value in f"{error.what} {error.hint}"]
    assert error.__cause__ is None or error.__suppress_context__
    assert remembered(tiny) == before
    assert tiny.batches() == seen
    return error


def with_page(told: str) -> str:
    """The two lines of an error, and the third by which the command line names the page of its class."""
    kind: type[JustEnoughError] = getattr(errors, told.split(maxsplit=1)[0])
    return f"{told}  see: docs/{kind.page}\n"


def remembered(tiny: Tiny) -> dict[str, list[tuple[Any, ...]]]:
    """What the ledger holds; a ledger that was only opened holds nothing."""
    return {name: rows for name, rows in tiny.everything().items() if name != "schema_version" and rows}
