"""Small changes of a YAML file that a person has written: what is not changed stays as it stands, comments and layout too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flows.documents import entries, parsed_text
from flows.errors import ProductError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.documents import Entry

Place = tuple[str, ...]


def edited(text: str, changes: Mapping[Place, str | int | None], name: str) -> str:
    """A YAML file with some changes.

    What is left without any entry goes, too: `test: {holdout: 10%}` without its holdout. A new key stands at the end.

    Args:
        text: as it stands in the file.
        changes: place -> the value to be there, a word, a share or a whole number; None: the entry goes.
        name: what errors call the file.

    Raises:
        ProductError: it cannot be done without a change of something else, such as where entries stand behind an anchor.
    """
    content = parsed_text(text, name)
    wanted = content
    for place, value in changes.items():
        wanted = _with(wanted, place, value)
        text = _changed(text, place, value, name)
    if not _holds(text, wanted, name):
        dotted = {".".join(place): value for place, value in changes.items()}
        what = f"this file is written so that {', '.join(dotted)} cannot be changed by itself"
        by_hand = (f"take out {key}" if value is None else f"set {key} to {value}" for key, value in dotted.items())
        raise ProductError(name, what, f"do it by hand: {', '.join(by_hand)}")
    return text


def stands(content: Any, place: Place, value: str | int | None) -> bool:  # noqa: ANN401
    """Whether what a change asks for is there already.

    Args:
        content: what the file holds.
        place: of the change.
        value: as for `edited`.
    """
    for step in place:
        if not isinstance(content, dict):
            return value is None
        content = next((found for key, found in content.items() if str(key) == step), None)
    return bool(content == value)


def _holds(text: str, wanted: Any, name: str) -> bool:  # noqa: ANN401
    try:
        return bool(parsed_text(text, name) == wanted)
    except ProductError:
        return False


def _with(content: Any, place: Place, value: str | int | None) -> Any:  # noqa: ANN401
    """What a file shall hold."""
    step, rest = place[0], place[1:]
    found = {key: entry for key, entry in content.items() if str(key) != step or rest or value is not None}
    if rest:
        found[step] = _with(content.get(step) or {}, rest, value)
        return {key: entry for key, entry in found.items() if key != step or entry}
    return found if value is None else {**found, step: value}


def _changed(text: str, place: Place, value: str | int | None, name: str) -> str:
    found = entries(text, name)
    entry = found.get(place)
    if entry is None:
        return text if value is None else _added(text, place, value)
    if value is not None:
        return text[: entry.starts] + str(value) + text[entry.ends :]
    if len(place) > 1 and sum(other[:-1] == place[:-1] for other in found) == 1:
        return _changed(text, place[:-1], None, name)
    return _without(text, entry)


def _added(text: str, place: Place, value: str | int) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    gap = "" if text.endswith(newline) else newline
    return f"{text}{gap}{place[-1]}: {value}{newline}"


def _without(text: str, entry: Entry) -> str:
    """A flow entry goes with one of its commas, a block entry with its lines."""
    before, after = text[: entry.key_starts], text[entry.ends :]
    if entry.is_flow:
        rest = re.sub(r"\A\s*,\s*", "", after, count=1)
        return before + rest if rest != after else re.sub(r"\s*,?\s*\Z", "", before) + after
    begins = before.rfind("\n") + 1
    ends = text.find("\n", entry.ends)
    return text[:begins] + ("" if ends < 0 else text[ends + 1 :])
